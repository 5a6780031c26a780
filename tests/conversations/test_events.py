"""The answer's log: append and read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, transaction

from accounts.models import User
from catalog.models import Route
from conversations import asking, events
from conversations.events import Event
from conversations.models import Chunk, Generation

TEXT, REASONING = Chunk.Kind.TEXT, Chunk.Kind.REASONING


@pytest.fixture
def running(generation: Generation) -> Generation:
    (claimed,) = Generation.objects.claim("a worker", 1)
    return claimed


@pytest.fixture
def ear(database_url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(database_url, autocommit=True) as listening:
        listening.execute("LISTEN chat_feed")
        yield listening


def event(generation: Generation, seq: int, text: str = "words", kind: Chunk.Kind = TEXT) -> Event:
    return Event(generation.pk, seq, generation.epoch, kind, text)


def heard(ear: psycopg.Connection[tuple[Any, ...]]) -> list[Any]:
    return [json.loads(notice.payload) for notice in ear.notifies(timeout=0.2)]


def test_what_was_appended_is_read_in_order(running: Generation) -> None:
    written = [event(running, 1, "a", REASONING), event(running, 2, "b"), event(running, 3, "c")]
    assert events.append(written[:2]) == set()
    assert events.append(written[2:]) == set()
    assert events.since({running.pk: 0}) == written
    assert events.since({running.pk: 2}) == written[2:]
    assert events.since({running.pk: 3}) == []
    assert events.since({}) == []
    assert events.beyond(running)[:2] == ("bc", "a")


def test_appending_twice_is_appending_once(running: Generation) -> None:
    written = [event(running, 1, "a"), event(running, 2, "b")]
    for _ in range(3):
        assert events.append(written) == set()
    assert events.since({running.pk: 0}) == written


def test_a_place_that_is_taken_keeps_its_words(running: Generation) -> None:
    events.append([event(running, 1, "first")])
    events.append([event(running, 1, "second")])
    assert events.beyond(running)[0] == "first"


def test_one_flush_takes_those_it_may_and_names_those_it_refuses(running: Generation) -> None:
    gone, stale = Generation(pk=uuid4(), epoch=1), Generation(pk=running.pk, epoch=7)
    assert events.append([event(running, 1), event(gone, 1)]) == {gone.pk}
    assert events.append([event(stale, 2)]) == {running.pk}
    assert [chunk.seq for chunk in Chunk.objects.all()] == [1]


def test_readers_are_told_once_a_flush_and_only_of_what_is_stored(
    running: Generation, ear: psycopg.Connection[tuple[Any, ...]], alice: User, route: Route
) -> None:
    asking.start(alice, "Another", uuid4(), route)
    (other,) = Generation.objects.claim("a worker", 1)
    heard(ear)
    with transaction.atomic():
        events.append([event(running, 1), event(running, 2), event(other, 1)])
        assert heard(ear) == []  # not before the commit
    (told,) = heard(ear)
    assert sorted(told["g"]) == sorted([[str(running.pk), 2], [str(other.pk), 1]])
    events.append([event(Generation(pk=running.pk, epoch=7), 3)])
    assert heard(ear) == []


def test_several_answers_are_read_with_one_question_each_from_its_own_place(
    running: Generation, alice: User, route: Route
) -> None:
    asking.start(alice, "Another", uuid4(), route)
    (other,) = Generation.objects.claim("a worker", 1)
    events.append([event(g, seq, f"{seq}") for g in (running, other) for seq in (1, 2, 3)])
    found = events.since({running.pk: 1, other.pk: 2})
    assert {(e.generation_id, e.seq) for e in found} == {(running.pk, 2), (running.pk, 3), (other.pk, 3)}


def test_a_flush_inserts_in_one_order_however_it_was_gathered(running: Generation, alice: User, route: Route) -> None:
    """Two flushes of the same words (one repeated after a lost reply) would else wait for each other in a circle."""
    asking.start(alice, "Another", uuid4(), route)
    (other,) = Generation.objects.claim("a worker", 1)
    low, high = sorted((running, other), key=lambda generation: generation.pk)
    events.append([event(high, 2), event(low, 2), event(high, 1), event(low, 1)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT generation_id, seq FROM conversations_chunk ORDER BY ctid")
        assert cursor.fetchall() == [(low.pk, 1), (low.pk, 2), (high.pk, 1), (high.pk, 2)]
