"""Random faults under random load. The same seed does the same deeds in the same order, each after the same pause."""

from __future__ import annotations

import asyncio
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from functools import partial

import psycopg

from tests.cable import EVERYTHING, Cable, Pattern
from tests.faults import promises
from tests.faults.crowd import Crowd
from tests.faults.database import FAST, IMMEDIATE
from tests.faults.house import BUSY, LISTENS, House, Process, eventually
from tests.faults.model import words
from tests.upstream import Script

type Say = Callable[[str], None]

PACE = (0.1, 1.2)  # seconds between two deeds
DEEDS_A_ROUND = 40  # then everything is mended, comes to its end, and is looked at
MOST_OPEN = 40  # tabs


type Doing = Callable[[], Awaitable[None]]


class Soak:
    """One round: a crowd that comes and goes, and a day that goes wrong.

    A deed is something that lasts, and whom it hits. Deeds overlap, but nobody is hit twice at once. All its chances
    are drawn beforehand, whatever comes of it, or the next ones would be others when a seed is played again.
    """

    def __init__(self, house: House, crowd: Crowd, chance: random.Random) -> None:
        self.house, self.crowd, self.chance = house, crowd, chance
        self.hit: set[object] = set()

    def go(self, deed: Callable[[Soak], tuple[object, Doing]]) -> None:
        victim, doing = deed(self)
        if victim not in self.hit:
            self.crowd.keep(self._hit(victim, doing))

    async def _hit(self, victim: object, doing: Doing) -> None:
        self.hit.add(victim)
        try:
            await doing()
        finally:
            self.hit.discard(victim)

    def ask(self) -> tuple[object, Doing]:
        count, rate, length = self.chance.randint(1, 4), self.chance.choice([4, 8, 20]), self.chance.randint(5, 120)
        return object(), partial(self._ask, count, rate, length)

    def ask_what_breaks(self) -> tuple[object, Doing]:
        begun = Script().role().tokens(words(0, 3), 10)
        script = self.chance.choice([begun.cut(), begun.reset(), Script.error(503, "busy"), Script.error(429, "slow")])
        return object(), partial(self._ask, 1, 10, 20, script)

    async def _ask(self, count: int, rate: float, length: int, *scripts: Script) -> None:
        if sum(not tab.has_ended for tab in self.crowd.tabs) < MOST_OPEN:
            await self.crowd.ask(count, rate, length, *scripts)

    def stop(self) -> tuple[object, Doing]:
        return object(), partial(self._stop, self.chance.random())

    async def _stop(self, which: float) -> None:
        """Somebody presses the button, wherever it is."""
        if tabs := [tab for tab in self.crowd.tabs if not tab.has_ended]:
            tab = tabs[int(which * len(tabs))]
            await tab.person.surely_post(f"{tab.path}stop/")

    def kill(self) -> tuple[object, Doing]:
        process = self.chance.choice(self.house.processes)
        return process, partial(self._kill, process, self.chance.uniform(0, 3))

    async def _kill(self, process: Process, seconds: float) -> None:
        process.kill()
        await asyncio.sleep(seconds)
        await self._start(process)

    async def _start(self, process: Process) -> None:
        process.start()
        await eventually(lambda: process.is_ready, f"{process.name} is ready again", 60 + BUSY)

    def freeze(self) -> tuple[object, Doing]:
        process = self.chance.choice(self.house.processes)
        return process, partial(self._freeze, process, self.chance.uniform(0.2, 6))

    async def _freeze(self, process: Process, seconds: float) -> None:
        process.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        process.send(signal.SIGCONT)

    def restart(self) -> tuple[object, Doing]:
        process = self.chance.choice(self.house.processes)
        return process, partial(self._restart, process)

    async def _restart(self, process: Process) -> None:
        process.send(signal.SIGTERM)
        await process.gone(60 + BUSY)
        await self._start(process)

    def restart_database(self) -> tuple[object, Doing]:
        how = self.chance.choice([FAST, IMMEDIATE])
        return self.house.database, partial(self.house.database.restart, how)

    def hide_database(self) -> tuple[object, Doing]:
        return self._for_a_while(Cable.unplugged)

    def hold_database(self) -> tuple[object, Doing]:
        return self._for_a_while(Cable.held)

    def _for_a_while(self, how: Callable[[Cable], AbstractContextManager[None]]) -> tuple[object, Doing]:
        cable, seconds = self.chance.choice(self.house.processes).database, self.chance.uniform(0.2, 5)
        return cable, partial(self._on_cable, how, cable, seconds)

    async def _on_cable(
        self, how: Callable[[Cable], AbstractContextManager[None]], cable: Cable, seconds: float
    ) -> None:
        with how(cable):
            await asyncio.sleep(seconds)

    def slow_database(self) -> tuple[object, Doing]:
        cable, seconds = self.chance.choice(self.house.processes).database, self.chance.uniform(0.5, 4)
        return cable, partial(self._slow, cable, self.chance.uniform(0.01, 0.1), seconds)

    async def _slow(self, cable: Cable, late: float, seconds: float) -> None:
        cable.delay = late
        await asyncio.sleep(seconds)
        cable.delay = 0.0

    def cut_readers(self) -> tuple[object, Doing]:
        return object(), partial(self._cut, self.house.front)

    def cut_provider(self) -> tuple[object, Doing]:
        return object(), partial(self._cut, self.house.provider)

    def cut_listeners(self) -> tuple[object, Doing]:
        return object(), partial(self._cut, self.chance.choice(self.house.processes).database, LISTENS)

    async def _cut(self, cable: Cable, saying: Pattern = EVERYTHING) -> None:
        cable.cut(saying)


FAULTS = [
    Soak.kill,
    Soak.freeze,
    Soak.restart,
    Soak.restart_database,
    Soak.hide_database,
    Soak.hold_database,
    Soak.slow_database,
    Soak.cut_readers,
    Soak.cut_provider,
    Soak.cut_listeners,
]
DEEDS = [*[Soak.ask] * 10, *[Soak.ask_what_breaks, Soak.stop] * 2, *FAULTS]


def run(seed: int, minutes: float, say: Say) -> bool:
    """Round after round, in one house. Whether all promises were kept."""
    say(f"soak --seed {seed} --minutes {minutes:g}")
    until = time.monotonic() + 60 * minutes
    chance = random.Random(seed)
    done: Counter[str] = Counter()
    number = 0
    try:
        with House() as house:
            while time.monotonic() < until:
                number += 1
                asyncio.run(_round(house, random.Random(chance.random()), number, done, say))
    except Exception:
        traceback.print_exc()
        say(f"RED: soak --seed {seed}, round {number}")
        return False
    say(", ".join(f"{name} {count}" for name, count in done.most_common()))
    return True


async def _round(house: House, chance: random.Random, number: int, done: Counter[str], say: Say) -> None:
    async with Crowd(house) as crowd:
        soak = Soak(house, crowd, chance)
        crowd.keep(_close_circuits(house))
        for _ in range(DEEDS_A_ROUND):
            deed = chance.choice(DEEDS)
            done[deed.__name__] += 1
            soak.go(deed)
            await asyncio.sleep(chance.uniform(*PACE))
        await eventually(lambda: not soak.hit, "every deed is done", 120 + BUSY)
        await house.mend()
        await crowd.ended(crowd.tabs, 60)
        await promises.kept(house, crowd)
        states = Counter(tab.state for tab in crowd.tabs)
        say(f"round {number}: {', '.join(f'{count} {state}' for state, count in states.items())}")


async def _close_circuits(house: House) -> None:
    """Else most of the time nobody would be asked."""
    while True:
        with suppress(psycopg.Error):
            await house.forgive_provider()
        await asyncio.sleep(1)
