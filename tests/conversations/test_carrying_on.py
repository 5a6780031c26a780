"""An answer that was broken off goes on from its last word."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from accounts.models import User
from catalog.models import LanguageModel, Provider, Route, Step
from conversations import asking, ending, events
from conversations.errors import NotAnswerableError
from conversations.models import Chunk, Conversation, Generation, Message
from tests.conversations.conftest import working
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load
from tests.upstream import Gate, Script, Upstream
from tests.workers import at_once, eventually, has_ended
from usage.models import Call, Reply

TEXT, REASONING = Chunk.Kind.TEXT, Chunk.Kind.REASONING
HALF, REST = ["Once ", "upon ", "a time"], [" there ", "was a fox."]
WHOLE = "Once upon a time there was a fox."


def broken_off(*texts: str) -> Script:
    """For a reason that is known to no one: it does not go on by itself, and says nothing against the provider."""
    return Script().role().text_delta(*texts).finish("out_of_ink").done()


def carry_on(generation: Generation) -> Message:
    answer = Message.objects.select_related("conversation", "generation").get(generation=generation)
    return asking.carry_on(answer, generation.member)


async def ended(generation: Generation) -> tuple[str, str]:
    """Its state and its words, at its end."""
    await has_ended(generation)
    message = await Message.objects.aget(generation=generation)
    return str(generation.state), message.text


@pytest.mark.parametrize(
    ("script", "state"),
    [
        (broken_off(*HALF), "failed"),
        (Script().role().text_delta(*HALF).finish("length").done(), "done"),
    ],
    ids=["an end of its own", "length"],
)
async def test_deepseek_goes_on_from_the_last_character(
    upstream: Upstream, generation: Generation, script: Script, state: str
) -> None:
    upstream.answer_with(lambda request: Script.text(*REST) if request.path.startswith("/beta") else None)
    upstream.play(script)
    async with working():
        assert await ended(generation) == (state, "".join(HALF))
        await sync_to_async(carry_on)(generation)
        assert await ended(generation) == ("done", WHOLE)
    asked = next(it for it in upstream.requests if it.path.startswith("/beta"))
    assert asked.body["messages"][-1] == {"role": "assistant", "content": "".join(HALF), "prefix": True}
    assert asked.body["thinking"] == {"type": "disabled"}
    assert (generation.error, generation.error_code, generation.finish_reason) == ("", "", "stop")


async def test_a_stopped_answer_goes_on(upstream: Upstream, generation: Generation, conversation: Conversation) -> None:
    upstream.play(Script().role().text_delta(*HALF).stall(), Script.text(*REST))
    async with working():
        await eventually(lambda: events.beyond(generation)[0] == "".join(HALF), "its first words")
        await sync_to_async(asking.stop)(conversation)
        assert await ended(generation) == ("stopped", "".join(HALF))
        await sync_to_async(carry_on)(generation)
        assert await ended(generation) == ("done", WHOLE)


async def test_it_can_be_broken_off_and_go_on_many_times(upstream: Upstream, generation: Generation) -> None:
    words = [f"word{n} " for n in range(4)]
    upstream.play(*[broken_off(word) for word in words])
    async with working():
        for count in range(1, len(words) + 1):
            assert await ended(generation) == ("failed", "".join(words[:count]))
            if count < len(words):
                await sync_to_async(carry_on)(generation)
    rows = Call.objects.order_by("number").values_list("number", "reply__error_code")
    calls = await sync_to_async(lambda: list(rows))()
    assert calls == [(n, "unknown_finish") for n in range(1, len(words) + 1)]


async def test_a_model_that_can_only_be_asked_to_repeats_no_word(upstream: Upstream, generation: Generation) -> None:
    await Provider.objects.aupdate(dialect="openai")
    upstream.play(broken_off(*HALF), Script.text("upon ", "a time", *REST))
    async with working():
        await ended(generation)
        await sync_to_async(carry_on)(generation)
        assert await ended(generation) == ("done", WHOLE)
    asked = upstream.requests[1]
    assert asked.path == "/chat/completions"
    assert [turn["role"] for turn in asked.body["messages"]][-2:] == ["assistant", "user"]


async def test_when_all_went_into_thinking_it_answers_out_of_its_thoughts(
    upstream: Upstream, generation: Generation
) -> None:
    upstream.play(Script().role(reasoning=True).reasoning("Let me", " think.").finish("length").done())
    upstream.play(Script.text("42"))
    await Generation.objects.aupdate(parameters={"effort": "high"})
    async with working():
        assert await ended(generation) == ("done", "")
        await sync_to_async(carry_on)(generation)
        assert await ended(generation) == ("done", "42")
    last = upstream.requests[1].body["messages"][-1]
    assert (last["role"], last["reasoning_content"], last["prefix"]) == ("assistant", "Let me think.", True)
    message = await Message.objects.aget(generation=generation)
    assert message.reasoning == "Let me think."


async def test_each_attempt_is_written_down_with_what_came_of_it(upstream: Upstream, generation: Generation) -> None:
    upstream.play(broken_off(*HALF), Script.text(*REST))
    async with working():
        await ended(generation)
        await sync_to_async(carry_on)(generation)
        await ended(generation)
    rows = await sync_to_async(
        lambda: list(Reply.objects.filter(call__purpose="answer").order_by("call__number").select_related("call"))
    )()
    assert [(it.error_code, it.finish_reason, it.usage is None) for it in rows] == [
        ("unknown_finish", "", False),
        ("", "stop", False),
    ]
    assert all(it.returned_model == "deepseek-flash" and it.trace_id and it.first_text_at for it in rows)


async def test_what_fails_before_its_next_word_keeps_its_text_and_can_go_on_again(
    upstream: Upstream, generation: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    upstream.play(broken_off(*HALF), Script.error(400, "Invalid messages"), Script.text(*REST))
    async with working():
        await ended(generation)
        await sync_to_async(carry_on)(generation)
        assert await ended(generation) == ("failed", "".join(HALF))
        assert generation.error_code == "invalid_request"
        page = await sync_to_async(browser_of_alice.get)(conversation.get_absolute_url())
        assert "Once upon a time" in page.content.decode()
        await sync_to_async(carry_on)(generation)
        assert await ended(generation) == ("done", WHOLE)


async def test_an_answer_that_had_said_all_is_whole_and_no_failure(upstream: Upstream, generation: Generation) -> None:
    upstream.play(broken_off(WHOLE), Script().role().finish().done())
    async with working():
        await ended(generation)
        await sync_to_async(carry_on)(generation)
        assert await ended(generation) == ("done", WHOLE)
    assert (generation.error_code, generation.is_whole) == ("", True)
    rows = Call.objects.filter(purpose="answer").order_by("number").values_list("reply__error_code", flat=True)
    assert await sync_to_async(lambda: list(rows))() == ["unknown_finish", ""]


async def test_a_stop_while_it_still_repeats_leaves_nothing_doubled_and_nothing_lost(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    await Provider.objects.aupdate(dialect="openai")
    gate = Gate()
    upstream.play(broken_off(*HALF), Script().role().text_delta("Once up").gate(gate).stall())
    upstream.play(Script.text("upon ", "a time", *REST))
    async with working():
        await ended(generation)
        await sync_to_async(carry_on)(generation)
        await gate.reached()
        call = Call.objects.filter(generation_id=generation.pk, number=2)
        await eventually(call.exists, "it is asked")
        await sync_to_async(asking.stop)(conversation)
        assert await ended(generation) == ("stopped", "".join(HALF))
        await sync_to_async(carry_on)(generation)
        assert await ended(generation) == ("done", WHOLE)


async def test_another_model_of_the_chain_goes_on_where_the_first_fails(
    upstream: Upstream, generation: Generation, route: Route
) -> None:
    """It has no prefix continuation, so its seam is looked at."""
    with Upstream() as other:
        provider = await Provider.objects.acreate(name="spare", dialect="openai", base_url=other.base_url)
        model = await LanguageModel.objects.acreate(
            provider=provider, name="spare-model", context_tokens=50_000, unpriced_allowed=True
        )
        await Step.objects.acreate(route=route, position=2, model=model)
        upstream.play(broken_off(*HALF), Script.error(402, "Insufficient Balance"))
        other.play(Script.text("upon a time", *REST))
        async with working():
            await ended(generation)
            await sync_to_async(carry_on)(generation)
            assert await ended(generation) == ("done", WHOLE)
    assert (generation.is_fallback, generation.model) == (True, "spare-model")


async def test_it_goes_on_while_its_title_is_still_asked_for_and_can_be_stopped(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    """The worker that writes it again is the one that still asks for the title of its first part."""
    title, more = Gate(), Gate()
    upstream.play(Script().role().text_delta(*HALF).finish("length").done(), Script().gate(title).finish().done())
    upstream.play(Script().role().text_delta(" there").gate(more).stall())
    async with working():
        await ended(generation)
        await title.reached()
        await sync_to_async(carry_on)(generation)
        await more.reached()
        title.open()
        titled = Call.objects.filter(purpose="title", reply__isnull=False)
        await eventually(titled.exists, "the title's end")
        await eventually(lambda: events.beyond(generation)[0] == " there", "its next word")
        pressed = time.monotonic()
        await sync_to_async(asking.stop)(conversation)
        assert await upstream.requests[2].closed() - pressed < 1.0
        assert await ended(generation) == ("stopped", "Once upon a time there")


async def test_a_worker_that_is_given_anew_what_was_taken_from_it_lets_the_old_line_go_first(
    upstream: Upstream, generation: Generation
) -> None:
    """It was asleep: another ended its answer, a member continued it, and it has not noticed yet."""
    late = Gate()
    upstream.play(Script().role().text_delta(*HALF).gate(late).text_delta(" and twice").stall(), Script.text(*REST))
    async with working():
        await eventually(lambda: events.beyond(generation)[0] == "".join(HALF), "its first words")
        await generation.arefresh_from_db()
        outcome = ending.Outcome(Generation.State.INTERRUPTED)
        await sync_to_async(ending.end)(generation, outcome, may=lambda _: True)
        await sync_to_async(carry_on)(generation)
        await upstream.requested(2)
        late.open()
        await upstream.requests[0].closed()
        assert await ended(generation) == ("done", WHOLE)


# The deed


@pytest.fixture
def stopped(generation: Generation) -> Generation:
    [writer] = Writer.claim([(TEXT, "Once upon "), (REASONING, "Hm. "), (TEXT, "a time")])
    while writer.write():
        pass
    writer.end(Generation.State.STOPPED)
    generation.refresh_from_db()
    return generation


def test_it_goes_on_by_another_route_if_its_own_is_gone(
    stopped: Generation, route: Route, conversation: Conversation
) -> None:
    """The default is Auto, which has no model of its own: it chooses once more."""
    auto = Route.objects.create(name="auto", label="Auto", auto=Route.Auto.CHOOSER, position=1)
    for name in ("otherwise", "code"):
        Route.objects.through(route.steps.get().model, name=name, label=name, auto=name)
    route.delete()
    assert Route.objects.offered().named("") == auto
    carry_on(Generation.objects.get())
    stopped.refresh_from_db()
    assert stopped.route
    assert (stopped.route.name, stopped.routed_because) == ("otherwise", "a general question")


def test_by_its_own_route_it_keeps_the_reason_for_it(stopped: Generation) -> None:
    Generation.objects.update(routed_because="an image")
    carry_on(Generation.objects.get())
    stopped.refresh_from_db()
    assert stopped.routed_because == "an image"


def test_two_clicks_continue_it_once(stopped: Generation) -> None:
    at_once(8, lambda _: carry_on(stopped))
    stopped.refresh_from_db()
    assert stopped.state == "queued"
    assert Generation.objects.count() == 1


CROSSING: dict[str, Callable[[Conversation, Message, Route], object]] = {
    "stop": lambda shown, answer, route: asking.stop(shown),
    "ask": lambda shown, answer, route: asking.ask(shown, shown.owner, "And then?", uuid4(), route),
    "ask again": lambda shown, answer, route: asking.ask_again(answer, shown.owner),
    "edit": lambda shown, answer, route: asking.edit(_question(answer), shown.owner, "Or else?", uuid4(), route),
    "rename": lambda shown, answer, route: asking.rename(shown, "A fox"),
    "delete": lambda shown, answer, route: asking.delete(shown),
}


def _question(answer: Message) -> Message:
    assert answer.parent
    return answer.parent


@pytest.mark.parametrize("deed", CROSSING.values(), ids=CROSSING.keys())
def test_crossing_another_deed_it_goes_on_once_or_not_at_all(
    stopped: Generation, route: Route, deed: Callable[[Conversation, Message, Route], object]
) -> None:
    def click(number: int) -> None:
        answer = Message.objects.select_related("conversation__owner", "parent__conversation").get(generation=stopped)
        with suppress(NotAnswerableError, Conversation.DoesNotExist):
            if number % 2:
                carry_on(stopped)
            else:
                deed(answer.conversation, answer, route)

    at_once(8, click)
    stopped.refresh_from_db()
    answer = Message.objects.get(generation=stopped)
    assert stopped.state in ("queued", "stopped")
    assert answer.text == "Once upon a time"
    assert len(Generation.objects.claim("a worker", 10)) <= 1  # one at a time in a conversation


def test_a_whole_answer_is_not_continued(generation: Generation) -> None:
    [writer] = Writer.claim([(TEXT, "Whole.")])
    writer.write()
    writer.end()
    with pytest.raises(NotAnswerableError):
        carry_on(generation)


def test_an_answer_without_a_word_is_asked_again_instead(generation: Generation) -> None:
    [writer] = Writer.claim([])
    writer.end(Generation.State.FAILED)
    with pytest.raises(NotAnswerableError):
        carry_on(generation)


def test_nothing_is_continued_under_what_follows_it(
    stopped: Generation, conversation: Conversation, alice: User, route: Route
) -> None:
    asking.ask(conversation, alice, "And then?", uuid4(), route)
    with pytest.raises(NotAnswerableError):
        carry_on(stopped)


def test_a_question_is_not_continued(question: Message, alice: User) -> None:
    with pytest.raises(NotAnswerableError):
        asking.carry_on(question, alice)


def test_whoever_reads_on_and_whoever_comes_see_one_text(
    stopped: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    """One page followed from the first word, one comes while it is queued again, one in the middle, one at the end."""
    process = WebProcess(conversation)
    pages = [Follower(load(browser_of_alice, conversation))]
    carry_on(stopped)
    pages.append(Follower(load(browser_of_alice, conversation)))
    for page in pages:
        page.connect()
    process.catch_up(pages)
    [writer] = Writer.claim([(TEXT, " there"), (REASONING, "And on."), (TEXT, " was"), (TEXT, " a fox.")])
    while writer.write():
        pages.append(Follower(load(browser_of_alice, conversation)))
        pages[-1].connect()
        process.catch_up(pages)
        texts = {page.page.articles[-1].of_class("md")[-1].text for page in pages}
        assert len(texts) == 1, texts
    writer.end()
    process.catch_up(pages)
    fresh = load(browser_of_alice, conversation)
    for page in pages:
        assert_same(page.page, fresh)
    assert "Once upon a time there was a fox." in fresh.articles[-1].text


def test_a_slow_page_that_missed_the_end_in_between_sees_one_text(
    generation: Generation, conversation: Conversation, browser_of_alice: Client
) -> None:
    [writer] = Writer.claim([(TEXT, "Once "), (TEXT, "upon ")])
    process, slow = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    slow.connect()
    writer.write()
    process.catch_up([slow])
    writer.write()
    writer.end(Generation.State.INTERRUPTED)
    carry_on(generation)
    [writer] = Writer.claim([(TEXT, "a time")])
    writer.write()
    process.catch_up([slow])
    assert "Once upon a time" in slow.page.articles[-1].text
    writer.end()
    process.catch_up([slow])
    assert_same(slow.page, load(browser_of_alice, conversation))
