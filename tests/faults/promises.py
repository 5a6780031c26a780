"""What holds after every row, looked at from outside: at the pages, in the database, at the provider, in /proc."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path

from tests.chatsite.processes import mentioning
from tests.faults.crowd import Crowd
from tests.faults.house import BUSY, House
from tests.faults.model import counted, words
from tests.faults.pages import Tab, text_of

POOL = 10  # connections that a process may have, beside the one that listens
ANSWERS = """
    SELECT question.text, answer.text, g.state FROM conversations_generation AS g
      JOIN conversations_message AS answer ON answer.id = g.message_id
      JOIN conversations_message AS question ON question.id = answer.parent_id
"""
CALLS = """
    SELECT question.text, count(*) FROM usage_call AS call
      JOIN conversations_generation AS g ON g.id = call.generation_id
      JOIN conversations_message AS answer ON answer.id = g.message_id
      JOIN conversations_message AS question ON question.id = answer.parent_id
     WHERE call.purpose = 'answer' GROUP BY question.text
"""
LIVE = "SELECT count(*) FROM conversations_generation WHERE state IN ('queued', 'running')"
TITLES = "SELECT count(*) FROM usage_call WHERE purpose = 'title'"
# A worker that is killed takes what came of its calls with it.
UNANSWERED = """
    SELECT count(*) FROM usage_call LEFT JOIN usage_reply ON call_id = id
     WHERE call_id IS NULL AND created_at > to_timestamp(%s)
"""
# Titles are nobody's to tell of once their worker is gone: they are charged minutes later.
UNCHARGED = """
    SELECT count(*) FROM usage_call AS call LEFT JOIN usage_reply ON call_id = id
     WHERE (purpose = 'answer' OR call_id IS NOT NULL)
       AND (SELECT count(*) FROM usage_charge AS charge WHERE charge.call_id = call.id AND kind = 'charge') <> 1
"""
# A title's Hold ends with its charge: see above.
HELD = """
    SELECT id, requests, tokens, created_at, (SELECT state FROM conversations_generation AS g WHERE g.id = hold.id)
      FROM usage_hold AS hold
     WHERE NOT EXISTS (SELECT FROM usage_call AS call WHERE call.id = hold.id AND purpose = 'title')
"""
UNBALANCED = """
    SELECT count(*) FROM usage_balance AS b,
           LATERAL (SELECT coalesce(sum(cost), 0) AS cost, coalesce(sum(tokens), 0) AS tokens,
                           coalesce(sum(requests), 0) AS requests FROM usage_hold WHERE b.id = ANY(balances)) AS holds,
           LATERAL (SELECT coalesce(sum(cost), 0) AS cost,
                           coalesce(sum(cache_hit_tokens + cache_miss_tokens + output_tokens), 0) AS tokens,
                           count(*) FILTER (
                               WHERE kind = 'charge' AND purpose = 'answer'
                                 AND greatest(cache_hit_tokens, cache_miss_tokens, output_tokens) > 0) AS requests
                      FROM usage_charge WHERE b.subject IN ('team', 'member:' || member_id)
                       AND sent_at >= starts_at AND sent_at < ends_at) AS ledger
     WHERE (held_cost, held_tokens, held_requests) <> (holds.cost, holds.tokens, holds.requests)
        OR (NOT is_rolling AND (b.cost, b.tokens, b.requests) <> (ledger.cost, ledger.tokens, ledger.requests))
"""
UNTOTALLED = """
    WITH ledger AS (
        SELECT coalesce(sum(cost), 0) AS cost, count(*) FILTER (WHERE kind = 'charge') AS charges FROM usage_charge
    ), kept AS (
        SELECT of, sum(cost) AS cost, sum(charges) AS charges FROM usage_total GROUP BY 1
    )
    SELECT count(*)
      FROM (VALUES ('model'), ('member'), ('conversation')) AS kinds (of) LEFT JOIN kept USING (of) CROSS JOIN ledger
     WHERE (coalesce(kept.cost, 0), coalesce(kept.charges, 0)) <> (ledger.cost, ledger.charges)
"""
CONNECTIONS = """
    SELECT application_name, state, xact_start, query FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND application_name <> 'faults'
"""


async def kept(house: House, crowd: Crowd) -> None:
    """All of them. Raises AssertionError; called once the house is mended, with the tabs still open."""
    await everything_has_come_to_an_end(house)
    await nothing_shown_is_missing(crowd.tabs)
    await what_was_sent_is_stored(house, crowd.tabs)
    await every_request_is_written_down(house, crowd.tabs)
    await what_was_promised_is_settled(house)
    crowd.leave()
    await nothing_is_left_behind(house)


async def everything_has_come_to_an_end(house: House) -> None:
    """I5: every answer has ended, at the latest once it was given up; and it is written down what came of each call."""
    last_kill = max(process.killed_at for process in house.processes)
    await _soon(lambda: _count(house, LIVE), "answers that do not end", house.given_up)
    await _soon(lambda: _count(house, UNANSWERED, last_kill), "calls without a reply", house.given_up)


async def nothing_shown_is_missing(tabs: Iterable[Tab]) -> None:
    """I1: a page that is loaded now has all that a tab was ever shown, and looks the same as the tab that followed."""
    for tab in tabs:
        fresh = await tab.load()
        assert counted(text_of(fresh)) >= tab.shown, f"{tab.question}: {tab.shown} words were shown"
        await _soon(partial(_difference, tab), "a tab and its page differ")


async def _difference(tab: Tab) -> str:
    """Loaded anew for each look: a call that nobody told of is charged a minute later, and every page says so."""
    shown, loaded = tab.page.html("thread"), (await tab.load()).html("thread")
    return "" if shown == loaded else f"{shown}\n\n{loaded}"


async def what_was_sent_is_stored(house: House, tabs: Iterable[Tab]) -> None:
    """I2: an answer is what the provider sent, in order, without a gap and without a repeat."""
    answers = {asked: (text, state) for asked, text, state in await house.database.rows(ANSWERS)}
    for tab in tabs:
        text, state = answers[tab.question]
        count = counted(text)
        assert text == "".join(words(0, count)), f"{tab.question}: {text!r}"
        assert count <= house.model.most_sent(tab.question), f"{tab.question}: more than was sent"
        assert state != "done" or count == tab.length, f"{tab.question}: done with {count} words"


async def every_request_is_written_down(house: House, tabs: Iterable[Tab]) -> None:
    """I3, I6: the provider was asked nothing that has no Call, and every Call is charged once, whoever died."""
    calls = dict(await house.database.rows(CALLS))
    for tab in tabs:
        asked = len(house.model.requests(tab.question))
        assert asked <= calls.get(tab.question, 0), (
            f"{tab.question}: asked {asked} times, {calls.get(tab.question)} calls"
        )
    await _soon(lambda: _count(house, UNCHARGED), "calls that are not charged once", house.given_up)
    titles = await _count(house, TITLES)
    assert house.model.titles <= titles, f"{house.model.titles} titles were asked for, {titles} calls"


async def what_was_promised_is_settled(house: House) -> None:
    """I3, I4: no Hold is left of what has ended, and what is kept for limits is the sum of the ledger."""
    await _soon(lambda: house.database.rows(HELD), "holds that nobody freed", house.given_up)
    await _soon(lambda: _count(house, UNBALANCED), "balances that are not the sum of the ledger")
    await _soon(lambda: _count(house, UNTOTALLED), "kinds of totals that are not the sum of the ledger")


async def nothing_is_left_behind(house: House) -> None:
    """I7: no process, socket, connection to the database or the provider, or temporary file that nobody needs."""
    await _soon(lambda: _now(_strange_processes(house)), "processes left behind")
    await _soon(lambda: _now([*house.temporary.iterdir()]), "temporary files left behind")
    await _soon(lambda: _now(open_sockets(house)), "sockets left open")
    await _soon(lambda: _now(house.model.under_way), "requests still open at the provider")
    await _soon(lambda: _strange_connections(house), "connections left in the database")


def _strange_processes(house: House) -> list[int]:
    known = {house.database.pid, *(process.pid for process in house.processes)}
    return [pid for pid in mentioning(str(house.folder)) if pid not in known]


def open_sockets(house: House) -> list[str]:
    """The connections that a web process still has with anybody."""
    ports = {f"{web.port:04X}" for web in house.webs}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row[2] for row in rows if row[1].rpartition(":")[2] in ports and row[3] == "01"]


async def _strange_connections(house: House) -> list[tuple[object, ...]]:
    """Those that nobody who runs knows of, more than a process may have, and transactions that nobody ends."""
    found = await house.database.rows(CONNECTIONS)
    known = {process.name: process.database.connections for process in house.processes}
    if len(found) > sum(known.values()) or max(known.values()) > POOL + 1:
        return [("known", known), *found]
    return [each for each in found if "in transaction" in each[1]]


async def _count(house: House, query: str, *values: object) -> int:
    return int(await house.database.value(query, *values))


async def _now[T](found: T) -> T:
    return found


async def _soon(look: Callable[[], Awaitable[object]], what: str, seconds: float = BUSY) -> None:
    """Until there is none."""
    deadline = time.monotonic() + seconds
    while found := await look():
        assert time.monotonic() < deadline, f"{what}, {seconds:.0f} s later: {found}"
        await asyncio.sleep(0.1)
