"""The floor: our own provider loop alone. Streams read into deltas, by as many tasks, without web and database.

    python -m bench.floor --streams 200

What web and worker take above this is the price of the log, the frames and the sockets. bench.streams measures it in
the same run, because only ratios count.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser

from bench import inside
from bench.figures import Record
from bench.running import run
from chatsite.supervising import dies_with_us
from providers import ChatMessage, ChatRequest, Clients, Endpoint, Secret, Text, stream

PER = 1_000  # tokens


def measure(streams: int = 200, rate: float = 30, tokens: int = 300, url: str = "") -> list[Record]:
    sender = None
    if not url:
        command = [sys.executable, "-m", "bench.sender"]
        sender = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=dies_with_us(signal.SIGKILL))  # noqa: PLW1509  # two system calls, see there
        assert sender.stdout
        url = sender.stdout.readline().strip()
    try:
        seconds, received = asyncio.run(_measure(streams, rate, tokens, url))
    finally:
        if sender:
            sender.kill()
            sender.wait()
    assert received == streams * tokens, f"{received} of {streams * tokens} tokens"
    return [{"streams": streams, "tokens/s each": rate, "CPU s per 1,000 tokens": seconds / received * PER}]


async def _measure(streams: int, rate: float, tokens: int, url: str) -> tuple[float, int]:
    endpoint = Endpoint("bench", "deepseek", url, Secret("sk-none"), concurrency=streams)
    async with Clients() as clients:
        await _receive(clients, endpoint, rate, 10)  # what is done once in a process
        begin = time.process_time()
        counts = await asyncio.gather(*(_receive(clients, endpoint, rate, tokens) for _ in range(streams)))
        return time.process_time() - begin, sum(counts)


async def _receive(clients: Clients, endpoint: Endpoint, rate: float, tokens: int) -> int:
    request = ChatRequest("deepseek-flash", (ChatMessage("user", f"!count {rate} {tokens}"),))
    return sum([isinstance(delta, Text) async for delta in stream(endpoint, request, clients=clients)])


def beside(url: str, streams: int, rate: float, tokens: int) -> float:
    """CPU seconds per 1,000 tokens, measured in a process of its own against this sender."""
    [record] = inside.call("bench.floor", "measure", streams, rate, tokens, url)
    return float(record["CPU s per 1,000 tokens"])


def main() -> None:
    parser = ArgumentParser(description="Our provider loop alone.")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=float, default=30)
    parser.add_argument("--tokens", type=int, default=300)
    run(measure, parser)


if __name__ == "__main__":
    main()
