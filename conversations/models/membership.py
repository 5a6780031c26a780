"""A membership: what a member or a group may do in a conversation that is not theirs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.models import User

type Pair = tuple[uuid.UUID, uuid.UUID]  # a conversation and a member


class Role(models.IntegerChoices):
    """Each may do what those before it may."""

    READER = 1, _("reader")
    WRITER = 2, _("writer")
    OWNER = 3, _("owner")

    @property
    def word(self) -> str:
        """For the style sheet, which hides what a role may not do."""
        return self.name.lower()


class MembershipQuerySet(models.QuerySet["Membership"]):
    def of(self, user: User) -> MembershipQuerySet:
        """Their own ones, and those of their groups."""
        return self.filter(Q(member=user) | Q(group__in=groups_of(user)))

    def listed(self) -> MembershipQuerySet:
        """Owners first, then by when they came."""
        return self.select_related("member", "group").order_by("-role", "created_at", "pk")

    def roles(self, pairs: Iterable[Pair]) -> dict[Pair, Role]:
        """What each of these members may do in each of these conversations; nothing of those who may not even read.

        One query for all of them: the feed asks it every second for everybody who is there.
        """
        asked = list(pairs)
        if not asked:
            return {}
        with connection.cursor() as cursor:
            conversations, members = zip(*asked, strict=True)
            cursor.execute(_ROLES, [list(conversations), list(members)])
            return {(conversation, member): Role(role) for conversation, member, role in cursor.fetchall() if role}

    def readers(self, conversations: Iterable[uuid.UUID], members: Iterable[uuid.UUID]) -> set[Pair]:
        """Which of these members may read which of these conversations, deleted ones too. One query."""
        with connection.cursor() as cursor:
            cursor.execute(_READERS, {"conversations": list(conversations), "members": list(members)})
            return set(cursor.fetchall())

    def in_group(self, group: int, members: Iterable[uuid.UUID]) -> set[uuid.UUID]:
        """Those of these members."""
        through = Group.user_set.through.objects
        return set(through.filter(group=group, user__in=members).values_list("user", flat=True))


def groups_of(user: User) -> models.QuerySet[Group]:
    return Group.objects.filter(user=user)


class Membership(models.Model):
    """One member, or all of a group, invited into a conversation. Its owner has none: see Conversation.owner."""

    # The same for everybody, so also the key of a form: an id that can't be guessed.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="memberships", db_index=False)
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="memberships", db_index=False
    )
    group = models.ForeignKey("auth.Group", models.CASCADE, null=True, related_name="+", db_index=False)
    role = models.PositiveSmallIntegerField(choices=Role)
    # The conversation's, once more: the list of what somebody was invited to is read in its order, a page at a time.
    asked_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[MembershipQuerySet] = MembershipQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    if TYPE_CHECKING:
        conversation_id: uuid.UUID
        member_id: uuid.UUID | None
        group_id: int | None

    class Meta:
        verbose_name, verbose_name_plural = _("membership"), _("memberships")
        indexes = [
            models.Index(fields=["member", "-asked_at", "-conversation"], name="memberships_of_a_member"),
            models.Index(fields=["group", "-asked_at", "-conversation"], name="memberships_of_a_group"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "member"], name="a_member_is_invited_once"),
            models.UniqueConstraint(fields=["conversation", "group"], name="a_group_is_invited_once"),
            models.CheckConstraint(
                condition=Q(member__isnull=True) ^ Q(group__isnull=True), name="a_membership_is_a_members_or_a_groups"
            ),
            models.CheckConstraint(condition=Q(role__in=(1, 2, 3)), name="a_role_is_one_of_three"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return str(self.member or self.group)

    @property
    def as_role(self) -> Role:
        return Role(self.role)


# Members of a conversation's own group may write in it.
_ROLES = """
    SELECT c.id, asked.member, CASE WHEN c.owner_id = asked.member THEN 3 ELSE greatest(
               (SELECT max(m.role) FROM conversations_membership AS m
                 WHERE m.conversation_id = c.id AND (m.member_id = asked.member OR m.group_id IN (
                     SELECT g.group_id FROM accounts_user_groups AS g WHERE g.user_id = asked.member))),
               (SELECT 2 FROM accounts_user_groups AS g WHERE g.user_id = asked.member AND g.group_id = c.group_id)
           ) END
      FROM unnest(%s::uuid[], %s::uuid[]) AS asked (conversation, member)
      JOIN conversations_conversation AS c ON c.id = asked.conversation AND c.deleted_at IS NULL
"""

# From the conversations, whose members are few, to those who are asked about.
_READERS = """
    WITH asked AS MATERIALIZED (
        SELECT id, owner_id, group_id FROM conversations_conversation WHERE id = ANY(%(conversations)s)
    ), invited AS MATERIALIZED (
        SELECT m.conversation_id AS id, m.member_id, m.group_id
          FROM asked JOIN conversations_membership AS m ON m.conversation_id = asked.id
    ), groups AS (
        SELECT id, group_id FROM asked UNION SELECT id, group_id FROM invited
    )
    SELECT id, owner_id FROM asked WHERE owner_id = ANY(%(members)s)
     UNION
    SELECT id, member_id FROM invited WHERE member_id = ANY(%(members)s)
     UNION
    SELECT groups.id, g.user_id
      FROM groups JOIN accounts_user_groups AS g ON g.group_id = groups.group_id AND g.user_id = ANY(%(members)s)"""
