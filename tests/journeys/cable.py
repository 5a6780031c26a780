"""The cable between browser and web process. It can be cut: every connection in it ends without a word."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Self

WAIT = 10.0  # seconds


class Cable:
    """A TCP relay in a thread of its own; `port` is where the browser connects."""

    def __init__(self) -> None:
        self.port = 0
        self._to = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cable", daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.start_server(self._relay, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(started, self._loop).result(WAIT)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(WAIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT)
        self._loop.close()

    def lead_to(self, port: int) -> None:
        self._to = port

    def cut(self) -> None:
        """As when a laptop changes its network: what is open now is gone. New connections go through."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(WAIT)

    async def _cut(self) -> None:
        for writer in self._writers:
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _end(self) -> None:
        if self._server:
            self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        ends = {writer, there_writer}
        self._writers |= ends
        try:
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        except OSError:
            pass
        finally:
            self._writers -= ends
            for end in ends:
                end.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()
