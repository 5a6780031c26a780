"""Titles: the question's first words, then the model's, and a member's own before all."""

from __future__ import annotations

from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async

from accounts.models import User
from catalog.models import Route
from conversations import asking
from conversations.models import Conversation, Generation, Message
from conversations.naming import give_title
from tests.conversations.conftest import working
from tests.upstream import Gate, Script, Upstream
from tests.workers import eventually, has_ended
from usage.models import Call

ANSWER = Script.text("A monad is a burrito.")


def anew(conversation: Conversation) -> Conversation:
    return Conversation.objects.get(pk=conversation.pk)


@pytest.mark.parametrize(
    ("text", "excerpt"),
    [
        ("Hello", "Hello"),
        ("  What\n\nis   a monad?  ", "What is a monad?"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("界" * 100, "界" * 59 + "…"),
        ("word " * 30, "word word word word word word word word word word word word…"[:60]),
    ],
)
def test_until_the_model_names_it_a_conversation_is_called_by_its_first_words(
    alice: User, route: Route, text: str, excerpt: str
) -> None:
    conversation = asking.start(alice, text, uuid4(), route).conversation
    assert (conversation.title, conversation.named_by) == (excerpt, "excerpt")
    assert len(conversation.title) <= 60


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Monads explained", "Monads explained"),
        ('"Monads, explained."', "Monads, explained"),
        ("# **Monads**\n\nHere is why this title fits", "Monads"),
        ("\n\n  「单子」 ", "「单子」"),
        ("«Monades»", "Monades"),
        ("x" * 80, "x" * 80),
        ("```text\nMonads\n```", "Monads"),
        ("a\0b\ud800", "ab?"),
    ],
)
def test_a_models_title_is_tidied(conversation: Conversation, said: str, title: str) -> None:
    before = conversation.seq
    give_title(conversation.pk, said)
    now = anew(conversation)
    assert (now.title, now.named_by, now.seq > before) == (title, "model", True)


@pytest.mark.parametrize("said", ["", "   \n ", '""', "***", "# \n ## \n", "...", "x" * 81, "```\n```"])
def test_a_title_of_nothing_or_of_a_whole_answer_keeps_the_excerpt(conversation: Conversation, said: str) -> None:
    give_title(conversation.pk, said)
    assert (anew(conversation).title, anew(conversation).named_by) == ("What is a monad?", "excerpt")


@pytest.mark.parametrize("named_by", ["member", "model"])
def test_a_title_that_was_given_is_not_overwritten(conversation: Conversation, named_by: str) -> None:
    Conversation.objects.update(title="About monads", named_by=named_by)
    give_title(conversation.pk, "Something else")
    assert (anew(conversation).title, anew(conversation).named_by) == ("About monads", named_by)


def test_a_title_for_a_deleted_conversation_is_dropped(conversation: Conversation) -> None:
    asking.delete(conversation)
    before = anew(conversation).seq
    give_title(conversation.pk, "Something else")
    assert (anew(conversation).title, anew(conversation).seq) == ("What is a monad?", before)


async def test_the_title_is_asked_for_after_the_first_answer_cheaply_and_without_thinking(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    upstream.play(ANSWER, Script.text("Monads"))
    async with working():
        await eventually(lambda: anew(conversation).named_by == "model", "the title")
    answer, title = upstream.requests
    assert "burrito" in title.says("user")
    assert "What is a monad?" in title.says("user")
    assert "title" in title.says("system")
    assert title.body["max_tokens"] == 40
    assert title.body["thinking"] == {"type": "disabled"}
    assert answer.finished_at is not None
    assert answer.finished_at < title.arrived


async def test_a_named_conversation_is_not_named_again(
    upstream: Upstream, generation: Generation, conversation: Conversation, alice: User, route: Route
) -> None:
    await sync_to_async(asking.rename)(conversation, "My own")
    second = await sync_to_async(asking.ask)(conversation, alice, "Why?", uuid4(), route)
    upstream.play(ANSWER, ANSWER)
    async with working():
        await has_ended(await Generation.objects.aget(message__parent=second))
    assert [call.purpose async for call in Call.objects.all()] == ["answer", "answer"]
    assert (await Conversation.objects.aget()).title == "My own"


async def test_a_member_who_renames_while_the_model_thinks_of_a_title_wins(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    gate = Gate()
    upstream.play(ANSWER, Script().role().gate(gate).text_delta("The model's").finish().done())
    async with working():
        await gate.reached()
        await sync_to_async(asking.rename)(conversation, "My own")
        gate.open()
        request = await upstream.requested(2)
        await eventually(lambda: request.finished_at is not None, "the title was sent")
    assert (await Conversation.objects.aget()).title == "My own"


@pytest.mark.parametrize(
    "script",
    [Script.error(400, "No titles"), Script().role().cut(), Script().role().finish().done()],
    ids=["400", "cut", "empty"],
)
async def test_a_title_that_fails_harms_nothing(
    upstream: Upstream, generation: Generation, conversation: Conversation, alice: User, route: Route, script: Script
) -> None:
    upstream.play(ANSWER, script, Script.text("The second answer"), Script.text("A title"))
    async with working():
        request = await upstream.requested(2)
        await eventually(lambda: request.finished_at or request.closed_at, "the title's end")
        await has_ended(generation)
        assert generation.state == "done"
        assert (await Conversation.objects.aget()).named_by == "excerpt"
        # It is tried again after the next answer, and the conversation goes on.
        second = await sync_to_async(asking.ask)(conversation, alice, "Why?", uuid4(), route)
        await has_ended(await Generation.objects.aget(message__parent=second))
        await eventually(lambda: anew(conversation).title == "A title", "the title")
    assert (await Message.objects.aget(generation=generation)).text == "A monad is a burrito."


async def test_a_failed_answer_gives_no_title(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    upstream.play(Script.error(402, "Insufficient Balance"))
    async with working():
        await has_ended(generation)
    assert [call.purpose async for call in Call.objects.all()] == ["answer"]
    assert (await Conversation.objects.aget()).title == "What is a monad?"
