"""How far members have seen what others say, and where they were named: for the marks in their lists."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from django.conf import settings
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from accounts.mailing import Mailed
from conversations.models.membership import Pair


@dataclass(frozen=True)
class Marks:
    """What a member has not seen of a conversation: anything at all, and their own name."""

    is_unread: bool = False
    is_named: bool = False


class SeenQuerySet(models.QuerySet["Seen"]):
    def mark(self, conversation: uuid.UUID, member: uuid.UUID, seq: int) -> None:
        """Never backwards: of two pages the one that stands further counts."""
        with connection.cursor() as cursor:
            cursor.execute(_MARK, [conversation, member, seq])

    def marks(self, member: uuid.UUID, conversations: Iterable[uuid.UUID]) -> dict[uuid.UUID, Marks]:
        """Of each of these conversations what this member has not seen."""
        return {pk: marks for (pk, _member), marks in self.marks_of((pk, member) for pk in conversations).items()}

    def marks_of(self, pairs: Iterable[Pair]) -> dict[Pair, Marks]:
        """Of each conversation what that member has not seen. One query, and one look into an index each."""
        asked = list(pairs)
        if not asked:
            return {}
        conversations, members = zip(*asked, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_MARKS, [list(conversations), list(members)])
            return {(pk, member): Marks(*marks) for pk, member, *marks in cursor.fetchall()}


class Seen(models.Model):
    """Up to which number of a shared conversation's log a member has seen it."""

    pk = models.CompositePrimaryKey("conversation_id", "member_id")
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="+", db_index=False)
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    seq = models.PositiveBigIntegerField()

    objects: ClassVar[SeenQuerySet] = SeenQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    class Meta:
        verbose_name, verbose_name_plural = _("seen"), _("seen")

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.seq}"


class Mention(Mailed):
    """A question that names a member, who is mailed of it unless they look soon. It goes with the question."""

    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="+")
    message = models.ForeignKey("Message", models.CASCADE, related_name="mentions", db_index=False)
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    seq = models.PositiveBigIntegerField()  # the number of the log at which it was asked

    class Meta:
        verbose_name, verbose_name_plural = _("mention"), _("mentions")
        indexes = [
            models.Index(fields=["member", "conversation", "seq"], name="mentions_of_a_member"),
            models.Index(fields=["mail_at"], name="mentions_to_mail", condition=models.Q(mail_at__isnull=False)),
        ]
        constraints = [models.UniqueConstraint(fields=["message", "member"], name="a_question_names_a_member_once")]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.message_id}"


_MARK = """
    INSERT INTO conversations_seen (conversation_id, member_id, seq) VALUES (%s, %s, %s)
        ON CONFLICT (conversation_id, member_id) DO UPDATE SET seq = excluded.seq
     WHERE conversations_seen.seq < excluded.seq"""

# What they asked themselves is no news to them; an answer is nobody's. LATERAL … OFFSET 0: one look into the key for
# each that is asked about; for a plain join the planner would read all that this member has ever seen.
_MARKS = """
    SELECT asked.id, asked.member,
           EXISTS (SELECT FROM conversations_message AS m
                    WHERE m.conversation_id = asked.id AND m.changed_seq > coalesce(seen.seq, 0)
                      AND m.author_id IS DISTINCT FROM asked.member),
           EXISTS (SELECT FROM conversations_mention AS m
                    WHERE m.member_id = asked.member AND m.conversation_id = asked.id AND m.seq > coalesce(seen.seq, 0))
      FROM unnest(%s::uuid[], %s::uuid[]) AS asked (id, member)
      LEFT JOIN LATERAL (
          SELECT s.seq FROM conversations_seen AS s
           WHERE s.conversation_id = asked.id AND s.member_id = asked.member OFFSET 0
      ) AS seen ON true"""
