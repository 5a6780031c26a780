"""The bus: one hint a deed, after its commit; a lost connection is replaced and says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from conversations import asking, bus
from conversations.models import Conversation
from tests.workers import eventually


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@dataclass
class Ear:
    heard: list[dict[str, Any]] = field(default_factory=list)
    lost: int = 0

    def count_loss(self) -> None:
        self.lost += 1


@asynccontextmanager
async def listening(channel: str) -> AsyncIterator[Ear]:
    ear = Ear()
    task = asyncio.create_task(bus.listen(channel, ear.heard.append, ear.count_loss))
    try:
        await eventually(lambda: ear.lost, "it listens")
        yield ear
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_deed_is_told_after_its_commit_and_not_if_it_failed(conversation: Conversation) -> None:
    def fail() -> None:
        with transaction.atomic():
            asking.rename(conversation, "Never")
            transaction.set_rollback(True)

    async with listening(bus.FEED) as ear:
        await sync_to_async(fail)()
        await sync_to_async(asking.rename)(conversation, "Renamed")
        await eventually(lambda: ear.heard, "the hint")
    assert ear.heard == [{"c": [str(conversation.pk), 2]}]


async def test_a_queued_question_and_a_stop_are_told_to_the_workers(conversation: Conversation) -> None:
    generation = uuid4()
    async with listening(bus.WORK) as ear:
        await sync_to_async(bus.tell_workers)()
        await sync_to_async(bus.tell_stop)(generation)
        await eventually(lambda: len(ear.heard) == 2, "both hints")
    assert ear.heard == [{"queued": 1}, {"stop": str(generation)}]


async def test_a_thousand_answers_fit_into_hints_that_postgres_takes(transactional_db: None) -> None:
    places = [(uuid4(), 2_000_000_000) for _ in range(1000)]
    async with listening(bus.FEED) as ear:
        await sync_to_async(bus.tell_generations)(places)
        await eventually(lambda: sum(len(hint["g"]) for hint in ear.heard) == 1000, "all places")
    assert [(UUID(pk), seq) for hint in ear.heard for pk, seq in hint["g"]] == places
    assert len(ear.heard) < 12


async def test_no_places_are_no_hint(transactional_db: None) -> None:
    async with listening(bus.FEED) as ear:
        await sync_to_async(bus.tell_generations)([])
        await sync_to_async(bus.tell_conversation)(UUID(int=1), 1)
        await eventually(lambda: ear.heard, "a hint")
    assert ear.heard == [{"c": [str(UUID(int=1)), 1]}]


async def test_a_listener_whose_connection_was_cut_listens_again_and_says_that_hints_may_be_lost(
    transactional_db: None, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    async with listening(bus.WORK) as ear:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chat_work'")
        await eventually(lambda: ear.lost == 2, "it listens again")
        await sync_to_async(bus.tell_workers)()
        await eventually(lambda: ear.heard == [{"queued": 1}], "a hint after the loss")


async def test_listening_goes_past_a_pooler_if_it_is_told_where(
    database_url: str, settings: Settings, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    settings.DATABASE_LISTEN_URL = database_url.replace(f"/{other.info.dbname}", "/postgres")
    async with listening(bus.WORK):
        found = other.execute("SELECT datname FROM pg_stat_activity WHERE application_name = 'chat_work'").fetchall()
    assert found == [("postgres",)]


async def test_a_hint_that_nobody_can_read_ends_nothing(
    transactional_db: None, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    async with listening(bus.WORK) as ear:
        other.execute("SELECT pg_notify('chat_work', 'not JSON')")
        await sync_to_async(bus.tell_workers)()
        await eventually(lambda: ear.heard == [{"queued": 1}], "the next hint")
    assert ear.lost == 1


def test_a_hint_costs_a_deed_one_notify(conversation: Conversation) -> None:
    with CaptureQueriesContext(connection) as queries:
        asking.rename(conversation, "Renamed")
    assert sum("pg_notify" in query["sql"] for query in queries) == 1
