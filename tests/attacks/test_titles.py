"""Titles that hide, reverse, or break out of where they stand."""

from __future__ import annotations

import pytest
from django.test import Client

from conversations import asking
from conversations.models import Conversation, Generation
from conversations.naming import give_title
from tests.conversations.conftest import working
from tests.conversations.replaying import Follower, WebProcess, assert_same, load
from tests.upstream import Script, Upstream
from tests.workers import eventually, has_ended


@pytest.mark.parametrize("said", ["\u200b\u200b", "\u2066\u2069", "\u202e", "\U000e0041", "\ufeff \u00ad"])
def test_a_model_gives_no_title_that_nobody_sees(conversation: Conversation, said: str) -> None:
    """The conversation was a blank line in the list, with nothing to read out."""
    give_title(conversation.pk, said)
    assert Conversation.objects.get(pk=conversation.pk).title == "What is a monad?"


def test_a_models_title_does_not_reverse_what_stands_behind_it(conversation: Conversation) -> None:
    give_title(conversation.pk, "Take it \u202eback\u2066 now")
    assert Conversation.objects.get(pk=conversation.pk).title == "Take it back now"


@pytest.mark.parametrize(
    "title",
    [
        "</title><script>alert(1)</script>",
        '<hx-partial id="composer">gone</hx-partial>',
        "<head><title>x</title></head>",
        "</h1></header></main></template>",
        '"><img src=x onerror=alert(1)>',
        "{% csrf_token %}{{ 7 }}",
        '{"content": "x", "target": "#composer"}',
    ],
)
def test_a_title_is_text_wherever_it_stands(browser_of_alice: Client, conversation: Conversation, title: str) -> None:
    """The page is as strict as htmx: it would take a partial out of a title, as htmx's patterns would."""
    process, follower = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    follower.connect()
    process.catch_up([follower])
    composer = follower.page.html("composer")
    asking.rename(conversation, title)
    process.catch_up([follower])
    fresh = load(browser_of_alice, conversation)
    assert_same(follower.page, fresh, ("thread", "title", "live", f"c-{conversation.pk}"))
    assert follower.page.html("composer") == composer
    for page in (follower.page, fresh):
        assert page.title == page.element("title").text == page.element(f"c-{conversation.pk}").text == title


async def test_a_title_without_end_is_not_waited_for(upstream: Upstream, generation: Generation) -> None:
    upstream.play(Script.text("An answer."), Script().role().text_delta(*["words "] * 1000).stall())
    async with working():
        await has_ended(generation)
        await eventually(lambda: len(upstream.requests) == 2, "the question for a title")
        await upstream.requests[1].closed(5)
    conversation = await Conversation.objects.aget(pk=generation.conversation_id)
    assert conversation.title == "What is a monad?"
