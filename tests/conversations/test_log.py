"""A worker's end of the log: everything that was added is written once and in order, whatever the database does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from asgiref.sync import sync_to_async
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from catalog.models import Route
from conversations import asking, ending, events
from conversations.crossing import Crossing
from conversations.log import BUFFER_LIMIT, Log, storable
from conversations.models import Chunk, Generation
from tests.workers import SECONDS, eventually, waiters

TEXT, REASONING = Chunk.Kind.TEXT, Chunk.Kind.REASONING


@pytest.fixture
def running(generation: Generation) -> Generation:
    (claimed,) = Generation.objects.claim("a worker", 1)
    return claimed


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(database_url) as opened:
        yield opened


@asynccontextmanager
async def logging_() -> AsyncIterator[Log]:
    """A log that flushes."""
    cross = Crossing(2, "test")
    log = Log(cross)
    flushing = asyncio.create_task(log.run())
    try:
        yield log
    finally:
        flushing.cancel()
        await asyncio.wait([flushing])
        await asyncio.to_thread(cross.close)


async def text_of(generation: Generation) -> tuple[str, str]:
    return (await sync_to_async(events.beyond)(generation))[:2]


async def test_closing_returns_when_every_piece_is_written_in_order(running: Generation) -> None:
    async with logging_() as log:
        log.open(running, lambda refused: None)
        for number in range(500):
            log.add(running.pk, REASONING if number < 100 else TEXT, f"{number} ")
            if number % 50 == 0:
                await asyncio.sleep(0)
        await log.close(running.pk)
    assert await text_of(running) == (
        "".join(f"{n} " for n in range(100, 500)),
        "".join(f"{n} " for n in range(100)),
    )
    rows = Chunk.objects.filter(generation_id=running.pk).order_by("seq")
    seqs = [seq async for seq in rows.values_list("seq", flat=True)]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_one_ticks_pieces_of_a_kind_are_one_row(running: Generation) -> None:
    async with logging_() as log:
        log.open(running, lambda refused: None)
        for kind, text in ((REASONING, "a"), (REASONING, "b"), (TEXT, "c"), (TEXT, "d"), (REASONING, "e")):
            log.add(running.pk, kind, text)
        await log.close(running.pk)
    rows = Chunk.objects.order_by("seq").values_list("seq", "kind", "text")
    assert [row async for row in rows] == [(1, REASONING, "ab"), (2, TEXT, "cd"), (3, REASONING, "e")]


async def test_a_writer_that_is_refused_is_told_and_the_others_go_on(running: Generation) -> None:
    told: list[bool] = []
    stale = Generation(pk=UUID(int=7), epoch=1)
    async with logging_() as log:
        log.open(running, told.append)
        log.open(stale, told.append)
        log.add(running.pk, TEXT, "kept")
        log.add(stale.pk, TEXT, "refused")
        await asyncio.wait_for(asyncio.gather(log.close(running.pk), log.close(stale.pk)), SECONDS)
        log.add(stale.pk, TEXT, "too late")
    assert told == [True]
    assert [text async for text in Chunk.objects.values_list("text", flat=True)] == ["kept"]


async def test_words_that_cannot_be_written_stop_their_own_answer_alone(running: Generation, alice: User) -> None:
    told: list[bool] = []
    broken = await sync_to_async(another_running)(alice)
    async with logging_() as log:
        log.open(running, told.append)
        log.open(broken, told.append)
        log._writers[broken.pk].seq = 2**31  # the next one does not fit its column
        log.add(running.pk, TEXT, "kept")
        log.add(broken.pk, TEXT, "lost")
        await asyncio.wait_for(asyncio.gather(log.close(running.pk), log.close(broken.pk)), SECONDS)
    assert told == [True]
    assert await text_of(running) == ("kept", "")
    assert await text_of(broken) == ("", "")


def another_running(member: User) -> Generation:
    route = Route.objects.get()
    asking.start(member, "And what else?", uuid4(), route)
    (claimed,) = Generation.objects.claim("a worker", 1)
    return claimed


async def test_a_fenced_writer_writes_nothing_behind_the_end(running: Generation) -> None:
    told: list[bool] = []
    async with logging_() as log:
        log.open(running, told.append)
        log.add(running.pk, TEXT, "before")
        await eventually(Chunk.objects.exists, "the first flush")
        end = sync_to_async(ending.end)
        other = await Generation.objects.aget(pk=running.pk)
        assert await end(other, ending.Outcome(Generation.State.INTERRUPTED), may=lambda _: True)
        log.add(running.pk, TEXT, "behind")
        await asyncio.wait_for(log.close(running.pk), SECONDS)
    assert told == [True]
    assert (await text_of(running))[0] == "before"


async def test_while_the_database_is_away_words_wait_and_then_arrive_once(
    running: Generation, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    async with logging_() as log:
        log.open(running, lambda refused: None)
        other.execute("LOCK TABLE conversations_chunk IN ACCESS EXCLUSIVE MODE")
        log.add(running.pk, TEXT, "one ")
        await eventually(lambda: waiters() == 1, "the flush is held up")
        for number in range(3):
            with psycopg.connect(other.info.dsn, autocommit=True, password=other.info.password) as killer:
                killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
                )
            log.add(running.pk, TEXT, f"and {number} ")
            await eventually(lambda: waiters() == 1, "the flush is tried again")
        other.rollback()
        await asyncio.wait_for(log.close(running.pk), SECONDS)
    assert (await text_of(running))[0] == "one and 0 and 1 and 2 "


async def test_too_much_that_waits_for_a_database_that_is_away_ends_the_answer(
    running: Generation, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    told: list[bool] = []
    async with logging_() as log:
        log.open(running, told.append)
        other.execute("LOCK TABLE conversations_chunk IN ACCESS EXCLUSIVE MODE")
        log.add(running.pk, TEXT, "one ")
        await eventually(lambda: waiters() == 1, "the flush is held up")
        added = 0

        def one_more() -> bool:
            nonlocal added
            log.add(running.pk, TEXT, "x" * 1024)
            added += 1024
            return bool(told)

        await eventually(one_more, "the answer is told")
        assert (set(told), added > BUFFER_LIMIT) == ({False}, True)
        other.rollback()
        await asyncio.wait_for(log.close(running.pk), SECONDS)
    assert len((await text_of(running))[0]) == len("one ") + added


async def test_a_burst_is_no_reason_to_end_an_answer(running: Generation) -> None:
    """A server that gathers its answer and sends it in one go is quick, not a database that is away."""
    told: list[bool] = []
    async with logging_() as log:
        log.open(running, told.append)
        for _ in range(40):
            log.add(running.pk, TEXT, "x" * 25_000)
        await log.close(running.pk)
    assert told == []
    assert len((await text_of(running))[0]) == 1_000_000


@given(st.text(st.characters(codec=None, exclude_categories=())))  # half pairs too
def test_what_is_storable_is_utf_8_without_nul(text: str) -> None:
    stored = storable(text)
    stored.encode()
    assert "\0" not in stored
    assert stored == text or "\0" in text or any("\ud800" <= c <= "\udfff" for c in text)


async def test_nul_and_half_pairs_reach_the_database_harmlessly(running: Generation) -> None:
    async with logging_() as log:
        log.open(running, lambda refused: None)
        for piece in ("a\0b", "\ud800", "\udfff!", "\0", "\U0001f680"):
            log.add(running.pk, TEXT, piece)
        await asyncio.wait_for(log.close(running.pk), SECONDS)
    assert (await text_of(running))[0] == "ab??!\U0001f680"
