"""Whatever becomes of a request, it is charged once: as its provider counted it, or as we estimate and say so."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async

from accounts.models import User
from catalog.models import LanguageModel, Price
from conversations import asking
from conversations.models import Chunk, Conversation, Generation, Message
from providers.deltas import Usage
from tests.conversations.conftest import working
from tests.upstream import Script, Upstream
from tests.workers import eventually, has_ended
from usage.models import Call, Charge

HIT, MISS, OUTPUT = Decimal("0.003"), Decimal("0.15"), Decimal("0.60")


@pytest.fixture(autouse=True)
def price(generation: Generation) -> Price:
    return Price.objects.create(
        model=LanguageModel.objects.get(),
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        cache_hit=HIT,
        cache_miss=MISS,
        output=OUTPUT,
    )


@sync_to_async
def charges() -> list[Charge]:
    """In the order of their calls, each of which has one."""
    found = list(Charge.objects.order_by("call__number").select_related("call__reply"))
    assert [it.call_id for it in found] == list(Call.objects.order_by("number").values_list("pk", flat=True))
    return found


async def answered(generation: Generation, count: int = 1) -> list[Charge]:
    """Its charges once a worker has done all there is to do for it."""
    async with working():
        await has_ended(generation)
        await eventually(lambda: Charge.objects.count() >= count, f"{count} charges")
    return await charges()


async def test_what_the_provider_counted_is_charged_to_the_last_digit(
    upstream: Upstream, generation: Generation
) -> None:
    upstream.play(Script.text("A monad is a burrito."), Script.text("Monads"))
    answer, title = await answered(generation, 2)
    for charge in (answer, title):
        assert charge.call.reply.usage
        counted = Usage(**charge.call.reply.usage)
        cost = (counted.cache_hit * HIT + counted.cache_miss * MISS + counted.completion * OUTPUT) / 1_000_000
        assert (charge.amount, charge.is_estimated, charge.currency) == (cost, False, "USD")
        assert (charge.member_id, charge.member_label) == (generation.member_id, "Alice")
    assert (answer.purpose, title.purpose) == ("answer", "title")
    assert answer.amount


async def test_a_refusal_costs_nothing_and_the_retry_what_it_costs(upstream: Upstream, generation: Generation) -> None:
    await Conversation.objects.aupdate(named_by="member")
    upstream.play(Script.error(503, "busy"), Script.text("A monad."))
    refused, answer = await answered(generation)
    assert (refused.amount, refused.tokens, refused.is_estimated) == (Decimal(0), 0, False)
    assert answer.amount


ODD: dict[str, object] = {
    "none": None,
    "negative": {"prompt_tokens": -5, "completion_tokens": -1},
    "huge": {"prompt_tokens": 10**12, "completion_tokens": 10**12},
    "beyond any window": {"prompt_tokens": 10, "completion_tokens": 5_000_000},
    "of another kind": {"prompt_tokens": "many", "completion_tokens": None},
}


@pytest.mark.parametrize("usage", ODD.values(), ids=ODD)
async def test_a_count_that_is_missing_or_mad_is_estimated(
    upstream: Upstream, generation: Generation, usage: object
) -> None:
    await Conversation.objects.aupdate(named_by="member")
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage}
    upstream.play(Script().role().text_delta("A monad is a burrito.").data(end).done())
    [charge] = await answered(generation)
    assert charge.is_estimated
    assert 5 <= charge.output_tokens <= 9
    assert 20 <= charge.cache_miss_tokens <= 120  # the system's words and the question
    assert charge.amount == (charge.cache_miss_tokens * MISS + charge.output_tokens * OUTPUT) / 1_000_000


async def test_a_count_that_is_told_twice_is_charged_once(upstream: Upstream, generation: Generation) -> None:
    await Conversation.objects.aupdate(named_by="member")
    count = {"prompt_tokens": 40, "completion_tokens": 5}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": count}
    upstream.play(Script().role().text_delta("A monad.").data(end).data({"choices": [], "usage": count}).done())
    [charge] = await answered(generation)
    assert (charge.cache_miss_tokens, charge.output_tokens, charge.is_estimated) == (40, 5, False)


@pytest.mark.parametrize("end", ["cut", "stop"])
async def test_what_was_said_before_a_cut_or_a_stop_is_estimated(
    upstream: Upstream, generation: Generation, conversation: Conversation, end: str
) -> None:
    await Conversation.objects.aupdate(named_by="member")
    await LanguageModel.objects.aupdate(continues=False)
    begun = Script().role().text_delta("A monad is a monoid in the category of endofunctors.")
    upstream.play(begun.cut() if end == "cut" else begun.stall())
    async with working():
        if end == "stop":
            await eventually(Chunk.objects.filter(generation_id=generation.pk).exists, "words")
            await sync_to_async(asking.stop)(conversation)
        await has_ended(generation)
    [charge] = await charges()
    assert (charge.is_estimated, 8 <= charge.output_tokens <= 16) == (True, True)
    assert charge.amount == (charge.cache_miss_tokens * MISS + charge.output_tokens * OUTPUT) / 1_000_000


async def test_what_is_said_on_is_charged_as_well(upstream: Upstream, generation: Generation, alice: User) -> None:
    await Conversation.objects.aupdate(named_by="member")
    upstream.play(Script.text("A monad is", finish="length"), Script.text(" a burrito."))
    async with working():
        await has_ended(generation)
        answer = await Message.objects.select_related("conversation", "parent").aget(pk=generation.message_id)
        await sync_to_async(asking.carry_on)(answer, alice)
        await has_ended(generation)
    assert len(upstream.requests) == len(await charges()) == 2


async def test_deleting_all_of_it_changes_no_sum(upstream: Upstream, generation: Generation) -> None:
    await Conversation.objects.aupdate(named_by="member")
    upstream.play(Script.text("A monad."))
    await answered(generation)
    before = await sync_to_async(Charge.objects.totals)()
    await Conversation.objects.all().adelete()
    assert await sync_to_async(Charge.objects.totals)() == before
    assert before["spent"] > 0
