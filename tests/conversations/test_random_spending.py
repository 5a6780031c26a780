"""Conversations at random, against a provider that keeps its own meter: every request is charged once, and rightly.

RANDOM_CONVERSATIONS=2000 python -m pytest tests/conversations/test_random_spending.py -s     a long run, with a report
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from operator import mul
from random import Random
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db.models import Exists, OuterRef
from pytest_django import Settings

from accounts.models import User
from catalog.models import LanguageModel, Price, Route, Step
from conversations import asking
from conversations.errors import DeedError
from conversations.models import Generation
from tests.conversations.conftest import working
from tests.upstream import Recorded, Script, Upstream
from tests.workers import eventually
from usage import checking
from usage.errors import LimitReachedError
from usage.models import Balance, Call, Charge, Hold, Limit

COUNT = int(os.environ.get("RANDOM_CONVERSATIONS", "20"))
SEED = int(os.environ.get("RANDOM_SEED", "1"))
AT_ONCE = 20
PATIENCE = 300  # seconds; so many requests fail that their provider is often left alone, and who goes on waits for it
WORDS = ("a", "monad", "is", "just", "a", "monoid", "in", "the", "category", "of", "endofunctors")

ENDS = {"whole": 60, "cut": 10, "reset": 5, "silent": 5, "refusal": 12, "no count": 8}  # of a hundred
UNCOUNTED = ENDS.keys() - {"whole", "refusal"}


class Meter:
    """What the provider would bill: for every request whose usage it sent, the tokens; of the others what it said."""

    def __init__(self, random: Random) -> None:
        self.billed: Counter[tuple[int, ...]] = Counter()  # hit, miss, output
        self.words = self.refused = 0  # words that were sent and never counted, requests that were refused
        self._random = random

    def answer(self, request: Recorded) -> Script:
        words = [f"{self._random.choice(WORDS)} " for _ in range(self._random.randint(1, 60))]
        begun = Script().role().text_delta(*words)
        [end] = self._random.choices([*ENDS], [*ENDS.values()])
        self.words += len(words) if end in UNCOUNTED else 0
        match end:
            case "refusal":
                self.refused += 1
                return Script.error(self._random.choice([429, 500, 503, 400]), "no")
            case "cut":
                return begun.cut()
            case "reset":
                return begun.reset()
            case "silent":
                return begun.stall()
            case "no count":
                return begun.finish(usage=False).done()
            case _:
                prompt = self._random.randint(1, 5_000)
                hit, completion = self._random.randint(0, prompt), self._random.randint(1, 2_000)
                self.billed[hit, prompt - hit, completion] += 1
                return begun.finish(prompt=prompt, completion=completion, cache_hit=hit).done()


@pytest.fixture
def chain(route: Route) -> Route:
    """Two models, the second for when the first can't."""
    first = LanguageModel.objects.get()
    second = LanguageModel.objects.create(provider=first.provider, name="deepseek-v4-pro", context_tokens=100_000)
    Step.objects.create(route=route, model=second, position=2)
    Step.objects.update(attempts=2)
    for model in (first, second):
        prices = {"cache_hit": Decimal("0.003"), "cache_miss": Decimal("0.15"), "output": Decimal("0.60")}
        Price.objects.create(model=model, valid_from=datetime(2026, 1, 1, tzinfo=UTC), **prices)
    return route


@pytest.fixture
def members(chain: Route) -> list[User]:
    Limit.objects.create(amount=100)
    Limit.objects.create(amount=10**9, unit="tokens", window="hour")
    return [User.objects.create(email=f"member{number}@example.org") for number in range(10)]


async def converse(random: Random, member: User) -> None:
    """A question, and then what people do with its answer."""
    with suppress(LimitReachedError):
        question = await sync_to_async(asking.start)(member, "What is a monad?", uuid4(), await _route())
        conversation = question.conversation
        for _ in range(random.randint(0, 3)):
            deed = random.choice(["wait", "stop", "again", "continue", "ask"])
            if deed in {"wait", "ask", "again", "continue"}:
                await _ended(question.conversation_id)
            answers = Generation.objects.filter(conversation=conversation).order_by("-created_at")
            generation = await answers.select_related("message__parent", "message__conversation").afirst()
            assert generation
            with suppress(DeedError):
                match deed:
                    case "stop":
                        await asyncio.sleep(random.random() / 20)  # at any moment of it
                        await sync_to_async(asking.stop)(conversation)
                    case "again":
                        await sync_to_async(asking.ask_again)(generation.message, member)
                    case "continue":
                        await sync_to_async(asking.carry_on)(generation.message, member)
                    case "ask":
                        await sync_to_async(asking.ask)(conversation, member, "And then?", uuid4(), await _route())


async def _route() -> Route:
    return await sync_to_async(lambda: Route.objects.offered().named("quick"))()


async def _ended(conversation_id: UUID) -> None:
    live = Generation.objects.live().filter(conversation=conversation_id)
    await eventually(lambda: not live.exists(), "its answer", PATIENCE)


async def test_every_request_of_many_conversations_is_charged_once_and_as_the_provider_counted_it(
    upstream: Upstream, members: list[User], settings: Settings
) -> None:
    random = Random(SEED)
    meter = Meter(random)
    upstream.answer_with(meter.answer)
    settings.PROVIDER_CLOCKS = {**settings.PROVIDER_CLOCKS, "idle": 0.5}
    async with working(2):
        for first in range(0, COUNT, AT_ONCE):
            count = min(AT_ONCE, COUNT - first)
            await asyncio.gather(*(converse(random, random.choice(members)) for _ in range(count)))
        await eventually(lambda: not Generation.objects.live().exists(), "the last answers", PATIENCE)
        uncharged = Call.objects.filter(~Exists(Charge.objects.filter(call=OuterRef("pk"))))
        await eventually(lambda: not uncharged.exists(), "the last titles", PATIENCE)
    await sync_to_async(_prove)(upstream, meter)


TOKENS = ("cache_hit_tokens", "cache_miss_tokens", "output_tokens")
PRICES = (Decimal("0.003"), Decimal("0.15"), Decimal("0.60"))


def _prove(upstream: Upstream, meter: Meter) -> None:
    rows: dict[UUID, list[Charge]] = {call: [] for call in Call.objects.values_list("pk", flat=True)}
    for charge in Charge.objects.all():
        rows[charge.call_id].append(charge)
    assert len(upstream.requests) <= len(rows)  # one may be stopped before it is sent
    assert {Counter(it.kind for it in its)["charge"] for its in rows.values()} == {1}
    # What was estimated for a stop, and the difference that its provider tells a moment later, are together the count.
    heard = [its for its in rows.values() if not all(it.is_estimated for it in its)]
    estimated = [its for its in rows.values() if all(it.is_estimated for it in its)]
    counted: Counter[tuple[int, ...]] = Counter()
    for its in heard:
        tokens = tuple(sum(getattr(it, name) for it in its) for name in TOKENS)
        assert sum(it.amount or 0 for it in its) == sum(map(mul, tokens, PRICES)) / 1_000_000
        counted[tokens] += tokens[-1] > 0  # not the refused ones
    assert +counted <= meter.billed
    missed = meter.billed - counted  # sent, and stopped before we heard of it
    assert missed.total() <= len(estimated)
    assert checking.complaints() == []
    assert list(Hold.objects.values()) == []
    sums = Balance.objects.values_list("held_cost", "held_tokens", "held_requests")
    assert {*sums} == {(Decimal(0), 0, 0)}
    late = sum(len(its) > 1 for its in rows.values())
    print(  # noqa: T201  # the report
        f"\n{COUNT} conversations, {len(upstream.requests)} requests, {len(rows)} calls charged once ({late} late), "
        f"{Charge.objects.totals()['spent']:.6f} USD: {counted.total()} as counted, {meter.refused} refused, "
        f"{len(estimated)} estimated ({missed.total()} of them counted and not heard); "
        f"{sum(it.output_tokens for its in estimated for it in its)} tokens of output estimated, "
        f"where {meter.words} words were to be sent"
    )
