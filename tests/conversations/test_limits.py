"""Asking under a limit: what is promised when a question is queued is settled when its answer ends, however it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError, OperationalError
from django.test import Client
from django.utils import timezone
from psycopg_pool import PoolTimeout

from accounts.models import User
from catalog.models import LanguageModel, Price, Route
from conversations import asking, chores, ending, naming
from conversations.calling import Candidate
from conversations.ending import Outcome
from conversations.models import Chunk, Conversation, Generation, Message
from providers.messages import ChatMessage, ChatRequest, Clocks, Endpoint
from tests.conversations.conftest import working
from tests.upstream import Gate, Script, Upstream
from tests.usage.conftest import opened
from tests.workers import at_once, eventually, has_ended
from usage import checking
from usage.errors import LimitReachedError
from usage.models import Balance, Charge, Hold, Limit

MISS, OUTPUT = Decimal("0.15"), Decimal("0.60")


@pytest.fixture(autouse=True)
def price(route: Route) -> Price:
    prices = {"cache_hit": Decimal("0.003"), "cache_miss": MISS, "output": OUTPUT}
    LanguageModel.objects.update(unpriced_allowed=False)
    return Price.objects.create(
        model=LanguageModel.objects.get(), valid_from=datetime(2026, 1, 1, tzinfo=UTC), **prices
    )


@pytest.fixture
def limit(route: Route) -> Limit:
    return Limit.objects.create(amount=10)


def asked(alice: User, route: Route) -> Generation:
    question = asking.start(alice, "What is a monad?", uuid4(), Route.objects.offered().named(route.name))
    return Generation.objects.get(message__parent=question)


def nothing_is_held() -> bool:
    return not Hold.objects.exists() and {
        *Balance.objects.values_list("held_cost", "held_tokens", "held_requests")
    } <= {(Decimal(0), 0, 0)}


def test_a_question_holds_what_its_answer_may_cost(alice: User, route: Route, limit: Limit) -> None:
    generation = asked(alice, route)
    hold = Hold.objects.get(pk=generation.pk)
    assert generation.output_cap == 2048
    assert hold.requests == 1
    assert 2048 < hold.tokens < 2200
    assert hold.cost == ((hold.tokens - 2048) * MISS + 2048 * OUTPUT) / 1_000_000


def test_where_no_limit_counts_nothing_is_held(alice: User, route: Route) -> None:
    assert asked(alice, route).output_cap is None
    assert (Hold.objects.count(), Balance.objects.count()) == (0, 0)


async def test_when_it_has_ended_its_cost_is_what_is_left_of_the_promise(
    upstream: Upstream, alice: User, route: Route, limit: Limit
) -> None:
    generation = await sync_to_async(asked)(alice, route)
    upstream.play(Script.text("A monad is a burrito."), Script.text("Monads"))
    async with working():
        await has_ended(generation)
        await eventually(lambda: Charge.objects.count() == 2, "the title's charge")
    assert await sync_to_async(nothing_is_held)()
    balance = await Balance.objects.aget()
    totals = await sync_to_async(Charge.objects.totals)()
    assert (balance.cost, balance.tokens, balance.requests) == (totals["spent"], totals["tokens"], 1)
    assert await sync_to_async(checking.complaints)() == []


@pytest.mark.parametrize("end", ["stop", "cut", "refusal", "goes on"])
async def test_however_it_ends_its_hold_is_freed_and_its_cost_counted(
    upstream: Upstream, alice: User, route: Route, limit: Limit, end: str
) -> None:
    generation = await sync_to_async(asked)(alice, route)
    await Conversation.objects.aupdate(named_by="member")
    said = Script().role().text_delta("A monad is a monoid in the category of endofunctors.")
    scripts = {
        "stop": [said.stall()],
        "cut": [said.cut(), Script().role().text_delta(" Next.").cut()],
        "refusal": [Script.error(400, "No")],
        "goes on": [said.cut(), Script.text(" And so on.")],
    }
    upstream.play(*scripts[end])
    async with working():
        if end == "stop":
            await eventually(Chunk.objects.filter(generation_id=generation.pk).exists, "words")
            await sync_to_async(asking.stop)(await Conversation.objects.aget())
        await has_ended(generation)
    assert await sync_to_async(nothing_is_held)()
    assert await sync_to_async(checking.complaints)() == []
    assert (await Balance.objects.aget()).cost == (await sync_to_async(Charge.objects.totals)())["spent"]


def test_a_question_that_is_stopped_while_it_waits_costs_nothing(alice: User, route: Route, limit: Limit) -> None:
    generation = asked(alice, route)
    asking.stop(generation.conversation)
    assert nothing_is_held()
    assert Balance.objects.get().cost == 0


def test_what_a_dead_worker_left_is_charged_and_freed_by_whoever_ends_it(
    alice: User, route: Route, limit: Limit
) -> None:
    LanguageModel.objects.update(continues=False)
    generation = asked(alice, route)
    [claimed] = Generation.objects.claim("a worker", 1)
    Generation.objects.mark_asked(claimed)
    opened(LanguageModel.objects.get(), alice.pk, generation_id=generation.pk, prompt_tokens=100)
    Generation.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert ending.reap() == 1
    assert Charge.objects.get().is_estimated
    assert nothing_is_held()
    assert checking.complaints() == []


def test_an_answer_that_goes_on_is_promised_anew(alice: User, route: Route, limit: Limit) -> None:
    generation = asked(alice, route)
    Message.objects.filter(pk=generation.message_id).update(text="A monad is")
    ending.end(generation, Outcome(Generation.State.FAILED, "cut", "It broke off."), may=lambda _: True)
    assert nothing_is_held()
    asking.carry_on(Message.objects.get(pk=generation.message_id), alice)
    assert Hold.objects.get().pk == generation.pk


def test_a_refusal_keeps_the_draft_and_queues_nothing(browser_of_alice: Client, route: Route, limit: Limit) -> None:
    Limit.objects.update(amount=Decimal("0.0001"))
    page = browser_of_alice.post("/c/", {"text": "What is a monad?", "key": str(uuid4())})
    assert page.status_code == 422
    content = page.content.decode()
    assert "This would go beyond the limit of 0.00 USD a month." in content
    assert "What is a monad?" in content
    assert (Generation.objects.count(), Message.objects.count(), Conversation.objects.count()) == (0, 0, 0)
    assert nothing_is_held()


def test_a_model_without_a_price_is_refused_in_words(browser_of_alice: Client, route: Route) -> None:
    Price.objects.all().delete()
    page = browser_of_alice.post("/c/", {"text": "What is a monad?", "key": str(uuid4())})
    assert page.status_code == 422
    assert "has no price" in page.content.decode()
    assert not Generation.objects.exists()


def test_near_the_end_the_page_says_what_comes_of_it(
    browser_of_alice: Client, alice: User, route: Route, limit: Limit
) -> None:
    Route.objects.update(effort="high")
    Limit.objects.update(amount=Decimal("0.0009"), step="no_thinking", step_percent=1, soft_percent=1)
    generation = asked(alice, route)
    assert generation.output_cap
    assert generation.output_cap < 2048
    content = browser_of_alice.get(generation.conversation.get_absolute_url()).content.decode()
    assert f"There is room for {generation.output_cap:,} tokens, so the answer may end early." in content


async def test_the_provider_is_asked_for_no_more_than_is_held(
    upstream: Upstream, alice: User, route: Route, limit: Limit
) -> None:
    await Limit.objects.aupdate(amount=Decimal("0.0009"))
    generation = await sync_to_async(asked)(alice, route)
    await Conversation.objects.aupdate(named_by="member")
    upstream.play(Script.text("A monad."))
    async with working():
        await has_ended(generation)
    assert upstream.requests[0].body["max_tokens"] == generation.output_cap


async def test_a_retry_that_has_no_room_any_more_is_not_sent(
    upstream: Upstream, alice: User, route: Route, limit: Limit
) -> None:
    """It was cut after it had cost something, and somebody else took the rest."""
    generation = await sync_to_async(asked)(alice, route)
    await Conversation.objects.aupdate(named_by="member")
    gate = Gate()
    upstream.play(Script().role().text_delta("A monad is").gate(gate).cut(), Script.text(" a burrito."))
    async with working():
        await gate.reached()
        await Limit.objects.aupdate(amount=Decimal("0.0001"))
        gate.open()
        await has_ended(generation)
    generation = await Generation.objects.aget()
    assert len(upstream.requests) == 1
    assert generation.error_code == "limit_reached"
    assert "This would go beyond the limit" in generation.error
    assert await sync_to_async(nothing_is_held)()


def test_holds_of_members_who_are_gone_are_freed(alice: User, route: Route, limit: Limit) -> None:
    generation = asked(alice, route)
    Generation.objects.filter(pk=generation.pk).delete()
    assert chores.free_holds() == 0  # it may be a title's, that is being asked for
    Hold.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    assert chores.free_holds() == 1
    assert nothing_is_held()


def test_a_title_whose_call_cannot_be_written_down_holds_nothing(alice: User, route: Route, limit: Limit) -> None:
    asked(alice, route)
    model = LanguageModel.objects.select_related("provider").get()
    request = ChatRequest(model.name, (ChatMessage("user", "A title, please"),))
    candidate = Candidate(model, Endpoint("deepseek", "deepseek", "https://api.example.com"), request, Clocks(), 1)
    of_nothing = Generation(pk=uuid4(), member_id=alice.pk, output_cap=100)
    held = Hold.objects.get().cost
    with pytest.raises(IntegrityError):
        naming._open(of_nothing, candidate)
    assert (Hold.objects.get().cost, Balance.objects.get().held_cost) == (held, held)


def test_two_hundred_questions_at_once_against_a_budget_for_ten(alice: User, route: Route) -> None:
    Limit.objects.create(amount=1000)
    probe = Hold.objects.get(pk=asked(alice, route).pk)
    asking.stop_for(alice)
    Limit.objects.update(amount=probe.cost * 10)

    def ask(number: int) -> bool:
        try:
            asked(alice, route)
        except LimitReachedError:
            return False
        except OperationalError as error:
            if not isinstance(error.__cause__, PoolTimeout):
                raise
            return ask(number)  # a page would say to try again: nothing was begun
        return True

    answered = at_once(200, ask)
    balance = Balance.objects.get()
    assert sum(answered) == Generation.objects.live().count() == Hold.objects.count() == 10
    assert balance.held_cost == probe.cost * 10
    asking.stop_for(alice)
    assert nothing_is_held()
    assert checking.complaints() == []
