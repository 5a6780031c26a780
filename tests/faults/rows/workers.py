"""What happens to workers."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
from uuid import uuid4

from tests.faults.crowd import Crowd
from tests.faults.house import BUSY, House, eventually
from tests.faults.pages import Tab
from tests.faults.promises import LIVE
from tests.faults.table import row

HELD = "SELECT count(*) FROM conversations_generation WHERE state = 'running' AND owner LIKE %s"
# A budget of answers that all have together, today.
ANSWERED = """
    SELECT count(*) FROM usage_charge WHERE kind = 'charge' AND purpose = 'answer'
       AND cache_hit_tokens + cache_miss_tokens + output_tokens > 0
"""
LIMIT = """
    INSERT INTO usage_limit (shared, unit, "window", amount, soft_percent, step, step_percent)
    VALUES (true, 'requests', 'today', %s, 80, '', 90) RETURNING id
"""
NO_LIMIT = "DELETE FROM usage_limit WHERE shared AND unit = 'requests' RETURNING id"
TAKEN = "SELECT coalesce(max(requests + held_requests), 0) FROM usage_balance WHERE subject = 'team'"
CRASHES = ("after-call:2", "before-flush:20", "after-flush:20", "before-end:2", "inside-end:2")


@row("F2", quick=True)
async def a_worker_is_killed(house: House, crowd: Crowd) -> None:
    """Kill -9 of a worker in the middle of answers: within lease and reaper the other one goes on from the last stored
    word, which is the last that anybody saw; each request is one call."""
    tabs = await crowd.ask(20)
    await crowd.shown(tabs, 10)
    random.choice(house.workers).kill()
    await crowd.done(tabs, 15)


@row("F2-points", seconds=300)
async def a_worker_dies_at_its_worst_moments(house: House, crowd: Crowd) -> None:
    """A worker that dies between the Call and its request, before and after a flush, before and inside an ending leaves
    nothing doubled and nothing half done. Where nobody knows if a request was sent, and no word came, it is not sent
    again: that answer is interrupted."""
    for point in CRASHES:
        await _dies_at(point, house, crowd)
        await house.mend()


async def _dies_at(point: str, house: House, crowd: Crowd) -> None:
    dying, other = house.workers
    dying.kill()
    other.send(signal.SIGSTOP)  # so that the questions are the dying one's
    dying.start(CRASH_AT=point)
    await eventually(lambda: dying.is_ready, "the worker is ready")
    tabs = await crowd.ask(6, rate=20)
    assert await dying.gone(30 + BUSY) == 9
    other.send(signal.SIGCONT)
    await crowd.ended(tabs, 15, "done", "interrupted")
    assert all(tab.shown == 0 for tab in tabs if tab.state == "interrupted"), point


@row("F2-twice")
async def an_answer_kills_every_worker_that_touches_it(house: House, crowd: Crowd) -> None:
    """An answer whose worker dies is taken over once. The second death ends it as interrupted, with its words; the
    others go on."""
    [poison] = await crowd.ask(1, rate=4)
    for words in (5, 15):
        await crowd.shown([poison], words)
        (await house.worker_of(poison.conversation)).kill()
        await house.mend()
    others = await crowd.ask(5)
    await crowd.ended([poison], 15, "interrupted")
    await crowd.done(others, 15)
    assert len(house.model.requests(poison.question)) == 2


@row("F2-budget", seconds=400)
async def workers_are_killed_while_a_budget_runs_out(house: House, crowd: Crowd) -> None:
    """Two hundred ask at once what a budget has room for ten times, and workers are killed at random instants: what is
    spent and promised together is never beyond it, each question is refused in words or comes to an end, and nothing
    stays promised."""
    limit = 10 + await house.database.value(ANSWERED)
    await house.database.value(LIMIT, limit)
    try:
        asking = asyncio.gather(*(_ask_once(house, crowd) for _ in range(200)))
        for _ in range(12):
            await asyncio.sleep(random.uniform(0.1, 1.0))
            random.choice(house.workers).kill()
            assert await house.database.value(TAKEN) <= limit
            await house.mend()
        tabs = [tab for tab in await asking if tab]
        assert 1 <= len(tabs) <= 10
        await crowd.ended(tabs, 30, "done", "interrupted", "failed")
        assert await house.database.value(TAKEN) <= limit
    finally:
        await house.database.value(NO_LIMIT)
    house.note(f"{len(tabs)} of 200 were let in, {sum(tab.state == 'done' for tab in tabs)} have their whole answer")


async def _ask_once(house: House, crowd: Crowd) -> Tab | None:
    """Somebody who presses the button until it works, or is told that there is no room."""
    tab = Tab(crowd.person(), house.model.question(10, 40))
    while True:
        with tab.person.noting("/c/"):
            status, headers, text = await tab.person.post("/c/", text=tab.question, key=tab.key)
            if status == 422:
                assert "This would go beyond the limit" in text
                return None
            if status < 400:
                tab.conversation = headers["HX-Push-Url"].split("/")[2]
                await crowd.attend(tab)
                return tab
        await asyncio.sleep(random.uniform(0.2, 0.6))


@row("F36")
async def a_worker_has_no_memory_left(house: House, crowd: Crowd) -> None:
    """A worker that is refused any more memory, in the middle of answers, ends by itself as soon as it needs some; the
    other one goes on from the last stored word, as if it had been killed."""
    tabs = await crowd.ask(20)
    await crowd.shown(tabs, 10)
    starved, other = house.workers
    resource.prlimit(starved.pid, resource.RLIMIT_AS, (1, resource.RLIM_INFINITY))
    other.send(signal.SIGSTOP)  # so that what is asked now is the starved one's
    gone = asyncio.create_task(starved.gone(30 + BUSY))
    for _ in range(10):  # until it needs more than it happens to have
        if not gone.done():
            tabs += await crowd.ask(20)
    assert await gone != 0
    other.send(signal.SIGCONT)
    await crowd.ended(tabs, 15, "done", "interrupted")
    # Of a request that was sent and had no word yet nobody knows whether it is paid for: it is not sent again.
    assert all(tab.shown == 0 for tab in tabs if tab.state == "interrupted")


@row("F3", quick=True)
async def a_worker_is_frozen_past_its_lease(house: House, crowd: Crowd) -> None:
    """SIGSTOP of a worker for longer than its lease: the other one takes its answers over; when it thaws, nothing that
    it wants to write is taken, and it hangs up on the provider."""
    tabs = await crowd.ask(20)
    await crowd.shown(tabs, 10)
    frozen = house.workers[0]
    frozen.send(signal.SIGSTOP)
    # It thaws just as its answers were taken from it, with seconds of their words in its sockets.
    await house.until_value(0, HELD, f"%:{frozen.pid}:%")
    frozen.send(signal.SIGCONT)
    await crowd.done(tabs, 15)


@row("F35")
async def a_worker_stands_still_for_less_than_its_lease(house: House, crowd: Crowd) -> None:
    """SIGSTOP of a worker for a third of its lease, as swapping does: nobody but the readers notices; nothing is asked
    again."""
    tabs = await crowd.ask(20)
    await crowd.shown(tabs, 10)
    for _ in range(3):
        house.workers[0].send(signal.SIGSTOP)
        await asyncio.sleep(house.setting("LEASE_SECONDS") / 3)
        house.workers[0].send(signal.SIGCONT)
        await asyncio.sleep(0.5)
    await crowd.done(tabs, 15)
    house.note(f"{sum(len(house.model.requests(tab.question)) for tab in tabs)} requests for {len(tabs)} answers")


@row("F37", seconds=600)
async def a_thousand_questions_are_waiting(house: House, crowd: Crowd) -> None:
    """A thousand queued questions, most of one member, are all answered; the other members' are not last."""
    for worker in house.workers:
        worker.kill()
    greedy, others = crowd.person(), [crowd.person() for _ in range(20)]
    asked = [(greedy, house.model.question(0, 3)) for _ in range(800)]
    asked += [(person, house.model.question(0, 3)) for person in others for _ in range(10)]
    at_once = asyncio.Semaphore(20)

    async def ask(number: int) -> None:
        person, question = asked[number]
        async with at_once:
            await person.surely_post("/c/", text=question, key=str(uuid4()))

    await asyncio.gather(*(ask(number) for number in range(len(asked))))
    house.workers[0].start()
    await house.until_value(0, LIVE, seconds=400)
    last = """
        SELECT member_id, count(*) AS answers, max(started_at) FROM conversations_generation
         WHERE created_at > now() - interval '10 minutes' GROUP BY member_id ORDER BY answers DESC
    """
    (_, _, of_greedy), *rest = await house.database.rows(last)
    assert max(at for _, _, at in rest) < of_greedy
