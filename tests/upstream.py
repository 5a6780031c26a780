"""A model provider that does as it is told: a real HTTP server that plays scripts of bytes.

It runs in its own thread with its own event loop, so synchronous and asynchronous tests can use it alike:

    with Upstream() as upstream:
        upstream.play(Script.text("Hello", " world"))           # the next request gets this answer
        ...                                                       # point the product at upstream.base_url
        request = upstream.wait_for_request()                     # what arrived
        assert request.body["model"] == "deepseek-flash"

A fixture is two lines:

    @pytest.fixture
    def upstream():
        with Upstream() as upstream:
            yield upstream

Scripts are immutable; every method returns a longer one.

    Script.text("a", "b")                                  a whole, well-formed answer (usage, finish and [DONE] too)
    Script().role().reasoning("hm").text_delta("a")        step by step …
            .gate(gate).comment().pause(0.1)               … waiting for the test, keeping alive, waiting for the clock
            .finish("stop").done()                         … the end; usage rides on finish, or .usage() alone
    Script().cut() / .reset() / .stall()                   FIN in the middle, RST, silence until the client hangs up
    Script.reply(429, headers={"Retry-After": "1"})        any status with any body
    Script.error(402, "Insufficient Balance")              DeepSeek's error shape
    Script().raw(b"data: {}\n\n") / .data({...})           any bytes, any event
    Script().call(0, "call_0", "get_date", "{", "}")       a tool call in fragments; .fragments({...}, {...}): any
    Script.whole("Hello", blank_lines=3)                   one JSON body instead of a stream
    script.in_pieces(1)                                    the same bytes, one HTTP chunk for each
    script.body()                                          the same bytes, for a test that cuts them itself

A gate is how a test decides when an answer goes on; nobody needs to sleep:

    gate = Gate()
    upstream.play(Script().role().text_delta("a").gate(gate).text_delta("b").finish().done())
    ...
    gate.wait_reached()                                    # everything before the gate has been sent
    gate.open()

Which script a request gets: the first in the queue (`play`), else what `answer_with(function)` returns for the
recorded request, else `spoken`: what the first word of the last user message asks for.

    !slow 50 800   800 tokens at 50 a second          !stall        one word, then silence
    !cut 5         FIN after 5 tokens                  !reset 5      RST after 5 tokens
    !length 5      5 tokens, then the limit            !ponder       thinks until the limit, without an answer
    !status 402    that status                         !empty        finishes without a word
    !think         reasoning, then an answer           !code !table !list !demo   Markdown; all take tokens/s
    !story         STORY, of which !stall, !cut, !reset and !length tell the beginning; takes tokens/s
    !json          one JSON object                     !markup       a tool call that leaked into the text
    !tools         calls the first tool it was offered, then tells what the tool said;
                   `!tools get_date {"zone": "UTC"}` calls that one with these arguments
    anything else  a short friendly answer; requests whose system prompt says "title" get a short title

A request that ends with the assistant's own words (`prefix`) gets what is missing of the same answer and nothing else.
One that is told in words to continue, or to go on, gets some words again before it, as models do it: those with
which the instruction ends, or the last three. `logprobs` are sent with
every token when they were asked for. Fill-in-the-middle (`/completions`) gets the same scripts in its own shape, and
FILLING by default. GET /models lists what `upstream.offer(...)` was given.

Every completion is recorded: body, headers, when it arrived, what was sent, and when its client hung up
(`request.wait_closed()` or `await request.closed()`). All times are time.monotonic(). `upstream.listings` has the
requests for the list of models.

As a process of its own, for browsers and benchmarks: `python -m tests.upstream --port 0 --script "!slow 50 800"`
prints its base URL. GET /requests there returns what was recorded, as JSON; POST /forget empties it.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import re
import socket
import ssl
import struct
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

FINGERPRINT = "fp_9954b31ca7_prod0820_fp8_kvcache_20260402"
WAIT = 10.0  # seconds that a test waits for something that should have happened long ago


class Gate:
    """Holds an answer back until the test opens it. May be opened before it is reached; stays open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._reached = threading.Event()

    def open(self) -> None:
        with self._lock:
            self._open = True
            for loop, event in self._waiting:
                # The server may be gone already.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(event.set)

    def wait_reached(self, seconds: float = WAIT) -> None:
        """Block until an answer stands before the gate: everything before it has been sent."""
        if not self._reached.wait(seconds):
            raise TimeoutError("No answer came to the gate")

    async def reached(self) -> None:
        await asyncio.to_thread(self.wait_reached)

    async def pass_through(self) -> None:
        event = asyncio.Event()
        with self._lock:
            if self._open:
                event.set()
            self._waiting.append((asyncio.get_running_loop(), event))
        self._reached.set()
        await event.wait()


# The steps of a script. `Event`s carry a delta or more; they are counted, raw bytes are not.


@dataclass(frozen=True)
class Head:
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/event-stream; charset=utf-8"),)
    chunked: bool = True

    @property
    def has_length(self) -> bool:
        return any(name.lower() == "content-length" for name, _ in self.headers)


@dataclass(frozen=True)
class Raw:
    body: bytes


@dataclass(frozen=True)
class Event:
    """One chunk of a completion: a delta, or a finish, or usage alone."""

    delta: tuple[tuple[str, Any], ...] | None = None
    finish: str | None = None
    usage: tuple[tuple[str, Any], ...] | None = None
    logprobs: tuple[tuple[str, Any], ...] | None = None


@dataclass(frozen=True)
class Tokens:
    """Text (or reasoning) at so many tokens a second, kept to the schedule however late a single one is."""

    texts: tuple[str, ...]
    per_second: float  # 0 sends them all at once
    name: str = "content"

    def events(self) -> Iterator[Event]:
        return (Event(((self.name, text),)) for text in self.texts)


@dataclass(frozen=True)
class Wait:
    gate: Gate


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Stop:
    """How the connection ends early."""

    how: str  # "cut": FIN, "reset": RST, "stall": never, "eof": properly, without [DONE]


Step = Head | Raw | Event | Tokens | Wait | Pause | Stop


@dataclass(frozen=True)
class Script:
    """What one answer does, step by step. The head is sent with the first bytes of the body."""

    steps: tuple[Step, ...] = ()
    piece: int = 0  # bytes in one HTTP chunk; 0 sends every step in one

    @classmethod
    def text(cls, *texts: str, finish: str = "stop") -> "Script":
        """A whole answer that says this, one delta each."""
        return cls().role().text_delta(*texts).finish(finish).done()

    @classmethod
    def thought(cls, reasoning: Sequence[str], texts: Sequence[str]) -> "Script":
        """A whole answer that thinks first."""
        return cls().role(reasoning=True).reasoning(*reasoning).text_delta(*texts).finish().done()

    @classmethod
    def whole(cls, content: str | None, *, blank_lines: int = 0, finish: str = "stop", **message: Any) -> "Script":
        """The answer as one JSON body, after the blank lines by which DeepSeek keeps a queued request alive.

        Further names are fields of the message: reasoning_content, tool_calls.
        """
        value = {
            "id": "930c60df-bf64-41c9-a88e-3ec75f81e00e",
            "object": "chat.completion",
            "created": 1785141045,
            "model": "deepseek-flash",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content, **message},
                    "logprobs": None,
                    "finish_reason": finish,
                }
            ],
            "usage": {"prompt_tokens": 8, "completion_tokens": 1, "total_tokens": 9, "prompt_cache_hit_tokens": 0},
            "system_fingerprint": FINGERPRINT,
        }
        waiting = cls().head(Content_Type="application/json").raw(b"\n" * blank_lines)
        return waiting.raw(json.dumps(value, ensure_ascii=False).encode())

    @classmethod
    def reply(cls, status: int, body: bytes | str = b"", headers: dict[str, str] | None = None) -> "Script":
        """Any HTTP answer. No Content-Type unless you give one."""
        body = body.encode() if isinstance(body, str) else body
        length = {"Content-Length": str(len(body)), **(headers or {})}
        return cls((Head(status, tuple(length.items()), chunked=False), Raw(body)))

    @classmethod
    def error(cls, status: int, message: str, kind: str = "invalid_request_error", **headers: str) -> "Script":
        """DeepSeek's error shape: the code is always the same."""
        error = {"message": message, "type": kind, "param": None, "code": "invalid_request_error"}
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls.reply(status, json.dumps({"error": error}), {"Content-Type": "application/json", **names})

    def then(self, *steps: Step) -> "Script":
        return replace(self, steps=self.steps + steps)

    def __add__(self, other: "Script") -> "Script":
        return self.then(*other.steps)

    @property
    def said(self) -> str:
        """The text of all its deltas."""
        return "".join(text for step in self.steps for text in _texts(step))

    def in_pieces(self, size: int) -> "Script":
        """The same, with the body in HTTP chunks of so many bytes, each written for itself."""
        return replace(self, piece=size)

    def body(self, **asked: Any) -> bytes:
        """What it sends when this is asked, without waiting for anything."""
        chunks = Chunks(asked)
        return b"".join(chunks.of(step) for step in self.steps)

    def head(self, status: int = 200, *, chunked: bool = True, **headers: str) -> "Script":
        """Only needed to send the head before anything else, or an unusual one. `Content_Type` sets Content-Type."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.then(Head(status, tuple({"Content-Type": "text/event-stream", **named}.items()), chunked))

    def role(self, *, reasoning: bool = False) -> "Script":
        """The first chunk, as DeepSeek sends it."""
        if reasoning:
            return self.delta(role="assistant", content=None, reasoning_content="")
        return self.delta(role="assistant", content="")

    def delta(self, **fields: Any) -> "Script":
        return self.then(Event(tuple(fields.items())))

    def text_delta(self, *texts: str) -> "Script":
        return self.then(*(Event((("content", text),)) for text in texts))

    def reasoning(self, *texts: str, name: str = "reasoning_content") -> "Script":
        return self.then(*(Event((("content", None), (name, text))) for text in texts))

    def call(self, index: int, id: str, name: str, *arguments: str) -> "Script":
        """A tool call as DeepSeek streams it: named first, then its arguments piece by piece."""
        function = {"name": name, "arguments": ""}
        begun = self.fragments({"index": index, "id": id, "type": "function", "function": function})
        return begun.arguments(index, *arguments)

    def arguments(self, index: int, *texts: str) -> "Script":
        """More of a call's arguments, one chunk each. Taking turns with another index interleaves two calls."""
        pieces = ({"index": index, "function": {"arguments": text}} for text in texts)
        return functools.reduce(lambda script, piece: script.fragments(piece), pieces, self)

    def fragments(self, *fragments: dict[str, Any], **delta: Any) -> "Script":
        """One chunk with these fragments of tool calls exactly as given, and other fields of its delta."""
        return self.delta(**delta, tool_calls=list(fragments))

    def likely(self, text: str, *tokens: dict[str, Any], name: str = "content") -> "Script":
        """A delta with the log probabilities of its tokens (see `token`)."""
        logprobs = {"content": None, "reasoning_content": None, name: list(tokens)}
        return self.then(Event(((name, text),), logprobs=tuple(logprobs.items())))

    def tokens(self, texts: Sequence[str], per_second: float, name: str = "content") -> "Script":
        return self.then(Tokens(tuple(texts), per_second, name))

    def finish(self, reason: str | None = "stop", *, usage: bool = True, **counts: Any) -> "Script":
        """The last chunk with a choice. Usage rides on it, estimated unless you give counts."""
        fields = (("content", ""),)
        return self.then(Event(fields, finish=reason, usage=tuple(counts.items()) if usage else None))

    def usage(self, **counts: Any) -> "Script":
        """A chunk with usage and no choices, as OpenAI sends it."""
        return self.then(Event(usage=tuple(counts.items())))

    def done(self) -> "Script":
        return self.raw(b"data: [DONE]\n\n")

    def data(self, value: Any) -> "Script":
        """One event with this as JSON."""
        return self.raw(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n")

    def raw(self, body: bytes) -> "Script":
        """These bytes of the body, sent in one piece."""
        return self.then(Raw(body))

    def comment(self, text: str = "keep-alive") -> "Script":
        return self.raw(f": {text}\n\n".encode())

    def gate(self, gate: Gate) -> "Script":
        return self.then(Wait(gate))

    def pause(self, seconds: float) -> "Script":
        return self.then(Pause(seconds))

    def cut(self) -> "Script":
        """FIN, before the body has properly ended."""
        return self.then(Stop("cut"))

    def reset(self) -> "Script":
        """RST."""
        return self.then(Stop("reset"))

    def stall(self) -> "Script":
        """Silence, until the client hangs up."""
        return self.then(Stop("stall"))


def _texts(step: Step) -> Sequence[str]:
    match step:
        case Tokens(texts, _, "content"):
            return texts
        case Event(delta) if delta:
            return [dict(delta).get("content") or ""]
    return []


def token(text: str, logprob: float, **alternatives: float) -> dict[str, Any]:
    """How likely a token was, and what else might have stood there: an entry of `logprobs.content`."""

    def entry(text: str, logprob: float) -> dict[str, Any]:
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

    return {**entry(text, logprob), "top_logprobs": [entry(*each) for each in alternatives.items()]}


@dataclass
class Recorded:
    """A request and what became of its answer. Times are time.monotonic()."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    arrived: float
    bytes_sent: int = 0
    event_times: list[float] = field(default_factory=list)
    finished_at: float | None = None
    closed_at: float | None = None
    _closed: threading.Event = field(default_factory=threading.Event, repr=False)
    _finished: threading.Event = field(default_factory=threading.Event, repr=False)

    @functools.cached_property
    def body(self) -> dict[str, Any]:
        with contextlib.suppress(ValueError):
            parsed = json.loads(self.raw)
            return parsed if isinstance(parsed, dict) else {}
        return {}

    @property
    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body.get("messages", [])
        return found

    @property
    def events_sent(self) -> int:
        return len(self.event_times)

    @property
    def hung_up(self) -> bool:
        """The client left before the script was played to its end."""
        return self.closed_at is not None and self.finished_at is None

    def says(self, role: str) -> str:
        """The last message of this role."""
        found = [message.get("content") for message in self.messages if message.get("role") == role]
        return found[-1] if found and isinstance(found[-1], str) else ""

    def wait_closed(self, seconds: float = WAIT) -> float:
        """Block until the client has closed the connection; the moment it did."""
        if not self._closed.wait(seconds) or self.closed_at is None:
            raise TimeoutError("The client did not hang up")
        return self.closed_at

    async def closed(self, seconds: float = WAIT) -> float:
        return await asyncio.to_thread(self.wait_closed, seconds)

    def wait_finished(self, seconds: float = WAIT) -> float:
        """Block until the whole script has been played."""
        if not self._finished.wait(seconds) or self.finished_at is None:
            raise TimeoutError("The answer was not played to its end")
        return self.finished_at

    def has_closed(self) -> None:
        if self.closed_at is None:
            self.closed_at = time.monotonic()
            self._closed.set()

    def has_finished(self) -> None:
        self.finished_at = time.monotonic()
        self._finished.set()

    def as_json(self) -> dict[str, Any]:
        names = ("number", "method", "path", "arrived", "bytes_sent", "event_times", "finished_at", "closed_at")
        return {"body": self.body, **{name: getattr(self, name) for name in names}}


Chooser = Callable[[Recorded], Script | None]


class Upstream:
    """The server. Use it as a context manager; every method may be called from any thread."""

    def __init__(
        self, *, port: int = 0, host: str = "127.0.0.1", script: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        self._address = (host, port)
        self._tls = tls
        self._script = script
        self._queue: deque[Script] = deque()
        self._chooser: Chooser | None = None
        self._arrived = threading.Condition()
        self._requests: list[Recorded] = []
        self._listings: list[Recorded] = []
        self._balance = Script.reply(404)
        self._offered = _listed("deepseek-flash", "deepseek-v4-pro")
        self._loop = asyncio.new_event_loop()
        self._connections: set[Connection] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstream", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        host, port = self._address
        start = self._loop.create_server(lambda: Connection(self), host, port, backlog=1024, ssl=self._tls)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(WAIT)
        self._address = self._server.sockets[0].getsockname()[:2]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(WAIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT)
        self._loop.close()

    async def _hang_up(self) -> None:
        if self._server:
            self._server.close()
        players = [player for connection in self._connections if (player := connection.leave())]
        await asyncio.gather(*players, return_exceptions=True)

    @property
    def base_url(self) -> str:
        host, port = self._address
        return f"{'https' if self._tls else 'http'}://{host}:{port}"

    def play(self, *scripts: Script) -> None:
        """The next requests get these answers, in this order."""
        self._queue.extend(scripts)

    def answer_with(self, chooser: Chooser) -> None:
        """Ask this function for every request that finds the queue empty. None means the default."""
        self._chooser = chooser

    def offer(self, *models: str, script: Script | None = None) -> None:
        """What GET /models lists from now on, or how it fails to."""
        self._offered = script or _listed(*models)

    def owe(self, *balances: tuple[str, str], is_available: bool = True, script: Script | None = None) -> None:
        """What GET /user/balance tells from now on, by currency, or how it fails to."""
        rows = [
            {"currency": it, "total_balance": total, "granted_balance": "0.00", "topped_up_balance": total}
            for it, total in balances
        ]
        self._balance = script or _json_reply({"is_available": is_available, "balance_infos": rows})

    @property
    def listings(self) -> list[Recorded]:
        """Every request for the list of models, oldest first."""
        with self._arrived:
            return list(self._listings)

    @property
    def requests(self) -> list[Recorded]:
        """Every completion that was asked for, oldest first."""
        with self._arrived:
            return list(self._requests)

    def forget(self) -> None:
        """Drop what was recorded and what is still queued."""
        with self._arrived:
            self._requests.clear()
            self._listings.clear()
            self._queue.clear()

    def wait_for_request(self, number: int = 1, seconds: float = WAIT) -> Recorded:
        """Block until so many requests have arrived (since the last `forget`); the last of them."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._requests) >= number, seconds):
                raise TimeoutError(f"Request {number} did not arrive")
            return self._requests[number - 1]

    async def requested(self, number: int = 1) -> Recorded:
        return await asyncio.to_thread(self.wait_for_request, number)

    # Called by connections, in the server's thread.

    def joined(self, connection: "Connection") -> None:
        self._connections.add(connection)

    def left(self, connection: "Connection") -> None:
        self._connections.discard(connection)

    def script_for(self, request: Recorded) -> Script:
        if request.path.endswith("/completions"):
            return self._record(request)
        if request.path == "/requests":
            return _json_reply([each.as_json() for each in self.requests])
        if request.path == "/forget":
            self.forget()
            return _json_reply({})
        if request.path.endswith("/user/balance"):
            return self._balance
        if request.path.endswith("/models"):
            with self._arrived:
                self._listings.append(request)
            return self._offered
        return Script.reply(404)

    def _record(self, request: Recorded) -> Script:
        with self._arrived:
            self._requests.append(request)
            script = self._queue.popleft() if self._queue else None
            self._arrived.notify_all()
        script = script or (self._chooser(request) if self._chooser else None)
        return script or spoken(request, default=self._script)


class Connection(asyncio.Protocol):
    """One client's connection: reads requests, plays their scripts, notices when the client leaves."""

    transport: asyncio.Transport

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._received = bytearray()
        self._request: Recorded | None = None
        self._player: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upstream.joined(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._next_request()

    def eof_received(self) -> bool:
        self._noticed_leaving()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._noticed_leaving()
        self._upstream.left(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def leave(self) -> asyncio.Task[None] | None:
        """The server goes home."""
        self.transport.abort()
        if self._player:
            self._player.cancel()
        return self._player

    def _noticed_leaving(self) -> None:
        if self._request:
            self._request.has_closed()
        if self._player:
            self._player.cancel()

    def _next_request(self) -> None:
        if self._player and not self._player.done():
            return
        if request := _parse(self._received):
            self._request = request
            self._player = asyncio.get_running_loop().create_task(self._play(request))

    async def _play(self, request: Recorded) -> None:
        try:
            whole = await Player(self, request).play(self._upstream.script_for(request))
        except Exception:
            # A script that cannot be played must be seen, and must not leave its client waiting.
            traceback.print_exc()
            self.reset()
            return
        if whole:
            request.has_finished()
            # A request that was sent too early waits in the buffer.
            asyncio.get_running_loop().call_soon(self._next_request)

    async def write(self, data: bytes) -> None:
        await self._writable.wait()
        self.transport.write(data)

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()


class Chunks:
    """Writes the steps of one answer as the bytes of its body, in the shape of the path that was asked."""

    def __init__(self, asked: dict[str, Any], path: str = "/chat/completions", number: int = 0) -> None:
        self._asked = asked
        self._is_chat = path.endswith("/chat/completions")
        self._tokens = {"text": 0, "reasoning": 0}
        envelope = {
            "id": f"930c60df-bf64-41c9-a88e-{number:012x}",
            "object": "chat.completion.chunk" if self._is_chat else "text_completion",
            "created": 1785141045,
            "model": asked.get("model", "deepseek-flash"),
            "system_fingerprint": FINGERPRINT,
        }
        self._envelope = b"data: " + json.dumps(envelope, separators=(",", ":")).encode()[:-1]

    def of(self, step: Step) -> bytes:
        match step:
            case Raw():
                return step.body
            case Event():
                return self.chunk(step)
            case Tokens():
                return b"".join(self.chunk(event) for event in step.events())
        return b""

    def chunk(self, event: Event) -> bytes:
        usage = json.dumps(None if event.usage is None else self._usage(dict(event.usage)))
        choices = "" if event.delta is None else self._choice(event, dict(event.delta))
        return self._envelope + f',"choices":[{choices}],"usage":{usage}}}\n\n'.encode()

    def _choice(self, event: Event, delta: dict[str, Any]) -> str:
        reasoned = any(delta.get(name) for name in delta if name.startswith("reasoning"))
        self._tokens["reasoning"] += reasoned
        self._tokens["text"] += bool(delta.get("content") or delta.get("tool_calls"))
        said = {"delta": delta} if self._is_chat else {"text": delta.get("content") or ""}
        logprobs = dict(event.logprobs) if event.logprobs else self._logprobs(delta)
        return json.dumps({"index": 0, **said, "logprobs": logprobs, "finish_reason": event.finish})

    def _logprobs(self, delta: dict[str, Any]) -> dict[str, Any] | None:
        """Only for those who asked; every token was as good as certain."""
        text = delta.get("content")
        if not text or self._asked.get("logprobs") is not True:
            return None
        others = {f"other{number}": -3.0 - number for number in range(self._asked.get("top_logprobs") or 0)}
        return {"content": [token(text, -0.125, **others)], "reasoning_content": None}

    def _usage(self, counts: dict[str, Any]) -> dict[str, Any]:
        """Four characters are a token of the prompt, a delta is a token of the answer, nothing was cached."""
        if "prompt_tokens" in counts or "completion_tokens" in counts:
            return counts
        said = sum(len(str(message.get("content"))) for message in self._asked.get("messages", []))
        prompt, reasoning = counts.get("prompt", max(1, said // 4)), self._tokens["reasoning"]
        completion = counts.get("completion", self._tokens["text"] + reasoning)
        hit = counts.get("cache_hit", 0)
        details = {"completion_tokens_details": {"reasoning_tokens": counts.get("reasoning", reasoning)}}
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": hit},
            **(details if reasoning or "reasoning" in counts else {}),
            "prompt_cache_hit_tokens": hit,
            "prompt_cache_miss_tokens": prompt - hit,
        }


class Player:
    """Plays one script on one connection."""

    def __init__(self, connection: Connection, request: Recorded) -> None:
        self._connection = connection
        self._request = request
        self._head: Head | None = None
        self._piece = 0
        self._chunks = Chunks(request.body, request.path, request.number)

    async def play(self, script: Script) -> bool:
        """True when the answer ended properly and the connection can be used again."""
        self._piece = script.piece
        for step in script.steps:
            if isinstance(step, Stop):
                return await self._stop(step)
            await self._step(step)
        await self._end()
        return True

    async def _step(self, step: Step) -> None:
        match step:
            case Head():
                await self._send_head(step)
            case Raw():
                await self._send(step.body)
            case Event():
                await self._send_event(step)
            case Tokens():
                await self._send_tokens(step)
            case Wait():
                await step.gate.pass_through()
            case Pause():
                await asyncio.sleep(step.seconds)

    async def _send_head(self, head: Head) -> None:
        self._head = head
        framing = (("Transfer-Encoding", "chunked"),) if head.chunked else ()
        headers = (*head.headers, *framing, ("x-ds-trace-id", f"trace-{self._request.number}"))
        lines = [f"HTTP/1.1 {head.status} Scripted", *(f"{name}: {value}" for name, value in headers)]
        await self._connection.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def _send(self, body: bytes) -> None:
        if self._head is None:
            await self._send_head(Head())
        self._request.bytes_sent += len(body)
        size = self._piece or len(body)
        for start in range(0, len(body), size or 1):
            await self._connection.write(self._framed(body[start : start + size]))
            if self._piece:
                # The loop goes round once, so that the next piece is a write of its own.
                await asyncio.sleep(0)

    def _framed(self, body: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(body), body) if self._head and self._head.chunked else body

    async def _send_event(self, event: Event) -> None:
        self._request.event_times.append(time.monotonic())
        await self._send(self._chunks.chunk(event))

    async def _send_tokens(self, step: Tokens) -> None:
        begin = time.monotonic()
        for index, event in enumerate(step.events()):
            early = begin + index / step.per_second - time.monotonic() if step.per_second else 0
            await asyncio.sleep(max(early, 0))  # behind its pace too, or it would not notice who hangs up
            await self._send_event(event)

    async def _end(self) -> None:
        if self._head is None:
            await self._send_head(Head())
        elif not self._head.chunked and not self._head.has_length:
            self._connection.transport.close()
        if self._head and self._head.chunked:
            await self._connection.write(b"0\r\n\r\n")

    async def _stop(self, step: Stop) -> bool:
        if step.how == "cut":
            self._connection.transport.close()
        elif step.how == "reset":
            self._connection.reset()
        else:
            await asyncio.Event().wait()
        return False


def _parse(received: bytearray) -> Recorded | None:
    """Take one whole request out of the buffer."""
    head, blank, rest = bytes(received).partition(b"\r\n\r\n")
    if not blank:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", 0))
    if len(rest) < length:
        return None
    del received[: len(head) + len(blank) + length]
    method, path, _ = first.split(" ")
    return Recorded(next(_numbers), method, path, headers, rest[:length], time.monotonic())


def _count() -> Iterator[int]:
    number = 0
    while True:
        yield (number := number + 1)


_numbers = _count()


def _listed(*models: str) -> Script:
    rows = [{"id": name, "object": "model", "owned_by": "deepseek"} for name in models]
    return _json_reply({"object": "list", "data": rows})


def _json_reply(value: Any) -> Script:
    return Script.reply(200, json.dumps(value), {"Content-Type": "application/json"})


# What people can ask for in words.


def spoken(request: Recorded, default: str = "") -> Script:
    """The script that the last user message asks for."""
    if not request.path.endswith("/chat/completions"):
        return Script.text(*tokenized(FILLING))
    if "title" in request.says("system").lower():
        return Script.text("A", " short", " title")
    return _rest(request.messages, default) or _tool_turn(request) or _answer_to(request.says("user"), default)


def _answer_to(said: str, default: str) -> Script:
    said = said.strip()
    word, *arguments = (said if said.startswith("!") else default or said or "hello").split()
    if word.startswith("!") and word[1:] in COMMANDS:
        return COMMANDS[word[1:]](*(float(each) for each in arguments if re.fullmatch(r"\d+(\.\d+)?", each)))
    return Script.text(*tokenized(f"Hello! You said: {said[:200]}"))


def _rest(messages: list[dict[str, Any]], default: str) -> Script | None:
    """What is missing of an answer that is to go on."""
    nobody: dict[str, Any] = {}
    *earlier, before, last = [nobody, nobody, *messages]
    if last.get("role") == "assistant":
        return _going_on(_answer_to(_question([*earlier, before]), default), str(last.get("content") or ""))
    told, written = str(last.get("content")), str(before.get("content") or "")
    if before.get("role") == "assistant" and re.search(r"\b(continue|go on)\b", told, re.IGNORECASE):
        return _going_on(_answer_to(_question(earlier), default), written, _again(told, written))
    return None


def _again(told: str, written: str) -> str:
    sizes = range(min(len(told), len(written)), 2, -1)
    quoted = next((written[-size:] for size in sizes if told.endswith(written[-size:])), "")
    return quoted or "".join(re.findall(r"\S+\s*", written)[-3:])


def _question(messages: list[dict[str, Any]]) -> str:
    return next((str(each.get("content")) for each in reversed(messages) if each.get("role") == "user"), "")


def _going_on(begun: Script, written: str, again: str = "") -> Script:
    """The rest of the story, or of whatever else begins with what is written, at the pace at which it began."""
    found = next((text for text in (STORY, begun.said) if text.startswith(written)), f"{written} And so on.")
    pace = next((step.per_second for step in begun.steps if isinstance(step, Tokens)), 0)
    return Script().role().tokens(tokenized(again + found[len(written) :]), pace).finish().done()


def _tool_turn(request: Recorded) -> Script | None:
    """`!tools`: the call first; once its result is there, what it says."""
    said = request.says("user").split(maxsplit=2)
    if said[:1] != ["!tools"]:
        return None
    if request.messages[-1].get("role") == "tool":
        return Script.text(*tokenized(f"The tool said: {request.says('tool')}"))
    offered = [tool["function"]["name"] for tool in request.body.get("tools", [])]
    _, name, arguments = [*said, "", ""][:3]
    if not (name or offered):
        return Script.text(*tokenized("I was offered no tools."))
    calling = Script().role().call(0, f"call_00_{request.number}", name or offered[0], *tokenized(arguments or "{}"))
    return calling.finish("tool_calls").done()


def tokenized(text: str) -> list[str]:
    """About what a tokenizer makes of it: words with their space, Chinese in twos, punctuation."""
    return re.findall(r"[\u2e80-\uffef]{1,2}|\s*[A-Za-z0-9]{1,8}|\s*[^\sA-Za-z0-9]|\s+", text)


def _markdown(text: str, per_second: float = 200) -> Script:
    return Script().role().tokens(tokenized(text), per_second).finish().done()


def _slow(per_second: float = 20, count: float = 400, *_: float) -> Script:
    words = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "then", "reads", "on"]
    texts = [f"{words[index % len(words)]} " + "\n\n" * (index % 60 == 59) for index in range(int(count))]
    return Script().role().tokens(texts, per_second).finish().done()


def _think(per_second: float = 100, *_: float) -> Script:
    thoughts = tokenized("The person wants me to think. Let me compare 9.8 and 9.11: the first is greater.")
    answer = tokenized("**9.8** is greater than 9.11.")
    reasoned = Script().role(reasoning=True).tokens(thoughts, per_second, "reasoning_content")
    return reasoned.tokens(answer, per_second).finish().done()


def _ponder(per_second: float = 100, *_: float) -> Script:
    thoughts = tokenized("The person wants me to think, and I think, and there is no end to it.")
    return Script().role(reasoning=True).tokens(thoughts, per_second, "reasoning_content").finish("length").done()


def _before_the_end(count: float = 5) -> Script:
    return Script().role().text_delta(*tokenized(STORY)[: int(count)])


def _status(status: float = 500, *_: float) -> Script:
    messages = {
        401: ("Authentication Fails, Your api key: ****0000 is invalid", "authentication_error"),
        402: ("Insufficient Balance", "unknown_error"),
        429: ("Your current concurrency is 40, which exceeds your concurrency limit of 39", "rate_limit_error"),
        503: ("Service is too busy.", "service_unavailable_error"),
    }
    message, kind = messages.get(int(status), ("Scripted refusal", "invalid_request_error"))
    return Script.error(int(status), message, kind)


STORY = """Once upon a time a fox lived at the edge of a forest. Every morning it walked down to the river, \
looked at the water, and thought: "Tomorrow I shall cross."

One day the water was low. The fox put one paw in, then another, and the river said nothing at all. 狐狸过了河。 \
Halfway across it met a heron, who stood on one leg and asked: "Why today?"

"Because yesterday I said tomorrow," the fox answered, and walked on. 🦊 On the far side there was another forest, \
and at its edge another fox, looking at the water.
"""

FILLING = "    return sum(numbers) / len(numbers)\n"  # what stands in the middle, whatever is around it

CODE = '''Here is a small program:

```python
from collections import Counter


def most_common(words: list[str], count: int = 3) -> list[tuple[str, int]]:
    """The words that occur most, with how often."""
    return Counter(word.lower() for word in words).most_common(count)
```

Call it with `most_common(text.split())`.
'''

TABLE = """| Model | Context | Output per 1M |
|:--|--:|--:|
| `deepseek-flash` | 1,048,576 | $0.60 |
| `deepseek-v4-pro` | 1,048,576 | $1.98 |

Both prices are off-peak.
"""

# A tool call in the model's own notation, which its server should have taken out of the text.
MARKUP = (
    "<｜DSML｜tool_calls>\n"
    '<｜DSML｜invoke name="get_date">\n'
    '<｜DSML｜parameter name="zone" string="true">UTC</｜DSML｜parameter>\n'
    "</｜DSML｜invoke>\n"
    "</｜DSML｜tool_calls>"
)

LIST = "\n".join(f"{number}. Item number {number} says *something* useful." for number in range(1, 41)) + "\n"

DEMO = f"""# Streaming, explained

An answer arrives **token by token**: every piece is _tiny_, and ~~nothing~~ everything counts. 你好,世界! 🚀👩🏽‍💻

## Some code

{CODE}
## Some numbers

{TABLE}
## What is left to do

- [x] Read the [documentation](https://api-docs.deepseek.com)
- [ ] Try it out
  - nested, with `inline code`
- [ ] Tell the team

1. First
2. Second

> A quote that runs over
> two lines.

The area of a circle is $A = \\pi r^2$, and

$$\\int_0^1 x^2\\,dx = \\frac{{1}}{{3}}$$

中文段落:流式输出让回答逐字出现,读者不必等待。标点符号也要正确显示。

A footnote explains it.[^1] <script>alert("never")</script>

---

[^1]: Footnotes come last.
"""

COMMANDS: dict[str, Callable[..., Script]] = {
    "slow": _slow,
    "think": _think,
    "status": _status,
    "stall": lambda *_: _before_the_end(1).stall(),
    "silence": lambda *_: Script().stall(),
    "cut": lambda *count: _before_the_end(*count[:1]).cut(),
    "reset": lambda *count: _before_the_end(*count[:1]).reset(),
    "empty": lambda *_: Script().role().finish().done(),
    "length": lambda *count: _before_the_end(*count[:1]).finish("length").done(),
    "story": lambda *pace: _markdown(STORY, *pace[:1]),
    "ponder": _ponder,
    "json": lambda *_: Script.text(*tokenized('{"answer": 42, "words": ["forty", "two"]}')),
    "markup": lambda *_: Script.text("Let me look. ", *tokenized(MARKUP)),
    "code": lambda *pace: _markdown(CODE, *pace[:1]),
    "table": lambda *pace: _markdown(TABLE, *pace[:1]),
    "list": lambda *pace: _markdown(LIST, *pace[:1]),
    "demo": lambda *pace: _markdown(DEMO, *pace[:1]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted model provider.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="", help='for questions without a command of their own: "!slow 50 800"')
    options = parser.parse_args()
    script = options.script if options.script.startswith("!") or not options.script else f"!{options.script}"
    with Upstream(host=options.host, port=options.port, script=script) as upstream:
        print(upstream.base_url, flush=True)  # noqa: T201  (its caller reads this line)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
