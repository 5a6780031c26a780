"""Pages behind sockets in this process: a Feed without a server before it.

async with feeding() as feed:
    socket = desk.open(feed)
    await socket.until_told()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.test import Client

from conversations.feed import Feed, Reader
from conversations.feed.admission import Admission
from conversations.feed.reader import Position
from conversations.models import Conversation
from tests.conversations.replaying import Piece, Writer, load
from tests.page import Page

SELDOM = 3600.0  # a poll that never comes, where the bus must do it


class Socket:
    """A page behind a socket in this process. It acknowledges, or does not."""

    def __init__(self, feed: Feed, page: Page, conversation: Conversation, admission: Admission, **reader: Any) -> None:
        self.feed, self.page = feed, page
        self.frames: list[str] = []
        self.given_at: list[float] = []
        self.closed: int | None = None
        self.acknowledges = True
        self._changed = asyncio.Event()
        self.reader = Reader(conversation.pk, admission, Position(page.cursor), self._send, self._close, **reader)

    async def _send(self, frame: str) -> None:
        self.frames.append(frame)
        self.given_at.append(time.monotonic())
        self.page.apply(frame)
        self._changed.set()
        if self.acknowledges:
            self.feed.acknowledged(self.reader)

    async def _close(self, code: int) -> None:
        self.closed = code
        self._changed.set()

    async def until(self, look: Callable[[], object], seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while not look():
                self._changed.clear()
                await self._changed.wait()

    async def until_told(self) -> None:
        await self.until(lambda: self.frames)

    async def until_closed(self, seconds: float = 2) -> None:
        await self.until(lambda: self.closed, seconds)

    async def until_at(self, cursor: int) -> None:
        await self.until(lambda: self.page.cursor == cursor)

    async def until_shown(self, words: str, seconds: float = 5) -> None:
        await self.until(lambda: words in self.page.element("messages").text, seconds)


@asynccontextmanager
async def feeding(**options: float) -> AsyncIterator[Feed]:
    feed = Feed(**options)
    try:
        yield feed
    finally:
        await feed.close()


class Desk:
    """Opens sockets on one conversation, and writes its answer."""

    def __init__(self, client: Client, conversation: Conversation, admission: Admission) -> None:
        self.client, self.conversation, self.admission = client, conversation, admission
        [self.writer] = Writer.claim([])
        self._loaded = client.get(conversation.get_absolute_url()).content.decode()

    def open(self, feed: Feed, *, acknowledges: bool = True, **reader: Any) -> Socket:
        socket = Socket(feed, Page(self._loaded), self.conversation, self.admission, **reader)
        socket.acknowledges = acknowledges
        feed.join(socket.reader)
        return socket

    async def write(self, pieces: list[Piece]) -> None:
        self.writer.pieces = pieces
        await sync_to_async(self.writer.write)(len(pieces))

    async def end(self) -> Page:
        await sync_to_async(self.writer.end)()
        return await sync_to_async(load)(self.client, self.conversation)


async def until_listening() -> None:
    async with asyncio.timeout(5):
        while not await sync_to_async(listeners)():  # noqa: ASYNC110  # PostgreSQL tells nobody who listens
            await asyncio.sleep(0.01)


def listeners() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chat_feed'"
        )
        return [row[0] for row in cursor.fetchall()]
