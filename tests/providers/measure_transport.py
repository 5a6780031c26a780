"""What one streamed chunk costs: CPU of this process, over loopback, the upstream in a process of its own.

python -m tests.providers.measure_transport [--streams 200] [--per-second 30] [--tokens 300]
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import httpx

from providers import ChatMessage, ChatRequest, Clients, Endpoint, Secret, Text, stream


class OwnTransport(Clients):
    """The same, over httpx's own transport."""

    def _connect(self, endpoint: Endpoint) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None)
        return httpx.AsyncClient(base_url=endpoint.base_url, transport=httpx.AsyncHTTPTransport(limits=limits))


async def with_our_stream(clients: Clients, endpoint: Endpoint, request: ChatRequest) -> AsyncIterator[int]:
    async for delta in stream(endpoint, request, clients=clients):
        yield isinstance(delta, Text)


async def bytes_only(clients: Clients, endpoint: Endpoint, request: ChatRequest) -> AsyncIterator[int]:
    """The floor: the transport alone, nothing decoded."""
    async with clients.turn(endpoint) as http:
        question = {"messages": [{"role": "user", "content": request.messages[0].content}]}
        async with http.stream("POST", "/chat/completions", json=question, timeout=None) as response:
            async for piece in response.aiter_raw():
                yield piece.count(b"data: ")


Way = Callable[[Clients, Endpoint, ChatRequest], AsyncIterator[int]]


async def measure(kind: type[Clients], way: Way, url: str, streams: int, question: str) -> tuple[int, float]:
    endpoint = Endpoint("upstream", "deepseek", url, Secret("sk-none"), concurrency=streams)
    request = ChatRequest("deepseek-flash", (ChatMessage("user", question),))

    async def one() -> int:
        return sum([count async for count in way(clients, endpoint, request)])

    async with kind() as clients:
        begin = time.process_time()
        counts = await asyncio.gather(*(one() for _ in range(streams)))
        return sum(counts), time.process_time() - begin


@contextmanager
def upstream() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "tests.upstream"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--per-second", type=int, default=30)
    parser.add_argument("--tokens", type=int, default=300)
    options = parser.parse_args()
    question = f"!slow {options.per_second} {options.tokens}"
    ways: tuple[Way, ...] = (bytes_only, with_our_stream)
    with upstream() as url:
        for way in ways:
            for kind in (Clients, OwnTransport):
                tokens, seconds = asyncio.run(measure(kind, way, url, options.streams, question))
                cost = f"{seconds / tokens * 1e6:6.1f} µs a token ({tokens} tokens)"
                print(f"{way.__name__:16} {kind.__name__:13} {cost}")  # noqa: T201


if __name__ == "__main__":
    main()
