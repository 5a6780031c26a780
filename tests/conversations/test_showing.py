"""From rows to HTML: what a page, a frame and a poll have in common."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Route
from conversations import asking
from conversations.events import Event
from conversations.models import Chunk, Conversation, Generation, Message, path
from conversations.showing import GrowingAnswer
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load
from tests.page import Page

TEXT, REASONING = Chunk.Kind.TEXT, Chunk.Kind.REASONING


def poll(client: Client, conversation: Conversation, page: Page) -> int:
    """What a page whose socket is blocked does every two seconds."""
    reply = client.get(f"{conversation.get_absolute_url()}news/?seq={page.cursor}")
    if reply.status_code == 200:
        page.apply(reply.content.decode())
    return int(reply.status_code)


def test_polling_gives_the_same_page_as_reloading(conversation: Conversation, browser_of_alice: Client) -> None:
    page = load(browser_of_alice, conversation)
    [writer] = Writer.claim([(REASONING, "Let me think."), *((TEXT, f"word{number} ") for number in range(5))])
    while writer.write():
        assert poll(browser_of_alice, conversation, page) == 200
        assert_same(page, load(browser_of_alice, conversation))
    asking.rename(conversation, "Named & <renamed>")
    writer.end()
    poll(browser_of_alice, conversation, page)
    assert_same(page, load(browser_of_alice, conversation))
    assert poll(browser_of_alice, conversation, page) == 204


@pytest.mark.parametrize("seq", ["", "-1", "x", "9" * 40, "999999", "²", "1e3"])
def test_a_poll_from_nowhere_is_given_all_of_it(conversation: Conversation, browser_of_alice: Client, seq: str) -> None:
    page = load(browser_of_alice, conversation)
    reply = browser_of_alice.get(f"{conversation.get_absolute_url()}news/", {"seq": seq})
    page.apply(reply.content.decode())
    assert_same(page, load(browser_of_alice, conversation))


def test_while_something_can_be_stopped_on_any_branch_every_view_has_the_button(
    alice: User, route: Route, question: Message, conversation: Conversation, browser_of_alice: Client
) -> None:
    """The first answer is being written; the reader looks at an edit of its question, whose answer has ended."""
    process, follower = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    follower.connect()
    [writer] = Writer.claim([(TEXT, "still writing")])
    asking.edit(question, alice, "In other words?", uuid4(), route)
    queued = Generation.objects.get(state=Generation.State.QUEUED)
    Generation.objects.filter(pk=queued.pk).update(state="done", ended_at=queued.created_at)
    process.catch_up([follower])
    fresh = load(browser_of_alice, conversation)
    assert "Stop" in fresh.html("live")
    assert_same(follower.page, fresh, ("live", "title"))
    writer.end()
    process.catch_up([follower])
    assert "Stop" not in follower.page.html("live")


def test_a_phase_shows_the_message_whole_and_more_of_the_same_only_what_is_new(conversation: Conversation) -> None:
    answer = Message.objects.select_related("generation").get(parent__isnull=False)
    answer.generation.state = Generation.State.RUNNING
    [answer.place] = [it.place for it in path.newest(conversation).messages() if it.pk == answer.pk]
    growing = GrowingAnswer(answer)
    swaps = []
    kinds = (REASONING, REASONING, TEXT, TEXT)
    for seq, kind in enumerate(kinds, 1):
        before = growing.standing
        growing.take(Event(answer.generation.pk, seq, 1, kind, "more words "))
        swaps.append(["<article" in patch.html for patch in growing.patches(before)])
    assert swaps == [[True], [False], [True], [False]]
    assert growing.patches(growing.standing) == ()


def test_what_a_person_typed_is_shown_as_it_was_typed(alice: User, route: Route, browser_of_alice: Client) -> None:
    typed = "<b>bold</b> & 'quoted' \"twice\"\n\n  indented <hx-partial id=title>x</hx-partial>"
    conversation = asking.start(alice, typed, uuid4(), route).conversation
    [shown] = load(browser_of_alice, conversation).articles[0].of_class("typed")
    assert shown.text == typed


@pytest.mark.parametrize(
    ("said", "is_code"),
    [
        (['{\n  "a": "*1*",', '\n  "b": [2]\n}'], True),
        (["\n", " \n", "[", "1, 2]"], True),
        (["```json\n", '{"a": 1}', "\n```"], True),  # a fence of its own
        (["I ", "can't say *that*."], False),
    ],
)
def test_json_that_was_asked_for_is_code_while_it_grows_and_afterwards(
    generation: Generation, conversation: Conversation, browser_of_alice: Client, said: list[str], is_code: bool
) -> None:
    Generation.objects.update(parameters={"format": "json"})
    process, follower = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    follower.connect()
    [writer] = Writer.claim([(TEXT, piece) for piece in said])
    while writer.write():
        process.catch_up([follower])
        assert_same(follower.page, load(browser_of_alice, conversation))
    assert bool(follower.page.articles[-1].of_class("code")) is is_code
    writer.end()
    process.catch_up([follower])
    fresh = load(browser_of_alice, conversation)
    assert_same(follower.page, fresh)
    assert bool(fresh.articles[-1].of_class("code")) is is_code
