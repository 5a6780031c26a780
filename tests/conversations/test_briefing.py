"""What a worker gathers before it asks anybody."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import LanguageModel, Route, Step
from conversations import asking, attachments, briefing
from conversations.briefing import Brief
from conversations.models import Conversation, Generation, Message
from tests.images import painted, upload
from tests.workers import at_once


def begun(chain: Route, author: User) -> tuple[Brief, list[str]]:
    """What is gathered for a question with an image, and the statements that it took."""
    images = attachments.prepare([upload("a.png", painted())])
    asking.start(author, "What is this?", uuid4(), chain, images=images)
    (generation,) = Generation.objects.claim("a worker", 1)
    with CaptureQueriesContext(connection) as statements:
        brief = briefing.begin(generation)
    assert isinstance(brief, Brief)
    return brief, [each["sql"] for each in statements]


def test_a_longer_chain_costs_no_more_and_its_images_are_loaded_once(alice: User, route: Route) -> None:
    LanguageModel.objects.update(sees=True)
    model = LanguageModel.objects.get()
    _, for_one = begun(route, alice)
    Step.objects.bulk_create([Step(route=route, position=n, model=model) for n in (2, 3, 4)])
    brief, for_four = begun(route, alice)
    assert len(brief.candidates) == 4
    assert len({id(candidate.request.messages[-1].images[0].data) for candidate in brief.candidates}) == 1
    assert len(for_four) == len(for_one)


def test_a_beginning_steps_the_log_and_stamps_its_message_in_one_statement(generation: Generation) -> None:
    (claimed,) = Generation.objects.claim("a worker", 1)
    before = Conversation.objects.get().seq
    with CaptureQueriesContext(connection) as statements:
        briefing.begin(claimed)
    assert Conversation.objects.get().seq == Message.objects.get(generation=claimed).changed_seq == before + 1
    assert sum("UPDATE" in each["sql"] for each in statements) == 1


def test_many_stamps_at_once_are_as_many_numbers(question: Message) -> None:
    conversation, before = question.conversation, Conversation.objects.get().seq

    def stamp(_: int) -> int:
        with transaction.atomic():
            return Conversation.objects.stamp(conversation.pk, question.pk)

    assert sorted(at_once(12, stamp)) == list(range(before + 1, before + 13))
    assert Conversation.objects.get().seq == Message.objects.get(pk=question.pk).changed_seq == before + 12


def test_an_answer_that_is_not_ours_any_more_is_told_to_nobody(generation: Generation) -> None:
    (claimed,) = Generation.objects.claim("a worker", 1)
    Generation.objects.update(stop_requested=True)
    before = Conversation.objects.get().seq
    assert briefing.begin(claimed) == briefing.STOPPED
    assert Conversation.objects.get().seq == before


def test_a_conversation_that_is_gone_has_nothing_to_stamp(question: Message) -> None:
    with transaction.atomic(), pytest.raises(Conversation.DoesNotExist):
        Conversation.objects.stamp(uuid4(), question.pk)
