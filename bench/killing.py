"""kill -9 in the middle of an answer: what its reader sees, and how long until the answer goes on.

    python -m bench.killing

What was killed is started again at once, as its supervisor would. An answer whose worker is gone waits for the end of
its lease, 15 seconds, and then up to 5 more for who looks after such.
"""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser

from bench.figures import Record
from bench.house import House, house
from bench.reader import Member, Seen
from bench.running import run
from bench.stopping import has_seen

RATE, TOKENS, SOME = 30, 600, 90
PATIENCE = 60.0  # seconds beyond the time that the answer takes


def measure() -> list[Record]:
    with house() as it:
        return [asyncio.run(_killed(it, Member(it.base, *it.members(1)), name)) for name in ("web", "worker")]


async def _killed(it: House, member: Member, name: str) -> Record:
    seen = await member.ask(f"!count {RATE} {TOKENS}")
    following = asyncio.create_task(member.follow(seen, TOKENS))
    await has_seen(seen, SOME)
    killed, had = time.monotonic(), len(seen.arrivals)
    it.kill(name)
    it.start(name)
    try:
        async with asyncio.timeout(TOKENS / RATE + PATIENCE):
            (await following).close()
    except TimeoutError:
        seen.state = "never ended"
    asked = await asyncio.to_thread(it.sent)
    return {"killed": name, **_seen(seen, killed, had), "calls": len(asked[seen.question])}


def _seen(seen: Seen, killed: float, had: int) -> Record:
    after = [at for at in seen.arrivals[had:] if at > killed + 0.1]  # some were on their way
    return {
        "the answer ended": seen.state,
        "every token once": "yes" if seen.is_whole else "no",
        "tokens seen before": had,
        "tokens seen at the end": len(seen.arrivals),
        "goes on after, s": after[0] - killed if after else "never",
    }


def main() -> None:
    run(measure, ArgumentParser(description="kill -9 in the middle of an answer."))


if __name__ == "__main__":
    main()
