"""Claimed rows: nobody gets one twice, nobody waits for another's, and leases run on the database's clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.models import User
from catalog.models import Route
from conversations import asking, ending
from conversations.models import Conversation, Generation, Message
from conversations.models.generation import MOST_AT_ONCE
from tests.workers import SECONDS, at_once, in_thread

type Queue = Callable[[User, int], list[UUID]]


@pytest.fixture
def queue(route: Route) -> Queue:
    """Put so many questions of a member into the queue, each in a conversation of its own, oldest first."""

    def put(member: User, count: int) -> list[UUID]:
        made = []
        for number in range(count):
            conversation = Conversation(owner=member, title=f"{member} {number}")
            question = Message(conversation=conversation, role=Message.Role.USER)
            answer = Message(conversation=conversation, role=Message.Role.ASSISTANT, parent=question)
            made.append((conversation, question, answer))
        Conversation.objects.bulk_create([conversation for conversation, _, _ in made])
        Message.objects.bulk_create([question for _, question, _ in made])
        Message.objects.bulk_create([answer for _, _, answer in made])
        return [
            Generation.objects.create(conversation=conversation, message=answer, member=member, route=route).pk
            for conversation, _, answer in made
        ]

    return put


def ids(claimed: list[Generation]) -> list[UUID]:
    return [generation.pk for generation in claimed]


def expire(*generations: UUID) -> None:
    """As if their worker had been silent for longer than its lease."""
    Generation.objects.filter(pk__in=generations).update(lease_until=Now() - timedelta(milliseconds=1))


def test_two_hundred_rows_go_to_two_workers_each_exactly_once(alice: User, queue: Queue) -> None:
    members = [User.objects.create_user(f"member{number}@example.org") for number in range(20)]
    queued = [pk for member in members for pk in queue(member, 10)]

    def claim_all(number: int) -> list[UUID]:
        mine: list[UUID] = []
        while claimed := Generation.objects.claim(f"worker {number}", 7):
            mine += ids(claimed)
        return mine

    shares = at_once(2, claim_all)
    assert Counter(shares[0] + shares[1]) == Counter(queued)
    assert all(shares)
    for number, share in enumerate(shares):
        assert set(Generation.objects.filter(owner=f"worker {number}").values_list("pk", flat=True)) == set(share)
    assert not Generation.objects.exclude(epoch=1).exists()


def test_a_row_that_another_worker_is_taking_is_passed_over_not_waited_for(alice: User, queue: Queue) -> None:
    queued = queue(alice, 3)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        list(Generation.objects.select_for_update().filter(pk=queued[0]))
        taken = in_thread(pool, lambda: ids(Generation.objects.claim("another", 10))).result(SECONDS)
    assert sorted(taken) == sorted(queued[1:])


def test_a_claimed_answer_runs_under_a_new_epoch_and_a_lease(generation: Generation, settings: Settings) -> None:
    settings.LEASE_SECONDS = 7
    (claimed,) = Generation.objects.claim("a worker", 5)
    assert (claimed.pk, claimed.state, claimed.epoch, claimed.owner) == (generation.pk, "running", 1, "a worker")
    assert claimed.lease_until and claimed.started_at
    assert claimed.lease_until - claimed.started_at == timedelta(seconds=7)  # both by the database's clock


@pytest.mark.parametrize("plan", ["", "hashjoin", "hashjoin, mergejoin, material, indexscan, bitmapscan"])
def test_no_more_are_claimed_than_asked_for_whatever_plan_the_database_makes(
    alice: User, queue: Queue, plan: str
) -> None:
    queue(alice, 60)
    with transaction.atomic(), connection.cursor() as cursor:
        for way in filter(None, plan.split(", ")):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        assert len(Generation.objects.claim("a worker", 5)) == 5
        assert Generation.objects.filter(state="running").count() == 5


def test_a_member_with_a_thousand_questions_does_not_hold_up_the_others(
    alice: User, charlie: User, queue: Queue
) -> None:
    charlies = queue(charlie, 100)
    alices = queue(alice, 2)
    assert ids(Generation.objects.claim("a worker", 1)) == charlies[:1]  # the oldest, while nobody has one running
    assert ids(Generation.objects.claim("a worker", 1)) == alices[:1]
    assert ids(Generation.objects.claim("a worker", 1)) == charlies[1:2]  # one each: the older question first
    assert ids(Generation.objects.claim("a worker", 1)) == alices[1:]


def test_in_one_claim_members_take_turns(alice: User, charlie: User, queue: Queue) -> None:
    charlies, alices = queue(charlie, 30), queue(alice, 2)
    assert set(ids(Generation.objects.claim("a worker", 4))) == {*charlies[:2], *alices}


def test_one_member_and_one_slow_provider_do_not_take_all_the_places(alice: User, charlie: User, queue: Queue) -> None:
    """420 questions to a provider that hangs filled a whole worker, and nobody else was answered."""
    charlies = queue(charlie, 60)
    assert ids(Generation.objects.claim("a worker", 50)) == charlies[:MOST_AT_ONCE]
    assert Generation.objects.claim("a worker", 50) == []
    alices = queue(alice, 1)
    assert ids(Generation.objects.claim("a worker", 50)) == alices
    assert ending.end(Generation.objects.get(pk=charlies[0]), ending.Outcome(Generation.State.DONE), may=lambda _: True)
    assert ids(Generation.objects.claim("a worker", 50)) == charlies[MOST_AT_ONCE : MOST_AT_ONCE + 1]


@pytest.mark.parametrize("how", ["nestloop", "hashjoin", "mergejoin"])
def test_the_oldest_are_begun_first_however_the_planner_joins_them(alice: User, queue: Queue, how: str) -> None:
    order = queue(alice, 9)[::-1]
    for age, pk in enumerate(reversed(order)):
        Generation.objects.filter(pk=pk).update(created_at=Now() - timedelta(hours=age))
    with transaction.atomic(), connection.cursor() as cursor:
        for other in {"nestloop", "hashjoin", "mergejoin"} - {how}:
            cursor.execute(f"SET LOCAL enable_{other} = off")
        assert ids(Generation.objects.claim("a worker", 50)) == order


def test_one_conversation_gets_one_answer_at_a_time_in_order(
    conversation: Conversation, generation: Generation, alice: User, route: Route
) -> None:
    for text in ("Why?", "How?"):
        asking.ask(conversation, alice, text, uuid4(), route)
    order = list(Generation.objects.order_by("created_at").values_list("pk", flat=True))
    for expected in order:
        (claimed,) = Generation.objects.claim("a worker", 10)
        assert claimed.pk == expected
        assert Generation.objects.claim("another", 10) == []
        assert ending.end(claimed, ending.Outcome(Generation.State.DONE), may=lambda _: True)


def test_a_question_that_waits_for_its_hour_is_not_claimed_before(alice: User, queue: Queue) -> None:
    later, now = queue(alice, 2)
    Generation.objects.filter(pk=later).update(not_before=Now() + timedelta(hours=1))
    assert ids(Generation.objects.claim("a worker", 10)) == [now]
    Generation.objects.filter(pk=later).update(not_before=Now())
    assert ids(Generation.objects.claim("a worker", 10)) == [later]


# Heartbeats and leases.


def test_a_heartbeat_lengthens_the_leases_of_its_own_worker_alone(
    alice: User, queue: Queue, settings: Settings
) -> None:
    first, second = queue(alice, 2)
    Generation.objects.claim("a worker", 1)
    Generation.objects.claim("another", 1)
    expire(first, second)
    assert Generation.objects.beat("a worker", [first, second]) == {first: False}
    assert ids(list(Generation.objects.abandoned())) == [second]


def test_a_heartbeat_learns_of_a_stop(conversation: Conversation, generation: Generation) -> None:
    Generation.objects.claim("a worker", 1)
    asking.stop(conversation)
    assert Generation.objects.beat("a worker", [generation.pk]) == {generation.pk: True}


def test_a_heartbeat_learns_that_an_answer_is_not_its_own_any_more(generation: Generation) -> None:
    Generation.objects.claim("a worker", 1)
    expire(generation.pk)
    assert ending.reap() == 1
    assert Generation.objects.beat("a worker", [generation.pk]) == {}


def test_a_worker_that_was_only_slow_and_beat_again_is_not_reaped(generation: Generation) -> None:
    Generation.objects.claim("a worker", 1)
    expire(generation.pk)
    Generation.objects.beat("a worker", [generation.pk])
    assert ending.reap() == 0
    generation.refresh_from_db()
    assert generation.state == "running"


def test_a_running_answer_without_a_lease_cannot_be_stored(generation: Generation) -> None:
    with pytest.raises(IntegrityError, match="a_running_generation_has_a_lease"):
        Generation.objects.update(state="running")


def test_an_ended_answer_without_its_end_cannot_be_stored(generation: Generation) -> None:
    with pytest.raises(IntegrityError, match="an_ended_generation_has_its_end"):
        Generation.objects.update(state="done")
