"""One task per web process follows the log for all its sockets, and gives each what brings its page up to date.

A socket holds no queue. It has a position, and is given the difference between that and now; a slow one gets fewer and
larger differences, so it costs no memory and the others nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from contextvars import Context
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError

from conversations import bus
from conversations.crossing import Crossing
from conversations.feed.admission import Admission, Passage, withdrawn
from conversations.feed.reader import Key, Position, Reader
from conversations.feed.turn import Asked, Room, Told, take_turn
from conversations.models import Membership
from conversations.pace import Pace
from conversations.showing import find_places

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # behind the bus: a lost hint costs a second, never a word
SETTLE_SECONDS = 0.1  # after words came: a turn for what they held back, should no more come
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = "{}"  # JSON without content: htmx swaps nothing, the page notes that we are there

MOST_SOCKETS = 50  # of one member in one process: more tabs than anybody looks at
MOST_FOLLOWERS = 500  # of one link in one process

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
        self._doubtful: set[UUID] = set()  # conversations in which somebody's right has changed
        self._wake = asyncio.Event()
        self._cross = Crossing(2, "feed")
        self._tasks: list[asyncio.Task[None]] = []
        self._looked_at = 0.0  # when it last looked everywhere
        self._settling = False

    async def make_room_for(self, member_id: UUID) -> None:
        """Close the oldest socket of a member who has as many as anybody looks at: the newest tab is in view."""
        theirs = [reader for reader in self._all_readers() if reader.admission.member_id == member_id]
        if len(theirs) >= MOST_SOCKETS:
            await self._dismiss(min(theirs, key=lambda reader: reader.opened_at), TOO_MANY)

    def is_full(self, share_id: UUID) -> bool:
        """Whether a link is followed by as many as we can serve. They are nobody's oldest: who comes later waits."""
        passages = (reader.admission for reader in self._all_readers())
        return sum(isinstance(it, Passage) and it.share_id == share_id for it in passages) >= MOST_FOLLOWERS

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
            ]
        self._rooms.setdefault(reader.room, Room(reader.face))
        self._readers.setdefault(reader.room, set()).add(reader)
        self._wake.set()

    def begin(self, reader: Reader, position: Position) -> None:
        """It said where its page stands."""
        reader.position = position
        self._wake.set()

    def leave(self, reader: Reader) -> None:
        readers = self._readers.get(reader.room, set())
        readers.discard(reader)
        if not readers:
            self._readers.pop(reader.room, None)
            self._rooms.pop(reader.room, None)

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
        if "c" in hint:
            conversation_id = UUID(hint["c"][0])
            if rooms := {key for key in self._rooms if key[0] == conversation_id}:
                self._hinted |= rooms
                self._wake.set()
        elif "r" in hint:
            self._doubtful.add(UUID(hint["r"]))
            self._wake.set()
        else:
            longer = {UUID(pk) for pk, *_ in hint.get("g", ())}  # another version may say more
            if any(not longer.isdisjoint(room.growing) for room in self._rooms.values()):
                self._wake.set()

    def _look_everywhere(self) -> None:
        self._looked_at = 0.0
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
                doubtful, self._doubtful = self._doubtful, set()
                await self._look_at_rights(it for it in self._all_readers() if it.conversation_id in doubtful)
            await self._read_and_give()
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
        self._hinted.update(self._rooms)
        gone = await self._cross(withdrawn, {reader.admission for reader in self._all_readers()})
        for reader in self._all_readers():
            if reader.admission in gone:
                await self._dismiss(reader, GONE if isinstance(reader.admission, Passage) else SIGNED_OUT)
        growing = [answer for room in self._rooms.values() for answer in room.growing.values()]
        if any(answer.has_waited for answer in growing):
            await self._cross(find_places, growing)
        await self._look_at_rights(self._all_readers())

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
        await self._look_after_readers()

    def _settle(self) -> None:
        self._settling = False
        self._wake.set()

    async def _give(self, reader: Reader, told: Told) -> None:
        reader.position = told.position
        try:
            if told.is_gone:
                await self._dismiss(reader, GONE)
            elif told.frame:
                await reader.give(told.frame)
        except Exception:  # one broken socket must cost the others nothing
            logger.exception("a reader could not be given a frame")
            self.leave(reader)

    async def _look_after_readers(self) -> None:
        """Let those go that never acknowledge, and let the others know that we are there."""
        for reader in self._all_readers():
            if reader.is_too_slow:
                await self._dismiss(reader, TOO_SLOW)
            elif reader.is_ready and time.monotonic() - reader.given_at > HEARTBEAT_SECONDS:
                await reader.give(HEARTBEAT)

    def _all_readers(self) -> list[Reader]:
        return [reader for readers in self._readers.values() for reader in readers]

    async def _dismiss(self, reader: Reader, code: int) -> None:
        self.leave(reader)
        await reader.close(code)
