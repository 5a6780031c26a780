"""An answer that was broken off goes on from its last word."""

from __future__ import annotations

from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from accounts.models import User
from catalog.models import Provider, Route
from conversations import asking, events
from conversations.errors import NotAnswerableError
from conversations.models import Conversation, Generation, Message
from tests.conversations.conftest import working
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load
from tests.upstream import Script, Upstream
from tests.workers import at_once, eventually, has_ended
from usage.models import Call, Reply

HALF, REST = ["Once ", "upon ", "a time"], [" there ", "was a fox."]
WHOLE = "Once upon a time there was a fox."


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
        (Script().role().text_delta(*HALF).cut(), "failed"),
        (Script().role().text_delta(*HALF).finish("insufficient_system_resource").done(), "failed"),
        (Script().role().text_delta(*HALF).finish("length").done(), "done"),
    ],
    ids=["cut", "no capacity", "length"],
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
    words = [f"word{n} " for n in range(4)]  # a fifth cut in a minute would open the circuit
    upstream.play(*[Script().role().text_delta(word).cut() for word in words])
    async with working():
        for count in range(1, len(words) + 1):
            assert await ended(generation) == ("failed", "".join(words[:count]))
            if count < len(words):
                await sync_to_async(carry_on)(generation)
    rows = Call.objects.order_by("number").values_list("number", "reply__error_code")
    calls = await sync_to_async(lambda: list(rows))()
    assert calls == [(n, "cut") for n in range(1, len(words) + 1)]


async def test_a_model_that_can_only_be_asked_to_repeats_no_word(upstream: Upstream, generation: Generation) -> None:
    await Provider.objects.aupdate(dialect="openai")
    upstream.play(Script().role().text_delta(*HALF).cut(), Script.text("upon ", "a time", *REST))
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
    upstream.play(Script().role().text_delta(*HALF).cut(), Script.text(*REST))
    async with working():
        await ended(generation)
        await sync_to_async(carry_on)(generation)
        await ended(generation)
    rows = await sync_to_async(
        lambda: list(Reply.objects.filter(call__purpose="answer").order_by("call__number").select_related("call"))
    )()
    assert [(it.error_code, it.finish_reason, it.usage is None) for it in rows] == [
        ("cut", "", True),
        ("", "stop", False),
    ]
    assert all(it.returned_model == "deepseek-flash" and it.trace_id and it.first_text_at for it in rows)


# The deed


@pytest.fixture
def stopped(generation: Generation) -> Generation:
    [writer] = Writer.claim([(0, "Once upon "), (1, "Hm. "), (0, "a time")])  # type: ignore[list-item]
    while writer.write():
        pass
    writer.end(Generation.State.STOPPED)
    generation.refresh_from_db()
    return generation


def test_two_clicks_continue_it_once(stopped: Generation) -> None:
    at_once(8, lambda _: carry_on(stopped))
    stopped.refresh_from_db()
    assert stopped.state == "queued"
    assert Generation.objects.count() == 1


def test_a_whole_answer_is_not_continued(generation: Generation) -> None:
    [writer] = Writer.claim([(0, "Whole.")])  # type: ignore[list-item]
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
    [writer] = Writer.claim([(0, " there"), (1, "And on."), (0, " was"), (0, " a fox.")])  # type: ignore[list-item]
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
    [writer] = Writer.claim([(0, "Once "), (0, "upon ")])  # type: ignore[list-item]
    process, slow = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    slow.connect()
    writer.write()
    process.catch_up([slow])
    writer.write()
    writer.end(Generation.State.INTERRUPTED)
    carry_on(generation)
    [writer] = Writer.claim([(0, "a time")])  # type: ignore[list-item]
    writer.write()
    process.catch_up([slow])
    assert "Once upon a time" in slow.page.articles[-1].text
    writer.end()
    process.catch_up([slow])
    assert_same(slow.page, load(browser_of_alice, conversation))
