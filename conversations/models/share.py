"""A share: what a link shows of a conversation, to whom, and for how long."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.db.models import Exists, F, Max, OuterRef, Q, Sum
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from conversations.models.conversation import Conversation
from conversations.models.membership import Membership, Role
from conversations.models.message import Message

if TYPE_CHECKING:
    from accounts.models import User

NOTE_LIMIT, TITLE_LIMIT = 1000, 120  # characters
TOKEN_BYTES = 16  # of the share's id, and as many of what only our key can make of it
ONE = 1  # the only row of the rules


class SharingRules(models.Model):
    """What administrators allow. One row; without it, all that stands here."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONE, editable=False)
    anonymous_allowed = models.BooleanField(
        _("links that need no sign-in"),
        default=True,
        help_text=_("Without it all such links are closed at once, and none can be made."),
    )
    default_days = models.PositiveSmallIntegerField(
        _("days that a link lasts, unless its maker chooses"), default=30, validators=[MinValueValidator(1)]
    )
    most_days = models.PositiveSmallIntegerField(
        _("days that a link may last"),
        default=365,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_("For links that are made or changed from now on."),
    )
    most_links = models.PositiveIntegerField(
        _("links that a member may have open"), default=1000, validators=[MinValueValidator(1)]
    )

    class Meta:
        verbose_name, verbose_name_plural = _("rules for links"), _("rules for links")
        constraints = [models.CheckConstraint(condition=Q(id=ONE), name="there_is_one_row_of_rules_for_links")]

    def __str__(self) -> str:
        return str(_("rules for links"))

    @classmethod
    def now(cls) -> SharingRules:
        return cls.objects.first() or cls()


@dataclass(frozen=True, slots=True)
class Ending:
    """How the last answer of a snapshot stood when it was made: a member may let that one go on."""

    text: int = 0  # characters
    reasoning: int = 0
    state: str = ""
    finish_reason: str = ""

    @classmethod
    def of(cls, message: Message) -> Ending:
        if not message.is_answer:
            return cls(len(message.text))
        generation = message.generation
        return cls(len(message.text), len(message.reasoning), generation.state, generation.finish_reason)

    def to_store(self) -> dict[str, Any]:
        return asdict(self)


class ShareQuerySet(models.QuerySet["Share"]):
    def open(self) -> ShareQuerySet:
        """Those that show something to somebody, on the database's clock.

        Not what was closed, has ended, lost its last message, or whose maker may not share it any more.
        """
        forbidden = SharingRules.objects.filter(anonymous_allowed=False)
        makers_groups = Group.objects.filter(user=OuterRef(OuterRef("maker")))
        owners = Membership.objects.filter(
            Q(member=OuterRef("maker")) | Q(group__in=makers_groups),
            conversation=OuterRef("conversation"),
            role=Role.OWNER,
        )
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=Now()),
            Q(kind=Share.Kind.LIVE, conversation__leaf__isnull=False) | Q(leaf__isnull=False),
            ~Q(audience=Share.Audience.ANYONE) | ~Exists(forbidden),
            Q(conversation__owner=F("maker")) | Exists(owners),
            closed_at=None,
            maker__is_active=True,
            conversation__deleted_at=None,
        )

    def closed_without(self, message: Message, below: Iterable[uuid.UUID]) -> ShareQuerySet:
        """Those that open nothing once a message is deleted, and with it all that stands below it."""
        ends = Q(leaf__in=below)
        others = Message.objects.filter(conversation=message.conversation_id, parent=None).exclude(pk=message.pk)
        if message.parent_id is None and not others.exists():
            ends |= Q(kind=Share.Kind.LIVE)  # nothing is left to follow
        return self.open().filter(ends, conversation=message.conversation_id)

    def closed_by_leaving(self, conversation: Conversation, member: User) -> ShareQuerySet:
        """A member's own that open nothing once they have left it. By a group that owns it they stay an owner."""
        if Membership.objects.filter(conversation=conversation, group__user=member, role=Role.OWNER).exists():
            return self.none()
        return self.open().filter(conversation=conversation, maker=member)

    def made_by(self, member: User) -> ShareQuerySet:
        """A member's own, open or not, the newest first: of conversations that are there, and theirs to share."""
        theirs = Conversation.objects.owned_by(member)
        return self.filter(maker=member, conversation__in=theirs).order_by("-created_at", "-pk")

    def open_among(self, shares: Iterable[Share]) -> set[uuid.UUID]:
        return set(self.open().filter(pk__in=[share.pk for share in shares]).values_list("pk", flat=True))

    def named_pairs(self, members: Iterable[uuid.UUID | None]) -> set[tuple[uuid.UUID, uuid.UUID]]:
        """Which of these members is named by which of these links, by name or by group."""
        by_name = self.filter(members__in=members).values_list("pk", "members")
        by_group = self.filter(groups__user__in=members).values_list("pk", "groups__user")
        return {*by_name, *by_group}

    def of_token(self, token: str, reader: User | None = None) -> Share | None:
        """The open share of a link, by its id, and whether it names this member.

        Whatever was asked for costs the same: one query and one digest, which is compared in constant time.
        """
        pk, proof = _parts(token)
        rows = self.open().select_related("conversation", "maker").filter(pk=pk)
        by_name = Share.members.through.objects.filter(share=OuterRef("pk"), user=reader)
        by_group = Share.groups.through.objects.filter(share=OuterRef("pk"), group__user=reader)
        found = rows.annotate(is_named=Exists(by_name) | Exists(by_group)).first()
        expected = _proof(pk, found.version if found else 0)
        if not constant_time_compare(proof, expected) or found is None:
            return None
        found.names_reader = vars(found)["is_named"]  # annotated: to the stubs there is no such attribute
        return found


def _parts(token: str) -> tuple[uuid.UUID, bytes]:
    """What a token says that it is of, and its proof. Only one spelling of it: else two links would open one share."""
    try:
        raw = base64.urlsafe_b64decode(f"{token}=".encode("ascii"))
    except ValueError:
        raw = b""
    if len(raw) != 2 * TOKEN_BYTES or _spelled(raw) != token:
        raw = bytes(2 * TOKEN_BYTES)
    return uuid.UUID(bytes=raw[:TOKEN_BYTES]), raw[TOKEN_BYTES:]


def _spelled(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _proof(pk: uuid.UUID, version: int) -> bytes:
    """128 bits that only SECRET_KEY makes of a share: a copy of the database opens nothing."""
    return salted_hmac("conversations.models.share", f"{pk}.{version}", algorithm="sha256").digest()[:TOKEN_BYTES]


class Share(models.Model):
    """One link. Its maker sees it among theirs, with its address, for as long as the row stands."""

    class Kind(models.TextChoices):
        SNAPSHOT = "snapshot", _("As it is now")
        LIVE = "live", _("As it goes on")

    class Audience(models.TextChoices):
        ANYONE = "anyone", _("Anyone with the link")
        MEMBERS = "members", _("Members who are signed in")
        NAMED = "named", _("Only members and groups that I name")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="shares")
    maker = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("maker"))
    # Another version is another address: the one before opens nothing any more.
    version = models.PositiveIntegerField(default=1, editable=False)
    # Stepped with every change: whoever has the page open is shown it anew.
    edition = models.PositiveIntegerField(default=1, editable=False)

    # What it shows. A snapshot names the message at which its path ends: questions never change (other words are
    # another message), answers only grow, and only the last one can. With that message the snapshot goes.
    kind = models.CharField(_("shows the conversation"), max_length=10, choices=Kind)
    leaf = models.ForeignKey("Message", models.SET_NULL, null=True, related_name="+")
    ending = models.JSONField(default=dict)  # an Ending
    shows_thinking = models.BooleanField(_("thinking"), default=False)
    shows_names = models.BooleanField(_("names"), default=False)
    shows_images = models.BooleanField(_("images"), default=True)
    title = models.CharField(_("title"), max_length=TITLE_LIMIT, blank=True)
    note = models.TextField(_("note"), max_length=NOTE_LIMIT, blank=True)

    # To whom, and for how long.
    audience = models.CharField(_("for"), max_length=10, choices=Audience)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+", verbose_name=_("members"))
    groups = models.ManyToManyField(Group, blank=True, related_name="+", verbose_name=_("groups"))
    password = models.CharField(max_length=128, blank=True)  # as Django keeps a member's
    most_visits = models.PositiveIntegerField(_("most visits"), null=True, blank=True)
    may_fork = models.BooleanField(_("may be continued"), default=False)
    expires_at = models.DateTimeField(_("ends"), null=True, blank=True)
    created_at = models.DateTimeField(_("made"), db_default=Now())
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    objects: ClassVar[ShareQuerySet] = ShareQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    names_reader: bool  # set by `of_token`
    if TYPE_CHECKING:
        conversation_id: uuid.UUID
        maker_id: uuid.UUID
        leaf_id: uuid.UUID | None

    class Meta:
        verbose_name, verbose_name_plural = _("link"), _("links")
        indexes = [
            models.Index(fields=["maker", "-created_at"], name="shares_of_a_member"),
            models.Index(fields=["created_at"], name="shares_by_time"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(kind="snapshot") | Q(leaf=None), name="only_a_snapshot_names_its_end"),
            models.CheckConstraint(
                condition=Q(most_visits=None) | Q(most_visits__gt=0), name="a_link_allows_a_visit_or_more"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def get_absolute_url(self) -> str:
        return reverse("shared", args=[self.token])

    @property
    def token(self) -> str:
        """What its address ends with. Whoever has it may ask; made of the key anew each time, kept nowhere."""
        return _spelled(self.pk.bytes + _proof(self.pk, self.version))

    @property
    def address(self) -> str:
        """To hand on. Its host comes from PUBLIC_URL: a Host header is whatever the asker says it is."""
        return settings.PUBLIC_ORIGIN + self.get_absolute_url()

    def is_for(self, member: User | None) -> bool:
        """Whether the reader for whom it was looked up is of its audience; None is whoever is not signed in."""
        match self.audience:
            case self.Audience.ANYONE:
                return True
            case self.Audience.MEMBERS:
                return member is not None
            case _:
                return member is not None and (member.pk == self.maker_id or self.names_reader)

    @property
    def is_live(self) -> bool:
        return self.kind == self.Kind.LIVE

    @property
    def is_for_anyone(self) -> bool:
        return self.audience == self.Audience.ANYONE

    @property
    def shown_leaf(self) -> Message | None:
        """Where the path ends that it shows."""
        return self.conversation.leaf if self.is_live else self.leaf

    def end_at(self, leaf: Message | None) -> None:
        """A snapshot down to this message, as it stands now; None for what goes on."""
        self.leaf = leaf
        self.ending = Ending.of(leaf).to_store() if leaf else {}

    def seal(self, value: str) -> str:
        """What only we can say of this share, its address and its password: a mark for a reader's cookie."""
        return salted_hmac(
            "conversations.share.seal", f"{self.pk}.{self.version}.{self.password}.{value}", algorithm="sha256"
        ).hexdigest()

    def as_frozen(self, message: Message) -> Message:
        """A message of its path as a snapshot has it: the last answer without what it said since."""
        if message.pk != self.leaf_id or not message.is_answer:
            return message
        ending = Ending(**self.ending)
        message.text, message.reasoning = message.text[: ending.text], message.reasoning[: ending.reasoning]
        message.generation.state, message.generation.finish_reason = ending.state, ending.finish_reason
        return message


class VisitQuerySet(models.QuerySet["Visit"]):
    def so_far(self, shares: Iterable[Share]) -> dict[uuid.UUID, Openings]:
        """How often each of them was opened, and when last. One query for all."""
        rows = self.filter(share__in=[share.pk for share in shares]).values("share")
        counted = rows.annotate(times=Sum("count"), last=Max("last_at")).values_list("share", "times", "last")
        found = {pk: Openings(times, last) for pk, times, last in counted}
        return {share.pk: found.get(share.pk, Openings()) for share in shares}

    def step(self, share: Share, member: User | None) -> None:
        """One more, in this hour of the database's clock."""
        with connection.cursor() as cursor:
            cursor.execute(_STEP, [share.pk, member.pk if member else None])


_STEP = """
    INSERT INTO conversations_visit (share_id, member_id, hour, count, last_at)
    VALUES (%s, %s, date_trunc('hour', now()), 1, now())
        ON CONFLICT (share_id, hour, member_id)
        DO UPDATE SET count = conversations_visit.count + 1, last_at = now()"""


@dataclass(frozen=True, slots=True)
class Openings:
    """How a link was used."""

    count: int = 0
    last_at: datetime | None = None


class Visit(models.Model):
    """How often a member, or somebody nobody knows, opened a link within one hour. No address is kept of anybody."""

    share = models.ForeignKey(Share, models.CASCADE, related_name="visits", db_index=False)
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    hour = models.DateTimeField()
    count = models.PositiveIntegerField()
    last_at = models.DateTimeField()

    objects: ClassVar[VisitQuerySet] = VisitQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    class Meta:
        verbose_name, verbose_name_plural = _("visit"), _("visits")
        constraints = [
            models.UniqueConstraint(
                fields=["share", "hour", "member"], name="visits_are_counted_by_the_hour", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.share_id} {self.hour:%Y-%m-%d %H} {self.count}"

    if TYPE_CHECKING:
        share_id: uuid.UUID
        member_id: uuid.UUID | None


class GuessQuerySet(models.QuerySet["Guess"]):
    def step(self, whose: str, seconds: float) -> int:
        """One more, and how many that makes since it was last forgotten: `seconds` after the first of them.

        One statement, so of a hundred at once each has a number of its own.
        """
        with connection.cursor() as cursor:
            cursor.execute(_GUESSED, {"whose": whose, "seconds": seconds})
            return int(cursor.fetchone()[0])


_GUESSED = """
    INSERT INTO conversations_guess AS guess (whose, count, until)
    VALUES (%(whose)s, 1, now() + make_interval(secs => %(seconds)s))
        ON CONFLICT (whose) DO UPDATE
       SET count = CASE WHEN guess.until < now() THEN 1 ELSE guess.count + 1 END,
           until = CASE WHEN guess.until < now() THEN excluded.until ELSE guess.until END
 RETURNING guess.count"""


class Guess(models.Model):
    """Wrong passwords of late: for one link by one address, of which only a keyed digest is kept, and by all."""

    whose = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    until = models.DateTimeField(db_index=True)

    objects: ClassVar[GuessQuerySet] = GuessQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    class Meta:
        verbose_name, verbose_name_plural = _("wrong password for a link"), _("wrong passwords for links")

    def __str__(self) -> str:
        return f"{self.count}"
