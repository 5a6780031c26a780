"""From pressing Stop to the closed connection upstream.

python -m bench.stopping --times 20
"""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser
from statistics import median

from bench.figures import Record
from bench.house import House, house
from bench.reader import Member, Seen
from bench.running import run

TOKENS = 10_000
SOME = 20  # tokens, before the button is pressed


def measure(times: int = 20) -> list[Record]:
    with house() as it:
        members = [Member(it.base, key) for key in it.members(times + 1)]
        asyncio.run(_stopped(it, members.pop()))  # what is done once in a process
        took = [asyncio.run(_stopped(it, member)) for member in members]
    return [{"times": times, "median, ms": 1e3 * median(took), "longest, ms": 1e3 * max(took)}]


async def _stopped(it: House, member: Member) -> float:
    """Seconds from the sending of the POST to the moment at which the provider saw us leave."""
    seen = await member.ask(f"!count 50 {TOKENS}")
    following = asyncio.create_task(member.follow(seen, TOKENS))
    await has_seen(seen, SOME)
    pressed = time.monotonic()
    await member.post(f"{member.conversation}stop/")
    socket = await following
    socket.close()
    [asked] = (await asyncio.to_thread(it.sent))[seen.question]
    return float(asked["closed_at"]) - pressed


async def has_seen(seen: Seen, tokens: int, seconds: float = 60) -> None:
    """Wait until so many have come."""
    async with asyncio.timeout(seconds):
        while len(seen.arrivals) < tokens:  # noqa: ASYNC110  # an event for each token would cost all readers
            await asyncio.sleep(0.005)


def main() -> None:
    parser = ArgumentParser(description="From Stop to the closed connection upstream.")
    parser.add_argument("--times", type=int, default=20)
    run(measure, parser)


if __name__ == "__main__":
    main()
