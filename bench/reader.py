"""A member's browser, as cheap as can be: it posts a question and follows the answer on a socket.

It parses no HTML: it looks for the numbered words of bench.words in every frame. The last frame replaces the whole
message, so whether every word is there once is seen in that one.
"""

from __future__ import annotations

import asyncio
import re
import time
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Self
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from bench.words import numbers

AGAIN = 0.5  # seconds before a socket that was cut is opened again
TEXT, CLOSE, PING = 1, 8, 9
# Frames of a client are masked; a mask of zeros changes nothing.
ACKNOWLEDGEMENT = b"\x81\x81\0\0\0\x001"
ENDED = re.compile(rb'data-state="(done|stopped|failed|interrupted)"')


@dataclass
class Seen:
    """What one member saw of an answer. All times are time.monotonic()."""

    asked_at: float = 0.0
    question: str = ""
    arrivals: array[float] = field(default_factory=lambda: array("d"))  # when each token's first frame came
    frames: int = 0
    bytes: int = 0
    state: str = ""  # how the answer ended
    ended_at: float = 0.0
    cuts: int = 0  # sockets that were lost on the way
    is_whole: bool = False  # every token is in it, once, in order


class RefusedError(Exception):
    """The house did not take a question; the message is its status line."""


class Socket(asyncio.Protocol):
    """One websocket to one conversation."""

    transport: asyncio.Transport

    def __init__(self, base: str, path: str, cookie: str, seen: Seen, tokens: int) -> None:
        self._handshake = "\r\n".join(
            [
                f"GET {path} HTTP/1.1",
                f"Host: {urlsplit(base).netloc}",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Version: 13",
                f"Origin: {base}",
                f"Cookie: {cookie}",
                "\r\n",
            ]
        )
        self.seen = seen
        self._tokens = tokens
        self._buffer = bytearray()
        self._is_open = False
        self.ended = asyncio.Event()  # the answer has, or the connection

    @classmethod
    async def open(cls, base: str, path: str, cookie: str, seen: Seen, tokens: int) -> Self:
        loop = asyncio.get_running_loop()
        _, it = await loop.create_connection(lambda: cls(base, path, cookie, seen, tokens), *_address(base))
        return it

    def close(self) -> None:
        self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._handshake.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._buffer += data
        if not self._is_open:
            head, blank, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not blank:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.transport.close()
                return
            self._is_open, self._buffer = True, bytearray(rest)
            self.transport.write(b"\x81\x8a\0\0\0\0" + b'{"seq": 0}')
        for kind, payload in self._frames():
            if kind == TEXT:
                self.transport.write(ACKNOWLEDGEMENT)
                self._take(payload, now)
            elif kind == PING:
                self.transport.write(bytes([0x8A, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
            elif kind == CLOSE:
                self.transport.close()

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1], 2
            if size >= 126:
                head = 4 if size == 126 else 10
                size = int.from_bytes(buffer[at + 2 : at + head])
            if len(buffer) < at + head + size:
                break
            yield buffer[at] & 15, bytes(buffer[at + head : at + head + size])
            at += head + size
        del buffer[:at]

    def _take(self, frame: bytes, now: float) -> None:
        seen = self.seen
        seen.frames += 1
        seen.bytes += len(frame)
        found = numbers(frame)
        if found:
            for _ in range(len(seen.arrivals), max(found) + 1):
                seen.arrivals.append(now)
        if b"data-state" in frame and (state := ENDED.search(frame)):
            seen.state, seen.ended_at = state[1].decode(), now
            seen.is_whole = found == list(range(self._tokens))
            self.ended.set()


class Member:
    """One who is signed in."""

    def __init__(self, base: str, session: str) -> None:
        self._base = base
        self._token = "a" * 32
        self._cookie = f"session={session}; csrf={self._token}"
        self.conversation = ""  # its path: /c/…/
        self.socket = ""  # and of its socket

    async def ask(self, text: str) -> Seen:
        """Start a conversation. Raises RefusedError."""
        key = str(uuid4())
        seen = Seen(asked_at=time.monotonic(), question=f"{text} {key}")
        head, _ = await self.post("/c/", text=seen.question, key=key)
        pushed = re.search(r"hx-push-url: (/c/[0-9a-f-]+/)", head, re.IGNORECASE)
        if not pushed:
            raise RefusedError(head.partition("\r\n")[0])
        self.conversation = pushed[1]
        self.socket = f"/ws{self.conversation}"
        return seen

    async def shared(self) -> Member:
        """Somebody who has a live link to the conversation, and no account."""
        tomorrow = (date.today() + timedelta(days=1)).isoformat()
        terms = {"kind": "live", "audience": "anyone", "expires_on": tomorrow}
        _, body = await self.post(f"{self.conversation}share/", key=str(uuid4()), **terms)
        found = re.search(r"/s/[\w-]{43}/", body)
        assert found, body[:2_000]
        stranger = Member(self._base, "")
        stranger.socket = f"{found[0]}live/"
        return stranger

    async def follow(self, seen: Seen, tokens: int) -> Socket:
        """A tab: a socket until the answer has ended, and another one whenever it is cut, as the page does.

        Cancelled, it leaves.
        """
        while True:
            with suppress(OSError):
                socket = await Socket.open(self._base, self.socket, self._cookie, seen, tokens)
                try:
                    await socket.ended.wait()
                except asyncio.CancelledError:
                    socket.close()
                    raise
                if seen.state:
                    return socket
            seen.cuts += 1
            await asyncio.sleep(AGAIN)

    async def post(self, path: str, **form: str) -> tuple[str, str]:
        """The head and the body of what the server said."""
        body = urlencode(form | {"csrfmiddlewaretoken": self._token}).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {urlsplit(self._base).netloc}",
            f"Origin: {self._base}",
            f"Cookie: {self._cookie}",
            "HX-Request: true",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        reader, writer = await asyncio.open_connection(*_address(self._base))
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return head.decode(), answer.decode()


def _address(base: str) -> tuple[str, int]:
    parts = urlsplit(base)
    assert parts.hostname and parts.port
    return parts.hostname, parts.port
