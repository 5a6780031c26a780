"""A conversation, and the slow log's counter that every change of it steps."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import connection, models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from conversations.days import Day, day_of

if TYPE_CHECKING:
    from accounts.models import User
    from conversations.models import Message

TITLE_LIMIT = 120  # characters

# What it waits for is the conversation's lock; after that PostgreSQL takes each row as it is by then.
_STAMP = """
    WITH stepped AS (UPDATE conversations_conversation SET seq = seq + 1 WHERE id = %s RETURNING seq)
    UPDATE conversations_message SET changed_seq = stepped.seq FROM stepped WHERE id = %s RETURNING stepped.seq
"""


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def visible_to(self, user: User) -> ConversationQuerySet:
        """The conversations this member may read."""
        return self.filter(owner=user, deleted_at=None)

    def latest_first(self) -> ConversationQuerySet:
        return self.order_by("-asked_at", "-pk")

    def asked_before(self, asked_at: datetime, pk: uuid.UUID) -> ConversationQuerySet:
        """Those that come behind that one, the latest first, wherever it is by now."""
        return self.filter(asked_at__lte=asked_at).exclude(asked_at=asked_at, pk__gte=pk)

    def locked(self) -> ConversationQuerySet:
        """Take the row lock that comes first everywhere: conversation, generations by id, quotas by id."""
        return self.select_for_update(no_key=True, of=("self",))

    def stamp(self, conversation_id: uuid.UUID, message_id: uuid.UUID) -> int:
        """Take that lock, step the slow log and stamp the message with its number. Inside a transaction.

        One statement for what a deed does in four: every answer begins with it. Raises Conversation.DoesNotExist.
        """
        with connection.cursor() as cursor:
            cursor.execute(_STAMP, [conversation_id, message_id])
            row = cursor.fetchone()
        if row is None:
            raise self.model.DoesNotExist
        return int(row[0])


class Conversation(models.Model):
    """A tree of messages, of which readers see one path: from the first question down to `leaf`."""

    class Named(models.TextChoices):
        """Whose words the title is. The model replaces an excerpt; nothing replaces a member's words."""

        EXCERPT = "excerpt", "the question's first words"
        MODEL = "model", "the model"
        MEMBER = "member", "a member"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations")
    title = models.CharField(max_length=TITLE_LIMIT)
    named_by = models.CharField(max_length=10, choices=Named, default=Named.EXCERPT)
    route = models.ForeignKey("catalog.Route", models.SET_NULL, null=True, blank=True)
    parameters = models.JSONField(default=dict, blank=True)  # a Parameters: what its last question was asked with
    leaf = models.ForeignKey("Message", models.SET_NULL, null=True, blank=True, related_name="+")
    # Stepped under the row lock in the deed's own transaction. Never a serial: serials commit out of order.
    seq = models.PositiveBigIntegerField(default=0)
    # The seq at which the shown path last changed otherwise than by growing at its end.
    path_seq = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    asked_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[ConversationQuerySet] = ConversationQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    class Meta:
        verbose_name, verbose_name_plural = _("conversation"), _("conversations")
        indexes = [
            models.Index(
                fields=["owner", "-asked_at", "-id"],
                name="conversations_of_a_member",
                condition=models.Q(deleted_at=None),
            ),
            models.Index(
                fields=["deleted_at"], name="conversations_to_sweep", condition=models.Q(deleted_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("conversation", args=[self.pk])

    @property
    def day(self) -> Day:
        """Below which heading the sidebar lists it."""
        return day_of(self.asked_at)

    @property
    def listed_at(self) -> int:
        """Microseconds since 1970: of two lines of the list the larger stands above."""
        return int(self.asked_at.timestamp() * 1_000_000)

    @property
    def listed_id(self) -> str:
        """The DOM id of its line in the sidebar."""
        return f"c-{self.pk}"

    def step(self) -> int:
        """The next number of the slow log. Call it with the row lock held, and save `seq`."""
        self.seq += 1
        return self.seq

    def show(self, leaf: Message | None, *, elsewhere: bool) -> None:
        """Let the shown path end at `leaf`; `elsewhere` says that it does not merely grow at its end.

        None: nothing is left to show.
        """
        self.leaf = leaf
        if elsewhere:
            self.path_seq = self.seq
