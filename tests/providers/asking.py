"""Asking the scripted upstream, and what came of it."""

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

from providers import (
    ChatMessage,
    ChatRequest,
    Clients,
    Clocks,
    Delta,
    Endpoint,
    Finished,
    ProviderError,
    Reasoning,
    Secret,
    Started,
    Text,
    Usage,
    stream,
)
from providers.deltas import Logprobs, ToolCall, ToolCallBegun
from providers.dialects import DIALECTS
from providers.errors import CutError
from providers.reading import Reader
from providers.sse import Decoder
from tests.upstream import Script, Upstream

KEY = "sk-0123456789abcdef0123456789abcdef"
QUESTION = ChatRequest("deepseek-flash", (ChatMessage("user", "hi"),))


@dataclass
class Answer:
    """The deltas of one answer, and how it ended."""

    deltas: list[Delta] = field(default_factory=list)
    error: ProviderError | None = None

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas if isinstance(delta, Text))

    @property
    def reasoning(self) -> str:
        return "".join(delta.text for delta in self.deltas if isinstance(delta, Reasoning))

    @property
    def usage(self) -> Usage | None:
        found = [delta for delta in self.deltas if isinstance(delta, Usage)]
        assert len(found) <= 1
        return found[0] if found else None

    @property
    def calls(self) -> list[ToolCall]:
        return [delta for delta in self.deltas if isinstance(delta, ToolCall)]

    @property
    def calls_begun(self) -> list[ToolCallBegun]:
        return [delta for delta in self.deltas if isinstance(delta, ToolCallBegun)]

    @property
    def logprobs(self) -> list[Logprobs]:
        return [delta for delta in self.deltas if isinstance(delta, Logprobs)]

    @property
    def outcome(self) -> tuple[list[Delta], str, str]:
        """All that matters of it. What differs from one request to the next is left out: the trace, and made-up ids."""
        deltas = [_without_chance(delta) for delta in self.deltas]
        return deltas, self.error.code if self.error else "", self.error.sentence if self.error else ""

    @property
    def started(self) -> Started:
        first = self.deltas[0]
        assert isinstance(first, Started)
        return first

    @property
    def finished(self) -> Finished | None:
        last = self.deltas[-1] if self.deltas else None
        return last if isinstance(last, Finished) else None


@dataclass
class Asking:
    """Call it with a script to get the whole answer; `open` and `start` are for what happens in between."""

    upstream: Upstream
    clients: Clients
    dialect: str = "deepseek"
    concurrency: int = 16

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("upstream", self.dialect, self.upstream.base_url, Secret(KEY), self.concurrency)

    def of(self, dialect: str) -> "Asking":
        return replace(self, dialect=dialect)

    def open(self, request: ChatRequest = QUESTION, clocks: Clocks = Clocks()) -> AsyncGenerator[Delta]:  # noqa: B008  # frozen
        return stream(self.endpoint, request, clocks=clocks, clients=self.clients)

    async def __call__(
        self,
        script: Script | None = None,
        request: ChatRequest = QUESTION,
        clocks: Clocks = Clocks(),  # noqa: B008  # frozen
    ) -> Answer:
        if script:
            self.upstream.play(script)
        return await answered(self.endpoint, request, self.clients, clocks)

    async def however_cut(self, script: Script, request: ChatRequest = QUESTION) -> Answer:
        """The answer to this script; the same one whether it comes whole, byte by byte, or in pieces of any size.

        Whole and byte by byte it travels over HTTP. The sizes between are fed to the reader.
        """
        answer = await self(script, request)
        assert (await self(script.in_pieces(1), request)).outcome == answer.outcome
        body = script.body(**self.upstream.requests[-1].body)
        for size in range(1, len(body) + 1):
            assert read(body, size, self.dialect, request).outcome == answer.outcome, size
        return answer

    def start(self, request: ChatRequest = QUESTION) -> "asyncio.Task[Answer]":
        return asyncio.ensure_future(self(None, request))


async def answered(
    endpoint: Endpoint,
    request: ChatRequest,
    clients: Clients,
    clocks: Clocks = Clocks(),  # noqa: B008  # frozen
) -> Answer:
    """Everything that comes, however it ends."""
    answer = Answer()
    try:
        async for delta in stream(endpoint, request, clocks=clocks, clients=clients):
            answer.deltas.append(delta)
    except ProviderError as error:
        answer.error = error
    return answer


def _without_chance(delta: Delta) -> Delta:
    if isinstance(delta, Started):
        return replace(delta, trace_id="")
    if isinstance(delta, ToolCall | ToolCallBegun) and re.fullmatch("call_[0-9a-f]{24}", delta.id):
        return replace(delta, id="call_made_up")
    return delta


def read(body: bytes, size: int, dialect: str = "deepseek", request: ChatRequest = QUESTION) -> Answer:
    """What a stream says when it comes in pieces of so many bytes, without any HTTP around it."""
    decoder, reader, answer = Decoder(), Reader(DIALECTS[dialect], Secret(KEY), "", request), Answer()
    try:
        for start in range(0, len(body), size):
            for event in decoder.feed(body[start : start + size]):
                answer.deltas += reader.take(event)
        answer.deltas.extend(reader.end(None if reader.done else CutError()))
    except ProviderError as error:
        answer.error = error
    return answer
