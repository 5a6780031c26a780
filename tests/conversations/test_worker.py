"""The worker, in this process: what it claims, what it does when told to go, and when its database connections die."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.models import User
from catalog.models import LanguageModel, Route
from conversations import asking, ending, events
from conversations.aside import conninfo
from conversations.events import Event
from conversations.models import Chunk, Conversation, Generation, Message
from conversations.worker import THREADS, Worker
from tests.conversations.conftest import working
from tests.upstream import Gate, Script, Upstream
from tests.workers import SECONDS, eventually, has_ended, waiters
from usage.models import Call


async def text_of(generation: Generation) -> str:
    return (await Message.objects.aget(generation=generation)).text


def chunks() -> list[str]:
    return list(Chunk.objects.order_by("generation_id", "seq").values_list("text", flat=True))


async def test_a_question_that_was_queued_while_no_worker_ran_is_answered_when_one_comes(
    upstream: Upstream, generation: Generation
) -> None:
    upstream.play(Script.text("Late, but whole"))
    async with working():
        await has_ended(generation)
    assert (generation.state, await text_of(generation)) == ("done", "Late, but whole")


async def test_a_question_wakes_a_worker_at_once(upstream: Upstream, alice: User, route: Route) -> None:
    async with working():
        first = await sync_to_async(asking.start)(alice, "Are you there?", uuid4(), route)
        await has_ended(await Generation.objects.aget(message__parent=first))
        second = await sync_to_async(asking.start)(alice, "Still there?", uuid4(), route)
        generation = await Generation.objects.aget(message__parent=second)
        await has_ended(generation)
    assert generation.started_at
    assert (generation.started_at - generation.created_at).total_seconds() < 0.9  # the poll alone would need up to 1 s


async def test_a_question_whose_hint_was_lost_is_found_by_the_poll(upstream: Upstream, generation: Generation) -> None:
    # Out of sight first, so that the worker is idle; then back without a word to anybody.
    await Generation.objects.aupdate(not_before="2100-01-01T00:00Z")
    async with working():
        await eventually(_listens, "the worker listens")
        put_back = time.monotonic()
        await Generation.objects.aupdate(not_before="2026-01-01T00:00Z")
        await has_ended(generation)
        assert time.monotonic() - put_back < 3
    assert generation.state == "done"


def _listens() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chat_work'")
        return bool(cursor.fetchone()[0])


async def test_many_questions_are_answered_at_once_by_two_workers_and_none_twice(
    upstream: Upstream, alice: User, route: Route
) -> None:
    upstream.answer_with(lambda request: Script.text("You said: ", request.says("user")))
    for number in range(40):
        await sync_to_async(asking.start)(alice, f"Question {number}", uuid4(), route)
    await Conversation.objects.aupdate(named_by="member")  # so that no title is asked for
    async with working(2):
        await eventually(lambda: not Generation.objects.live().exists(), "all answers")
    texts = {m.text async for m in Message.objects.filter(role="assistant")}
    assert texts == {f"You said: Question {number}" for number in range(40)}
    assert len(upstream.requests) == await Call.objects.acount() == 40
    assert not await Generation.objects.exclude(state="done", epoch=2).aexists()


async def test_the_next_question_waits_for_the_answer_before_it_and_reads_it(
    upstream: Upstream, conversation: Conversation, generation: Generation, alice: User, route: Route
) -> None:
    gate = Gate()
    upstream.play(Script().role().gate(gate).text_delta("The first answer").finish().done())
    second = await sync_to_async(asking.ask)(conversation, alice, "Why?", uuid4(), route)
    async with working(2):
        await gate.reached()
        assert (await Generation.objects.aget(message__parent=second)).state == "queued"
        gate.open()
        await has_ended(await Generation.objects.aget(message__parent=second))
    request = next(request for request in upstream.requests if request.says("user") == "Why?")
    assert request.says("assistant") == "The first answer"


async def test_the_log_is_the_message_and_a_burst_of_any_size_is_kept(
    upstream: Upstream, generation: Generation
) -> None:
    pieces = [f"{number:06} " * 20_000 for number in range(6)]  # 840,000 characters, as fast as they come
    upstream.play(Script.text(*pieces))
    async with working():
        await has_ended(generation)
    assert (generation.state, generation.error) == ("done", "")
    assert await text_of(generation) == "".join(pieces) == "".join(await sync_to_async(chunks)())


# Told to go.


async def test_a_worker_that_is_told_to_go_claims_nothing_more_and_finishes_what_it_writes(
    upstream: Upstream, generation: Generation, alice: User, route: Route
) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("Half ").gate(gate).text_delta("and whole").finish().done())
    worker = Worker()
    running = asyncio.create_task(worker.run())
    await gate.reached()
    worker.leave()
    other = await sync_to_async(asking.start)(alice, "Another", uuid4(), route)
    gate.open()
    await asyncio.wait_for(running, SECONDS)
    await generation.arefresh_from_db()
    assert (generation.state, await text_of(generation)) == ("done", "Half and whole")
    assert (await Generation.objects.aget(message__parent=other)).state == "queued"


async def test_a_worker_that_is_told_twice_ends_its_answers_at_once_with_their_text(
    upstream: Upstream, generation: Generation
) -> None:
    """Those that cannot go on elsewhere."""
    await LanguageModel.objects.aupdate(continues=False)
    gate = Gate()
    upstream.play(Script().role().text_delta("Half ").gate(gate).text_delta("and whole").finish().done())
    worker = Worker()
    running = asyncio.create_task(worker.run())
    await gate.reached()
    await eventually(lambda: chunks() == ["Half "], "the words are stored")
    worker.leave()
    worker.leave()
    await asyncio.wait_for(running, 5)
    await upstream.requests[0].closed()
    await generation.arefresh_from_db()
    assert (generation.state, generation.error_code) == ("interrupted", "interrupted")
    assert "What was written is kept." in generation.error
    assert await text_of(generation) == "Half "


async def test_a_title_that_does_not_come_holds_up_no_worker_that_is_told_to_go_twice(
    upstream: Upstream, generation: Generation
) -> None:
    upstream.play(Script.text("An answer"), Script().stall())
    worker = Worker()
    running = asyncio.create_task(worker.run())
    request = await upstream.requested(2)
    worker.leave()
    worker.leave()
    await asyncio.wait_for(running, 5)
    await request.closed()
    await generation.arefresh_from_db()
    assert generation.state == "done"


async def test_after_its_grace_a_worker_ends_what_is_left(
    upstream: Upstream, generation: Generation, settings: Settings
) -> None:
    settings.GRACE_SECONDS = 0.3
    await LanguageModel.objects.aupdate(continues=False)
    upstream.play(Script().role().text_delta("Half ").stall())
    worker = Worker()
    running = asyncio.create_task(worker.run())
    await eventually(lambda: chunks() == ["Half "], "the words are stored")
    worker.leave()
    await asyncio.wait_for(running, 5)
    await generation.arefresh_from_db()
    assert (generation.state, await text_of(generation)) == ("interrupted", "Half ")


# Leases.


async def test_a_long_answer_outlives_its_first_lease(
    upstream: Upstream, generation: Generation, settings: Settings
) -> None:
    settings.LEASE_SECONDS, settings.HEARTBEAT_SECONDS, settings.REAPER_SECONDS = 1, 0.2, 0.1
    gate = Gate()
    upstream.play(Script().role().text_delta("Slow ").gate(gate).text_delta("but whole").finish().done())
    async with working(2):
        await gate.reached()
        started = await Generation.objects.aget()
        assert started.started_at

        def is_older_than_its_lease() -> bool:
            with connection.cursor() as cursor:
                cursor.execute("SELECT now() > %s + interval '1.3 seconds'", [started.started_at])
                return bool(cursor.fetchone()[0])

        await eventually(is_older_than_its_lease, "more than a lease")
        gate.open()
        await has_ended(generation)
    assert (generation.state, await text_of(generation)) == ("done", "Slow but whole")


@pytest.mark.parametrize(("stop", "state"), [(False, "interrupted"), (True, "stopped")])
async def test_an_abandoned_answer_is_ended_with_its_text_by_the_next_worker(
    conversation: Conversation, generation: Generation, settings: Settings, stop: bool, state: str
) -> None:
    settings.LEASE_SECONDS, settings.HEARTBEAT_SECONDS, settings.REAPER_SECONDS = 0.3, 0.1, 0.1
    await LanguageModel.objects.aupdate(continues=False)
    (claimed,) = await sync_to_async(Generation.objects.claim)("a dead worker", 1)
    await sync_to_async(Generation.objects.mark_asked)(claimed)
    await sync_to_async(events.append)([Event(generation.pk, 1, 1, Chunk.Kind.TEXT, "Half an ans")])
    if stop:
        await sync_to_async(asking.stop)(conversation)
    async with working():
        await has_ended(generation, 5)
    assert (generation.state, await text_of(generation)) == (state, "Half an ans")
    assert not await Call.objects.aexists()  # nothing is asked again by itself


async def test_a_fenced_worker_hangs_up_and_writes_nothing_more(
    upstream: Upstream, generation: Generation, settings: Settings
) -> None:
    """As after a long sleep: the answer was ended by others, and this worker learns it from its heartbeat."""
    settings.HEARTBEAT_SECONDS = 0.1
    upstream.play(Script().role().text_delta("Half ").stall())
    async with working():
        await eventually(lambda: chunks() == ["Half "], "the words are stored")
        other = await Generation.objects.aget()
        outcome = ending.Outcome(Generation.State.INTERRUPTED, "interrupted", ending.INTERRUPTED)
        assert await sync_to_async(ending.end)(other, outcome, may=lambda _: True)
        await upstream.requests[0].closed()
    await generation.arefresh_from_db()
    assert (generation.state, generation.epoch, await text_of(generation)) == ("interrupted", 2, "Half ")


# The database goes away for a moment.


async def test_killed_database_connections_lose_and_double_nothing(
    upstream: Upstream, generation: Generation, database_url: str, pid: int
) -> None:
    words = [f"{number} " for number in range(400)]
    gates = [Gate() for _ in range(4)]
    script = Script().role()
    for number, gate in enumerate(gates):
        script = script.gate(gate).tokens(words[number * 100 : (number + 1) * 100], 1000)
    upstream.play(script.finish().done())
    async with working():
        for gate in gates:
            await gate.reached()
            await eventually(lambda: _kill_all_but_ours(database_url, pid), "there is a connection to kill")
            gate.open()
            await sync_to_async(_kill_all_but_ours)(database_url, pid)  # and in the middle of the torrent
        await has_ended(generation, 30)
    assert generation.state == "done"
    assert await text_of(generation) == "".join(words) == "".join(await sync_to_async(chunks)())


@pytest.fixture
def pid(generation: Generation) -> int:
    """The database process behind this test's own connection."""
    return _own_pid()


def _own_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _kill_all_but_ours(database_url: str, pid: int) -> int:
    """Every connection of the worker: its pool's, in whatever they are at, and the one that listens."""
    with psycopg.connect(database_url, autocommit=True) as killer:
        killed = killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s, %s)",
            [pid, _own_pid()],
        )
        return len(killed.fetchall())


async def test_a_loop_that_fails_once_turns_again(generation: Generation, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it is that goes wrong: without a reaper, abandoned answers would stay for ever."""
    worker = Worker()
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        raise Conversation.DoesNotExist

    turning = asyncio.create_task(worker._often(0.01, turn))
    await eventually(lambda: turns >= 3, "three turns")
    turning.cancel()
    await asyncio.wait([turning])
    await asyncio.to_thread(worker._cross.close)
    assert "turn failed" in caplog.text


async def test_after_the_database_was_away_workers_may_beat_before_they_are_reaped(
    generation: Generation, settings: Settings
) -> None:
    """All leases have run out then, and most workers are well: to go on with their answers would pay for them twice."""
    await sync_to_async(Generation.objects.claim)("another worker", 1)
    await Generation.objects.aupdate(lease_until=Now() - timedelta(seconds=settings.LEASE_SECONDS))
    worker = Worker()

    async def reaps() -> bool:
        await worker._reap()
        await generation.arefresh_from_db()
        return generation.state != "running"

    assert not await reaps()  # it has only just begun, perhaps because the database had been away
    worker._reaps_from -= 2 * settings.HEARTBEAT_SECONDS
    worker._beaten_at -= 2 * settings.HEARTBEAT_SECONDS  # then no beat was well
    assert not await reaps()
    await worker._beat()
    assert not await reaps()
    worker._reaps_from -= settings.LEASE_SECONDS / 2
    await worker._beat()
    assert not await reaps()
    worker._reaps_from -= settings.LEASE_SECONDS / 2
    assert await reaps()  # nobody has beaten for it
    for crossing in (worker._cross, worker._cross_now):
        await asyncio.to_thread(crossing.close)


@pytest.mark.parametrize("moment", ["beginning", "end"])
async def test_a_connection_killed_at_the_beginning_or_the_end_of_an_answer_is_no_failure(
    upstream: Upstream, generation: Generation, database_url: str, moment: str
) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("Half ").gate(gate).text_delta("and whole").finish().done())
    lock = "SELECT FROM conversations_conversation FOR UPDATE"
    with psycopg.connect(database_url) as holder, psycopg.connect(database_url, autocommit=True) as killer:
        if moment == "beginning":
            holder.execute(lock)
        async with working():
            if moment == "end":
                await gate.reached()
                holder.execute(lock)
            gate.open()
            await eventually(lambda: waiters() == 1, f"the {moment} waits for the conversation's lock")
            killer.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
            holder.rollback()
            await has_ended(generation)
    assert (generation.state, await text_of(generation)) == ("done", "Half and whole")


async def test_a_worker_keeps_its_leases_while_more_beginnings_than_it_has_threads_wait_for_the_database(
    upstream: Upstream, alice: User, route: Route, settings: Settings
) -> None:
    settings.HEARTBEAT_SECONDS = 0.05
    for _ in range(THREADS + 2):
        await sync_to_async(asking.start)(alice, "What is a monad?", uuid4(), route)
    async with await psycopg.AsyncConnection.connect(conninfo()) as other:
        await other.execute("SELECT FROM conversations_conversation FOR UPDATE")
        async with working():
            await eventually(lambda: waiters() >= THREADS, "all threads wait")
            claimed = await sync_to_async(_leases)()
            await eventually(
                lambda: all(a and b and a > b for a, b in zip(_leases(), claimed, strict=True)), "leases are longer"
            )
            await other.rollback()
            await eventually(lambda: not Generation.objects.live().exists(), "all are answered")


def _leases() -> list[datetime | None]:
    return list(Generation.objects.order_by("pk").values_list("lease_until", flat=True))
