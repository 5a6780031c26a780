"""The three traps of a fenced log, each sprung with plain SQL first, then our code in the same interleaving.

A writer appends to an answer's log while somebody else ends the answer: the reaper, who believes its worker dead. The
log must take the words before the end, or refuse them; it must never take them behind the end, where nobody reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Signal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction

from accounts.models import User
from catalog.models import Route
from conversations import asking, ending, events
from conversations.events import Event
from conversations.models import Chunk, Conversation, Generation, Message
from tests.workers import SECONDS, at_once, in_thread, wait_for_waiters

type Connection = psycopg.Connection[tuple[Any, ...]]
INTERRUPTED = ending.Outcome(Generation.State.INTERRUPTED, "interrupted", ending.INTERRUPTED)

LOCK = "SELECT epoch FROM conversations_generation WHERE id = %s AND state = 'running' AND epoch = 1"
INSERT = "INSERT INTO conversations_chunk (generation_id, seq, epoch, kind, text) VALUES (%s, 1, 1, 0, 'words')"
CLOSE = (
    "UPDATE conversations_generation SET state = 'interrupted', epoch = epoch + 1, lease_until = NULL, ended_at = now()"
    " WHERE id = %s AND state = 'running'"
)
FOLD = (
    "UPDATE conversations_message SET text = COALESCE((SELECT string_agg(text, '' ORDER BY seq)"
    " FROM conversations_chunk WHERE generation_id = %s), '')"
    " WHERE id = (SELECT message_id FROM conversations_generation WHERE id = %s)"
)
CLEVER = """
    WITH locked AS (SELECT id, message_id FROM conversations_generation
                     WHERE id = %(id)s AND state = 'running' FOR UPDATE),
         said AS (SELECT COALESCE(string_agg(text, '' ORDER BY seq), '') AS text
                    FROM conversations_chunk WHERE generation_id = %(id)s),
         closed AS (UPDATE conversations_generation AS g
                       SET state = 'interrupted', epoch = epoch + 1, lease_until = NULL, ended_at = now()
                      FROM locked WHERE g.id = locked.id)
    UPDATE conversations_message AS m SET text = said.text FROM locked, said WHERE m.id = locked.message_id
"""


@pytest.fixture
def running(generation: Generation) -> Generation:
    (claimed,) = Generation.objects.claim("a worker", 1)
    return claimed


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


@pytest.fixture
def writer(database_url: str, pool: ThreadPoolExecutor) -> Iterator[Connection]:
    """A second connection, whose transactions the test steps through. It lets go before the threads are waited for."""
    opened = psycopg.connect(database_url)
    yield opened
    opened.close()


@pytest.fixture
def other(database_url: str, pool: ThreadPoolExecutor) -> Iterator[Connection]:
    opened = psycopg.connect(database_url)
    yield opened
    opened.close()


def words(generation: Generation, seq: int = 1, epoch: int = 1, text: str = "words") -> Event:
    return Event(generation.pk, seq, epoch, Chunk.Kind.TEXT, text)


def stored(generation: Generation) -> tuple[str, str]:
    """What the log holds, and what the message says."""
    log = Chunk.objects.filter(generation_id=generation.pk).order_by("seq").values_list("text", flat=True)
    return "".join(log), Message.objects.get(generation=generation).text


def end_by_hand(ender: Connection, generation: Generation) -> None:
    """The reaper of the traps: close, then fold what is there."""
    ender.execute(CLOSE, [generation.pk])
    ender.execute(FOLD, [generation.pk, generation.pk])
    ender.commit()


def end(generation: Generation) -> bool:
    return ending.end(Generation.objects.get(pk=generation.pk), INTERRUPTED, may=lambda _: True)


def append_between(pool: ThreadPoolExecutor, other: Connection, generation: Generation) -> Future[set[Any]]:
    """Our append, held up between its check and its insert: somebody else holds the place it inserts at."""
    other.execute(INSERT, [generation.pk])
    appending = in_thread(pool, lambda: events.append([words(generation)]))
    wait_for_waiters(1)
    return appending


# 1. A guard without a lock is no guard. 2. FOR KEY SHARE, which a foreign key takes, does not help either.


@pytest.mark.parametrize("lock", ["", " FOR KEY SHARE"])
def test_a_guard_without_the_right_lock_loses_words(
    running: Generation, writer: Connection, other: Connection, lock: str
) -> None:
    assert writer.execute(LOCK + lock, [running.pk]).fetchone()  # the guard lets it pass …
    end_by_hand(other, running)  # … and nobody is held up …
    writer.execute(INSERT, [running.pk])
    writer.commit()
    assert stored(running) == ("words", "")  # … so the words stand in the log, behind the end


def test_for_share_makes_the_end_wait_for_the_words(
    running: Generation, writer: Connection, other: Connection, pool: ThreadPoolExecutor
) -> None:
    assert writer.execute(LOCK + " FOR SHARE", [running.pk]).fetchone()
    ended = pool.submit(end_by_hand, other, running)
    wait_for_waiters(1)
    writer.execute(INSERT, [running.pk])
    writer.commit()
    ended.result(SECONDS)
    assert stored(running) == ("words", "words")


def test_our_append_makes_an_end_by_hand_wait_for_its_words(
    running: Generation, writer: Connection, other: Connection, pool: ThreadPoolExecutor
) -> None:
    """The very interleaving in which no lock, and FOR KEY SHARE, lost them."""
    appending = append_between(pool, other, running)
    ended = pool.submit(end_by_hand, writer, running)
    wait_for_waiters(2)
    other.rollback()
    assert appending.result(SECONDS) == set()
    ended.result(SECONDS)
    assert stored(running) == ("words", "words")


def test_our_end_waits_for_the_words_that_are_being_appended(
    running: Generation, other: Connection, pool: ThreadPoolExecutor
) -> None:
    appending = append_between(pool, other, running)
    ended = in_thread(pool, lambda: end(running))
    wait_for_waiters(2)
    other.rollback()
    assert appending.result(SECONDS) == set()
    assert ended.result(SECONDS)
    assert stored(running) == ("words", "words")


def test_our_append_waits_for_an_end_and_is_then_refused(running: Generation, pool: ThreadPoolExecutor) -> None:
    with transaction.atomic():
        assert end(running)
        appending = in_thread(pool, lambda: events.append([words(running)]))
        wait_for_waiters(1)
    assert appending.result(SECONDS) == {running.pk}
    assert stored(running) == ("", "")


# 3. Settling in one clever statement loses the last words: it waits for the lock, and reads as of before the wait.


def test_ending_in_one_clever_statement_loses_the_last_words(
    running: Generation, writer: Connection, other: Connection, pool: ThreadPoolExecutor
) -> None:
    assert writer.execute(LOCK + " FOR SHARE", [running.pk]).fetchone()
    writer.execute(INSERT, [running.pk])
    ended = pool.submit(other.execute, CLEVER, {"id": running.pk})
    wait_for_waiters(1)
    writer.commit()
    ended.result(SECONDS)
    other.commit()
    running.refresh_from_db()
    assert running.state == "interrupted"
    assert stored(running) == ("words", "")


def test_our_end_keeps_the_words_it_had_to_wait_for(running: Generation, pool: ThreadPoolExecutor) -> None:
    appended, commit = Signal(), Signal()

    def append() -> set[Any]:
        with transaction.atomic():
            refused = events.append([words(running)])
            appended.set()
            assert commit.wait(SECONDS)
        return refused

    appending = in_thread(pool, append)
    assert appended.wait(SECONDS)
    ended = in_thread(pool, lambda: end(running))
    wait_for_waiters(1)
    commit.set()
    assert appending.result(SECONDS) == set()
    assert ended.result(SECONDS)
    assert stored(running) == ("words", "words")


# What follows from them.


def test_a_writer_whose_epoch_is_over_changes_nothing(running: Generation) -> None:
    Generation.objects.filter(pk=running.pk).update(epoch=2, owner="another")
    assert events.append([words(running, epoch=1)]) == {running.pk}
    assert stored(running) == ("", "")
    assert events.append([words(running, epoch=2)]) == set()


@pytest.mark.parametrize("state", ["done", "stopped", "failed", "interrupted", "queued"])
def test_an_answer_that_is_not_running_takes_no_words(running: Generation, state: str) -> None:
    Generation.objects.filter(pk=running.pk).update(state=state, ended_at=running.started_at)
    assert events.append([words(running)]) == {running.pk}
    assert not Chunk.objects.exists()


def test_twenty_enders_at_once_end_it_once(running: Generation, conversation: Conversation) -> None:
    events.append([words(running)])
    before = Conversation.objects.get(pk=conversation.pk).seq
    assert sum(at_once(20, lambda _: end(running))) == 1
    running.refresh_from_db()
    assert (running.state, running.epoch) == ("interrupted", 2)
    assert Conversation.objects.get(pk=conversation.pk).seq == before + 1
    assert stored(running) == ("words", "words")


def test_many_reapers_end_each_abandoned_answer_once(alice: User, route: Route) -> None:
    for number in range(6):
        asking.start(alice, f"Question {number}", uuid4(), route)
    Generation.objects.claim("a dead worker", 10)
    Generation.objects.update(lease_until="2026-01-01T00:00Z", is_unasked=False)
    assert sum(at_once(6, lambda _: ending.reap())) == 6
    assert set(Generation.objects.values_list("state", "epoch")) == {("interrupted", 2)}


def test_a_reaper_that_had_to_wait_looks_again(running: Generation, pool: ThreadPoolExecutor) -> None:
    """The worker was only slow: it beats while the reaper, who thinks it dead, waits for the lock."""
    Generation.objects.update(lease_until="2026-01-01T00:00Z")
    with transaction.atomic():
        Conversation.objects.locked().get(pk=running.conversation_id)
        reaping = in_thread(pool, ending.reap)
        wait_for_waiters(1)
        assert Generation.objects.beat("a worker", [running.pk]) == {running.pk: False}
    assert reaping.result(SECONDS) == 0
    running.refresh_from_db()
    assert (running.state, running.epoch) == ("running", 1)


# Nobody waits in a circle.


def running_answers(count: int, alice: User, route: Route) -> list[Generation]:
    for number in range(count):
        asking.start(alice, f"Question {number}", uuid4(), route)
    return Generation.objects.claim("a worker", count)


class Crossing:
    """What may happen to the same answers at the same time, each in an order of its own."""

    def __init__(self, live: list[Generation]) -> None:
        self.live = live
        self.deeds = [self.flush, self.flush, self.beat, self.beat, self.stop, self.finish, self.finish]

    def do(self, number: int) -> None:
        self.deeds[number](self.live if number % 2 else self.live[::-1])

    def flush(self, live: list[Generation]) -> None:
        for seq in range(1, 9):
            events.append([words(generation, seq) for generation in live])

    def beat(self, live: list[Generation]) -> None:
        for _ in range(8):
            Generation.objects.beat("a worker", [generation.pk for generation in live])

    def stop(self, live: list[Generation]) -> None:
        for generation in live:
            asking.stop(generation.conversation)

    def finish(self, live: list[Generation]) -> None:
        for generation in live:
            end(generation)


def test_stops_ends_flushes_and_heartbeats_cross_without_a_deadlock(alice: User, route: Route) -> None:
    for _ in range(5):
        crossing = Crossing(running_answers(6, alice, route))
        at_once(len(crossing.deeds), crossing.do)  # a deadlock raises
        for generation in crossing.live:
            generation.refresh_from_db()
            assert generation.state == "interrupted"
            assert stored(generation)[0] == stored(generation)[1]


def test_a_heartbeat_and_a_flush_lock_in_one_order(
    alice: User, route: Route, other: Connection, pool: ThreadPoolExecutor
) -> None:
    """The flush takes its answers by id. A heartbeat that took them as they lie in the table could meet it half way."""
    low, high = sorted(running_answers(2, alice, route), key=lambda generation: generation.pk)
    for generation in (high, low):  # in the table the higher id now comes first
        Generation.objects.filter(pk=generation.pk).update(returned_model="a model")
    other.execute("SELECT FROM conversations_generation WHERE id = %s FOR SHARE", [low.pk])

    def beat() -> dict[Any, bool]:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_indexscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            return Generation.objects.beat("a worker", [low.pk, high.pk])

    beating = in_thread(pool, beat)
    wait_for_waiters(1)
    appending = in_thread(pool, lambda: events.append([words(low), words(high)]))
    # Either it is through already, or it waits for the heartbeat too: then letting go would close the circle.
    done = Signal()
    appending.add_done_callback(lambda _: done.set())
    done.wait(0.3)
    other.rollback()
    assert appending.result(SECONDS) == set()
    assert beating.result(SECONDS) == {low.pk: False, high.pk: False}
