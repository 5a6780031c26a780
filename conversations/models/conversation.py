"""A conversation, and the slow log's counter that every change of it steps."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from conversations.days import Day, day_of
from conversations.errors import NotAllowedError
from conversations.models.heirs import to_the_next_owner
from conversations.models.membership import Membership, Role, groups_of

if TYPE_CHECKING:
    from accounts.models import User
    from conversations.models import Message

TITLE_LIMIT = 120  # characters

# What it waits for is the conversation's lock; after that PostgreSQL takes each row as it is by then.
_STAMP = """
    WITH stepped AS (UPDATE conversations_conversation SET seq = seq + 1 WHERE id = %s RETURNING seq)
    UPDATE conversations_message SET changed_seq = stepped.seq FROM stepped WHERE id = %s RETURNING stepped.seq
"""

_LISTED = "c.deleted_at IS NULL AND (c.asked_at, c.id) < (%(asked_at)s, %(pk)s)"
_IN_NO_SPACE = "(c.group_id IS NULL OR c.group_id NOT IN (TABLE mine))"
_INVITED = f"""
    SELECT m.conversation_id, m.asked_at
      FROM conversations_membership AS m JOIN conversations_conversation AS c ON c.id = m.conversation_id
     WHERE {{}} AND (m.asked_at, m.conversation_id) < (%(asked_at)s, %(pk)s) AND c.deleted_at IS NULL
       AND {_IN_NO_SPACE}
     ORDER BY m.asked_at DESC, m.conversation_id DESC LIMIT %(most)s"""  # noqa: S608  # of the constants above

# The latest of what is theirs, of what they were invited to, and of what each of their groups was: a page of each by
# its own index, and of these the latest.
_LATEST = f"""
    WITH mine AS MATERIALIZED (
        SELECT group_id FROM accounts_user_groups WHERE user_id = %(user)s
    ), found AS (
        (SELECT c.id, c.asked_at FROM conversations_conversation AS c
          WHERE c.owner_id = %(user)s AND {_LISTED} AND {_IN_NO_SPACE}
          ORDER BY c.asked_at DESC, c.id DESC LIMIT %(most)s)
         UNION
        ({_INVITED.format("m.member_id = %(user)s")})
         UNION
        SELECT near.* FROM mine, LATERAL ({_INVITED.format("m.group_id = mine.group_id")}) AS near
    ), shown AS (
        SELECT id FROM found ORDER BY asked_at DESC, id DESC LIMIT %(most)s
    )
    SELECT c.* FROM shown JOIN conversations_conversation AS c ON c.id = shown.id
     ORDER BY c.asked_at DESC, c.id DESC"""  # noqa: S608  # of the constants above

# Of each space the latest, by its own index.
_LATEST_IN = f"""
    SELECT near.* FROM unnest(%(spaces)s::int[]) WITH ORDINALITY AS space (id, number), LATERAL (
        SELECT c.* FROM conversations_conversation AS c WHERE c.group_id = space.id AND {_LISTED}
         ORDER BY c.asked_at DESC, c.id DESC LIMIT %(most)s
    ) AS near ORDER BY space.number, near.asked_at DESC, near.id DESC"""  # noqa: S608  # of the constant above


def _below(place: tuple[datetime, uuid.UUID] | None) -> dict[str, Any]:
    asked_at, pk = place or ("infinity", uuid.UUID(int=2**128 - 1))
    return {"asked_at": asked_at, "pk": pk}


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def visible_to(self, user: User) -> ConversationQuerySet:
        """The conversations this member may read."""
        return self._with(user, Role.READER)

    def writable_by(self, user: User) -> ConversationQuerySet:
        """Those in which they may ask."""
        return self._with(user, Role.WRITER)

    def owned_by(self, user: User) -> ConversationQuerySet:
        """Those that they may also rename, delete and share, and into which they may invite."""
        return self._with(user, Role.OWNER)

    def _with(self, user: User, role: Role) -> ConversationQuerySet:
        """What MembershipQuerySet.roles says of one, for many. For lists see `listed_for`: this has no order."""
        invited = Membership.objects.of(user).filter(conversation=OuterRef("pk"), role__gte=role)
        may = Q(owner=user) | Q(Exists(invited))
        if role <= Role.WRITER:
            may |= Q(group__in=groups_of(user))
        return self.filter(may, deleted_at=None)

    def listed_for(self, user: User, most: int, above: tuple[datetime, uuid.UUID] | None = None) -> list[Conversation]:
        """What this member sees outside of the spaces of their groups, the latest first, from below a place on."""
        return list(self.raw(_LATEST, {"user": user.pk, **_below(above), "most": most}))

    def listed_in(
        self, spaces: Sequence[Group], most: int, above: tuple[datetime, uuid.UUID] | None = None
    ) -> list[Conversation]:
        """So many of each of these groups' spaces, the latest first. Who may see them is the caller's to know."""
        return list(self.raw(_LATEST_IN, {"spaces": [it.pk for it in spaces], **_below(above), "most": most}))

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
    # Who began it, until they leave; other owners have a Membership.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, to_the_next_owner, related_name="conversations")
    # In whose space it stands: all of its members may write.
    group = models.ForeignKey(Group, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    is_shared = models.BooleanField(default=False, db_default=False)  # others than its owner see it, or may
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

    if TYPE_CHECKING:
        owner_id: uuid.UUID
        group_id: int | None

    class Meta:
        verbose_name, verbose_name_plural = _("conversation"), _("conversations")
        indexes = [
            models.Index(
                fields=["owner", "-asked_at", "-id"],
                name="conversations_of_a_member",
                condition=models.Q(deleted_at=None),
            ),
            models.Index(
                fields=["group", "-asked_at", "-id"],
                name="conversations_of_a_group",
                condition=models.Q(deleted_at=None, group__isnull=False),
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

    def role_of(self, user: User) -> Role | None:
        """What this member may do here, as of now; None if not even read. A query, but none for whose it is."""
        if self.owner_id == user.pk:
            return Role.OWNER
        return Membership.objects.roles([(self.pk, user.pk)]).get((self.pk, user.pk))

    def require(self, user: User, role: Role) -> None:
        """Raises NotAllowedError for who may do less, and DoesNotExist for who may not know of it."""
        has = self.role_of(user)
        if has is None:
            raise Conversation.DoesNotExist
        if has < role:
            raise NotAllowedError

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
