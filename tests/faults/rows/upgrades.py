"""What happens between two versions: a migration while people work, and processes of both beside each other."""

from __future__ import annotations

import asyncio
import json
import time

from tests.faults.crowd import Crowd
from tests.faults.house import House, Process
from tests.faults.pages import Glance, Tab
from tests.faults.table import row

TOMORROW = "tests.faults.tomorrow.settings"
ADDED = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'mood'"
INDEXED = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('generations_by_mood') AND indisvalid"
WAITING = """
    SELECT count(*) FROM pg_stat_activity
     WHERE query LIKE 'CREATE INDEX CONCURRENTLY%%' AND wait_event_type = 'Lock' AND now() - query_start > '3 seconds'
"""
TAKEN_BACK = (
    "ALTER TABLE conversations_generation DROP COLUMN mood",
    "DELETE FROM django_migrations WHERE app = 'tomorrow'",
)


@row("F28", seconds=300)
async def the_database_is_migrated_under_load(house: House, crowd: Crowd) -> None:
    """The next version's migrations beside this one at work and a backup that does not end: one that needs a table
    for itself gives up, one that needs nobody's waits; pages and answers go on, before and after. Once it has ended,
    everything is made."""
    tabs = await crowd.ask(10, rate=1, length=70)
    pages: list[float] = []
    visiting = crowd.keep(_visit(tabs[0], pages))
    await crowd.shown(tabs, 3)
    await _gives_up(house)
    late = await crowd.ask(5, rate=1, length=20)
    await _waits(house)
    tabs += [*late, *await crowd.ask(5)]
    await crowd.done(tabs, 90)
    visiting.cancel()
    house.note(f"{len(pages)} pages, the slowest after {max(pages):.1f} s")
    assert not crowd.failures, crowd.failures
    for statement in TAKEN_BACK:
        await house.database.rows(statement)


async def _visit(tab: Tab, seconds: list[float]) -> None:
    """Its page needs the table that is being changed."""
    while True:
        began = time.monotonic()
        await tab.load()
        seconds.append(time.monotonic() - began)
        await asyncio.sleep(0.1)


async def _gives_up(house: House) -> None:
    async with await house.database.connection() as backup, backup.transaction():
        await backup.execute("LOCK TABLE conversations_generation IN ACCESS SHARE MODE")
        began = time.monotonic()
        code, said = await house.manage("prepare", DJANGO_SETTINGS_MODULE=TOMORROW)
    house.note(f"gave up after {time.monotonic() - began:.0f} s")
    assert code, said
    assert "in use all the time" in said, said
    assert await house.database.value(ADDED) == 0


async def _waits(house: House) -> None:
    """Its snapshot is what is waited for; it has read no table of ours."""
    async with await house.database.connection() as backup, backup.transaction():
        await backup.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await backup.execute("SELECT 1")
        preparing = asyncio.create_task(house.manage("prepare", DJANGO_SETTINGS_MODULE=TOMORROW))
        await house.until_value(1, WAITING)
        assert await house.database.value(INDEXED) == 0
    code, said = await preparing
    assert code == 0, said
    assert await house.database.value(INDEXED) == 1


@row("F30")
async def two_versions_work_side_by_side(house: House, crowd: Crowd) -> None:
    """Hints of another version, with fields and kinds that nobody knows, and pages of another version, that say more
    than ours: each takes what it understands. What nobody can read is noted, and listening goes on."""
    before = {process: len(process.said) for process in house.processes}
    tabs = await crowd.ask(10, rate=8)
    strangers = [asyncio.create_task(_reads_as_another_version(tab)) for tab in tabs]
    for tab in tabs:
        await _say(house, *(json.dumps(hint) for hint in await _hints(house, tab)))
    await crowd.done(tabs, 10)
    await asyncio.gather(*strangers)
    assert not any("Traceback" in _said(process, before) for process in house.processes)
    tabs = await crowd.ask(5)
    await _say(house, "nothing that is JSON", "[1, 2]", "7", '{"c": 7, "g": 7, "stop": 7}')
    await crowd.done(tabs, 10)
    assert all(tab.connected == 1 for tab in crowd.tabs), "sockets were closed"
    assert all("could not be read" in _said(worker, before) for worker in house.workers)
    assert not any("listening again" in _said(process, before) for process in house.processes)


async def _hints(house: House, tab: Tab) -> list[dict[str, object]]:
    query = "SELECT id::text FROM conversations_generation WHERE conversation_id = %s"
    generation = await house.database.value(query, tab.conversation)
    return [
        {"v": 2, "c": [tab.conversation, 1, "more"], "why": {"deed": "renamed"}},
        {"v": 2, "g": [[generation, 1, "more"]], "at": 1.5},
        {"v": 2, "typing": [tab.conversation, "member"]},
        {"v": 2, "queued": 1, "urgent": True},
        {"v": 2},
    ]


async def _say(house: House, *payloads: str) -> None:
    for payload in payloads:
        for channel in ("chat_feed", "chat_work"):
            await house.database.rows("SELECT pg_notify(%s, %s)", channel, payload)


async def _reads_as_another_version(tab: Tab) -> None:
    """To the last word."""
    glance = Glance(tab.person, tab.conversation)
    async with glance.socket() as socket:
        await socket.send('{"v": 2, "seq": 0, "page": "detail", "shown": [{"id": 1}]}')
        while glance.newest < tab.length - 1:
            glance.take(str(await socket.recv()))
            await socket.send('{"v": 2, "taken": {"seq": 7}}')


def _said(process: Process, before: dict[Process, int]) -> str:
    return process.said[before[process] :]
