"""Who is where and who is typing, over all web processes: in memory, and told on the bus. No rows.

Each process tells the others whom it has in a conversation: when that changes, and else now and then. What is not told
again is forgotten, so whoever a dead process had disappears by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from uuid import UUID, uuid4

from conversations.bus import MOST_PEOPLE, Place
from conversations.crowd import Crowd, View

LINGER_SECONDS = 1.5  # who loads their page anew was never gone
TYPING_SECONDS = 6.0  # without another word of it; pages say it every three
TYPING_TOLD_SECONDS = 3.0  # again, while it goes on
TOLD_SECONDS = 10.0  # again, though nothing has changed
FORGOTTEN_SECONDS = 25.0

NOBODY = Crowd()


@dataclass(frozen=True, slots=True)
class Told:
    crowd: Crowd
    at: float

    @property
    def lasts(self) -> float:
        return TYPING_TOLD_SECONDS if self.crowd.typing else TOLD_SECONDS


class Presence:
    """What one process knows: whom it has itself, and what the others have told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.process = uuid4().hex
        self.has_missed_some = False  # of what the others told: it has to ask them
        self._clock = clock
        self._ours: Mapping[UUID, Crowd] = {}
        self._told: dict[UUID, Told] = {}
        self._left: dict[tuple[UUID, UUID], float] = {}  # when a member's last page of a conversation was closed
        self._theirs: dict[UUID, dict[str, Told]] = {}

    def look(self, open_now: Mapping[UUID, Crowd]) -> list[Place]:
        """Take in whom our sockets have now, in shared conversations alone. Gives what the others have to be told."""
        now = self._clock()
        self._ours = self._with_lingering(open_now, now)
        fresh = {
            pk: {process: it for process, it in told.items() if it.crowd.here and now - it.at < FORGOTTEN_SECONDS}
            for pk, told in self._theirs.items()
        }
        self._theirs = {pk: told for pk, told in fresh.items() if told}
        if self.has_missed_some:
            self.tell_anew()
        return [_place(pk, crowd) for pk, crowd in self._untold(now)]

    def tell_anew(self) -> None:
        self._told = {pk: replace(told, at=float("-inf")) for pk, told in self._told.items()}

    def send_off(self, view: View) -> None:
        """Whose right has ended does not linger."""
        self._left[view.conversation_id, view.member_id] = float("-inf")

    def _with_lingering(self, open_now: Mapping[UUID, Crowd], now: float) -> dict[UUID, Crowd]:
        there = {(pk, member) for pk, crowd in open_now.items() for member in crowd.here}
        gone = {(pk, member) for pk, crowd in self._ours.items() for member in crowd.here} - there
        self._left = {pair: self._left.get(pair, now) for pair in gone}
        ours = dict(open_now)
        for (pk, member), left_at in self._left.items():
            if now - left_at < LINGER_SECONDS:
                ours[pk] = ours.get(pk, NOBODY) | Crowd(frozenset({member}))
        return ours

    def _untold(self, now: float) -> Iterable[tuple[UUID, Crowd]]:
        for pk in [*self._ours, *(self._told.keys() - self._ours)]:
            crowd = self._ours.get(pk, NOBODY)
            if len(self.crowd(pk).here) == 1:
                crowd = Crowd(crowd.here)  # nobody else is there to be told who is typing
            told = self._told.get(pk)
            if told and told.crowd == crowd and now - told.at < told.lasts:
                continue
            self._told[pk] = Told(crowd, now)
            if not crowd.here:
                del self._told[pk]
            yield pk, crowd

    def hear(self, process: str, places: Iterable[Place], *, asks: bool) -> None:
        """What a process told: ourselves, too."""
        if process == self.process:
            return
        if asks:
            self.tell_anew()
        for conversation, people, typing in places:
            here = [UUID(it) for it in people]
            told = Told(Crowd(frozenset(here), frozenset(here[:typing])), self._clock())
            self._theirs.setdefault(UUID(conversation), {})[process] = told

    def crowd(self, conversation_id: UUID) -> Crowd:
        now = self._clock()
        theirs = (
            it.crowd if now - it.at < TYPING_SECONDS else Crowd(it.crowd.here)
            for it in self._theirs.get(conversation_id, {}).values()
            if now - it.at < FORGOTTEN_SECONDS
        )
        return reduce(or_, theirs, self._ours.get(conversation_id, NOBODY))


def _place(pk: UUID, crowd: Crowd) -> Place:
    """Those who are typing come first."""
    people = sorted(crowd.here, key=lambda it: it not in crowd.typing)[:MOST_PEOPLE]
    return str(pk), [str(it) for it in people], len(crowd.typing)
