"""Down the chain: who answers when the first one can't, and what is said when nobody can."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from catalog import circuits
from catalog.models import Circuit, LanguageModel, Provider, Route, Step
from conversations import asking
from conversations.models import Conversation, Generation, Message
from tests.conversations.conftest import working
from tests.upstream import Gate, Script, Upstream
from tests.workers import eventually, has_ended
from usage.models import Call

BUSY = Script.error(503, "Service is too busy.", "service_unavailable_error", Retry_After="0.01")


@pytest.fixture
def second() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture(autouse=True)
def chain(route: Route, second: Upstream) -> Route:
    """Two models, at two providers."""
    provider = Provider.objects.create(name="spare", dialect="openai", base_url=second.base_url)
    spare = LanguageModel.objects.create(
        provider=provider, name="spare-model", context_tokens=50_000, thinks=False, unpriced_allowed=True
    )
    Step.objects.create(route=route, position=2, model=spare, temperature=0.3)
    return route


async def ended(generation: Generation) -> tuple[str, str]:
    await has_ended(generation)
    return str(generation.state), (await Message.objects.aget(generation=generation)).text


async def calls() -> list[tuple[str, str]]:
    """Which models were asked for an answer, and what came of it; "" is well."""
    rows = Call.objects.filter(purpose="answer").order_by("created_at", "number")
    return await sync_to_async(lambda: list(rows.values_list("model", "reply__error_code")))()


async def test_another_model_answers_and_the_page_says_which(
    upstream: Upstream,
    second: Upstream,
    generation: Generation,
    conversation: Conversation,
    browser_of_alice: Client,
) -> None:
    upstream.play(*[BUSY] * 4)
    second.play(Script.text("Here", " I am."))
    async with working():
        assert await ended(generation) == ("done", "Here I am.")
    assert (generation.provider, generation.model, generation.is_fallback) == ("spare", "spare-model", True)
    assert await calls() == [("deepseek-flash", "overloaded")] * 4 + [("spare-model", "")]
    assert second.requests[0].body["temperature"] == 0.3
    page = await sync_to_async(browser_of_alice.get)(conversation.get_absolute_url())
    assert "answered by spare-model" in page.content.decode()


@pytest.mark.parametrize(
    ("script", "code", "asked"),
    [
        (Script.error(401, "Authentication Fails", "authentication_error"), "authentication", 1),
        (Script.error(402, "Insufficient Balance"), "balance_empty", 1),
        (Script.error(400, "The supported API model names are a or b, but you passed c."), "model_missing", 1),
        (Script.error(400, "This model's maximum context length is 10 tokens."), "context_too_long", 1),
        (Script().role().cut(), "cut", 4),
        (Script().role().finish().done(), "empty_answer", 2),
    ],
    ids=["401", "402", "no such model", "too long", "a cut before the first word", "nothing said"],
)
async def test_what_another_may_do_better_is_given_to_it(
    upstream: Upstream, second: Upstream, generation: Generation, script: Script, code: str, asked: int
) -> None:
    upstream.answer_with(lambda _: script)
    second.play(Script.text("Well."))
    async with working():
        assert await ended(generation) == ("done", "Well.")
    assert await calls() == [("deepseek-flash", code)] * asked + [("spare-model", "")]


@pytest.mark.parametrize(
    "script",
    [Script.error(400, "Invalid messages"), Script.error(400, "Content Exists Risk")],
    ids=["a bad request", "the content filter"],
)
async def test_what_all_would_refuse_is_not_passed_on(
    upstream: Upstream, second: Upstream, generation: Generation, script: Script
) -> None:
    upstream.play(script)
    async with working():
        assert (await ended(generation))[0] == "failed"
    assert not second.requests
    assert not generation.is_fallback


@pytest.mark.parametrize("said", [Script().role().text_delta("What I"), Script().role().reasoning("I think")])
async def test_after_the_first_word_nobody_else_goes_on(
    upstream: Upstream, second: Upstream, generation: Generation, said: Script
) -> None:
    await LanguageModel.objects.aupdate(continues=False)
    upstream.play(said.cut())
    async with working():
        state, text = await ended(generation)
    assert state == "failed"
    assert text in ("What I", "")
    assert not second.requests
    assert len(upstream.requests) == 1


async def test_when_all_are_down_there_is_one_sentence(
    upstream: Upstream, second: Upstream, generation: Generation
) -> None:
    for server in (upstream, second):
        server.answer_with(lambda _: BUSY)
    async with working():
        assert await ended(generation) == ("failed", "")
    assert generation.error_code == "all_down"
    assert generation.error.startswith("None of the 2 models behind “Quick” could answer.")
    assert len(await calls()) == 8


async def test_a_step_is_tried_as_often_as_it_says(
    upstream: Upstream, second: Upstream, generation: Generation
) -> None:
    await Step.objects.filter(position=1).aupdate(attempts=1)
    upstream.answer_with(lambda _: BUSY)
    async with working():
        await ended(generation)
    assert [model for model, _ in await calls()] == ["deepseek-flash", "spare-model"]


async def test_a_step_may_have_less_patience(upstream: Upstream, second: Upstream, generation: Generation) -> None:
    await Step.objects.filter(position=1).aupdate(attempts=1, timeout=0.05)
    upstream.play(Script().stall())
    async with working():
        assert (await ended(generation))[0] == "done"
    assert await calls() == [("deepseek-flash", "stalled"), ("spare-model", "")]


# The circuit


async def test_a_provider_with_an_open_circuit_is_not_asked(
    upstream: Upstream, second: Upstream, generation: Generation
) -> None:
    """A 401 opened it for all; the next question goes to the next provider at once."""
    upstream.play(Script.error(401, "Authentication Fails"))
    async with working():
        await ended(generation)
        assert (await Circuit.objects.aget(provider__name="deepseek")).opened_at
        again = await sync_to_async(lambda: ask_again(generation))()
        assert (await ended(again))[0] == "done"
    assert len(upstream.requests) == 1
    assert [model for model, _ in await calls()] == ["deepseek-flash", "spare-model", "spare-model"]


async def test_a_chain_at_one_provider_says_what_went_wrong_and_names_nobody_who_was_not_asked(
    upstream: Upstream, generation: Generation
) -> None:
    """As Deep of a fresh install: its second model stands behind the same key."""
    own = await LanguageModel.objects.acreate(
        provider=await Provider.objects.aget(name="deepseek"), name="deepseek-v4-pro"
    )
    await Step.objects.filter(position=2).aupdate(model=own)
    upstream.play(Script.error(401, "Authentication Fails"))
    async with working():
        assert await ended(generation) == ("failed", "")
    assert len(upstream.requests) == 1
    assert "did not accept our API key" in generation.error
    assert (generation.model, generation.is_fallback) == ("deepseek-flash", False)


async def test_five_failures_open_the_circuit_in_the_middle_of_the_attempts(
    upstream: Upstream, second: Upstream, generation: Generation
) -> None:
    await Step.objects.filter(position=1).aupdate(attempts=10)
    upstream.answer_with(lambda _: BUSY)
    async with working():
        assert (await ended(generation))[0] == "done"
    assert len(upstream.requests) == 5


async def test_when_every_circuit_is_open_it_says_so_at_once(
    upstream: Upstream, second: Upstream, generation: Generation
) -> None:
    for provider in await sync_to_async(lambda: list(Provider.objects.all()))():
        await sync_to_async(circuits.failed)(provider.pk, "balance_empty", at_once=True)
    async with working():
        assert await ended(generation) == ("failed", "")
    assert not upstream.requests
    assert not second.requests
    assert not await calls()
    assert generation.error_code == "all_down"


async def test_the_first_word_after_a_pause_closes_the_circuit(upstream: Upstream, generation: Generation) -> None:
    provider = await Provider.objects.aget(name="deepseek")
    await Circuit.objects.acreate(
        provider=provider, opened_at="2026-01-01T00:00Z", retry_at="2026-01-01T00:00:30Z", pause=30, reason="overloaded"
    )
    async with working():
        assert (await ended(generation))[0] == "done"
    assert upstream.requests
    assert (await Circuit.objects.aget(provider=provider)).opened_at is None


HALF_OPEN = {"opened_at": "2026-01-01T00:00Z", "retry_at": "2026-01-01T00:00:30Z", "pause": 30, "reason": "overloaded"}


async def test_a_probe_whose_question_is_refused_leaves_its_turn_to_the_next(
    upstream: Upstream, generation: Generation
) -> None:
    provider = await Provider.objects.aget(name="deepseek")
    await Circuit.objects.acreate(provider=provider, **HALF_OPEN)
    upstream.play(Script.error(400, "Invalid messages"), Script.text("Well."))
    async with working():
        assert (await ended(generation))[0] == "failed"
        again = await sync_to_async(lambda: ask_again(generation))()
        assert await ended(again) == ("done", "Well.")
    assert not again.is_fallback
    assert (await Circuit.objects.aget(provider=provider)).opened_at is None


async def test_a_probe_that_is_stopped_leaves_its_turn_to_the_next(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    provider = await Provider.objects.aget(name="deepseek")
    await Circuit.objects.acreate(provider=provider, **HALF_OPEN)
    upstream.play(Script().stall(), Script.text("Well."))
    async with working():
        await upstream.requested()
        await sync_to_async(asking.stop)(conversation)
        assert (await ended(generation))[0] == "stopped"
        again = await sync_to_async(lambda: ask_again(generation))()
        assert await ended(again) == ("done", "Well.")
    assert not again.is_fallback


@pytest.mark.parametrize(
    "script",
    [Script.error(400, "Invalid messages"), Script().role().finish().done()],
    ids=["a bad request", "a model that says nothing"],
)
async def test_what_is_not_the_providers_fault_does_not_count(
    upstream: Upstream, generation: Generation, script: Script
) -> None:
    upstream.answer_with(lambda _: script)
    async with working():
        await ended(generation)
    assert not await Circuit.objects.filter(provider__name="deepseek").aexists()


# What is kept of it


async def test_the_generation_keeps_what_its_last_request_told_and_nothing_of_one_before(
    upstream: Upstream, second: Upstream, generation: Generation
) -> None:
    upstream.play(Script().role().finish().done(), Script.error(400, "Invalid messages"))
    async with working():
        assert (await ended(generation))[0] == "failed"
    assert await calls() == [("deepseek-flash", "empty_answer"), ("deepseek-flash", "invalid_request")]
    last = upstream.requests[1]
    assert (generation.trace_id, generation.returned_model, generation.usage) == (f"trace-{last.number}", "", None)


async def test_answers_that_break_before_their_first_word_open_the_circuit(
    upstream: Upstream, second: Upstream, generation: Generation
) -> None:
    """The provider has begun each of them; it has said nothing yet."""
    await Step.objects.filter(position=1).aupdate(attempts=10)
    provider = await Provider.objects.aget(name="deepseek")
    for _ in range(3):
        await sync_to_async(circuits.failed)(provider.pk, "overloaded", at_once=False)
    upstream.answer_with(lambda _: Script().role().cut())
    async with working():
        assert (await ended(generation))[0] == "done"
    assert len(upstream.requests) == circuits.FAILURES - 3


async def test_who_waits_for_a_turn_asks_nobody_once_the_circuit_is_open(
    upstream: Upstream, second: Upstream, generation: Generation, alice: User, route: Route
) -> None:
    """The circuit was asked before the wait: sixteen at a time, each had to find out for itself."""
    await Provider.objects.filter(name="deepseek").aupdate(concurrency=1)
    gate = Gate()
    upstream.play(Script().gate(gate).role().cut())
    second.answer_with(lambda _: Script.text("Well."))
    async with working():
        await gate.reached()
        asked = [await sync_to_async(asking.start)(alice, "Hello?", uuid4(), route) for _ in range(3)]
        waiting = [await Generation.objects.aget(message__parent=it) for it in asked]
        await eventually(lambda: Generation.objects.filter(state="running").count() == 4, "all of them")
        provider = await Provider.objects.aget(name="deepseek")
        await sync_to_async(circuits.failed)(provider.pk, "balance_empty", at_once=True)
        gate.open()
        for each in waiting:
            assert await ended(each) == ("done", "Well.")
    assert len(upstream.requests) == 1


async def test_a_provider_that_stays_silent_is_waited_for_once(
    upstream: Upstream, second: Upstream, generation: Generation, settings: Settings
) -> None:
    """Four times eleven minutes are more than anybody waits."""
    settings.PROVIDER_CLOCKS = settings.PROVIDER_CLOCKS | {"first_event": 0.2}
    upstream.answer_with(lambda _: Script().stall())
    async with working():
        assert (await ended(generation))[0] == "done"
    assert await calls() == [("deepseek-flash", "stalled"), ("spare-model", "")]


async def test_no_chain_is_longer_than_an_answer_may_take(
    upstream: Upstream, second: Upstream, generation: Generation, settings: Settings
) -> None:
    settings.PROVIDER_CLOCKS = settings.PROVIDER_CLOCKS | {"total": 0.3}
    upstream.answer_with(lambda _: Script().stall())
    async with working():
        assert (await ended(generation))[0] == "failed"
    assert not second.requests


# Repairs


async def test_what_can_be_asked_otherwise_is_asked_otherwise_once(
    upstream: Upstream, second: Upstream, generation: Generation
) -> None:
    await Generation.objects.aupdate(parameters={"format": "json"})
    refused = Script.error(400, "This response_format type is unavailable now")
    upstream.play(refused, Script.text('{"a": 1}'))
    async with working():
        assert await ended(generation) == ("done", '{"a": 1}')
    assert upstream.requests[0].body["response_format"] == {"type": "json_object"}
    assert "response_format" not in upstream.requests[1].body
    assert [code for _, code in await calls()] == ["format_refused", ""]
    assert not second.requests


async def test_a_conversation_too_long_for_the_model_is_shortened_once(
    upstream: Upstream, second: Upstream, generation: Generation, conversation: Conversation, route: Route, alice: User
) -> None:
    """Our estimate of its tokens was too low."""
    too_long = Script.error(400, "This model's maximum context length is 10 tokens.")
    upstream.play(Script.text("A burrito."), Script.text("A title"), too_long, Script.text("Because."))
    async with working():
        await ended(generation)
        await upstream.requested(2)
        why = await sync_to_async(asking.ask)(conversation, alice, "Why?", uuid4(), route)
        assert await ended(await Generation.objects.aget(message__parent=why)) == ("done", "Because.")
    whole, fewer = upstream.requests[2:4]
    assert [it["content"] for it in whole.body["messages"]][1:] == ["What is a monad?", "A burrito.", "Why?"]
    assert [it["content"] for it in fewer.body["messages"]][1:] == ["Why?"]
    assert not second.requests


def ask_again(generation: Generation) -> Generation:
    answer = Message.objects.select_related("conversation", "parent", "generation").get(generation=generation)
    return asking.ask_again(answer, generation.member).generation
