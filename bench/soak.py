"""Does memory stay flat? A day's answers squeezed into minutes: short ones, read by sockets that leave and come back.

    python -m bench.soak --minutes 10

The slope is that of a straight line through all samples after the first third: MB for each 1,000 answers.
"""

from __future__ import annotations

import asyncio
import random
import time
from argparse import ArgumentParser
from dataclasses import dataclass, field
from statistics import linear_regression

from bench import processes
from bench.figures import Record
from bench.house import House, house
from bench.reader import AGAIN, Member, RefusedError, Seen
from bench.running import run

AT_ONCE = 20  # members, each asking again and again
TOKENS, RATE = 60, 200
SAMPLE = 2.0  # seconds
WATCHED = ("web", "worker")


@dataclass
class Soak:
    answers: int = 0
    whole: int = 0
    refused: int = 0
    samples: list[tuple[int, dict[str, float]]] = field(default_factory=list)  # (answers, RSS of each)


def measure(minutes: float = 10) -> list[Record]:
    with house() as it:
        soak = asyncio.run(_soak(it, minutes * 60))
    settled = soak.samples[len(soak.samples) // 3 :]
    return [_record(soak, name, settled) for name in WATCHED]


def _record(soak: Soak, name: str, samples: list[tuple[int, dict[str, float]]]) -> Record:
    answers, sizes = [count for count, _ in samples], [sizes[name] for _, sizes in samples]
    return {
        "process": name,
        "answers": soak.answers,
        "whole": soak.whole,
        "refused": soak.refused,
        "RSS at first, MB": soak.samples[0][1][name],
        "RSS after the first third, MB": sizes[0],
        "RSS at the end, MB": sizes[-1],
        "MB per 1,000 answers": linear_regression(answers, sizes).slope * 1_000,
    }


async def _soak(it: House, seconds: float) -> Soak:
    soak = Soak()
    keys = await asyncio.to_thread(it.members, AT_ONCE)
    until = time.monotonic() + seconds
    members = [asyncio.create_task(_ask_on(it, soak, key, until)) for key in keys]
    while time.monotonic() < until:
        soak.samples.append((soak.answers, {name: processes.memory(it.pids[name]).rss for name in WATCHED}))
        await asyncio.sleep(SAMPLE)
    await asyncio.gather(*members)
    return soak


async def _ask_on(it: House, soak: Soak, key: str, until: float) -> None:
    while time.monotonic() < until:
        member = Member(it.base, key)
        try:
            seen = await member.ask(f"!count {RATE} {TOKENS}")
        except RefusedError:
            soak.refused += 1
            await asyncio.sleep(AGAIN)
            continue
        await _read_with_a_break(member, seen)
        soak.answers += 1
        soak.whole += seen.is_whole
        if soak.answers % 1_000 == 0:
            await asyncio.to_thread(it.forget)


async def _read_with_a_break(member: Member, seen: Seen) -> None:
    """Leave somewhere in the middle, and come back."""
    leaving = asyncio.create_task(member.follow(seen, TOKENS))
    await asyncio.wait([leaving], timeout=random.uniform(0, TOKENS / RATE))
    leaving.cancel()
    async with asyncio.timeout(60):
        (await member.follow(seen, TOKENS)).close()


def main() -> None:
    parser = ArgumentParser(description="Does memory stay flat?")
    parser.add_argument("--minutes", type=float, default=10)
    run(measure, parser)


if __name__ == "__main__":
    main()
