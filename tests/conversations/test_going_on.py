"""An answer that was interrupted goes on by itself: once, from the stored words, where a model truly does that."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from catalog import circuits
from catalog.models import Circuit, LanguageModel, Provider, Route, Step
from conversations import asking, briefing, calling, ending, events
from conversations.answering import Answer
from conversations.briefing import Brief
from conversations.crossing import Crossing
from conversations.log import Log
from conversations.models import Chunk, Conversation, Generation, Message
from conversations.worker import Worker
from providers.connections import Clients
from tests.conversations.conftest import working
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load
from tests.upstream import Gate, Recorded, Script, Upstream
from tests.workers import SECONDS, at_once, eventually, has_ended
from usage.models import Call

TEXT, REASONING = Chunk.Kind.TEXT, Chunk.Kind.REASONING
HALF, REST = "Once upon a time", " there was a fox."
WHOLE = HALF + REST
BADGE, GOING_ON = "continued after an interruption", "Interrupted, going on…"

# A cut that comes together with the words may take some of them with it.
BROKEN = Script().role().text_delta(HALF).pause(0.2).cut()


async def words_of(generation: Generation) -> str:
    return (await Message.objects.aget(generation=generation)).text


async def ended(generation: Generation) -> tuple[str, str]:
    """Its state and its words, at its end."""
    await has_ended(generation)
    return str(generation.state), await words_of(generation)


async def calls() -> list[tuple[str, str]]:
    """Which models were asked for an answer, and what came of it; "" is well."""
    rows = Call.objects.filter(purpose="answer").order_by("number").values_list("model", "reply__error_code")
    return await sync_to_async(lambda: list(rows))()


def said(generation: Generation, words: str) -> bool:
    return events.beyond(generation)[0] == words


async def told_to_go(worker: Worker, running: asyncio.Task[None]) -> None:
    worker.leave()
    worker.leave()
    await asyncio.wait_for(running, SECONDS)


# Upstream cuts.


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (BROKEN, "cut"),
        (Script().role().text_delta(HALF).pause(0.2).reset(), "cut"),
        (Script().role().text_delta(HALF).stall(), "stalled"),
        (Script().role().text_delta(HALF).finish("insufficient_system_resource").done(), "overloaded"),
    ],
    ids=["cut", "reset", "silence", "no capacity"],
)
async def test_a_cut_answer_goes_on_from_its_last_character_as_a_call_of_its_own(
    upstream: Upstream,
    generation: Generation,
    conversation: Conversation,
    browser_of_alice: Client,
    settings: Settings,
    script: Script,
    code: str,
) -> None:
    settings.PROVIDER_CLOCKS = {"connect": 5, "first_event": 5, "idle": 0.5, "total": 60}
    upstream.play(script)
    upstream.answer_with(lambda request: Script.text(REST) if request.path.startswith("/beta") else None)
    async with working():
        assert await ended(generation) == ("done", WHOLE)
    asked = next(it for it in upstream.requests if it.path.startswith("/beta"))
    assert asked.body["messages"][-1] == {"role": "assistant", "content": HALF, "prefix": True}
    assert await calls() == [("deepseek-flash", code), ("deepseek-flash", "")]
    assert (generation.error, generation.resumed_from, generation.is_fallback) == ("", 1, False)
    page = (await sync_to_async(browser_of_alice.get)(conversation.get_absolute_url())).content.decode()
    assert BADGE in page
    assert GOING_ON not in page


async def test_what_it_thought_is_handed_on_with_what_it_said(upstream: Upstream, generation: Generation) -> None:
    await Generation.objects.aupdate(parameters={"effort": "high"})
    upstream.play(Script().role(reasoning=True).reasoning("Let me", " think.").text_delta(HALF).pause(0.2).cut())
    upstream.play(Script.text(REST))
    async with working():
        assert await ended(generation) == ("done", WHOLE)
    last = upstream.requests[1].body["messages"][-1]
    assert last == {"role": "assistant", "content": HALF, "reasoning_content": "Let me think.", "prefix": True}
    assert (await Message.objects.aget(generation=generation)).reasoning == "Let me think."


async def test_one_that_was_cut_while_thinking_thinks_on(upstream: Upstream, generation: Generation) -> None:
    await Generation.objects.aupdate(parameters={"effort": "high"})
    upstream.play(Script().role(reasoning=True).reasoning("Let me").pause(0.2).cut())
    upstream.play(Script().role(reasoning=True).reasoning(" think.").text_delta("42").finish().done())
    async with working():
        assert await ended(generation) == ("done", "42")
    assert (await Message.objects.aget(generation=generation)).reasoning == "Let me think."


async def test_it_goes_on_once_and_anew_when_a_member_says_so(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    words = [f"word{n} " for n in range(4)]
    upstream.play(*[Script().role().text_delta(word).finish("insufficient_system_resource").done() for word in words])
    async with working():
        assert await ended(generation) == ("failed", "word0 word1 ")
        assert (generation.error_code, len(upstream.requests)) == ("overloaded", 2)
        answer = await Message.objects.select_related("conversation", "generation").aget(generation=generation)
        await sync_to_async(asking.carry_on)(answer, conversation.owner)
        assert await ended(generation) == ("failed", "".join(words))
    assert await calls() == [("deepseek-flash", "overloaded")] * 4


@pytest.mark.parametrize("lack", ["dialect", "model", "reasoning"])
async def test_without_a_true_continuation_it_fails_with_its_text_and_asks_nobody(
    upstream: Upstream, generation: Generation, conversation: Conversation, browser_of_alice: Client, lack: str
) -> None:
    if lack == "dialect":
        await Provider.objects.aupdate(dialect="openai")
    if lack == "model":
        await LanguageModel.objects.aupdate(continues=False)
    thought = Script().role(reasoning=True).reasoning("Hm.").pause(0.2).cut()  # and it is not to think any more
    upstream.play(thought if lack == "reasoning" else BROKEN)
    async with working():
        assert await ended(generation) == ("failed", "" if lack == "reasoning" else HALF)
    assert (generation.error_code, generation.resumed_from, len(upstream.requests)) == ("cut", None, 1)
    page = (await sync_to_async(browser_of_alice.get)(conversation.get_absolute_url())).content.decode()
    assert 'class="continue words"' in page
    assert BADGE not in page


@pytest.mark.parametrize(
    ("script", "code", "text"),
    [
        (Script().role().text_delta(HALF).finish("guardrail").done(), "unknown_finish", HALF),
        (Script().role().text_delta(HALF).data({"error": {"message": "Insufficient Balance"}}), "balance_empty", HALF),
        (Script().role(reasoning=True).reasoning("Hm.").finish().done(), "empty_answer", ""),
    ],
    ids=["an end of its own", "no money", "the model's own mistake"],
)
async def test_what_would_end_the_same_way_again_is_not_tried(
    upstream: Upstream, generation: Generation, script: Script, code: str, text: str
) -> None:
    await Generation.objects.aupdate(parameters={"effort": "high"})  # so that it could go on from a thought
    upstream.play(script)
    async with working():
        assert await ended(generation) == ("failed", text)
    assert (generation.error_code, len(upstream.requests)) == (code, 1)


async def test_only_those_of_the_chain_who_truly_go_on_are_asked(
    upstream: Upstream, generation: Generation, route: Route, conversation: Conversation, browser_of_alice: Client
) -> None:
    """The first of it wrote the beginning and cannot; the page names the second, who did."""
    with Upstream() as first:
        provider = await Provider.objects.acreate(name="plain", dialect="openai", base_url=first.base_url)
        model = await LanguageModel.objects.acreate(
            provider=provider, name="plain-model", context_tokens=50_000, unpriced_allowed=True
        )
        await Step.objects.acreate(route=route, position=0, model=model)
        first.play(BROKEN)
        upstream.play(Script.text(REST))
        async with working():
            assert await ended(generation) == ("done", WHOLE)
        assert len(first.requests) == 1 or "title" in first.requests[1].says("system")
    assert await calls() == [("plain-model", "cut"), ("deepseek-flash", "")]
    assert (generation.model, generation.is_fallback) == ("deepseek-flash", True)
    page = (await sync_to_async(browser_of_alice.get)(conversation.get_absolute_url())).content.decode()
    assert "answered by deepseek-flash" in page
    assert BADGE in page


async def test_a_server_that_refuses_to_go_on_is_not_told_in_words_instead(
    upstream: Upstream, generation: Generation
) -> None:
    upstream.play(BROKEN, Script.error(400, "Prefix mode is not supported by this model"), Script.text("Once again"))
    async with working():
        assert await ended(generation) == ("failed", HALF)
    assert (generation.error_code, len(upstream.requests)) == ("prefix_refused", 2)


async def test_a_stop_is_the_last_word_while_it_waits_to_go_on(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    upstream.play(Script().role().text_delta(HALF).stall())
    worker = Worker()
    running = asyncio.create_task(worker.run())
    await eventually(lambda: said(generation, HALF), "its first words")
    await told_to_go(worker, running)
    await generation.arefresh_from_db()
    assert generation.state == "queued"
    await sync_to_async(asking.stop)(conversation)
    async with working():
        assert await ended(generation) == ("stopped", HALF)
    assert len(upstream.requests) == 1


async def test_it_waits_for_a_provider_that_is_left_alone_for_a_moment(
    upstream: Upstream, generation: Generation
) -> None:
    """What cut it has cut many others too, and a question asked anew would be refused."""
    gate = Gate()
    upstream.play(Script().role().text_delta(HALF).gate(gate).cut(), Script.text(REST))
    long_ago, soon = timezone.now() - timedelta(minutes=1), timezone.now() + timedelta(seconds=3)
    async with working():
        await gate.reached()
        await eventually(lambda: said(generation, HALF), "its first words")
        failures = [timezone.now().timestamp()] * (circuits.FAILURES - 1)
        await Circuit.objects.acreate(provider=await Provider.objects.aget(), failures=failures)
        gate.open()
        opened = Circuit.objects.filter(opened_at__isnull=False)
        await eventually(opened.exists, "the cut opens the circuit")
        await opened.aupdate(opened_at=long_ago, retry_at=soon)
        assert await ended(generation) == ("done", WHOLE)
    assert await calls() == [("deepseek-flash", "cut"), ("deepseek-flash", "")]


# The worker goes.


async def test_a_worker_that_is_told_to_go_hands_its_answers_to_the_next_at_once(
    upstream: Upstream, generation: Generation, settings: Settings
) -> None:
    """Not after the lease, which here no test would wait for."""
    settings.LEASE_SECONDS, settings.GRACE_SECONDS = 600, 0.2
    upstream.play(Script().role().text_delta(HALF).stall(), Script.text(REST))
    leaving = Worker()
    running = asyncio.create_task(leaving.run())
    await eventually(lambda: said(generation, HALF), "its first words")
    async with working():
        leaving.leave()
        assert await ended(generation) == ("done", WHOLE)
        await asyncio.wait_for(running, SECONDS)
    await upstream.requests[0].closed()
    assert generation.owner != leaving.name
    assert await calls() == [("deepseek-flash", "interrupted"), ("deepseek-flash", "")]


async def test_two_hundred_words_survive_as_many_hand_overs_as_it_may_have(
    upstream: Upstream, generation: Generation
) -> None:
    """The upstream sends what follows the words that it is given: a word too few or too many would show."""
    words = [f"{n} " for n in range(200)]

    def follow(request: Recorded) -> Script:
        last = request.messages[-1]
        begun = last["content"] if last["role"] == "assistant" else ""
        return Script().role().tokens(words[len(begun.split()) :], 400).finish().done()

    upstream.answer_with(follow)
    worker = Worker()
    running = asyncio.create_task(worker.run())
    await eventually(lambda: len(events.beyond(generation)[0]) > 100, "some words")
    await told_to_go(worker, running)
    async with working():
        assert await ended(generation) == ("done", "".join(words))
    assert len([it for it in upstream.requests if it.says("system").startswith("You are")]) == 2


async def goes_back_into_the_queue(generation: Generation, upstream: Upstream) -> None:
    """As if it had never left it; and the next worker answers."""
    await generation.arefresh_from_db()
    assert (generation.state, generation.resumed_from, generation.started_at) == ("queued", None, None)
    upstream.answer_with(lambda _: Script.text(WHOLE))
    async with working():
        assert await ended(generation) == ("done", WHOLE)


async def test_what_was_not_asked_yet_goes_back_into_the_queue(
    upstream: Upstream, generation: Generation, alice: User, route: Route
) -> None:
    """It was waiting for the provider's turn."""
    await Provider.objects.aupdate(concurrency=1)
    upstream.play(Script().stall())
    worker = Worker()
    running = asyncio.create_task(worker.run())
    await upstream.requested()
    question = await sync_to_async(asking.start)(alice, "The second", uuid4(), route)
    second = await Generation.objects.aget(message__parent=question)
    await eventually(Generation.objects.filter(pk=second.pk, state="running").exists, "it is claimed")
    await told_to_go(worker, running)
    assert not await Call.objects.filter(generation_id=second.pk).aexists()
    await goes_back_into_the_queue(second, upstream)


async def test_what_was_refused_and_would_be_tried_again_goes_back_into_the_queue(
    upstream: Upstream, generation: Generation
) -> None:
    """Nobody is at work on it, so asking costs no second answer."""
    upstream.play(Script.error(429, "Slow down", Retry_After="20"))
    worker = Worker()
    running = asyncio.create_task(worker.run())
    await upstream.requested()
    refused = Generation.objects.filter(is_unasked=True, pk__in=Call.objects.values("generation_id"))
    await eventually(refused.exists, "the refusal")
    await told_to_go(worker, running)
    await goes_back_into_the_queue(generation, upstream)


async def test_what_was_asked_and_said_nothing_is_not_asked_again(upstream: Upstream, generation: Generation) -> None:
    upstream.play(Script().head().stall())
    worker = Worker()
    running = asyncio.create_task(worker.run())
    await upstream.requested()
    await told_to_go(worker, running)
    async with working():
        assert await ended(generation) == ("interrupted", "")
    assert await calls() == [("deepseek-flash", "interrupted")]


# The worker dies.


@pytest.fixture
def running(generation: Generation) -> Generation:
    """Claimed by a worker, who asked and had half an answer."""
    [writer] = Writer.claim([(TEXT, HALF)])
    assert Generation.objects.mark_asked(writer.generation)
    writer.write()
    return writer.generation


def expire() -> None:
    Generation.objects.filter(state="running").update(lease_until="2026-01-01T00:00Z")


def reaped(generation: Generation) -> str:
    expire()
    assert ending.reap() == 1
    generation.refresh_from_db()
    return str(generation.state)


def test_what_a_dead_worker_had_said_is_handed_on_and_its_writer_is_refused(running: Generation) -> None:
    assert reaped(running) == "queued"
    assert (running.epoch, running.lease_until, running.folded_seq, running.resumed_from) == (2, None, 1, 1)
    assert Message.objects.get(generation=running).text == HALF
    late = events.Event(running.pk, 2, 1, TEXT, " there were two")
    assert events.append([late]) == {running.pk}


def test_an_answer_that_a_second_worker_dies_of_is_at_an_end(running: Generation) -> None:
    """It may be the answer that kills them."""
    assert reaped(running) == "queued"
    Writer.claim([])
    assert reaped(running) == "interrupted"
    assert (running.deaths, Message.objects.get(generation=running).text) == (2, HALF)


def test_one_that_no_worker_lived_long_enough_to_ask_for_ends_too(generation: Generation) -> None:
    Writer.claim([])
    assert reaped(generation) == "queued"
    Writer.claim([])
    assert reaped(generation) == "interrupted"


def test_a_worker_that_goes_by_itself_is_no_death(generation: Generation) -> None:
    for _ in range(5):
        [writer] = Writer.claim([])
        assert ending.end(writer.generation, ending.HANDED_BACK, may=lambda _: True)
    generation.refresh_from_db()
    assert (generation.state, generation.deaths) == ("queued", 0)


def test_after_a_cut_it_may_lose_the_worker_that_had_not_asked_yet(running: Generation) -> None:
    cut = ending.Outcome(Generation.State.FAILED, "cut", "It broke off.", may_go_on=True)
    assert ending.end(running, cut, may=lambda _: True)
    Writer.claim([])
    assert reaped(running) == "queued"
    assert running.is_resumed


@pytest.mark.parametrize("how", ["cut", "handed back", "reaped"])
def test_who_asked_for_a_stop_gets_one_whatever_broke_meanwhile(running: Generation, how: str) -> None:
    asking.stop(running.conversation)
    outcome = {
        "cut": ending.Outcome(Generation.State.FAILED, "cut", "It broke off.", may_go_on=True),
        "handed back": ending.HANDED_BACK,
        "reaped": ending.ABANDONED,
    }[how]
    assert ending.end(running, outcome, may=lambda _: True)
    running.refresh_from_db()
    assert (running.state, running.error_code, running.error) == ("stopped", "", "")


def test_many_reapers_hand_it_on_once(running: Generation) -> None:
    expire()
    assert sum(at_once(6, lambda _: ending.reap())) == 1
    running.refresh_from_db()
    assert (running.state, running.epoch, running.deaths) == ("queued", 2, 1)


def test_it_is_claimed_in_its_turn(running: Generation, alice: User, route: Route) -> None:
    """Before what its member asked later, and not before what others asked earlier."""
    bob = User.objects.create_user("bob@example.org")
    earlier, newer = (asking.start(bob, "Me?", uuid4(), route) for _ in range(2))
    Generation.objects.filter(message__parent=earlier).update(created_at=F("created_at") - timedelta(minutes=1))
    asking.ask(running.conversation, alice, "And then?", uuid4(), route)
    assert reaped(running) == "queued"
    claimed = [it for _ in range(4) for it in Generation.objects.claim("a worker", 1)]
    questions = [Message.objects.get(generation=it).parent for it in claimed]
    assert questions == [earlier, Message.objects.get(generation=running).parent, newer]


async def test_who_was_taken_for_dead_asks_nobody_any_more(upstream: Upstream, generation: Generation) -> None:
    """It slept between its claim and its call; meanwhile the answer went back into the queue."""
    (claimed,) = await sync_to_async(Generation.objects.claim)("a sleeper", 1)
    brief = await sync_to_async(briefing.begin)(claimed)
    assert isinstance(brief, Brief)
    await sync_to_async(expire)()
    assert await sync_to_async(ending.reap)() == 1
    with pytest.raises(calling.TakenError):
        await sync_to_async(calling.open_call)(claimed, claimed.pk, Call.Purpose.ANSWER, brief.candidates[0])
    assert not await Call.objects.aexists()


async def test_a_sleeper_that_wakes_leaves_the_answer_to_the_other(
    upstream: Upstream, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (claimed,) = await sync_to_async(Generation.objects.claim)("a sleeper", 1)
    begin = briefing.begin

    def sleep(row: Generation) -> Brief | ending.Outcome:
        brief = begin(row)
        expire()
        assert ending.reap() == 1
        return brief

    monkeypatch.setattr(briefing, "begin", sleep)
    cross = Crossing(2, "test")
    async with Clients() as clients:
        await asyncio.wait_for(Answer(claimed, Log(cross), clients, cross).run(), SECONDS)
    cross.close()
    await generation.arefresh_from_db()
    assert (generation.state, upstream.requests) == ("queued", [])


# Its hour.


def test_it_has_what_is_left_of_its_time_and_no_more(running: Generation, settings: Settings) -> None:
    assert reaped(running) == "queued"
    Generation.objects.update(started_at=F("started_at") - timedelta(minutes=50))
    (claimed,) = Generation.objects.claim("a worker", 1)
    brief = briefing.begin(claimed)
    assert isinstance(brief, Brief)
    assert 9 * 60 < brief.left <= 10 * 60
    assert brief.candidates[0].clocks.total == brief.left


def test_when_its_time_is_over_it_does_not_go_on(running: Generation) -> None:
    """As when all workers were away for a night."""
    assert reaped(running) == "queued"
    Generation.objects.update(started_at=F("started_at") - timedelta(hours=12))
    (claimed,) = Generation.objects.claim("a worker", 1)
    outcome = briefing.begin(claimed)
    assert isinstance(outcome, ending.Outcome)
    assert (outcome.state, outcome.may_go_on) == ("interrupted", False)


def test_a_member_who_continues_it_gives_it_a_new_hour(running: Generation) -> None:
    ending.end(running, ending.Outcome(Generation.State.FAILED), may=lambda _: True)
    Generation.objects.update(started_at=F("started_at") - timedelta(hours=12), deaths=1, resumed_from=1)
    answer = Message.objects.select_related("conversation", "generation").get(generation=running)
    asking.carry_on(answer, running.member)
    (claimed,) = Generation.objects.claim("a worker", 1)
    assert (claimed.deaths, claimed.resumed_from) == (0, None)
    assert isinstance(briefing.begin(claimed), Brief)


# What people see.


def test_the_words_stay_and_the_state_says_in_words_that_it_goes_on(
    running: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    """One page follows in step, one lags behind the last words, one is loaded anew at every step."""
    process, quick, slow = (
        WebProcess(conversation),
        Follower(load(browser_of_alice, conversation)),
        Follower(load(browser_of_alice, conversation)),
    )
    quick.connect()
    slow.connect()
    events.append([events.Event(running.pk, 2, running.epoch, TEXT, " there")])
    process.serve([quick])

    def look() -> tuple[str, str]:
        process.catch_up([quick, slow])
        fresh = load(browser_of_alice, conversation)
        for page in (quick.page, slow.page):
            assert_same(page, fresh)
        shown = fresh.articles[-1]
        assert HALF in shown.text
        assert "Continue" not in shown.text
        statuses = shown.of_class("status")
        return str(shown.attributes["data-state"]), statuses[0].text if statuses else ""

    assert look() == ("writing", "")
    assert reaped(running) == "queued"
    assert look() == ("queued", GOING_ON)
    [writer] = Writer.claim([(TEXT, " was"), (TEXT, " a fox.")])
    assert look() == ("running", GOING_ON)
    assert BADGE not in quick.page.articles[-1].text
    writer.write()
    assert look() == ("writing", "")
    assert BADGE in quick.page.articles[-1].text
    writer.write()
    writer.end()
    assert look() == ("done", "")
    assert BADGE in quick.page.articles[-1].text
    assert "interrupted:" not in "".join(quick.frames + slow.frames)  # nobody saw an end in between


def test_what_could_not_go_on_after_all_wears_no_badge(
    running: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    assert reaped(running) == "queued"
    [writer] = Writer.claim([])
    writer.end(Generation.State.FAILED)
    assert BADGE not in load(browser_of_alice, conversation).articles[-1].text


def test_one_without_a_word_waits_for_its_turn_again(
    generation: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    Writer.claim([])
    assert reaped(generation) == "queued"
    assert "Waiting for its turn…" in load(browser_of_alice, conversation).articles[-1].text
