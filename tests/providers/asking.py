"""Asking the scripted upstream, and what came of it."""

import asyncio
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
    Text,
    Usage,
    stream,
)
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

    def open(self, request: ChatRequest = QUESTION, clocks: Clocks = Clocks()) -> AsyncGenerator[Delta]:  # noqa: B008
        return stream(self.endpoint, request, clocks=clocks, clients=self.clients)

    async def __call__(
        self,
        script: Script | None = None,
        request: ChatRequest = QUESTION,
        clocks: Clocks = Clocks(),  # noqa: B008
    ) -> Answer:
        if script:
            self.upstream.play(script)
        answer = Answer()
        try:
            async for delta in self.open(request, clocks):
                answer.deltas.append(delta)
        except ProviderError as error:
            answer.error = error
        return answer

    def start(self, request: ChatRequest = QUESTION) -> "asyncio.Task[Answer]":
        return asyncio.ensure_future(self(None, request))
