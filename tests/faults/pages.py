"""People's pages: they ask, follow by socket, come back after every end, and remember all they were ever shown.

A Tab does what static/js/chat.js and hx-ws do: it says where it stands, applies each frame (tests/page.py),
acknowledges it, and reconnects with jitter. It fails at once when a frame shows less than was shown before, a gap, or
a repeat.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
from websockets import Origin
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.faults.model import WORD, counted
from tests.page import Element, Page

TOKEN = "a" * 32
FINAL = {"done", "stopped", "failed", "interrupted"}
FOR_GOOD = {4400, 4401, 4404, 4429}  # after these a page does not knock again
FIRST_WAIT, LONGEST_WAIT = 0.3, 2.0  # seconds; the page's own longest is 10
NEWS = 2.0  # seconds between looks at the news without a socket
SILENCE = 40.0  # seconds without a frame
PATIENCE = 30.0  # seconds for a page
LOST = (OSError, EOFError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidMessage)


@dataclass
class Person:
    """Somebody who is signed in, at their browser."""

    origin: str
    session: str
    http: aiohttp.ClientSession
    failures: list[str] = field(default_factory=list)  # every request that was not answered as it should be

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": f"session={self.session}; csrf={TOKEN}", "Origin": self.origin}

    async def post(self, path: str, **fields: str) -> tuple[int, Mapping[str, str], str]:
        """Once. Raises aiohttp.ClientError or TimeoutError when there is no answer."""
        body = urlencode({"csrfmiddlewaretoken": TOKEN, **fields})
        headers = {**self.headers, "HX-Request": "true", "Content-Type": "application/x-www-form-urlencoded"}
        async with self.http.post(self.origin + path, data=body, headers=headers, allow_redirects=False) as reply:
            return reply.status, reply.headers, await reply.text()

    async def get(self, path: str) -> tuple[int, str]:
        """Once."""
        async with self.http.get(self.origin + path, headers=self.headers, allow_redirects=False) as reply:
            return reply.status, await reply.text()

    async def surely_post(self, path: str, **fields: str) -> Mapping[str, str]:
        """Again and again, as somebody who presses the button until it works. The headers of the answer."""
        while True:
            with self.noting(path):
                status, headers, _ = await self.post(path, **fields)
                if self._is_fine(path, status):
                    return headers
            await asyncio.sleep(random.uniform(0.2, 0.6))

    async def surely_get(self, path: str) -> str:
        while True:
            with self.noting(path):
                status, text = await self.get(path)
                if self._is_fine(path, status):
                    return text
            await asyncio.sleep(random.uniform(0.2, 0.6))

    def _is_fine(self, path: str, status: int) -> bool:
        if status >= 500:
            self.failures.append(f"{status} {path}")
        assert status < 400 or status >= 500, f"{status} for {path}"
        return status < 400

    def noting(self, path: str) -> _Noting:
        return _Noting(self.failures, path)


@dataclass
class _Noting(suppress):
    """Lets a request fail, and notes it."""

    failures: list[str]
    path: str

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> bool:
        if isinstance(error, (aiohttp.ClientError, TimeoutError)):
            self.failures.append(f"{type(error).__name__} {self.path}")
            return True
        return False


class Reader:
    """A socket that comes back after every end."""

    def __init__(self, person: Person, conversation: str, port: int | None = None) -> None:
        self.person = person
        self.conversation = conversation
        self.codes: list[int | None] = []  # how its sockets ended
        self.connected = 0
        self.is_open = asyncio.Event()
        self._port = port

    @property
    def path(self) -> str:
        return f"/c/{self.conversation}/"

    @property
    @abstractmethod
    def cursor(self) -> int: ...

    @abstractmethod
    def take(self, frame: str) -> None: ...

    async def follow(self) -> None:
        """Until it is told not to knock again."""
        wait = FIRST_WAIT
        while not FOR_GOOD.intersection(self.codes):
            with suppress(*LOST):
                async with self.socket() as socket:
                    wait = FIRST_WAIT
                    await self._read(socket)
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(wait * 2, LONGEST_WAIT)

    def socket(self, max_queue: int = 16) -> connect:
        origin = self.person.origin
        address = f"ws://127.0.0.1:{self._port or origin.rpartition(':')[2]}/ws{self.path}"
        headers = {"Cookie": self.person.headers["Cookie"]}
        return connect(
            address,
            origin=Origin(origin),
            additional_headers=headers,
            compression=None,
            max_size=None,
            max_queue=max_queue,
            ping_interval=None,
            proxy=None,
        )

    async def _read(self, socket: ClientConnection) -> None:
        try:
            await socket.send(json.dumps({"seq": self.cursor}))
            self.connected += 1
            while True:
                async with asyncio.timeout(SILENCE):
                    frame = str(await socket.recv())
                self.take(frame)
                self.is_open.set()
                await socket.send("1")
        finally:
            self.is_open.clear()
            self.codes.append(socket.close_code)


class Tab(Reader):
    """One page of a conversation with one question."""

    page: Page

    def __init__(self, person: Person, question: str) -> None:
        super().__init__(person, "")
        self.question = question
        self.key = str(uuid4())
        self.shown = 0  # words of the answer, at most

    async def ask(self) -> None:
        headers = await self.person.surely_post("/c/", text=self.question, key=self.key)
        self.conversation = headers["HX-Push-Url"].split("/")[2]

    async def open(self) -> None:
        self.page = await self.load()
        self._look()

    async def load(self) -> Page:
        """The page as somebody sees it who comes now."""
        return Page(await self.person.surely_get(self.path))

    async def look_for_news(self) -> None:
        """What the page does while it has no socket."""
        while True:
            if frame := await self.person.surely_get(f"{self.path}news/?seq={self.cursor}"):
                self.take(frame)
            await asyncio.sleep(NEWS)

    @property
    def cursor(self) -> int:
        return self.page.cursor

    def take(self, frame: str) -> None:
        self.page.apply(frame)
        self._look()

    def _look(self) -> None:
        count = counted(text_of(self.page))
        assert count >= self.shown, f"{self.shown} words were shown, now {count}: {self.question}"
        self.shown = count

    @property
    def length(self) -> int:
        """Words of the whole answer."""
        return int(self.question.split()[2])

    @property
    def state(self) -> str:
        return state_of(self.page)

    @property
    def has_ended(self) -> bool:
        return self.state in FINAL


class Glance(Reader):
    """The socket of a page nobody reads word by word: for hundreds of them."""

    def __init__(self, person: Person, conversation: str, port: int | None = None) -> None:
        super().__init__(person, conversation, port)
        self._cursor = 0
        self.newest = -1  # the word that came last

    @property
    def cursor(self) -> int:
        return self._cursor

    def take(self, frame: str) -> None:
        if found := re.search(r'id="cursor" value="(\d+)"', frame):
            self._cursor = int(found[1])
        self.newest = max([self.newest, *map(int, WORD.findall(frame))])


def answer_of(page: Page) -> Element | None:
    answers = [it for it in page.articles if "assistant" in it.attributes["class"]]
    return answers[-1] if answers else None


def text_of(page: Page) -> str:
    answer = answer_of(page)
    return answer.of_class("md")[-1].text if answer else ""


def state_of(page: Page) -> str:
    answer = answer_of(page)
    return answer.attributes["data-state"] if answer else ""
