"""What happens to PostgreSQL, and to the way there."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import ExitStack, suppress

import psycopg

from tests.faults.crowd import Crowd
from tests.faults.database import FAST, IMMEDIATE
from tests.faults.house import BUSY, LISTENS, House, eventually
from tests.faults.model import words
from tests.faults.pages import Glance, Tab
from tests.faults.table import row
from tests.upstream import Script


async def _restarted(house: House, crowd: Crowd, how: signal.Signals) -> None:
    tabs = await crowd.ask(20)
    crowd.keep(crowd.visit())
    await crowd.shown(tabs, 10)
    began = time.monotonic()
    await house.database.restart(how)
    house.note(f"away for {time.monotonic() - began:.1f} s")
    await crowd.done(tabs, 15)
    assert all(tab.connected == 1 for tab in tabs), "sockets were closed"
    _only_503(house, crowd)


def _only_503(house: House, crowd: Crowd) -> None:
    """A page that could not be served said so, and when to come again."""
    wrong = [failure for failure in crowd.failures if not failure.startswith("503 ")]
    assert not wrong, wrong
    house.note(f"{len(crowd.failures)} pages were 503")


@row("F4-fast")
async def the_database_is_restarted(house: House, crowd: Crowd) -> None:
    """A fast restart of PostgreSQL: workers keep what they hear and write it down afterwards, sockets stay open, pages
    are 503 for a moment; every answer ends whole."""
    await _restarted(house, crowd, FAST)


@row("F4-immediate", quick=True)
async def the_database_crashes(house: House, crowd: Crowd) -> None:
    """PostgreSQL is restarted without a shutdown, as after a power cut: what was shown had been stored, so the same."""
    await _restarted(house, crowd, IMMEDIATE)


@row("F5", seconds=180)
async def the_database_is_away(house: House, crowd: Crowd) -> None:
    """Away for longer than a lease: an answer that gathers 256 kB of unwritten words hangs up on the provider and keeps
    what fits; the others end whole once it is back, asked for once. Memory does not grow."""
    tabs = await crowd.ask(15, rate=4)
    flood = await _flood(house, crowd)
    await crowd.shown(tabs, 4)
    await eventually(lambda: house.model.requests(flood.question), "the flood has begun")
    before = [_memory(worker.pid) for worker in house.workers]
    with ExitStack() as away:
        for process in house.processes:
            away.enter_context(process.database.unplugged())
        await asyncio.sleep(house.setting("LEASE_SECONDS") + 5)
        [request, *_] = house.model.requests(flood.question)
        await eventually(lambda: request.closed_at, "the provider is hung up on")
    back_at = time.monotonic()
    after = [_memory(worker.pid) for worker in house.workers]
    assert max(now - then for then, now in zip(before, after, strict=True)) < 100, (before, after)
    await crowd.person().surely_get("/")
    house.note(f"pages came {time.monotonic() - back_at:.1f} s after it was back")
    await crowd.done(tabs, 20)
    state = "SELECT state FROM conversations_generation WHERE conversation_id = %s"
    await house.until_value("interrupted", state, flood.conversation)
    assert {len(house.model.requests(tab.question)) for tab in tabs} == {1}, "an answer was taken from its worker"


async def _flood(house: House, crowd: Crowd) -> Tab:
    """An answer of 120 kB a second, which nobody reads word by word."""
    pieces = ["".join(words(at, at + 300)) for at in range(0, 300 * 2000, 300)]
    tab = Tab(crowd.person(), house.model.question(1, 1, Script().role().tokens(pieces, 60).finish().done()))
    await tab.ask()
    crowd.follow(Glance(tab.person, tab.conversation))
    return tab


def _memory(pid: int) -> float:
    """MB."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123  # as short as it can be
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@row("F6", seconds=180)
async def the_database_hangs(house: House, crowd: Crowd) -> None:
    """Nothing comes from PostgreSQL any more, and no connection is lost: a page that finds no free connection is 503
    after seconds, one that has asked waits until it wakes; then every answer ends whole."""
    tabs = await crowd.ask(15, rate=3, length=80)
    await crowd.shown(tabs, 5)
    with ExitStack() as hanging:
        for process in house.processes:
            hanging.enter_context(process.database.held())
        pages = [asyncio.create_task(crowd.person().get("/")) for _ in range(40)]
        await eventually(lambda: any(page.done() for page in pages), "a page is answered", 5 + BUSY / 2)
    statuses = [status for status, _ in await asyncio.gather(*pages)]
    house.note(f"{statuses.count(503)} of {len(statuses)} pages were 503")
    assert set(statuses) <= {200, 503}, statuses
    assert 503 in statuses
    await crowd.done(tabs, 40)


@row("F6-backend")
async def a_backend_of_the_database_is_frozen(house: House, crowd: Crowd) -> None:
    """SIGSTOP of two PostgreSQL processes that serve workers, for longer than its lease: nobody is kept
    waiting longer, and nothing is written twice."""
    tabs = await crowd.ask(20)
    await crowd.shown(tabs, 10)
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'chat_worker' ORDER BY backend_start"
    frozen = [pid for (pid,) in await house.database.rows(query)][:2]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(house.setting("LEASE_SECONDS") + 2)
    finally:
        for pid in frozen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    await crowd.done(tabs, 20)


@row("F7-cut")
async def nobody_is_listening(house: House, crowd: Crowd) -> None:
    """The connections that listen are cut again and again: streams go on, no word is lost with the hints."""
    tabs = await crowd.ask(20)
    await crowd.shown(tabs, 5)
    for _ in range(5):
        for process in house.processes:
            process.database.cut(LISTENS)
        await asyncio.sleep(0.7)
    await crowd.done(tabs, 10)


@row("F7-silent", seconds=180)
async def those_who_listen_hear_nothing(house: House, crowd: Crowd) -> None:
    """The connections that listen go dead without an end: questions are found and answers shown by the poll behind
    them, and the heartbeat replaces them."""
    with ExitStack() as silent:
        for process in house.processes:
            silent.enter_context(process.database.held(LISTENS))
        tabs = await crowd.ask(20)
        await crowd.done(tabs, 15)
        await eventually(
            lambda: all("listening again" in process.said for process in house.processes), "listening again", 20 + BUSY
        )


@row("F31")
async def the_pool_is_exhausted(house: House, crowd: Crowd) -> None:
    """More slow pages than a process has connections: each is answered, or 503 after some seconds; answers are written
    meanwhile, and shown whole in the end."""
    tabs = await crowd.ask(15, rate=4)
    await crowd.shown(tabs, 5)
    async with await house.database.connection() as holder, holder.transaction():
        await holder.execute("LOCK TABLE catalog_route IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        pages = [asyncio.create_task(crowd.person().get("/")) for _ in range(40)]
        await asyncio.wait(pages, timeout=12)
    statuses = [status for status, _ in await asyncio.gather(*pages)]
    house.note(f"{statuses.count(503)} of {len(statuses)} pages were 503, {time.monotonic() - began:.1f} s")
    assert set(statuses) <= {200, 503}, statuses
    await crowd.done(tabs, 20)


@row("F32")
async def the_database_has_no_connection_left(house: House, crowd: Crowd) -> None:
    """max_connections is reached by others: what is connected goes on, pages are 503 at worst, answers end whole."""
    tabs = await crowd.ask(15, rate=4)
    await crowd.shown(tabs, 5)
    taken: list[psycopg.AsyncConnection[tuple[object, ...]]] = []
    visiting = crowd.keep(crowd.visit())
    try:
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(await house.database.connection())
        for process in house.processes:
            process.database.cut()  # so that all want one anew
        await asyncio.sleep(4)
    finally:
        for connection in taken:
            await connection.close()
    await crowd.done(tabs, 20)
    visiting.cancel()
    _only_503(house, crowd)


@row("F39")
async def locks_are_crossed(house: House, crowd: Crowd) -> None:
    """Somebody locks running answers against the order of the house, so PostgreSQL breaks a deadlock: whoever was
    broken off tries again, nothing is lost."""
    tabs = await crowd.ask(10)
    await crowd.shown(tabs, 5)
    query = "SELECT id FROM conversations_generation WHERE state = 'running' ORDER BY id"
    ids = [pk for (pk,) in await house.database.rows(query)]
    broken = 0
    for _ in range(3):
        async with await house.database.connection() as crossing:
            with suppress(psycopg.errors.DeadlockDetected):
                async with crossing.transaction():
                    for pk in reversed(ids):
                        await crossing.execute("SELECT 1 FROM conversations_generation WHERE id = %s FOR UPDATE", [pk])
                        await asyncio.sleep(0.1)
                broken += 1
    house.note(f"{3 - broken} of 3 times we were the one who was broken off")
    await crowd.done(tabs, 15)


def _without_root() -> str:
    return "" if os.geteuid() == 0 else "a disk of one's own needs root"


@row("F27", seconds=240, lacks=_without_root, settings={"megabytes": "200"})
async def the_disk_is_full(house: House, crowd: Crowd) -> None:
    """PostgreSQL's disk is full, so that it may even end: nothing that was shown is lost, and once there is room again
    everything goes on by itself."""
    tabs = await crowd.ask(15, rate=3)
    await crowd.shown(tabs, 5)
    house.database.fill_disk()
    try:
        await _flood(house, crowd)
        await eventually(lambda: any("has to wait" in worker.said for worker in house.workers), "nothing fits")
        late = asyncio.create_task(_asked_meanwhile(crowd))
        await asyncio.sleep(5)
    finally:
        house.database.empty_disk()
    house.note("PostgreSQL went down" if house.database.pid is None else "PostgreSQL stayed up")
    await house.mend()
    await crowd.done([*tabs, await late], 40)


async def _asked_meanwhile(crowd: Crowd) -> Tab:
    [tab] = await crowd.ask(1)
    return tab
