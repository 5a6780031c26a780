"""A worker's end of the answer's log: gather what its answers say, and flush it once a tick."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from conversations import crashing, events, metrics
from conversations.crossing import Crossing
from conversations.events import Event
from conversations.models import Chunk, Generation
from conversations.pace import Pace

logger = logging.getLogger(__name__)

BUFFER_LIMIT = 256 * 1024  # characters of one answer that wait for a database that is away
READING = 3  # turns of the event loop in which all answers read and add what has come for them since the last flush
AWAY_SECONDS = 1.0  # a flush that takes longer: the database is away; until then much that waits is only a burst


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class _Writer:
    """One answer's words on their way to the log."""

    generation_id: UUID
    epoch: int
    stop: Callable[[bool], None]  # told True when the log refuses this writer, False when too much waits
    seq: int = 0
    asked_at: float | None = None  # on our clock; until its first word
    pieces: list[tuple[Chunk.Kind, str]] = field(default_factory=list)
    waiting: int = 0  # characters gathered and not yet taken
    idle: asyncio.Event = field(default_factory=_set_event)  # nothing gathered, nothing under way

    def take(self) -> list[Event]:
        """What was gathered since the last flush, as events: neighbours of one kind joined."""
        taken: list[Event] = []
        for kind, text in self.pieces:
            if taken and taken[-1].kind == kind:
                taken[-1] = Event(self.generation_id, self.seq, self.epoch, kind, taken[-1].text + text)
            else:
                self.seq += 1
                taken.append(Event(self.generation_id, self.seq, self.epoch, kind, text))
        self.pieces.clear()
        self.waiting = 0
        return taken


class Log:
    """All of a worker's answers, flushed together: one insert and one NOTIFY a tick."""

    def __init__(self, cross: Crossing) -> None:
        self._cross = cross
        self._writers: dict[UUID, _Writer] = {}
        self._wake = asyncio.Event()
        self._next = asyncio.Event()  # the next flush is about to take what is gathered
        self._flushing_since: float | None = None
        self._waiting_since: float | None = None  # the oldest word that no flush has taken

    def open(self, generation: Generation, stop: Callable[[bool], None]) -> None:
        self._writers[generation.pk] = _Writer(
            generation.pk, generation.epoch, stop, generation.folded_seq, _asked_at(generation)
        )

    def add(self, generation_id: UUID, kind: Chunk.Kind, text: str) -> None:
        """Gather a piece; the next tick writes it."""
        writer = self._writers.get(generation_id)
        text = storable(text)
        if writer is None or not text:
            return
        if writer.asked_at:
            metrics.FIRST_TEXT.observe(time.monotonic() - writer.asked_at)
            writer.asked_at = None
        self._waiting_since = self._waiting_since or time.monotonic()
        writer.pieces.append((kind, text))
        writer.waiting += len(text)
        writer.idle.clear()
        if writer.waiting > BUFFER_LIMIT and self._is_away():
            writer.stop(False)
        self._wake.set()

    async def next_flush(self, generation_id: UUID) -> None:
        """Return when a flush is about to take what was added: a word that is read before then is seen no earlier.

        At once when nothing was added, and while the database is away. Then BUFFER_LIMIT says when it is too much.
        """
        writer = self._writers.get(generation_id)
        if writer and writer.pieces and not self._is_away():
            await self._next.wait()

    def _is_away(self) -> bool:
        since = self._flushing_since
        return since is not None and time.monotonic() - since > AWAY_SECONDS

    async def close(self, generation_id: UUID) -> None:
        """Return when everything added is written, or refused."""
        if writer := self._writers.get(generation_id):
            await writer.idle.wait()
            self._writers.pop(generation_id, None)

    async def run(self) -> None:
        """Flush, for ever: when something was added, the last flush is done and the pace allows."""
        pace = Pace()
        while True:
            await self._wake.wait()
            await pace.wait()
            self._wake.clear()
            pace.begin()
            self._let_read_on()
            for _ in range(READING):
                await asyncio.sleep(0)
            await self._flush([writer for writer in self._writers.values() if writer.pieces])
            pace.end()

    async def _flush(self, writers: list[_Writer]) -> None:
        gathered = [event for writer in writers for event in writer.take()]
        self._flushing_since = began = time.monotonic()
        patience = asyncio.get_running_loop().call_later(AWAY_SECONDS + 0.1, self._let_read_on)
        waiting_since, self._waiting_since = self._waiting_since or began, None
        refused = await self._append(gathered)
        self._flushing_since = None
        patience.cancel()
        metrics.FLUSH.observe(time.monotonic() - began)
        metrics.FLUSH_LAG.observe(time.monotonic() - waiting_since)
        metrics.FENCED.inc(len(refused))
        for writer in writers:
            if writer.generation_id in refused:
                self._writers.pop(writer.generation_id, None)
                writer.stop(True)
            if not writer.pieces or writer.generation_id in refused:
                writer.idle.set()

    def _let_read_on(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def _append(self, gathered: list[Event]) -> set[UUID]:
        """Append until it is certain; the ids that were refused. The log takes what is repeated once."""
        try:
            crashing.here("before-flush")
            refused = await self._cross.surely(events.append, gathered)
            crashing.here("after-flush")
            return refused
        except MemoryError:
            raise  # nobody's words are at fault
        except Exception:
            ids = {event.generation_id for event in gathered}
            if len(ids) == 1:
                logger.exception("the words of generation %s can't be written", *ids)
                return ids  # nobody writes it any more; the reaper ends it
            # One answer's words must not hold up all the others.
            each = [[event for event in gathered if event.generation_id == pk] for pk in ids]
            return set().union(*[await self._append(its) for its in each])


def _asked_at(generation: Generation) -> float | None:
    """When it was asked, on our clock. None for one that is continued, or that another worker had before."""
    if generation.epoch != 1 or generation.started_at is None:
        return None
    return time.monotonic() - (generation.started_at - generation.created_at).total_seconds()


def storable(text: str) -> str:
    """Text that PostgreSQL takes: no NUL, no half of a surrogate pair. Both come from models now and then."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
