"""A cable between two programs that can be cut, held up, slowed and unplugged: a TCP relay in a thread of its own.

    with Cable() as cable:
        cable.lead_to(8000)                     # `cable.port` is where the client connects
        cable.cut()                             # RST: what is open now is gone, new connections go through
        with cable.held(): …                    # nothing comes through, in both directions, and nobody is told
        with cable.unplugged(): …               # cut, and whoever connects is hung up on

Led to several places it is a reverse proxy: they take turns, and one that does not answer is passed over. A path is the
Unix socket there. `cut` and `held` may choose connections, by a pattern in what their clients said first.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

WAIT = 10.0  # seconds
AT_ONCE = 65_536  # bytes

EVERYTHING = re.compile(b"")

type Pattern = re.Pattern[bytes]
type End = int | Path
type Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(eq=False)
class Link:
    """One connection through the cable."""

    task: asyncio.Task[None]
    writers: list[asyncio.StreamWriter]
    opening: bytes = b""  # what its client said first
    may_pass: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        for writer in self.writers:
            raw: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):  # closed already, or a Unix socket, which knows no RST
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self.task.cancel()


class Cable:
    """`port` is where the client connects. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self.port = 0
        self.delay = 0.0  # seconds that each piece is late
        self.rate = 0.0  # bytes a second; 0 is no limit
        self._ends: tuple[End, ...] = ()
        self._turn = 0
        self._is_held = self._is_unplugged = False
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cable", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.start_server(self._relay, "127.0.0.1", 0, backlog=1024)
        self._server = asyncio.run_coroutine_threadsafe(started, self._loop).result(WAIT)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(WAIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT)
        self._loop.close()

    def lead_to(self, *ends: End) -> None:
        self._ends = ends

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._links)

    def cut(self, saying: Pattern = EVERYTHING) -> int:
        """As when a laptop changes its network. How many connections that were."""
        return self._do(lambda: self._cut(saying))

    @contextmanager
    def held(self, saying: Pattern = EVERYTHING) -> Iterator[None]:
        """As when a cable is pulled out: no byte comes through, no end either. New ones wait too if all are held."""
        self._do(lambda: self._hold(saying))
        try:
            yield
        finally:
            self._do(self._let_go)

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        self._is_unplugged = True
        self.cut()
        try:
            yield
        finally:
            self._is_unplugged = False

    def _do[T](self, deed: Callable[[], T]) -> T:
        async def run() -> T:
            return deed()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(WAIT)

    def _cut(self, saying: Pattern) -> int:
        found = [link for link in self._links if saying.search(link.opening)]
        for link in found:
            link.reset()
        return len(found)

    def _hold(self, saying: Pattern) -> None:
        self._is_held = saying is EVERYTHING
        for link in self._links:
            if saying.search(link.opening):
                link.may_pass.clear()

    def _let_go(self) -> None:
        self._is_held = False
        for link in self._links:
            link.may_pass.set()

    async def _end(self) -> None:
        if self._server:
            self._server.close()
        tasks = [link.task for link in self._links]
        self._cut(EVERYTHING)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        link = Link(task, [writer])
        self._links.add(link)
        if not self._is_held:
            link.may_pass.set()
        try:
            await self._join(link, reader)
        except (OSError, asyncio.CancelledError):  # cut, at an end or by us
            pass
        finally:
            self._links.discard(link)
            for each in link.writers:
                each.close()

    async def _join(self, link: Link, reader: asyncio.StreamReader) -> None:
        if self._is_unplugged:
            link.reset()
            return
        await link.may_pass.wait()
        there, far = await self._connected()
        link.writers.append(far)
        near = link.writers[0]
        await asyncio.gather(self._pump(link, reader, far), self._pump(link, there, near))

    async def _connected(self) -> Connected:
        """The next end's turn; one after the other until one is there. Raises OSError when none is."""
        self._turn += 1
        for step in range(len(self._ends)):
            end = self._ends[(self._turn + step) % len(self._ends)]
            try:
                if isinstance(end, Path):
                    return await asyncio.open_unix_connection(end)
                return await asyncio.open_connection("127.0.0.1", end)
            except OSError:
                continue
        raise ConnectionRefusedError

    async def _pump(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(AT_ONCE):
            if writer is not link.writers[0]:
                link.opening = link.opening or data
            await self._carry(link, len(data))
            writer.write(data)
            await writer.drain()
        await link.may_pass.wait()
        writer.close()

    async def _carry(self, link: Link, size: int) -> None:
        await link.may_pass.wait()
        if late := self.delay + (size / self.rate if self.rate else 0):
            await asyncio.sleep(late)
