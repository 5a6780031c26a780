"""Stop: the line upstream is cut at once, wherever the answer is; what was said stays; the composer is ready."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from django.test import Client

from accounts.models import User
from catalog.models import Provider, Route
from conversations import answering, asking
from conversations.crossing import Crossing
from conversations.log import Log
from conversations.models import Chunk, Conversation, Generation, Message
from providers.connections import Clients
from tests.conversations.conftest import working
from tests.upstream import Gate, Script, Upstream
from tests.workers import SECONDS, eventually, has_ended
from usage.models import Call

AT_ONCE = 1.0  # seconds; a quiet machine needs a few hundredths

SILENT = {
    "before the response": Script().stall(),
    "before the first byte": Script().head().stall(),
    "before the first word": Script().head().comment().role().stall(),
}


async def press_stop(browser: Client, conversation: Conversation) -> float:
    """The moment at which the button was pressed."""
    pressed = time.monotonic()
    response = await sync_to_async(browser.post)(f"/c/{conversation.pk}/stop/")
    assert response.status_code == 303
    return pressed


async def said(generation: Generation) -> tuple[str, str]:
    answer = await Message.objects.aget(generation=generation)
    return answer.text, answer.reasoning


async def test_stop_in_the_middle_hangs_up_at_once_and_keeps_what_was_said(
    upstream: Upstream, generation: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    gate = Gate()
    upstream.play(Script().role(reasoning=True).reasoning("Hm.").text_delta("A mo", "nad").gate(gate).finish().done())
    async with working():
        await gate.reached()
        await eventually(lambda: "nad" in _log_of(generation), "the words are stored")
        pressed = await press_stop(browser_of_alice, conversation)
        assert await upstream.requests[0].closed() - pressed < AT_ONCE
        await has_ended(generation)
    assert upstream.requests[0].hung_up
    assert (generation.state, generation.error) == ("stopped", "")
    assert await said(generation) == ("A monad", "Hm.")
    html = (await sync_to_async(browser_of_alice.get)(f"/c/{conversation.pk}/")).content.decode()
    assert "Stopped." in html
    assert "A monad" in html


def _log_of(generation: Generation) -> str:
    return "".join(_chunks(generation))


def _chunks(generation: Generation) -> list[str]:
    return list(Chunk.objects.filter(generation_id=generation.pk).order_by("seq").values_list("text", flat=True))


async def test_stop_in_a_torrent_keeps_the_log_and_the_message_alike(
    upstream: Upstream, generation: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    upstream.play(Script().role().tokens([f"{n} " for n in range(100_000)], 5000).finish().done())
    async with working():
        await eventually(lambda: len(_chunks(generation)) > 5, "some words")
        pressed = await press_stop(browser_of_alice, conversation)
        assert await upstream.requests[0].closed() - pressed < AT_ONCE
        await has_ended(generation)
    text, _ = await said(generation)
    assert text == "".join(f"{n} " for n in range(len(text.split())))
    assert text == await sync_to_async(_log_of)(generation)


@pytest.mark.parametrize("script", SILENT.values(), ids=SILENT.keys())
async def test_stop_hangs_up_at_once_on_a_provider_that_is_silent(
    upstream: Upstream,
    generation: Generation,
    conversation: Conversation,
    browser_of_alice: Client,
    script: Script,
) -> None:
    upstream.play(script)
    async with working():
        request = await upstream.requested()
        pressed = await press_stop(browser_of_alice, conversation)
        assert await request.closed() - pressed < AT_ONCE
        await has_ended(generation)
    assert (generation.state, await said(generation)) == ("stopped", ("", ""))
    assert len(upstream.requests) == 1


async def test_stop_while_the_provider_makes_us_wait_before_trying_again(
    upstream: Upstream, generation: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    upstream.play(Script.error(429, "Slow down", Retry_After="20"))
    async with working():
        request = await upstream.requested()
        await eventually(lambda: request.finished_at, "the refusal")
        pressed = await press_stop(browser_of_alice, conversation)
        await has_ended(generation)
        assert time.monotonic() - pressed < AT_ONCE
    assert (generation.state, len(upstream.requests)) == ("stopped", 1)


async def test_stop_while_waiting_for_the_providers_turn_sends_nothing(
    upstream: Upstream,
    generation: Generation,
    conversation: Conversation,
    alice: User,
    route: Route,
    browser_of_alice: Client,
) -> None:
    await Provider.objects.aupdate(concurrency=1)
    gate = Gate()
    upstream.play(Script().role().gate(gate).text_delta("First").finish().done())
    async with working():
        await gate.reached()
        second = await sync_to_async(asking.start)(alice, "The second", uuid4(), route)
        waiting = await Generation.objects.aget(message__parent=second)
        claimed = Generation.objects.filter(pk=waiting.pk, state="running")
        await eventually(claimed.exists, "it waits for its turn")
        pressed = await press_stop(browser_of_alice, second.conversation)
        await has_ended(waiting)
        assert time.monotonic() - pressed < AT_ONCE
        gate.open()
        await has_ended(generation)
        assert await said(generation) == ("First", "")
    assert waiting.state == "stopped"
    assert not await Call.objects.filter(generation_id=waiting.pk).aexists()
    assert "The second" not in [request.says("user") for request in upstream.requests]


async def test_stop_while_queued_sends_nothing_ever(
    upstream: Upstream,
    generation: Generation,
    conversation: Conversation,
    alice: User,
    route: Route,
    browser_of_alice: Client,
) -> None:
    pressed = await press_stop(browser_of_alice, conversation)
    await generation.arefresh_from_db()
    assert time.monotonic() - pressed < AT_ONCE
    assert generation.state == "stopped"
    async with working():
        other = await sync_to_async(asking.start)(alice, "Another", uuid4(), route)
        await has_ended(await Generation.objects.aget(message__parent=other))
    assert "What is a monad?" not in [request.says("user") for request in upstream.requests]
    assert not await Call.objects.filter(generation_id=generation.pk).aexists()


async def test_stop_ends_the_running_answer_and_the_one_queued_behind_it(
    upstream: Upstream,
    generation: Generation,
    conversation: Conversation,
    alice: User,
    route: Route,
    browser_of_alice: Client,
) -> None:
    upstream.play(Script().role().text_delta("One").stall())
    async with working():
        await upstream.requested()
        second = await sync_to_async(asking.ask)(conversation, alice, "Why?", uuid4(), route)
        behind = await Generation.objects.aget(message__parent=second)
        await press_stop(browser_of_alice, conversation)
        await has_ended(generation)
        await has_ended(behind)
    assert (generation.state, behind.state) == ("stopped", "stopped")
    assert len(upstream.requests) == 1


async def test_a_stop_between_the_claim_and_the_beginning_is_not_forgotten(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    """The hint comes before the worker knows of the answer it has claimed; the row still says so."""
    (claimed,) = await sync_to_async(Generation.objects.claim)("a worker", 1)
    await sync_to_async(asking.stop)(conversation)
    cross = Crossing(2, "test")
    async with Clients() as clients:
        await asyncio.wait_for(answering.Answer(claimed, Log(cross), clients, cross).run(), SECONDS)
    cross.close()
    await generation.arefresh_from_db()
    assert (generation.state, upstream.requests) == ("stopped", [])


async def test_a_question_asked_right_after_stop_is_answered_after_it(
    upstream: Upstream,
    generation: Generation,
    conversation: Conversation,
    browser_of_alice: Client,
) -> None:
    upstream.play(Script().role().text_delta("Half an ans").stall(), Script.text("The whole answer"))
    async with working():
        await eventually(lambda: "Half" in _log_of(generation), "some words")
        await press_stop(browser_of_alice, conversation)
        key = uuid4()
        posted = {"text": "Go on", "key": str(key), "route": "quick"}
        response = await sync_to_async(browser_of_alice.post)(f"/c/{conversation.pk}/ask/", posted)
        assert response.status_code == 303
        second = await Generation.objects.aget(message__parent=key)
        await has_ended(second)
    await generation.arefresh_from_db()
    assert (generation.state, second.state) == ("stopped", "done")
    assert await said(second) == ("The whole answer", "")
    assert generation.ended_at and second.started_at
    assert generation.ended_at <= second.started_at
    request = next(r for r in upstream.requests if r.says("user") == "Go on")
    assert request.says("assistant") == "Half an ans"


async def test_stop_after_the_end_changes_nothing(
    upstream: Upstream, generation: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    async with working():
        await has_ended(generation)
        await eventually(lambda: Conversation.objects.filter(named_by="model").exists(), "the title")
        before = (await Conversation.objects.aget()).seq
        await press_stop(browser_of_alice, conversation)
    assert generation.state == "done"
    assert (await Conversation.objects.aget()).seq == before


async def test_deleting_hangs_up_too(
    upstream: Upstream, generation: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    upstream.play(Script().role().text_delta("One").stall())
    async with working():
        request = await upstream.requested()
        pressed = time.monotonic()
        await sync_to_async(browser_of_alice.post)(f"/c/{conversation.pk}/delete/")
        assert await request.closed() - pressed < AT_ONCE
        await has_ended(generation)
    assert generation.state == "stopped"


@transaction.atomic  # as in the admin
def deactivate(member: User) -> None:
    member.is_active = False
    member.save(update_fields=["is_active"])


async def test_a_deactivated_member_is_answered_no_more(
    upstream: Upstream, generation: Generation, conversation: Conversation, alice: User, route: Route
) -> None:
    """What runs is hung up on at once, what waits does not begin; the words that were said stay."""
    upstream.play(Script().role().text_delta("One").stall())
    async with working():
        request = await upstream.requested()
        await eventually(lambda: "One" in _log_of(generation), "a word")
        waiting = await sync_to_async(asking.ask)(conversation, alice, "And then?", uuid4(), route)
        pressed = time.monotonic()
        await sync_to_async(deactivate)(alice)
        assert await request.closed() - pressed < AT_ONCE
        await has_ended(generation)
    assert (generation.state, await said(generation)) == ("stopped", ("One", ""))
    second = await Generation.objects.aget(message__parent=waiting)
    assert (second.state, len(upstream.requests)) == ("stopped", 1)
