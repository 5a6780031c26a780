"""A model provider that costs little: numbered words at a steady rate, and when each was sent.

It answers `!count RATE TOKENS [SHAPE]` (see bench.words); one that is asked to go on, with the answer's beginning as
the last message, goes on behind its last word. GET /requests tells what was asked and when each token was sent, POST
/forget empties that; all times are time.monotonic(), which all processes of a machine share.

tests/upstream.py can do far more, and takes almost three times the CPU for each token (36 µs, not 13, at 200 streams):
too much where it shares two cores with what is measured. One timer sends for all answers here, and the bytes around a
word are made once.

    python -m bench.sender        prints its base URL
"""

from __future__ import annotations

import asyncio
import heapq
import json
import re
import time
from array import array
from collections.abc import Iterator
from itertools import count
from typing import Any

from bench.words import tokens
from tests.upstream import Chunks, Event

TICK = 0.001  # seconds, at least, between two rounds of sending
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nConnection: close\r\n"
CHUNKED = HEAD % b"text/event-stream" + b"Transfer-Encoding: chunked\r\n\r\n"
COUNT = re.compile(r"!count (\S+) (\d+)(?: (paragraph|prose|code|list|table))?\b")
TITLE = "A title"


class Asked:
    """One question and what became of its answer."""

    def __init__(self, body: dict[str, Any]) -> None:
        said = [message for message in body["messages"] if message["role"] == "user"]
        self.body = body
        self.question = str(said[-1]["content"])
        self.is_for_a_title = "title" in str(body["messages"][0]["content"])
        self.asked_at = time.monotonic()
        self.first = 0  # the number of the first token
        self.sent = array("d")  # when each token was sent
        self.closed_at = 0.0  # when the client hung up

    def as_json(self) -> dict[str, Any]:
        kept = ("question", "asked_at", "first", "closed_at")
        return {name: getattr(self, name) for name in kept} | {"sent": list(self.sent)}


class Sender:
    """All answers that are being sent, each at its own rate."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._due: list[tuple[float, int, Connection]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: Connection, at: float) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), connection))
        self._arm()

    def _arm(self) -> None:
        """Have the loop call us when the next token is due: a loop's time is time.monotonic()."""
        if self._timer:
            self._timer.cancel()
        if self._due:
            at = max(self._due[0][0], time.monotonic() + TICK)
            self._timer = asyncio.get_running_loop().call_at(at, self._send)

    def _send(self) -> None:
        due, now = self._due, time.monotonic()
        while due and due[0][0] <= now:
            at, number, connection = due[0]
            if connection.send_token():
                heapq.heapreplace(due, (at + connection.interval, number, connection))
            else:
                heapq.heappop(due)
        self._arm()


class Connection(asyncio.Protocol):
    """One request and its answer."""

    transport: asyncio.Transport

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._received = b""
        self._asked: Asked | None = None
        self._texts: Iterator[str] = iter(())
        self.interval = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asked:
            self._asked.closed_at = time.monotonic()
            self._texts = iter(())

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if blank and len(body) >= int(length[1] if length else 0):
            self._received = b""
            self._reply(head.split(b" ", 2)[1].decode(), body)

    def _reply(self, path: str, body: bytes) -> None:
        if path.endswith("/completions"):
            self._begin(Asked(json.loads(body)))
        elif path == "/requests":
            self._reply_with([asked.as_json() for asked in self._sender.asked])
        elif path == "/forget":
            self._sender.asked.clear()
            self._reply_with({})

    def _reply_with(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.transport.write(HEAD % b"application/json" + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()

    def _begin(self, asked: Asked) -> None:
        self._chunks = Chunks(asked.body)
        self._before, self._after = self._chunks.chunk(Event((("content", "\0"),))).split(b"\\u0000")
        self.transport.write(CHUNKED)
        if counting := COUNT.match(asked.question) if not asked.is_for_a_title else None:
            self._asked = asked
            self._sender.asked.append(asked)
            rate, number, shape = counting.groups()
            asked.first = _goes_on_at(asked.body)
            self._texts, self.interval = tokens(shape or "prose", asked.first, int(number)), 1 / float(rate)
            self._sender.add(self, asked.asked_at)
        else:
            self._write(self._token(TITLE))
            self._end()

    def send_token(self) -> bool:
        """Send the next one; False when there was none left."""
        text = next(self._texts, None)
        if text is None:
            if not self.transport.is_closing():
                self._end()
            return False
        assert self._asked
        self._asked.sent.append(time.monotonic())
        self._write(self._token(text))
        return True

    def _token(self, text: str) -> bytes:
        return self._before + json.dumps(text)[1:-1].encode() + self._after

    def _write(self, body: bytes) -> None:
        self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))

    def _end(self) -> None:
        usage = (("prompt_tokens", 9), ("completion_tokens", 9))
        self._write(self._chunks.chunk(Event((("content", ""),), "stop", usage)))
        self._write(b"data: [DONE]\n\n")
        self.transport.write(b"0\r\n\r\n")
        self._asked = None
        self.transport.close()


def _goes_on_at(body: dict[str, Any]) -> int:
    last = body["messages"][-1]
    said = re.findall(r"w(\d+)e", str(last["content"])) if last["role"] == "assistant" else []
    return int(said[-1]) + 1 if said else 0


async def main() -> None:
    sender = Sender()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(sender), "127.0.0.1", 0, backlog=1000)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
