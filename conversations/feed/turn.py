"""One turn of the feed, synchronous and whole: read what is new once, and make each position's difference of it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import translation

from conversations import events, showing
from conversations.feed.reader import Key, Position
from conversations.models import Conversation
from conversations.showing import MEMBERS, Face, GrowingAnswer, News

logger = logging.getLogger(__name__)

# For pages that are behind; those that follow are given theirs in every turn.
ROOMS_A_TURN = 16  # whose news are read: after a restart hundreds are behind at once
TURN_SECONDS = 0.1  # to show them


class Room:
    """A conversation that somebody in this process is reading, and how they see it."""

    def __init__(self, face: Face = MEMBERS) -> None:
        self.face = face
        self.seq = -1  # of the slow log, as last read
        self.is_shared = False  # as last read
        # By generation. Replaced, never changed in place: the event loop looks at it while a turn runs.
        self.growing: Mapping[UUID, GrowingAnswer] = {}


@dataclass(frozen=True, slots=True)
class Told:
    """What pages at one position are given: a frame that brings them to the next one, or that it is gone."""

    position: Position
    frame: str = ""
    is_gone: bool = False


@dataclass
class Asked:
    """A room's part of a turn: where its ready readers stand, and whether its slow log must be looked at."""

    room: Room
    positions: list[Position]
    is_hinted: bool
    is_put_off: bool = False  # by a turn that had no time for it: ask again
    told: list[Told] = field(default_factory=list)  # in the order of `positions`

    def is_behind(self, at: Position) -> bool:
        return at.seq != self.room.seq or at.standings is None

    @property
    def is_anyone_behind(self) -> bool:
        return any(self.is_behind(at) for at in self.positions)

    @property
    def is_quiet(self) -> bool:
        """Nothing to look at: most rooms, most of the time."""
        return not (self.is_hinted or self.room.growing or self.is_anyone_behind)


class Allowance:
    """The time that a turn may spend on pages that are behind. There is always enough for the first one."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self.was_short = False

    def covers(self, done: object) -> bool:
        """Whether another one may be made, after those that are `done`."""
        if done and time.monotonic() >= self._until:
            self.was_short = True
            return False
        return True


def take_turn(asked: Mapping[Key, Asked], seconds: float = TURN_SECONDS) -> bool:
    """Fill in what each position is told. Two queries for all rooms, and four more for those that changed.

    True if another turn is wanted soon: answers have grown, and a turn without growth will show what this one held
    back; or there was no time to show some pages what they are behind.
    """
    wanted = [key for key, part in asked.items() if part.is_hinted or part.is_anyone_behind]
    conversations = Conversation.objects.filter(pk__in={pk for pk, _ in wanted}, deleted_at=None).in_bulk()
    there = {key: conversations[key[0]] for key in wanted if key[0] in conversations}
    for key, row in there.items():
        asked[key].room.is_shared = row.is_shared
    behind = {key: places for key, row in there.items() if (places := _places_behind(asked[key], row))}
    # By lot: no room comes last in every turn.
    chosen = random.sample(list(behind), min(len(behind), ROOMS_A_TURN))
    news = _news_of({key: (there[key], behind[key]) for key in chosen})
    for key in behind:
        asked[key].is_put_off = key not in news
    met = [it for key in chosen for it in _bring_up_to_date(asked[key].room, there[key], news[key])]
    showing.find_places(met)
    has_grown = _read_logs([part.room for part in asked.values()])
    allowance = Allowance(seconds)
    caught_up: list[Told] = []
    for key in random.sample(list(asked), len(asked)):
        part = asked[key]
        if key in wanted and key not in there:
            part.told = [Told(at, is_gone=True) for at in part.positions]
        else:
            part.told = _differences(part, news.get(key, {}), allowance, caught_up)
    return has_grown or allowance.was_short


def _news_of(chosen: Mapping[Key, tuple[Conversation, set[int]]]) -> dict[Key, Mapping[int, News]]:
    """Of each room. Those of one conversation, which see it differently, share what is read of it."""
    places: dict[Conversation, set[int]] = {}
    for conversation, behind in chosen.values():
        places.setdefault(conversation, set()).update(behind)
    told = showing.news(places) if places else {}
    return {key: told[conversation.pk] for key, (conversation, _) in chosen.items()}


def _differences(part: Asked, news: Mapping[int, News], allowance: Allowance, caught_up: list[Told]) -> list[Told]:
    """Each position's. Most readers of a room stand at one place, so its difference is made once for each language."""
    made: dict[Position, Told] = {}
    try:
        for at in set(part.positions):
            if not part.is_behind(at):
                made[at] = _told(part.room, at, news)
            elif at.seq in news and allowance.covers(caught_up):
                made[at] = _told(part.room, at, news)
                caught_up.append(made[at])
    except Exception:  # what cannot be shown in one room must cost the others nothing
        logger.exception("a conversation's news could not be shown")
        made.clear()
    return [made.get(at) or Told(at) for at in part.positions]


def _places_behind(part: Asked, conversation: Conversation) -> set[int]:
    """The numbers of the slow log at which pages stand that have to learn something."""
    behind = {at.seq for at in part.positions if at.seq != conversation.seq or at.standings is None}
    if not behind and conversation.seq != part.room.seq:
        behind.add(conversation.seq)  # for the room itself: other answers may be being written now
    return behind


def _bring_up_to_date(room: Room, conversation: Conversation, news: Mapping[int, News]) -> list[GrowingAnswer]:
    """The answers that the room did not know yet."""
    known = set(room.growing)
    room.seq = conversation.seq
    for item in news.values():
        room.growing = _growing(room, item)
    return [answer for pk, answer in room.growing.items() if pk not in known]


def _growing(room: Room, item: News) -> dict[UUID, GrowingAnswer]:
    growing = {}
    for message in item.live:
        answer = room.growing.get(message.generation.pk) or GrowingAnswer(message, room.face)
        answer.refresh(message)
        growing[message.generation.pk] = answer
    return growing


def _read_logs(rooms: Sequence[Room]) -> bool:
    """Each log once, also if several rooms follow it."""
    growing: dict[UUID, list[GrowingAnswer]] = {}
    for room in rooms:
        for pk, answer in room.growing.items():
            growing.setdefault(pk, []).append(answer)
    new = events.since({pk: min(it.seq for it in answers) for pk, answers in growing.items()})
    for event in new:
        for answer in growing[event.generation_id]:
            if event.seq > answer.seq:
                answer.take(event)
    for pk in growing.keys() - {event.generation_id for event in new}:
        for answer in growing[pk]:
            answer.settle()
    return bool(new)


def _told(room: Room, at: Position, news: Mapping[int, News]) -> Told:
    """The difference between a position and now: what changed in the conversation, and how its answers have grown."""
    with translation.override(at.language):
        return _difference(room, at, news)


def _difference(room: Room, at: Position, news: Mapping[int, News]) -> Told:
    frame, shown_whole = "", set()
    if item := _news_for(at, room, news):
        frame = room.face.frame(item, room.growing)
        shown_whole = {m.generation.pk for m in item.live if m.generation.pk in room.growing}
    known = dict(at.standings or ())
    followed = {pk: answer for pk, answer in room.growing.items() if pk in known and pk not in shown_whole}
    patches = [patch for pk, answer in followed.items() for patch in answer.patches(known[pk])]
    standings = {pk: room.growing[pk].standing for pk in (*followed, *shown_whole)}
    now = Position(room.seq if item else at.seq, frozenset(standings.items()), at.language)
    return Told(now, frame + showing.patch_frame(patches))


def _news_for(at: Position, room: Room, news: Mapping[int, News]) -> News | None:
    item = news.get(at.seq)
    if item is None or (at.seq == room.seq and at.standings is not None):
        return None
    if at.standings is not None:
        item = item.without_followed()
    return None if item.is_nothing else item
