"""A private PostgreSQL that can have bad days: restarted gently or not, its disk full."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg

from chatsite.postgres import EmbeddedPostgres, Places

FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT  # as pg_ctl calls them
CLONE_NEWNS = 0x00020000


class Database:
    """Its server ends with the thread that started it, so it has one of its own.

    With `megabytes` its data is on a disk of that size, which only the server sees: mounting needs root.
    """

    def __init__(self, folder: Path, megabytes: int = 0, **settings: str) -> None:
        self._home = folder / "database"
        self._megabytes = megabytes
        self._thread = ThreadPoolExecutor(1, "database")
        self._server = EmbeddedPostgres(Places(self._home, folder / "socket"), settings)
        self.socket = folder / "socket" / ".s.PGSQL.5432"

    def start(self) -> None:
        if self._megabytes:
            self._in_its_thread(self._mount)
        self._in_its_thread(self._server.start)

    def end(self) -> None:
        self._in_its_thread(self._server.stop)
        self._thread.shutdown()

    @property
    def pid(self) -> int | None:
        return self._in_its_thread(lambda: self._server.pid)

    def stop(self, how: signal.Signals) -> None:
        if pid := self.pid:
            os.kill(pid, how)
        self._in_its_thread(self._server.stop)

    async def restart(self, how: signal.Signals) -> None:
        await asyncio.to_thread(self.stop, how)
        await asyncio.to_thread(self.start_again)

    def start_again(self) -> None:
        self._in_its_thread(self._server.start)

    async def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Asked directly, past all cables."""
        async with await self.connection() as connection:
            cursor = await connection.execute(query, values)
            return await cursor.fetchall() if cursor.description else []

    async def value(self, query: str, *values: object) -> Any:
        return (await self.rows(query, *values))[0][0]

    async def connection(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        return await psycopg.AsyncConnection.connect(self._server.url, autocommit=True, application_name="faults")

    def fill_disk(self) -> None:
        """Until nothing more fits."""
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while filler.write(b"\0" * 1_000_000):
                    pass
            except OSError:
                pass

    def empty_disk(self) -> None:
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        # Seen through the thread that mounted it.
        return Path(f"/proc/{os.getpid()}/task/{self._in_its_thread(_thread_id)}/root{self._home}/filler")

    def _mount(self) -> None:
        self._home.mkdir()
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "a disk of one's own needs root")
        size = f"size={self._megabytes}m,mode=755"
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "faults", str(self._home)], check=True)

    def _in_its_thread[T](self, deed: Callable[[], T]) -> T:
        return self._thread.submit(deed).result(120)


def _thread_id() -> int:
    return int(ctypes.CDLL(None).gettid())
