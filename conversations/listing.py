"""The list of a member's conversations, the latest first: some at a time, and ten thousand cost what fifty do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from accounts.models import User
from conversations.days import Day, day_of
from conversations.models import Conversation

LISTED = 50
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

    def __str__(self) -> str:
        return f"{(self.asked_at - BEGINNING) // timedelta(microseconds=1)}-{self.pk.hex}"


@dataclass(frozen=True)
class Line:
    conversation: Conversation
    heading: str  # the day, above the first line of each; "" for today, which has its own


@dataclass(frozen=True)
class Listing:
    lines: list[Line]
    above: Spot | None  # None: from the top
    below: Spot | None  # None: to the end


def listing(member: User, above: Spot | None = None, *, goes_on: bool = False) -> Listing:
    """From a spot on. If it goes on from lines that are shown already, their day has its heading."""
    rows = Conversation.objects.visible_to(member).latest_first()
    if above:
        rows = rows.asked_before(above.asked_at, above.pk)
    found = list(rows[: LISTED + 1])
    lines = _lines(found[:LISTED], day_of(above.asked_at) if above and goes_on else None)
    last = lines[-1].conversation if len(found) > LISTED else None
    return Listing(lines, above, Spot(last.asked_at, last.pk) if last else None)


def _lines(conversations: list[Conversation], day: Day | None) -> list[Line]:
    lines = []
    for it in conversations:
        is_new, day = it.day != day, it.day
        lines.append(Line(it, it.day.name if is_new and not it.day.is_today else ""))
    return lines
