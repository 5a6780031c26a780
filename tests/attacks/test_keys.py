"""Forms sent twice, elsewhere, or with a key that somebody made up."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Route
from conversations import asking
from conversations.errors import KeyReusedError
from conversations.models import Conversation, Message


def test_a_key_that_asked_in_one_conversation_does_not_swallow_a_question_in_another(
    alice: User, route: Route, conversation: Conversation, browser_of_alice: Client
) -> None:
    """It was answered with success, and the question was nowhere."""
    key = uuid4()
    asking.ask(conversation, alice, "And now?", key, route)
    other = asking.start(alice, "Something else", uuid4(), route).conversation
    for headers in ({}, {"HX-Request": "true"}):
        form = {"key": str(key), "text": "And now?"}
        assert browser_of_alice.post(f"/c/{other.pk}/ask/", form, headers=headers).status_code == 409
    assert Message.objects.filter(text="And now?").count() == 1


def test_a_key_that_asked_does_not_start_or_edit_anything_else(
    alice: User, route: Route, conversation: Conversation, question: Message
) -> None:
    first = asking.ask(conversation, alice, "And now?", uuid4(), route)
    with pytest.raises(KeyReusedError):
        asking.start(alice, first.text, first.pk, route)
    with pytest.raises(KeyReusedError):
        asking.edit(question, alice, first.text, first.pk, route)
    assert asking.start(alice, question.text, question.pk, route) == question


def test_the_id_of_any_message_is_no_key(
    alice: User, charlie: User, route: Route, conversation: Conversation, question: Message
) -> None:
    answer = conversation.leaf
    assert answer
    for member in (alice, charlie):
        with pytest.raises(KeyReusedError):
            asking.start(member, answer.text, answer.pk, route)
    with pytest.raises(KeyReusedError):
        asking.start(charlie, question.text, question.pk, route)
    assert Message.objects.count() == 2
