"""A message is deleted, and all below it: what is shown then, and when it is refused."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Route
from conversations import asking
from conversations.errors import StillWrittenError
from conversations.models import Conversation, Generation, Message, path
from tests.conversations.replaying import Follower, WebProcess, load
from tests.conversations.test_asking import anew, answer_to

HTMX = {"HX-Request": "true"}


@pytest.fixture
def told(conversation: Conversation, question: Message, alice: User, route: Route) -> list[Message]:
    """Two questions, each with its answer, all ended."""
    asking.stop(conversation)
    second = asking.ask(conversation, alice, "Why?", uuid4(), route)
    asking.stop(conversation)
    return [question, answer_to(question), second, answer_to(second)]


def shown(conversation: Conversation) -> list[object]:
    return list(path.newest(anew(conversation)).ids)


def test_with_a_question_goes_all_that_was_said_after_it(conversation: Conversation, told: list[Message]) -> None:
    asking.remove(told[2])
    assert shown(conversation) == [told[0].pk, told[1].pk]
    assert Message.objects.count() == Generation.objects.count() + 1 == 2


def test_with_an_answer_its_question_stays_and_can_be_asked_in_other_words(
    conversation: Conversation, told: list[Message], alice: User, route: Route
) -> None:
    asking.remove(told[3])
    assert shown(conversation) == [told[0].pk, told[1].pk, told[2].pk]
    asking.edit(told[2], alice, "Why not?", uuid4(), route)
    assert len(shown(conversation)) == 4


def test_of_several_versions_the_one_beside_it_is_shown(
    conversation: Conversation, told: list[Message], alice: User
) -> None:
    others = []
    for _ in range(2):
        others.append(asking.ask_again(told[3], alice))
        asking.stop(conversation)
    asking.remove(others[1])
    assert shown(conversation)[-1] == others[0].pk
    asking.switch(told[3])
    asking.remove(told[3])
    assert shown(conversation)[-1] == others[0].pk


def test_a_version_that_is_not_shown_goes_and_the_others_are_counted_anew(
    conversation: Conversation, told: list[Message], alice: User
) -> None:
    other = asking.ask_again(told[3], alice)
    asking.stop(conversation)
    before = anew(conversation)
    asking.remove(told[3])
    assert shown(conversation)[-1] == other.pk
    assert Message.objects.get(pk=other.pk).changed_seq == before.seq + 1  # every page is told that it is the only one


def test_the_first_question_leaves_an_empty_conversation_in_which_one_can_ask(
    conversation: Conversation, told: list[Message], alice: User, route: Route, browser_of_alice: Client
) -> None:
    asking.remove(told[0])
    assert shown(conversation) == []
    assert "Nothing is left here." in browser_of_alice.get(conversation.get_absolute_url()).content.decode()
    asking.ask(conversation, alice, "Anew?", uuid4(), route)
    assert len(shown(conversation)) == 2


def test_what_is_still_being_written_is_not_deleted(conversation: Conversation, question: Message) -> None:
    before = anew(conversation).seq
    with pytest.raises(StillWrittenError):
        asking.remove(question)
    assert (Message.objects.count(), anew(conversation).seq) == (2, before)


def test_an_open_page_sees_it_go(conversation: Conversation, told: list[Message], browser_of_alice: Client) -> None:
    follower, process = Follower(load(browser_of_alice, conversation)), WebProcess(conversation)
    follower.connect()
    process.catch_up([follower])
    asking.remove(told[2])
    process.catch_up([follower])
    assert follower.page.html("thread") == load(browser_of_alice, conversation).html("thread")
    assert len(follower.page.articles) == 2


@pytest.mark.parametrize(("headers", "status"), [({}, 303), (HTMX, 204)])
def test_the_page_asks_first_and_says_how_much_goes(
    browser_of_alice: Client, told: list[Message], headers: dict[str, str], status: int
) -> None:
    address = f"/c/{told[0].conversation_id}/m/{told[2].pk}/delete/"
    asked = browser_of_alice.get(address).content.decode()
    assert "Delete this question?" in asked
    assert "and 1 message below it." in asked
    assert Message.objects.count() == 4
    assert browser_of_alice.post(address, headers=headers).status_code == status
    assert Message.objects.count() == 2


def test_a_refusal_is_said(browser_of_alice: Client, conversation: Conversation, question: Message) -> None:
    address = f"/c/{conversation.pk}/m/{question.pk}/delete/"
    refused = browser_of_alice.post(address, headers=HTMX)
    assert refused.status_code == 422
    assert str(StillWrittenError.sentence) in refused.content.decode()
    assert str(StillWrittenError.sentence) in browser_of_alice.post(address, follow=True).content.decode()


def test_a_message_is_given_as_it_was_written(browser_of_alice: Client, told: list[Message]) -> None:
    Message.objects.filter(pk=told[3].pk).update(text="**Because** <b>of</b> this.\n")
    given = browser_of_alice.get(f"/c/{told[3].conversation_id}/m/{told[3].pk}/source/")
    assert given["Content-Type"] == "text/plain; charset=utf-8"
    assert given["X-Content-Type-Options"] == "nosniff"
    assert given.content.decode() == "**Because** <b>of</b> this.\n"


def test_what_is_gone_by_the_time_of_the_lock_is_not_found_and_nothing_breaks(
    conversation: Conversation, told: list[Message], browser_of_alice: Client
) -> None:
    """Two tabs, each with the same message."""
    asking.remove(told[2])
    for gone in (told[2], told[3]):
        asking.remove(gone)
        with pytest.raises(Message.DoesNotExist):
            asking.switch(gone)
    assert shown(conversation) == [told[0].pk, told[1].pk]
