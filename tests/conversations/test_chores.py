"""Sweeping up: logs of answers that ended a while ago, conversations that were deleted a while ago, nothing else."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from django.db.models.functions import Now

from accounts.models import User
from catalog.models import Route
from conversations import asking, chores, ending, events
from conversations.events import Event
from conversations.models import Chunk, Conversation, Generation, Message, Pulse
from usage import spending
from usage.models import Call

A_WHILE = timedelta(minutes=2)


def write(generation: Generation) -> None:
    (claimed,) = Generation.objects.claim("a worker", 1)
    assert claimed.pk == generation.pk
    events.append([Event(claimed.pk, seq, 1, Chunk.Kind.TEXT, "words ") for seq in (1, 2)])


def end(generation: Generation) -> None:
    generation.refresh_from_db()
    assert ending.end(generation, ending.Outcome(Generation.State.DONE), may=lambda _: True)


def test_the_log_of_an_answer_goes_a_while_after_its_end_and_its_text_stays(generation: Generation) -> None:
    write(generation)
    Generation.objects.update(created_at=Now() - A_WHILE, started_at=Now() - A_WHILE)
    chores.sweep()
    assert Chunk.objects.count() == 2  # it is still being written
    end(generation)
    chores.sweep()
    assert Chunk.objects.count() == 2  # somebody may still be catching up
    Generation.objects.update(ended_at=Now() - A_WHILE)
    chores.sweep()
    assert not Chunk.objects.exists()
    assert Message.objects.get(generation=generation).text == "words words "


def test_words_of_no_answer_are_swept_up(generation: Generation) -> None:
    Chunk.objects.create(generation_id=uuid4(), seq=1, epoch=1, kind=Chunk.Kind.TEXT, text="orphan")
    chores.sweep()
    assert not Chunk.objects.exists()


def test_a_deleted_conversation_goes_for_good_a_while_later_and_its_account_stays(
    conversation: Conversation, generation: Generation, route: Route, alice: User
) -> None:
    other = asking.start(alice, "Another", uuid4(), route)
    spending.open_call(uuid4(), generation.pk, conversation.pk, alice.pk, "answer", route.steps.get().model)
    asking.delete(conversation)
    chores.sweep()
    assert Conversation.objects.filter(pk=conversation.pk).exists()
    Conversation.objects.filter(pk=conversation.pk).update(deleted_at=Now() - A_WHILE)
    chores.sweep()
    assert set(Conversation.objects.all()) == {other.conversation}
    assert not Message.objects.filter(conversation_id=conversation.pk).exists()
    assert Call.objects.filter(conversation_id=conversation.pk).count() == 1


def test_a_deleted_conversation_stays_while_its_worker_still_writes(
    conversation: Conversation, generation: Generation
) -> None:
    write(generation)
    asking.delete(conversation)
    Conversation.objects.update(deleted_at=Now() - A_WHILE)
    chores.sweep()
    assert Conversation.objects.exists()
    end(generation)
    chores.sweep()
    assert not Conversation.objects.exists()


def test_the_pulse_of_a_worker_that_died_goes_after_a_day(transactional_db: None) -> None:
    for name in ("dead", "just died", "alive"):
        Pulse.objects.beat(name)
    Pulse.objects.filter(name="dead").update(seen_at=Now() - timedelta(hours=25))
    Pulse.objects.filter(name="just died").update(seen_at=Now() - timedelta(hours=1))
    chores.sweep()
    assert set(Pulse.objects.values_list("name", flat=True)) == {"just died", "alive"}
    assert Pulse.objects.alive().get().name == "alive"
