"""What happens to whole processes: one is killed, all are deployed anew, their clocks are wrong."""

from __future__ import annotations

import asyncio
import signal
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from tests.faults.crowd import Crowd
from tests.faults.house import BUSY, House, Process, eventually
from tests.faults.table import row

GOING_AWAY = 4012
DEBIAN = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


@row("F1", quick=True)
async def a_web_process_is_killed(house: House, crowd: Crowd) -> None:
    """Kill -9 of a web process in the middle of answers: the worker goes on, pages come back by themselves to the other
    one and get the rest; nothing is lost or doubled."""
    tabs = await crowd.ask(20)
    await crowd.shown(tabs, 10)
    house.webs[0].kill()
    await crowd.done(tabs, 10)
    assert any(tab.connected > 1 for tab in tabs), "nobody had to come back"


@row("F29-web", quick=True)
async def a_web_process_is_told_to_go(house: House, crowd: Crowd) -> None:
    """SIGTERM under load: it finishes its requests, sends its sockets away with 4012 over five seconds and ends; no
    request fails and no character is lost."""
    tabs = await crowd.ask(20)
    crowd.keep(crowd.visit())
    await crowd.shown(tabs, 5)
    house.webs[0].send(signal.SIGTERM)
    assert await house.webs[0].gone(25 + BUSY) == 0
    await crowd.done(tabs, 15)
    codes = {code for tab in tabs for code in tab.codes}
    assert codes == {GOING_AWAY}, codes
    assert not crowd.failures, crowd.failures


@row("F29-worker", quick=True)
async def a_worker_is_told_to_go(house: House, crowd: Crowd) -> None:
    """SIGTERM under load: it claims nothing more, gives its answers GRACE_SECONDS, and hands the rest over at once."""
    short, long = await crowd.ask(10, 20, 40), await crowd.ask(10, 6, 60)
    await crowd.shown([*short, *long], 5)
    house.workers[0].send(signal.SIGTERM)
    assert await house.workers[0].gone(house.setting("GRACE_SECONDS") + 10 + BUSY) == 0
    await crowd.done([*short, *long], 25)
    asked = sum(len(house.model.requests(tab.question)) for tab in long)
    house.note(f"{asked - len(long)} of {len(long)} long answers were handed over")


@row("F29-twice")
async def a_worker_is_told_twice(house: House, crowd: Crowd) -> None:
    """A second SIGTERM: it hands its answers over now."""
    tabs = await crowd.ask(10, 4, 60)
    await crowd.shown(tabs, 5)
    house.workers[0].send(signal.SIGTERM)
    await eventually(lambda: "claims nothing more" in house.workers[0].said, "it has heard")
    house.workers[0].send(signal.SIGTERM)
    assert await house.workers[0].gone(5 + BUSY) == 0
    await crowd.done(tabs, 25)


@row("F29-rolling", seconds=300)
async def everything_is_restarted_in_turn(house: House, crowd: Crowd) -> None:
    """A rolling restart of every process under load: no request fails, no character is lost."""
    asking = crowd.keep(_ask_all_the_time(crowd))
    visiting = crowd.keep(crowd.visit())
    await eventually(lambda: len(crowd.tabs) > 5, "somebody asks")
    for process in house.processes:
        await _restarted(process)
    asking.cancel()
    await crowd.done(crowd.tabs, 25)
    visiting.cancel()
    house.note(f"{len(crowd.tabs)} questions")
    assert not crowd.failures, crowd.failures


async def _restarted(process: Process) -> None:
    process.send(signal.SIGTERM)
    assert await process.gone(30 + BUSY) == 0
    process.start()
    await eventually(lambda: process.is_ready, f"{process.name} is ready again", 20 + BUSY)


async def _ask_all_the_time(crowd: Crowd) -> None:
    while True:
        await crowd.ask(1, 6, 40)
        await asyncio.sleep(0.4)


def _clock_of(worker: Process) -> datetime:
    """By what it said when it was ready."""
    [line] = [line for line in worker.said.splitlines() if "is ready" in line]
    return datetime.fromisoformat(line[:19])


def _library() -> Path | None:
    spec = find_spec("libfaketime")
    packaged = Path(spec.origin).parent / "vendor/libfaketime/src/libfaketime.so.1" if spec and spec.origin else DEBIAN
    return next((path for path in (packaged, DEBIAN) if path.exists()), None)


def _without_library() -> str:
    return "" if _library() else "libfaketime is not installed"


@row("clocks", lacks=_without_library)
async def clocks_are_wrong(house: House, crowd: Crowd) -> None:
    """One worker is an hour ahead and one web process an hour behind: leases are on PostgreSQL's clock, so nobody is
    given up, and a worker that dies is."""
    worker, web = house.workers[0], house.webs[0]
    for process, skew in ((worker, "+3600"), (web, "-3600")):
        process.kill()
        process.start(LD_PRELOAD=str(_library()), FAKETIME=skew, FAKETIME_DONT_FAKE_MONOTONIC="1")
    await eventually(lambda: worker.is_ready and web.is_ready, "both are ready", 60 + BUSY)
    assert _clock_of(worker) - datetime.now() > timedelta(minutes=59), "its clock is right"
    tabs = await crowd.ask(20)
    await crowd.done(tabs, 15)
    assert all(len(house.model.requests(tab.question)) == 1 for tab in tabs)
    tabs = await crowd.ask(10)
    await crowd.shown(tabs, 10)
    worker.kill()
    web.kill()
    await crowd.done(tabs, 15)
