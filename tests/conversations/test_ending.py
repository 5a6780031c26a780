"""How a generation ends: once, with everything that was said, whoever ends it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from catalog.models import LanguageModel
from conversations import asking, ending, events
from conversations.ending import Outcome
from conversations.events import Event
from conversations.models import Chunk, Conversation, Generation, Message

State = Generation.State


@pytest.fixture
def running(generation: Generation) -> Generation:
    (claimed,) = Generation.objects.claim("a worker", 1)
    Generation.objects.mark_asked(claimed)
    events.append(
        [
            Event(claimed.pk, 1, 1, Chunk.Kind.REASONING, "Let me "),
            Event(claimed.pk, 2, 1, Chunk.Kind.REASONING, "think."),
            Event(claimed.pk, 3, 1, Chunk.Kind.TEXT, "A mo"),
            Event(claimed.pk, 4, 1, Chunk.Kind.TEXT, "nad"),
        ]
    )
    return claimed


def expire(generation: Generation) -> None:
    Generation.objects.filter(pk=generation.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_an_end_folds_the_log_into_the_message_and_steps_the_conversation(running: Generation) -> None:
    facts = {"finish_reason": "stop", "returned_model": "a model", "usage": {"prompt": 3}}
    assert ending.end(running, Outcome(State.DONE, facts=facts), may=lambda _: True)
    generation, conversation = Generation.objects.get(), Conversation.objects.get()
    answer = Message.objects.get(generation=generation)
    assert (answer.text, answer.reasoning) == ("A monad", "Let me think.")
    assert (generation.state, generation.epoch, generation.lease_until) == ("done", 2, None)
    assert (generation.finish_reason, generation.returned_model, generation.usage) == ("stop", "a model", {"prompt": 3})
    assert generation.ended_at
    assert conversation.seq == answer.changed_seq == 2


def test_a_second_end_is_no_end(running: Generation) -> None:
    assert ending.end(running, Outcome(State.DONE), may=lambda _: True)
    before = Generation.objects.values().get(), Conversation.objects.values().get()
    for state in (State.FAILED, State.STOPPED, State.INTERRUPTED):
        assert not ending.end(Generation.objects.get(), Outcome(state, "code", "sentence"), may=lambda _: True)
    assert (Generation.objects.values().get(), Conversation.objects.values().get()) == before


def test_who_may_not_end_it_changes_nothing(running: Generation) -> None:
    before = Generation.objects.values().get(), Conversation.objects.values().get()
    assert not ending.end(running, Outcome(State.DONE), may=lambda row: row.epoch == 7)
    assert (Generation.objects.values().get(), Conversation.objects.values().get()) == before


def test_the_question_whether_it_may_is_asked_of_the_row_as_it_is_now(running: Generation) -> None:
    Generation.objects.update(epoch=7)
    seen: list[int] = []
    assert running.epoch == 1

    def may(row: Generation) -> bool:
        seen.append(row.epoch)
        return False

    ending.end(running, Outcome(State.DONE), may=may)
    assert seen == [7]


@pytest.mark.parametrize(
    ("stop", "state", "error"), [(False, "interrupted", ending.INTERRUPTED), (True, "stopped", "")]
)
def test_the_reaper_ends_what_its_worker_abandoned_and_keeps_the_text(
    running: Generation, stop: bool, state: str, error: str
) -> None:
    LanguageModel.objects.update(continues=False)
    if stop:
        asking.stop(running.conversation)
    assert ending.reap() == 0  # its lease still runs
    expire(running)
    assert ending.reap() == 1
    generation = Generation.objects.get()
    assert (generation.state, generation.error) == (state, error)
    assert Message.objects.get(generation=generation).text == "A monad"
    assert ending.reap() == 0


def test_the_reaper_leaves_queued_and_ended_ones_alone(running: Generation) -> None:
    asking.ask_again(Message.objects.get(generation=running), running.member)
    ending.end(running, Outcome(State.DONE), may=lambda _: True)
    Generation.objects.update(lease_until="2026-01-01T00:00Z")
    assert ending.reap() == 0
