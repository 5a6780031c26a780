"""Many answers at once through the members' own path: POST, worker, log, feed, socket.

    python -m bench.streams --streams 200 --over 1

Prints how many finished with every token once, the time to the first text, the latency that we add to each token (from
the provider's sending it to its arrival at the member's socket), and the CPU and memory of every process. The provider
and the members share the machine with what is measured: their CPU is printed too, and that of everybody else.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from bench import floor, processes
from bench.figures import Record, share
from bench.house import House, house
from bench.reader import Member, RefusedError, Seen, Socket
from bench.running import run

OURS = ("web", "worker", "postgres")
PATIENCE = 120.0  # seconds beyond the time that the answers take
AT_REST = 0.1  # of a processor, for web and worker together


@dataclass(frozen=True)
class Load:
    """So many questions, asked within `over` seconds; each answer of so many tokens at so many a second."""

    streams: int
    over: float = 5
    rate: float = 30
    tokens: int = 300
    readers: int = 1  # sockets on each conversation
    by_link: int = 0  # and of people who have a live link to it
    shape: str = "prose"

    @property
    def question(self) -> str:
        return f"!count {self.rate} {self.tokens} {self.shape}"

    @property
    def seconds(self) -> float:
        return self.over + self.tokens / self.rate


@dataclass(frozen=True)
class Figures:
    """What came of one load."""

    seen: list[Seen]  # of each answer, by its first reader
    frames: int  # to all readers
    added: list[float]  # seconds, of each token that came
    lags: list[float]  # seconds, of each answer's end behind its last token
    cpu: dict[str, float]  # seconds, by who computed; "others" are no business of ours
    memory: dict[str, processes.Memory]
    took: float

    @property
    def tokens(self) -> int:
        return sum(len(seen.arrivals) for seen in self.seen)

    @property
    def whole(self) -> int:
        return sum(seen.is_whole for seen in self.seen)

    @property
    def others(self) -> str:
        """How those ended that are not whole."""
        states = Counter(seen.state for seen in self.seen if not seen.is_whole)
        return ", ".join(f"{number} {state}" for state, number in states.items())

    @property
    def first(self) -> list[float]:
        return [seen.arrivals[0] - seen.asked_at for seen in self.seen if seen.arrivals]

    @property
    def lag(self) -> float:
        """Seconds from the sending of the last token to the frame that ended the answer; of the slowest."""
        return max(self.lags, default=math.nan)

    def per_thousand(self, *names: str) -> float:
        return sum(self.cpu[name] for name in names) / max(self.tokens, 1) * 1_000


def measure() -> list[Record]:
    return [record for load in (Load(200, 1), Load(200, 5), Load(400, 10)) for record in once(**asdict(load))]


def small() -> list[Record]:
    """So that a test can tell whether all of this still works."""
    return once(streams=3, over=0, rate=100, tokens=60)


def once(alone: bool = False, **options: Any) -> list[Record]:
    """One Load; `alone` leaves the floor out."""
    load = Load(**options)
    with house() as it:
        figures = measured(it, load)
        ground = math.nan if alone else floor.beside(it.sender, load.streams, load.rate, load.tokens)
    return [record(load, figures, ground)]


def measured(it: House, load: Load) -> Figures:
    """Put the load on the house, after a small one that fills its caches and pools."""
    asyncio.run(_load(it, Load(5, 0, 100, 50)))
    it.forget()
    return asyncio.run(_load(it, load))


async def _load(it: House, load: Load) -> Figures:
    keys = await asyncio.to_thread(it.members, load.streams)
    await _until_at_rest(it)
    before, began = _cpu(it), time.monotonic()
    async with asyncio.timeout(load.seconds + PATIENCE):
        waits = [load.over * number / load.streams for number in range(load.streams)]
        asked = [_ask(Member(it.base, key), wait, load) for key, wait in zip(keys, waits, strict=True)]
        told = await asyncio.gather(*asked)
    took = time.monotonic() - began
    memory = {name: processes.memory(it.pids[name]) for name in OURS}
    await _until_at_rest(it)  # titles are asked for after the answers: they cost as well
    after = _cpu(it)
    sockets = [socket for _, all_of_it in told for socket in all_of_it]
    for socket in sockets:
        socket.close()
    seen = [each for each, _ in told]
    if not all(each.is_whole for each in seen):
        print(it.said("web")[-4_000:], it.said("worker")[-4_000:], sep="\n", file=sys.stderr)
    added, lags = await asyncio.to_thread(_behind, it, seen)
    frames = sum(socket.seen.frames for socket in sockets)
    cpu = {name: after[name] - before[name] for name in after}
    return Figures(seen, frames, added, lags, cpu, memory, took)


async def _ask(member: Member, wait: float, load: Load) -> tuple[Seen, list[Socket]]:
    await asyncio.sleep(wait)
    try:
        seen = await member.ask(load.question)
    except RefusedError as refusal:
        return Seen(state=f"refused ({refusal})"), []
    everybody = [seen, *(Seen() for _ in range(load.readers - 1))]
    following = [member.follow(each, load.tokens) for each in everybody]
    if load.by_link:
        stranger = await member.shared()
        following += [stranger.follow(Seen(), load.tokens) for _ in range(load.by_link)]
    return seen, await asyncio.gather(*following)


async def _until_at_rest(it: House) -> None:
    """Until web and worker have nothing more to do."""
    for _ in range(40):
        before = _busy(it)
        await asyncio.sleep(0.5)
        if _busy(it) - before < AT_REST * 0.5:
            return


def _busy(it: House) -> float:
    return processes.cpu(it.pids["web"]) + processes.cpu(it.pids["worker"])


def _cpu(it: House) -> dict[str, float]:
    used = {name: processes.cpu(it.pids[name]) for name in (*OURS, "sender")} | {"members": time.process_time()}
    return used | {"others": processes.machine_cpu() - sum(used.values())}


def _behind(it: House, seen: list[Seen]) -> tuple[list[float], list[float]]:
    """By how much each token, and the end of each answer, came after the provider had sent it."""
    asked = it.sent()
    added, lags = [], []
    for each in seen:
        if attempts := asked.get(each.question):
            sent = attempts[0]["sent"]
            added += [came - at for came, at in zip(each.arrivals, sent, strict=False)]
            lags.append(each.ended_at - sent[-1])
    return added, lags


def record(load: Load, figures: Figures, ground: float) -> Record:
    ours = figures.per_thousand("web", "worker")
    return {
        "streams": load.streams,
        "within s": load.over,
        "finished whole": figures.whole,
        **({"the others": figures.others} if figures.whole < len(figures.seen) else {}),
        **({"sockets cut": cuts} if (cuts := sum(seen.cuts for seen in figures.seen)) else {}),
        "first text p50, ms": 1e3 * share(figures.first, 0.5),
        "first text p99, ms": 1e3 * share(figures.first, 0.99),
        "added p50, ms": 1e3 * share(figures.added, 0.5),
        "added p99, ms": 1e3 * share(figures.added, 0.99),
        "web, CPU s per 1,000 tokens": figures.per_thousand("web"),
        "worker, same": figures.per_thousand("worker"),
        "Postgres, same": figures.per_thousand("postgres"),
        "web and worker, same": ours,
        "the floor, same": ground,
        "web and worker over the floor": ours / ground,
        "web, RSS MB": figures.memory["web"].rss,
        "worker, RSS MB": figures.memory["worker"].rss,
        "web and worker, PSS MB": figures.memory["web"].pss + figures.memory["worker"].pss,
        "Postgres, PSS MB": figures.memory["postgres"].pss,
        "frames per token": figures.frames / max(figures.tokens, 1),
        "bytes per token": sum(seen.bytes for seen in figures.seen) / max(figures.tokens, 1),
        **{f"{name}, processors": used / figures.took for name, used in figures.cpu.items()},
    }


def main() -> None:
    parser = ArgumentParser(description="Many answers at once.")
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--over", type=float, default=5, help="seconds within which all are asked")
    parser.add_argument("--rate", type=float, default=30, help="tokens a second of each answer")
    parser.add_argument("--tokens", type=int, default=300, help="of each answer")
    parser.add_argument("--alone", action="store_true", help="without the floor")
    run(once, parser)


if __name__ == "__main__":
    main()
