"""When the model cannot answer: a sentence, what was said so far, "Try again", and an account of every request."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils.text import slugify
from pytest_django import Settings

from accounts.models import User
from catalog.models import Circuit, LanguageModel, Provider, Route
from conversations import asking
from conversations.models import Generation, Message
from tests.conversations.conftest import working
from tests.upstream import Recorded, Script, Upstream
from tests.workers import SECONDS, eventually, has_ended, in_thread
from usage.models import Call

KEY = "sk-0123456789abcdef"
KEPT = "What was said "
SAID = Script().role().text_delta("What was", " said ")
TINY = {"Retry_After": "0.01"}


@dataclass(frozen=True)
class Case:
    """What the provider does to every request, and what becomes of it."""

    script: Script
    code: str
    sentence: str
    requests: int = 1
    text: str = ""
    may_lose_its_end: bool = False  # a reset throws away what has come and was not read yet


def error(status: int, message: str = "", **headers: str) -> Script:
    return Script.error(status, message or f"Incorrect API key provided: {KEY}", **headers)


CASES = {
    "401": Case(error(401), "authentication", "did not accept our API key"),
    "402": Case(error(402, "Insufficient Balance"), "balance_empty", "balance at the provider is used up"),
    "400 that echoes our key": Case(error(400), "invalid_request", "could not accept the request"),
    "429": Case(error(429, "Slow down", **TINY), "rate_limited", "asks us to slow down", requests=4),
    "429 for an hour": Case(error(429, "Slow down", Retry_After="3600"), "rate_limited", "asks us to slow down"),
    "503": Case(error(503, "Service is too busy.", **TINY), "overloaded", "overloaded right now", requests=4),
    "502 in HTML": Case(
        Script.reply(502, "<html>Bad gateway</html>", {"Content-Type": "text/html", "Retry-After": "0.01"}),
        "overloaded",
        "overloaded right now",
        requests=4,
    ),
    "a cut before the first word": Case(Script().role().cut(), "cut", "broke before the answer was complete", 4),
    "a cut after the first word": Case(SAID.cut(), "cut", "broke before the answer was complete", text=KEPT),
    "a reset after the first word": Case(
        SAID.reset(), "cut", "broke before the answer was complete", text=KEPT, may_lose_its_end=True
    ),
    "an end without [DONE]": Case(SAID, "cut", "broke before the answer was complete", text=KEPT),
    "a stall before the first word": Case(Script().stall(), "stalled", "did not begin to answer in time"),
    "a stall after the first word": Case(SAID.stall(), "stalled", "stopped sending in the middle", text=KEPT),
    "only comments": Case(SAID.comment().comment().stall(), "stalled", "stopped sending in the middle", text=KEPT),
    "an empty answer": Case(Script().role().finish().done(), "empty_answer", "without saying anything", 2),
    "a thought and then nothing": Case(
        Script().role().reasoning("Hm.").finish().done(), "empty_answer", "without saying anything"
    ),
    "an error in the middle": Case(
        SAID.data({"error": {"message": f"Key {KEY} broke", "type": "server_error"}}),
        "server_fault",
        "internal fault",
        text=KEPT,
    ),
    "nothing but rubbish": Case(
        SAID.raw(b"data: {rubbish\n\n" * 30).text_delta("more").finish().done(),
        "malformed_stream",
        "could not understand",
        text=KEPT,
    ),
    "an endless line": Case(
        SAID.raw(b"data: " + b"x" * 2_000_000), "malformed_stream", "could not understand", text=KEPT
    ),
}


@pytest.fixture
def short_clocks(settings: Settings) -> None:
    # Not so short that a busy machine's provider seems to stall between its first bytes and its first word.
    settings.PROVIDER_CLOCKS = {"connect": 5, "first_event": 3, "idle": 3, "total": 20}


def route_of(name: str, upstream: Upstream) -> Route:
    """A provider for each case: one that fails again and again is soon not asked any more."""
    provider = Provider.objects.create(
        name=slugify(name), dialect="deepseek", base_url=upstream.base_url, key_setting="DEEPSEEK_API_KEY"
    )
    model = LanguageModel.objects.create(
        provider=provider, name="deepseek-flash", thinks=True, continues=False, unpriced_allowed=True
    )
    return Route.objects.through(model, name=slugify(name), label=name)


def question_in(request: Recorded) -> str:
    """Titles are asked for in other words, so they match no case."""
    return request.says("user")


async def test_every_failure_is_a_sentence_keeps_the_text_and_offers_another_try(
    alice: User,
    route: Route,
    upstream: Upstream,
    browser_of_alice: Client,
    short_clocks: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    upstream.answer_with(lambda request: CASES[question_in(request)].script)

    def ask(name: str) -> Message:
        return asking.start(alice, name, uuid4(), route_of(name, upstream))

    asked = {name: await sync_to_async(ask)(name) for name in CASES}
    async with working():
        for question in asked.values():
            await has_ended(await Generation.objects.aget(message__parent=question), 40)

    def look() -> None:
        for name, case in CASES.items():
            answer = Message.objects.select_related("generation").get(parent=asked[name])
            generation = answer.generation
            assert (name, generation.state, generation.error_code) == (name, "failed", case.code)
            assert case.sentence in generation.error, name
            kept = answer.text if case.may_lose_its_end and case.text.startswith(answer.text) else case.text
            assert (name, answer.text) == (name, kept)
            html = browser_of_alice.get(f"/c/{answer.conversation_id}/").content.decode()
            assert case.sentence in html, name
            assert kept.strip() in html, name
            assert f'formaction="/c/{answer.conversation_id}/m/{answer.pk}/again/"' in html, name
            sent = [request for request in upstream.requests if question_in(request) == name]
            assert (name, len(sent)) == (name, case.requests)
            calls = Call.objects.filter(generation_id=generation.pk).order_by("number")
            assert [call.number for call in calls] == list(range(1, case.requests + 1)), name
            assert {call.purpose for call in calls} == {"answer"}, name
            assert KEY not in generation.error + html + json.dumps(str(generation.__dict__))

    await sync_to_async(look)()
    assert KEY not in caplog.text
    assert len(upstream.requests) == await Call.objects.acount()


@pytest.mark.parametrize("wait", ["0.3", "0.05"])
async def test_a_refused_request_is_sent_again_when_the_provider_says(
    upstream: Upstream, generation: Generation, wait: str
) -> None:
    upstream.play(Script.error(429, "Slow down", Retry_After=wait), Script.text("At last"))
    async with working():
        await has_ended(generation)
    first, second = upstream.requests[:2]
    assert second.arrived - first.arrived >= float(wait)
    assert second.body == first.body
    assert (generation.state, (await Message.objects.aget(generation=generation)).text) == ("done", "At last")
    assert generation.error == ""


async def test_an_answer_that_was_cut_after_its_first_word_is_not_asked_for_again(
    upstream: Upstream, generation: Generation
) -> None:
    """From its beginning, that is; where it can go on from its end, it does."""
    await LanguageModel.objects.aupdate(continues=False)
    upstream.play(SAID.cut(), Script.text("Another answer"))
    async with working():
        await has_ended(generation)
    assert len(upstream.requests) == 1
    assert (await Message.objects.aget(generation=generation)).text == KEPT


async def test_an_answer_that_was_cut_while_thinking_is_not_asked_for_again(
    upstream: Upstream, generation: Generation
) -> None:
    upstream.play(Script().role().reasoning("Let me think").cut(), Script.text("Another answer"))
    async with working():
        await has_ended(generation)
    assert len(upstream.requests) == 1
    assert (await Message.objects.aget(generation=generation)).reasoning == "Let me think"


async def test_try_again_after_a_failure_answers(
    upstream: Upstream, generation: Generation, browser_of_alice: Client
) -> None:
    upstream.play(Script.error(402, "Insufficient Balance"), Script.text("An answer"))
    address = f"/c/{generation.conversation_id}/m/{generation.message_id}/again/"
    async with working():
        await has_ended(generation)
        await Circuit.objects.all().adelete()  # an administrator has topped it up
        response = await sync_to_async(browser_of_alice.post)(address)
        assert response.status_code == 303
        second = await Generation.objects.exclude(pk=generation.pk).aget()
        await has_ended(second)
    page = await sync_to_async(browser_of_alice.get)(f"/c/{generation.conversation_id}/")
    assert "An answer" in page.content.decode()
    assert "<span>2/2</span>" in page.content.decode()


async def test_a_route_that_went_away_fails_with_a_sentence_and_asks_nobody(
    upstream: Upstream, generation: Generation
) -> None:
    await Provider.objects.aupdate(enabled=False)
    async with working():
        await has_ended(generation)
    assert (generation.state, generation.error_code) == ("failed", "no_route")
    assert "Choose another and try again" in generation.error
    assert (upstream.requests, await Call.objects.acount()) == ([], 0)


@pytest.fixture
def visible_calls(database_url: str) -> Iterator[Callable[[], int]]:
    """How many Call rows another connection sees at this instant."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda: in_thread(pool, Call.objects.count).result(SECONDS)


async def test_every_request_stands_in_the_account_before_it_is_sent(
    upstream: Upstream, generation: Generation, visible_calls: Callable[[], int]
) -> None:
    seen: list[tuple[int, int]] = []

    def refuse_twice(request: Recorded) -> Script | None:
        seen.append((len(upstream.requests), visible_calls()))
        return Script.error(503, "Busy", **TINY) if len(seen) <= 2 else None

    upstream.answer_with(refuse_twice)
    async with working():
        await has_ended(generation)
        await eventually(lambda: len(seen) == 4, "the title is asked for")
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4)]
    rows = [row async for row in Call.objects.order_by("number").values_list("number", "purpose", "provider", "model")]
    assert rows == [
        (number, "title" if number == 4 else "answer", "deepseek", "deepseek-flash") for number in (1, 2, 3, 4)
    ]
    assert {call.generation_id async for call in Call.objects.all()} == {generation.pk}
    assert {call.member_id async for call in Call.objects.all()} == {generation.member_id}


async def test_nul_and_half_pairs_from_a_model_reach_the_database_harmlessly(
    upstream: Upstream, generation: Generation, conversation_title: Callable[[], str]
) -> None:
    escaped = (
        rb'data: {"model":"m\u0000\ud800","system_fingerprint":"f\u0000\udfff","choices":[{"delta":'
        rb'{"reasoning_content":"r\u0000\ud800","content":null}}]}'
        b"\n\n"
        rb'data: {"choices":[{"delta":{"content":"a\u0000b\ud800c \ud83d"}}]}'
        b"\n\n"
        rb'data: {"choices":[{"delta":{"content":"\ude80 \udfff"}}]}'
        b"\n\n"
    )
    upstream.play(Script().raw(escaped).finish().done())
    title = rb'data: {"choices":[{"delta":{"content":"Title\u0000 \ud800of it"}}]}' + b"\n\n"
    upstream.play(Script().raw(title).finish().done())
    async with working():
        await has_ended(generation)
        await eventually(lambda: "Title" in conversation_title(), "the title")
    answer = await Message.objects.aget(generation=generation)
    assert generation.state == "done"
    assert answer.text == "a\ufffdb\ufffdc \U0001f680 \ufffd"
    assert answer.reasoning.startswith("r\ufffd")
    assert generation.returned_model.startswith("m")


@pytest.fixture
def conversation_title(generation: Generation) -> Callable[[], str]:
    def look() -> str:
        generation.conversation.refresh_from_db()
        return generation.conversation.title

    return look
