"""The list of a member's conversations, the latest first: some at a time, and ten thousand cost what fifty do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import Group

from accounts.models import User
from conversations.days import Day, day_of
from conversations.models import Conversation, Membership, Seen
from conversations.models.membership import Pair, groups_of
from conversations.models.seen import Marks

LISTED = 50
NONE = Marks()
FEW = 5  # of a space that its member has not turned to
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Spot:
    """Between two lines of the list: below the one that was asked then. It stays where it is, whatever moves."""

    asked_at: datetime
    pk: UUID

    @classmethod
    def named(cls, name: str) -> Spot | None:
        """Out of an address. None for what is no spot of ours."""
        moment, _, pk = name.partition("-")
        try:
            return cls(BEGINNING + timedelta(microseconds=int(moment)), UUID(pk))
        except (ValueError, OverflowError):
            return None

    @property
    def place(self) -> tuple[datetime, UUID]:
        return self.asked_at, self.pk

    def __str__(self) -> str:
        return f"{(self.asked_at - BEGINNING) // timedelta(microseconds=1)}-{self.pk.hex}"


@dataclass(frozen=True)
class Line:
    conversation: Conversation
    heading: str  # the day, above the first line of each; "" for today, which has its own
    marks: Marks = NONE


@dataclass(frozen=True)
class Listing:
    lines: list[Line]
    above: Spot | None  # None: from the top
    below: Spot | None  # None: to the end


def listing(member: User, above: Spot | None = None, *, goes_on: bool = False) -> Listing:
    """From a spot on. If it goes on from lines that are shown already, their day has its heading."""
    found = Conversation.objects.listed_for(member, LISTED + 1, above.place if above else None)
    lines = _marked(member, _lines(found[:LISTED], day_of(above.asked_at) if above and goes_on else None))
    last = lines[-1].conversation if len(found) > LISTED else None
    return Listing(lines, above, Spot(last.asked_at, last.pk) if last else None)


@dataclass(frozen=True)
class Space:
    """A group's, in the list of a member of it."""

    group: Group
    listing: Listing
    is_open: bool  # its member has turned to it


def spaces(member: User, chosen: int | None = None, above: Spot | None = None) -> list[Space]:
    """Of each of their groups the latest few; of the chosen one a page, from a spot on. Four queries at most."""
    groups = list(groups_of(member).order_by("name", "pk"))
    open_one = next((it for it in groups if it.pk == chosen), None)
    found: dict[int | None, list[Conversation]] = {}
    for it in Conversation.objects.listed_in([it for it in groups if it != open_one], FEW + 1) if groups else ():
        found.setdefault(it.group_id, []).append(it)
    if open_one:
        found[open_one.pk] = Conversation.objects.listed_in([open_one], LISTED + 1, above.place if above else None)
    marks = Seen.objects.marks(member.pk, [it.pk for them in found.values() for it in them])
    return [_space(it, found.get(it.pk, []), marks, above, is_open=it == open_one) for it in groups]


def _space(
    group: Group, found: list[Conversation], marks: Mapping[UUID, Marks], above: Spot | None, *, is_open: bool
) -> Space:
    most = LISTED if is_open else FEW
    lines = [Line(it, "", marks[it.pk]) for it in found[:most]]
    last = lines[-1].conversation if len(found) > most else None
    shown = Listing(lines, above if is_open else None, Spot(last.asked_at, last.pk) if last else None)
    return Space(group, shown, is_open)


def changed(conversations: Iterable[UUID], members: Iterable[UUID]) -> dict[Pair, Line | None]:
    """The lines of these conversations, as they are now to those of these members who may read them; None: deleted.

    Three queries, and one if it concerns none of them.
    """
    pairs = Membership.objects.readers(conversations, members)
    rows = Conversation.objects.in_bulk({pk for pk, _ in pairs}) if pairs else {}
    marks = Seen.objects.marks_of(pairs)
    lines = {pk: Line(it, "") for pk, it in rows.items() if it.deleted_at is None}
    return {pair: replace(lines[pair[0]], marks=marks[pair]) if pair[0] in lines else None for pair in pairs}


def _marked(member: User, lines: list[Line]) -> list[Line]:
    """What they have not seen of the conversations that they share with others."""
    marks = Seen.objects.marks(member.pk, [it.conversation.pk for it in lines if it.conversation.is_shared])
    return [replace(it, marks=marks.get(it.conversation.pk, it.marks)) for it in lines]


def _lines(conversations: list[Conversation], day: Day | None) -> list[Line]:
    lines = []
    for it in conversations:
        is_new, day = it.day != day, it.day
        lines.append(Line(it, it.day.name if is_new and not it.day.is_today else ""))
    return lines
