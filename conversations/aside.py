"""A way to the database aside of the pool, for who looks at us from outside: it tells how things are when they are bad.

One connection that is kept: it still answers when the pool is exhausted, and when the server takes no more connections.
"""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

SECONDS = 2.0  # whoever asks is told something by then
CONNECT_SECONDS = 2  # the least that libpq knows
DJANGOS_OWN = ("cursor_factory", "context", "prepare_threshold", "pool")


def conninfo(**more: str | int) -> str:
    """The address of DATABASE_URL, for connections that Django does not make."""
    given = connection.get_connection_params()
    return make_conninfo(**{name: value for name, value in given.items() if name not in DJANGOS_OWN} | more)


class Aside:
    """Questions of one statement, one after the other; each process that is looked at has one of these."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def ask(self, question: str, *values: Any) -> list[Any]:
        """The rows. Raises psycopg.Error, or TimeoutError after SECONDS, whatever the database does."""
        asking = asyncio.create_task(self._ask(question, values))
        asking.add_done_callback(_look_at)
        done, _ = await asyncio.wait([asking], timeout=SECONDS)
        if not done:
            asking.cancel()  # and not waited for: psycopg would first ask the database to let go
            raise TimeoutError
        return asking.result()

    async def close(self) -> None:
        if self._connection:
            await self._connection.close()
            self._connection = None

    async def _ask(self, question: str, values: tuple[Any, ...]) -> list[Any]:
        async with self._turn:
            was_open = self._connection is not None
            try:
                return await self._rows(question, values)
            except psycopg.OperationalError:
                if not was_open:
                    raise
                return await self._rows(question, values)  # it had died since the last question

    async def _rows(self, question: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            self._connection = self._connection or await _connect()
            return await (await self._connection.execute(question.encode(), values)).fetchall()
        except (psycopg.OperationalError, asyncio.CancelledError):
            await self.close()
            raise


async def _connect() -> psycopg.AsyncConnection[Any]:
    address = conninfo(connect_timeout=CONNECT_SECONDS, application_name="chat_aside")
    return await psycopg.AsyncConnection.connect(address, autocommit=True)


def _look_at(task: asyncio.Task[Any]) -> None:
    """Nobody may be waiting for it any more, and asyncio would complain."""
    if not task.cancelled():
        task.exception()
