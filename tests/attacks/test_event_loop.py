"""RD7: what a model wrote is rendered beside the event loop, which serves everybody else meanwhile.

How late the loop comes is the bench's to measure; here is counted which threads run the renderer at all.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client

from accounts.models import User
from accounts.sessions import digest
from catalog.models import Route
from chatsite.pages import Pages
from conversations import asking, markdown
from conversations.feed import Feed, Reader
from conversations.feed.admission import Admission
from conversations.feed.reader import NOWHERE, Position
from conversations.models import Chunk
from conversations.models.generation import MOST_AT_ONCE
from tests.conversations.markdown.samples import BOMBS
from tests.conversations.replaying import Writer

RENDERER = str(Path(markdown.__file__).parent)
KINDS = (Chunk.Kind.REASONING, Chunk.Kind.TEXT)
LENGTH = 3_000  # of a bomb: who renders it does not depend on that
MONITOR = 4  # a number that neither coverage nor a debugger takes


@contextmanager
def rendering() -> Iterator[set[str]]:
    """The pools whose threads call any function of the renderer; a thread of none stands there by its own name."""
    pools: set[str] = set()

    def note(code: CodeType, offset: int) -> Any:
        if not code.co_filename.startswith(RENDERER):
            return sys.monitoring.DISABLE
        pools.add(threading.current_thread().name.split("_")[0])
        return None

    events = sys.monitoring.events
    sys.monitoring.use_tool_id(MONITOR, "who renders")
    try:
        sys.monitoring.register_callback(MONITOR, events.PY_START, note)
        sys.monitoring.restart_events()
        sys.monitoring.set_events(MONITOR, events.PY_START)
        yield pools
    finally:
        sys.monitoring.set_events(MONITOR, 0)
        sys.monitoring.free_tool_id(MONITOR)


@pytest.fixture
def writers(alice: User, route: Route) -> list[Writer]:
    """As many answers as one member may have at once. The bombs are dealt out to them, as thoughts and as words."""
    for _ in range(MOST_AT_ONCE):
        asking.start(alice, "What is a monad?", uuid4(), route)
    writers = Writer.claim([])
    for number, bomb in enumerate(BOMBS.values()):
        turn, place = divmod(number, len(writers))
        writers[place].pieces.append((KINDS[turn % 2], bomb[:LENGTH]))
    return writers


@pytest.fixture
def admission(alice: User, browser_of_alice: Client) -> Admission:
    return Admission(alice.pk, digest(browser_of_alice.session.session_key or ""), alice.get_session_auth_hash())


class Socket:
    """Takes every frame, and acknowledges it."""

    def __init__(self, feed: Feed, conversation_id: UUID, admission: Admission) -> None:
        self.feed, self.frames = feed, 0
        self.reader = Reader(conversation_id, admission, NOWHERE, self._send, self._close)
        feed.join(self.reader)
        feed.begin(self.reader, Position(0))

    async def _send(self, frame: str) -> None:
        self.frames += 1
        self.feed.acknowledged(self.reader)

    async def _close(self, code: int) -> None:
        raise AssertionError(f"closed with {code}")


async def until_told(sockets: list[Socket], frames: int) -> None:
    async with asyncio.timeout(60):
        while any(it.frames < frames for it in sockets):  # noqa: ASYNC110  # each is told by itself
            await asyncio.sleep(0.01)


async def test_answers_are_rendered_for_sockets_in_the_feeds_threads(
    writers: list[Writer], admission: Admission
) -> None:
    feed = Feed()
    try:
        with rendering() as pools:
            sockets = [Socket(feed, it.generation.conversation_id, admission) for it in writers]
            await until_told(sockets, 1)
            for writer in writers:
                await sync_to_async(writer.write)(len(BOMBS))
            await until_told(sockets, 2)  # grown
            for writer in writers:
                await sync_to_async(writer.end)()
            await until_told(sockets, 3)  # as it is stored
    finally:
        await feed.close()
    assert pools == {"feed"}


async def test_answers_are_rendered_for_pages_in_the_pages_threads(
    writers: list[Writer], browser_of_alice: Client
) -> None:
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser_of_alice.cookies[settings.SESSION_COOKIE_NAME].value}".encode()
    scope: dict[str, Any] = {"type": "http", "method": "GET", "query_string": b""}
    scope["headers"] = [(b"host", b"testserver"), (b"cookie", cookie)]
    statuses: list[int] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    pages = Pages()
    with rendering() as pools:
        for writer in writers:
            await sync_to_async(writer.write)(len(BOMBS))
            await pages(scope | {"path": f"/c/{writer.generation.conversation_id}/"}, receive, send)
    assert statuses == [200] * len(writers)
    assert pools == {"page"}
