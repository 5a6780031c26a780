"""One task per web process follows the log for all its sockets, and gives each what brings its page up to date.

A socket holds no queue. It has a position, and is given the difference between that and now; a slow one gets fewer and
larger differences, so it costs no memory and the others nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from contextvars import Context
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError

from conversations import bus
from conversations.crossing import Crossing
from conversations.crowd import Crowd, View, draw
from conversations.feed.admission import Admission, Passage, withdrawn
from conversations.feed.flooding import Buckets
from conversations.feed.lists import Lists
from conversations.feed.presence import TYPING_SECONDS, Presence
from conversations.feed.reader import Key, Position, Reader
from conversations.feed.turn import Asked, Room, Told, take_turn
from conversations.markdown import Patch
from conversations.models import Membership
from conversations.pace import Pace
from conversations.showing import find_places, patch_frame

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # behind the bus: a lost hint costs a second, never a word
SETTLE_SECONDS = 0.1  # after words came: a turn for what they held back, should no more come
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = "{}"  # JSON without content: htmx swaps nothing, the page notes that we are there

CROWD_SECONDS = 0.5  # between two looks at who is here: whatever happens in between is told once
TYPING = {"rate": 1, "burst": 10}  # of one member; more is not heard

MOST_SOCKETS = 50  # of one member in one process: more tabs than anybody looks at
MOST_FOLLOWERS = 500  # of one link in one process
MOST_FROM_ONE_PLACE = 100  # of these, from one address: a school fits, and nobody takes all the places

# Close codes: after TOO_SLOW the page comes back, after TOO_MANY it looks for news every two seconds instead, and after
# CHANGED it is loaded anew: its member may do more or less here than when it was made.
SIGNED_OUT, GONE, TOO_SLOW, CHANGED, TOO_MANY = 4401, 4404, 4408, 4409, 4429


class Feed:
    """All rooms of this process and the task that serves them."""

    def __init__(self, poll_seconds: float = POLL_SECONDS) -> None:
        self._poll_seconds = poll_seconds
        self._rooms: dict[Key, Room] = {}
        self._readers: dict[Key, set[Reader]] = {}
        self._hinted: set[Key] = set()
        self._doubtful: set[UUID] = set()  # conversations in which somebody's right has changed, or a link
        self._wake = asyncio.Event()
        self._cross = Crossing(2, "feed")
        self._tasks: list[asyncio.Task[None]] = []
        self._lists = Lists(self._cross, self._all_readers)
        self._looked_at = 0.0  # when it last looked everywhere
        self._settling = False
        self._presence = Presence()
        self._typing = Buckets(**TYPING)
        self._is_stirred = False  # somebody came or went, or began or ended to type
        self._crowds_told_at = 0.0

    async def make_room_for(self, member_id: UUID) -> None:
        """Close the oldest socket of a member who has as many as anybody looks at: the newest tab is in view."""
        theirs = [reader for reader in self._all_readers() if reader.admission.member_id == member_id]
        if len(theirs) >= MOST_SOCKETS:
            await self._dismiss(min(theirs, key=lambda reader: reader.opened_at), TOO_MANY)

    def is_full(self, share_id: UUID, whence: bytes) -> bool:
        """Whether a link is followed by as many as we can serve, all in all or from there. They are nobody's oldest:
        who comes later waits.
        """
        rights = ((it.admission, it.whence) for it in self._all_readers())
        places = [from_where for it, from_where in rights if isinstance(it, Passage) and it.share_id == share_id]
        return len(places) >= MOST_FOLLOWERS or places.count(whence) >= MOST_FROM_ONE_PLACE

    def join(self, reader: Reader) -> None:
        """Follow a conversation. First join, then read the log: the other order has a hole in it.

        A socket joins when it opens, before it has said where its page stands: its right is looked after from then on.
        """
        if not self._tasks:
            # In a context of their own: they outlive the socket that starts them, and the log's lines would name it.
            listening = bus.listen(bus.FEED, self._heard, self._look_everywhere)
            self._tasks = [
                asyncio.create_task(listening, context=Context()),
                asyncio.create_task(self._run(), context=Context()),
                asyncio.create_task(self._lists.run(), context=Context()),
            ]
        self._rooms.setdefault(reader.room, Room(reader.face))
        self._readers.setdefault(reader.room, set()).add(reader)
        self._wake.set()

    def begin(self, reader: Reader, position: Position) -> None:
        """It said where its page stands."""
        reader.position = position
        self._lists.begin(reader)
        self._stir()

    def types(self, reader: Reader, *, is_typing: bool) -> None:
        """Its member goes on typing, or has ended. Only where somebody else may be there to see it."""
        if not reader.may_type or not self._rooms[reader.room].is_shared:
            return
        if not self._typing.take(reader.admission.member_id):
            return
        now = time.monotonic()
        was_typing, reader.types_until = reader.types_until > now, now + TYPING_SECONDS if is_typing else 0.0
        if is_typing != was_typing:
            self._stir()

    def leave(self, reader: Reader) -> None:
        readers = self._readers.get(reader.room, set())
        readers.discard(reader)
        if not readers:
            self._readers.pop(reader.room, None)
            self._rooms.pop(reader.room, None)
        self._stir()

    def acknowledged(self, reader: Reader) -> None:
        """A frame has arrived. Only who had to wait for that can be given more now."""
        was_ready = reader.is_ready
        reader.acknowledge()
        if reader.is_ready and not was_ready:
            self._wake.set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._cross.close()

    def _heard(self, hint: dict[str, Any]) -> None:
        self._lists.heard(hint)
        if "c" in hint:
            conversation_id = UUID(hint["c"][0])
            if rooms := {key for key in self._rooms if key[0] == conversation_id}:
                self._hinted |= rooms
                self._wake.set()
        elif doubtful := hint.get("r") or hint.get("s"):
            self._doubtful.add(UUID(doubtful))
            self._wake.set()
        elif "p" in hint:
            self._presence.hear(hint["p"], hint["at"], asks=hint["asks"])
            self._stir()
        else:
            longer = {UUID(pk) for pk, *_ in hint.get("g", ())}  # another version may say more
            if any(not longer.isdisjoint(room.growing) for room in self._rooms.values()):
                self._wake.set()

    def _look_everywhere(self) -> None:
        self._looked_at = 0.0
        self._presence.has_missed_some = True
        self._wake.set()

    def _stir(self) -> None:
        self._is_stirred = True
        self._wake.set()

    async def _run(self) -> None:
        pace = Pace()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._looked_at + self._poll_seconds - time.monotonic()):
                    await self._wake.wait()
            await pace.wait()
            self._wake.clear()
            pace.begin()
            await self._turn()
            pace.end()

    async def _turn(self) -> None:
        try:
            if time.monotonic() - self._looked_at >= self._poll_seconds:
                await self._look_behind_the_bus()
            if self._doubtful:
                await self._look_at_doubtful()
            await self._read_and_give()
            if self._is_stirred and time.monotonic() - self._crowds_told_at >= CROWD_SECONDS:
                await self._tell_who_is_here()
            await self._look_after_readers()
        except DatabaseError as error:
            logger.warning("the log can't be read, trying again: %s", type(error).__name__)
            await self._rest()
        except Exception:  # one broken room must not end the feed for all the others
            logger.exception("a turn of the feed broke")
            await self._rest()

    async def _rest(self) -> None:
        await asyncio.sleep(POLL_SECONDS)
        self._look_everywhere()

    async def _look_behind_the_bus(self) -> None:
        """However busy the bus is: let every room's log be read, close the sockets whose right has ended, and see how
        far the queue has come.
        """
        self._looked_at = time.monotonic()
        self._is_stirred = True
        self._hinted.update(self._rooms)
        await self._let_go(self._all_readers())
        growing = [answer for room in self._rooms.values() for answer in room.growing.values()]
        if any(answer.has_waited for answer in growing):
            await self._cross(find_places, growing)
        await self._look_at_rights(self._all_readers())

    async def _look_at_doubtful(self) -> None:
        doubtful, self._doubtful = self._doubtful, set()
        readers = [it for it in self._all_readers() if it.conversation_id in doubtful]
        await self._let_go([it for it in readers if isinstance(it.admission, Passage)])
        await self._look_at_rights(readers)
        for reader in readers:
            reader.crowd = None  # who is shown there may be there no more
        self._is_stirred = True

    async def _let_go(self, readers: Iterable[Reader]) -> None:
        """Those whose session has ended, or whose link."""
        rights = {reader: reader.admission for reader in readers}
        gone = await self._cross(withdrawn, set(rights.values()))
        for reader, right in rights.items():
            if right in gone and reader in self._readers.get(reader.room, ()):  # it may have left meanwhile
                await self._dismiss(reader, GONE if isinstance(right, Passage) else SIGNED_OUT)

    async def _look_at_rights(self, readers: Iterable[Reader]) -> None:
        """Before anything more is given: close the sockets of those who may not read any more, or do more or less."""
        members = {reader: right for reader in readers if isinstance(right := reader.admission, Admission)}
        pairs = {reader: (reader.conversation_id, right.member_id) for reader, right in members.items()}
        roles = await self._cross(Membership.objects.roles, set(pairs.values()))
        for reader, pair in pairs.items():
            if reader in self._readers.get(reader.room, ()) and roles.get(pair) != reader.role:
                await self._dismiss(reader, CHANGED if pair in roles else GONE)

    async def _read_and_give(self) -> None:
        """Read what is new, and give each reader that is ready their difference."""
        hinted, self._hinted = self._hinted, set()
        ready = {key: [reader for reader in readers if reader.is_ready] for key, readers in self._readers.items()}
        parts = {
            key: Asked(self._rooms[key], [reader.position for reader in readers], key in hinted)
            for key, readers in ready.items()
        }
        asked = {key: part for key, part in parts.items() if not part.is_quiet}
        if await self._cross(take_turn, asked) and not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._settle)
        for key, part in asked.items():
            if part.is_put_off:
                self._hinted.add(key)
                self._wake.set()
            for reader, told in zip(ready[key], part.told, strict=True):
                if reader in self._readers.get(key, ()):  # it may have left meanwhile
                    await self._give(reader, told)

    def _settle(self) -> None:
        self._settling = False
        self._wake.set()

    async def _give(self, reader: Reader, told: Told) -> None:
        reader.position = told.position
        if told.is_gone:
            await self._dismiss(reader, GONE)
        elif told.frame:
            await self._hand(reader, told.frame)

    async def _hand(self, reader: Reader, frame: str) -> None:
        try:
            await reader.give(frame)
        except Exception:  # one broken socket must cost the others nothing
            logger.exception("a reader could not be given a frame")
            self.leave(reader)

    async def _tell_who_is_here(self) -> None:
        """Whom we have to the other processes, and all who are here to our own pages; each only what has changed."""
        self._is_stirred = False
        now = time.monotonic()
        begun = {it: view for it in self._all_readers() if it.has_begun and (view := it.view)}
        shared = {it: view for it, view in begun.items() if self._rooms[it.room].is_shared}
        untold = self._presence.look(_crowds(shared, now))
        if untold:
            asks, self._presence.has_missed_some = self._presence.has_missed_some, False
            await self._cross(bus.tell_presence, self._presence.process, untold, asks=asks)
        views = {it: view for it, view in begun.items() if it in shared or it.crowd_lines}  # or was shared before
        crowds = {view: self._presence.crowd(view.conversation_id) for view in set(views.values())}
        behind = {it: view for it, view in views.items() if it.is_ready and it.crowd != crowds[view]}
        if untold or behind:
            self._crowds_told_at = now
        if behind:
            drawn = await self._cross(draw, {view: crowds[view] for view in behind.values()})
            for reader, view in behind.items():
                await self._show(reader, drawn[view])
                reader.crowd = crowds[view]
                if reader not in shared:
                    reader.crowd_lines = ()

    async def _show(self, reader: Reader, lines: tuple[Patch, ...]) -> None:
        changed = [line for line in lines if line not in reader.crowd_lines]
        reader.crowd_lines = lines
        if changed and reader in self._readers.get(reader.room, ()):  # it may have left meanwhile
            await self._hand(reader, patch_frame(changed))

    async def _look_after_readers(self) -> None:
        """Let those go that never acknowledge, and let the others know that we are there."""
        for reader in self._all_readers():
            if reader.is_too_slow:
                await self._dismiss(reader, TOO_SLOW)
            elif reader.is_ready and time.monotonic() - reader.given_at > HEARTBEAT_SECONDS:
                await self._hand(reader, HEARTBEAT)

    def _all_readers(self) -> list[Reader]:
        return [reader for readers in self._readers.values() for reader in readers]

    async def _dismiss(self, reader: Reader, code: int) -> None:
        self.leave(reader)
        if code in {GONE, SIGNED_OUT} and (view := reader.view):
            self._presence.send_off(view)
        try:
            await reader.close(code)
        except Exception:  # as above: others are to be closed, too
            logger.exception("a reader could not be sent away")


def _crowds(views: Mapping[Reader, View], now: float) -> dict[UUID, Crowd]:
    here, typing = defaultdict(set), defaultdict(set)
    for reader, view in views.items():
        here[view.conversation_id].add(view.member_id)
        if reader.types_until > now:
            typing[view.conversation_id].add(view.member_id)
    return {pk: Crowd(frozenset(members), frozenset(typing[pk])) for pk, members in here.items()}
