"""What may be spent: which limits count, how they stand, and what is promised under them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from catalog.models import LanguageModel, Price, Route
from tests.usage.conftest import BEGIN, MISS, OUTPUT, opened
from tests.workers import at_once
from usage import holding, spending
from usage.errors import LimitReachedError, UnpricedError
from usage.forms import LimitForm
from usage.models import Balance, Call, Charge, Hold, Limit, Raise
from usage.spending import close_call
from usage.tokens import Tokens

MILLION = 1_000_000
PROMPT, CAP = 1_000, 2_048
NOTHING = (Decimal(0), 0, 0)
ONE = (PROMPT * MISS + CAP * OUTPUT) / MILLION  # what a hold for an answer takes


@pytest.fixture
def route(model: LanguageModel) -> Route:
    return Route.objects.through(model, name="quick", label="Quick", effort="high")


@pytest.fixture
def bob(transactional_db: None) -> User:
    return User.objects.create(email="bob@example.org", name="Bob")


def limit(amount: object, unit: str = "money", window: str = "this_month", **fields: Any) -> Limit:
    return Limit.objects.create(amount=Decimal(str(amount)), unit=unit, window=window, **fields)


def take(member: User, route: Route, key: UUID | None = None, **options: Any) -> holding.Grant | None:
    with transaction.atomic():
        return holding.take(key or uuid4(), member.pk, route, lambda: PROMPT, **options)


def spend(member: User, model: LanguageModel, output: int = MILLION, **call: Any) -> Charge:
    charge = close_call(opened(model, member.pk, **call), Tokens(output=output), model)
    assert charge
    return charge


def held() -> tuple[Decimal, int, int]:
    [balance] = Balance.objects.all()
    return balance.held_cost, balance.held_tokens, balance.held_requests


# Which limits count -------------------------------------------------------------------------------------------------


def test_a_members_own_row_wins_then_the_tightest_of_their_groups_then_everybodys(alice: User, bob: User) -> None:
    strict, lax = (Group.objects.create(name=name) for name in ("Strict", "Lax"))
    alice.groups.add(strict, lax)
    everybodys = limit(1)
    tokens = limit(1000, "tokens", "today")
    groups = limit(5, group=strict), limit(50, group=lax)
    assert holding.limits_of(bob.pk) == [everybodys, tokens]
    assert {*holding.limits_of(alice.pk)} == {groups[0], tokens}
    own = limit(100, member=alice)
    assert {*holding.limits_of(alice.pk)} == {own, tokens}
    assert holding.limits_of(bob.pk) == [everybodys, tokens]


def test_what_is_shared_counts_beside_them(alice: User) -> None:
    group = Group.objects.create(name="Writers")
    alice.groups.add(group)
    each = limit(1, member=alice), limit(100, shared=True), limit(10, shared=True, group=group)
    assert {*holding.limits_of(alice.pk)} == {*each}


def test_without_a_limit_nothing_is_written_and_one_question_is_asked_of_the_database(
    alice: User, route: Route, django_assert_num_queries: Any
) -> None:
    chosen = Route.objects.whole().get()
    with transaction.atomic(), django_assert_num_queries(1):
        assert holding.take(uuid4(), alice.pk, chosen, lambda: PROMPT) is None
    assert (Hold.objects.count(), Balance.objects.count()) == (0, 0)


# Holds --------------------------------------------------------------------------------------------------------------


def test_an_answer_is_promised_its_input_and_all_it_may_say(alice: User, route: Route) -> None:
    limit(10)
    grant = take(alice, route)
    assert grant
    assert (grant.output_cap, grant.notes, grant.route) == (CAP, (), route)
    assert held() == (ONE, PROMPT + CAP, 1)


def test_in_each_window_that_counts(alice: User, route: Route) -> None:
    for window in ("hour", "today", "this_month"):
        limit(10, window=window)
    limit(10, shared=True)
    take(alice, route)
    assert [balance.held_cost for balance in Balance.objects.all()] == [ONE] * 4
    assert {balance.subject for balance in Balance.objects.all()} == {f"member:{alice.pk}", "team"}


def test_of_several_models_and_hours_the_dearest_is_promised(alice: User, route: Route, model: LanguageModel) -> None:
    dear = LanguageModel.objects.create(provider=model.provider, name="dear")
    Price.objects.create(model=dear, valid_from=BEGIN, cache_hit=0, cache_miss=3, output=9)
    route.steps.create(model=dear, position=2)
    limit(10)
    take(alice, Route.objects.whole().get())
    assert held()[0] == Decimal(PROMPT * 3 + CAP * 9) / MILLION


def test_what_does_not_fit_whole_is_lowered_to_what_does_and_that_is_said(alice: User, route: Route) -> None:
    room = (PROMPT * MISS + 500 * OUTPUT) / MILLION
    limit(room)
    grant = take(alice, route)
    assert grant
    assert grant.output_cap == 500
    assert "There is room for 500 tokens" in grant.notes[-1]
    assert held()[0] == room


def test_for_too_few_tokens_to_be_of_use_it_is_refused_and_nothing_is_held(alice: User, route: Route) -> None:
    limit((PROMPT * MISS + 255 * OUTPUT) / MILLION)
    with pytest.raises(LimitReachedError, match=r"This would go beyond the limit of 0\.00 USD a month"):
        take(alice, route)
    assert not Hold.objects.exists()
    assert not Balance.objects.filter(held_cost__gt=0).exists()


def test_whoever_asks_for_less_needs_less(alice: User, route: Route) -> None:
    limit((PROMPT * MISS + 100 * OUTPUT) / MILLION)
    grant = take(alice, route, wanted=100)
    assert grant
    assert (grant.output_cap, grant.notes) == (100, ())


@pytest.mark.parametrize(("unit", "amount"), [("tokens", PROMPT + 2 * CAP), ("requests", 1)])
def test_tokens_and_answers_are_limited_likewise(alice: User, route: Route, unit: str, amount: int) -> None:
    limit(amount, unit, "today")
    assert take(alice, route)
    if unit == "tokens":
        second = take(alice, route, wanted=CAP - PROMPT)
        assert second
    with pytest.raises(LimitReachedError):
        take(alice, route)


def test_a_model_without_a_price_is_refused_unless_it_was_allowed(alice: User, route: Route) -> None:
    Price.objects.all().delete()
    with pytest.raises(UnpricedError, match="“Quick” has no price"):
        take(alice, route)
    LanguageModel.objects.update(unpriced_allowed=True)
    assert take(alice, Route.objects.whole().get()) is None


# Settling -----------------------------------------------------------------------------------------------------------


def test_a_charge_takes_from_its_hold_what_it_adds_to_the_sum(alice: User, route: Route, model: LanguageModel) -> None:
    limit(10)
    key = uuid4()
    take(alice, route, key)
    charge = spend(alice, model, 100, generation_id=key)
    balance = Balance.objects.get()
    assert (balance.cost, balance.tokens, balance.requests) == (charge.cost, 100, 1)
    assert held() == (ONE - 100 * OUTPUT / MILLION, PROMPT + CAP - 100, 0)
    assert [holding.free(key) for _ in range(2)] == [True, False]
    assert held() == NOTHING
    assert Balance.objects.get().cost == charge.cost


def test_a_charge_beyond_its_hold_takes_no_more_than_is_there(alice: User, route: Route, model: LanguageModel) -> None:
    limit(10)
    key = uuid4()
    take(alice, route, key)
    spend(alice, model, 9_999_999, generation_id=key)
    assert held() == NOTHING
    assert holding.free(key)


def test_a_title_has_a_hold_of_its_own_that_ends_with_its_charge(alice: User, model: LanguageModel) -> None:
    limit(10)
    key = uuid4()
    holding.take_for(key, alice.pk, model, 300, 40)
    assert held() == ((300 * MISS + 40 * OUTPUT) / MILLION, 340, 0)
    spend(alice, model, 5, key=key, purpose="title")
    assert held() == NOTHING
    assert not Hold.objects.exists()
    assert Balance.objects.get().requests == 0


def test_a_refusal_is_no_answer_and_keeps_the_hold(alice: User, route: Route, model: LanguageModel) -> None:
    limit(10, "requests", "today")
    key = uuid4()
    take(alice, route, key)
    close_call(opened(model, alice.pk, generation_id=key), Tokens(), model)
    assert held()[2] == 1
    assert Balance.objects.get().requests == 0


def test_what_was_spent_before_a_limit_was_set_counts_too(alice: User, route: Route, model: LanguageModel) -> None:
    spend(alice, model, MILLION)
    limit("0.6001")
    with pytest.raises(LimitReachedError):
        take(alice, route)


def test_what_began_in_another_month_does_not_count_in_this_one(
    alice: User, route: Route, model: LanguageModel
) -> None:
    limit("0.61")
    now = timezone.now()
    ids = {"generation_id": uuid4(), "conversation_id": uuid4(), "member_id": alice.pk}
    old = Call.objects.create(number=1, purpose="answer", model=model.name, created_at=now - timedelta(days=40), **ids)
    close_call(old, Tokens(output=MILLION), model)
    assert take(alice, route)
    assert Balance.objects.get().cost == 0


def test_a_rolling_window_forgets_and_says_when(alice: User, route: Route, model: LanguageModel) -> None:
    limit("0.6001", window="hour")
    now = timezone.now()
    ids = {"generation_id": uuid4(), "conversation_id": uuid4(), "member_id": alice.pk}
    for number, minutes in ((1, 61), (2, 59)):
        call = Call.objects.create(
            number=number, purpose="answer", model=model.name, created_at=now - timedelta(minutes=minutes), **ids
        )
        if number == 2:
            assert take(alice, route, wanted=10)
        close_call(call, Tokens(output=MILLION), model)
    with pytest.raises(LimitReachedError, match="There is room again from") as refusal:
        take(alice, route)
    assert refusal.value.resets_at
    assert timedelta(0) < refusal.value.resets_at - now < timedelta(minutes=2)


def test_late_truth_and_corrections_reach_the_balances(alice: User, route: Route, model: LanguageModel) -> None:
    limit(10)
    take(alice, route)
    call = opened(model, alice.pk, prompt_tokens=5_000_000)
    spending.charge_abandoned(call.generation_id, "", "")
    close_call(call, Tokens(miss=MILLION), model, usage={})
    assert Balance.objects.get().cost == MISS
    spending.correct(Charge.objects.earliest("pk"), Decimal("-0.05"), "goodwill")
    assert Balance.objects.get().cost == MISS - Decimal("0.05")


def test_a_shared_balance_holds_what_all_spend(alice: User, bob: User, route: Route, model: LanguageModel) -> None:
    group = Group.objects.create(name="Writers")
    alice.groups.add(group)
    limit(1, shared=True)
    limit(1, shared=True, group=group)
    take(alice, route, wanted=300)
    for member in (alice, bob):
        spend(member, model, MILLION // 3)
    costs = {it.subject: it.cost.quantize(Decimal("0.01")) for it in Balance.objects.all()}
    assert costs == {"team": Decimal("0.40"), f"group:{group.pk}": Decimal("0.20")}


# More, less, and before the end ---------------------------------------------------------------------------------------


def test_a_raise_adds_to_the_limit_until_its_end(alice: User, route: Route, model: LanguageModel) -> None:
    limit("0.6001")
    spend(alice, model, MILLION)
    until = timezone.now() + timedelta(days=1)
    more = Raise.objects.create(member=alice, unit="money", window="this_month", amount=1, until=until)
    assert take(alice, route)
    [standing] = holding.standings(alice.pk)
    assert (standing.amount, standing.raised, standing.spent) == (Decimal("1.6001"), Decimal(1), OUTPUT)
    Raise.objects.filter(pk=more.pk).update(until=timezone.now())
    with pytest.raises(LimitReachedError):
        take(alice, route)


def test_near_the_end_it_is_told_and_what_comes_then_is_done_openly(
    alice: User, route: Route, model: LanguageModel
) -> None:
    cheap = Route.objects.through(model, name="cheap", label="Cheap")
    row = limit(1, step="no_thinking", step_percent=85)
    spend(alice, model, 1_300_000)  # 78 %
    grant = take(alice, route)
    assert grant
    assert (grant.without_thinking, grant.notes) == (False, ())
    spend(alice, model, 50_000)  # 81 %
    grant = take(alice, route)
    assert grant
    assert (grant.without_thinking, grant.notes) == (False, ("81 % of the limit of 1.00 USD a month is used.",))
    spend(alice, model, 100_000)  # 87 %
    grant = take(alice, route)
    assert grant
    assert (grant.without_thinking, grant.route) == (True, route)
    assert grant.notes[0] == "The limit of 1.00 USD a month is nearly reached, so the answer comes without thinking."
    Limit.objects.filter(pk=row.pk).update(step="route", step_route=cheap)
    grant = take(alice, route)
    assert grant
    assert (grant.without_thinking, grant.route) == (False, cheap)
    assert "so “Cheap” answers" in grant.notes[0]


def test_how_a_limit_stands_can_be_shown_without_writing_anything(alice: User, model: LanguageModel) -> None:
    limit(2)
    spend(alice, model, MILLION)
    [standing] = holding.standings(alice.pk)
    assert (standing.spent, standing.held, standing.room, standing.percent) == (OUTPUT, Decimal(0), 2 - OUTPUT, 30)
    assert standing.resets_at
    assert standing.begins_at <= timezone.now() < standing.resets_at
    assert not Balance.objects.exists()


def test_a_month_begins_at_the_teams_midnight(alice: User, model: LanguageModel, settings: Settings) -> None:
    settings.TEAM_ZONE = ZoneInfo("Asia/Shanghai")
    limit(1)
    moment = datetime(2026, 10, 31, 16, tzinfo=UTC)
    before, after = (holding.standings(alice.pk, moment + timedelta(seconds=it))[0] for it in (-1, 0))
    assert before.resets_at == moment == after.begins_at


# Before a request is sent ---------------------------------------------------------------------------------------------


def test_a_hold_that_is_enough_is_left_alone(alice: User, route: Route, model: LanguageModel) -> None:
    limit(10)
    key = uuid4()
    take(alice, route, key)
    assert holding.cover(key, alice.pk, model, PROMPT, CAP) == CAP
    assert held() == (ONE, PROMPT + CAP, 1)


def test_a_hold_that_is_not_is_made_enough_as_far_as_there_is_room(
    alice: User, route: Route, model: LanguageModel
) -> None:
    """A second request for the same answer; or prices that rose while it waited."""
    limit(ONE + 500 * OUTPUT / MILLION)
    key = uuid4()
    take(alice, route, key)
    spend(alice, model, CAP, generation_id=key)
    assert holding.cover(key, alice.pk, model, PROMPT, CAP) == 500
    assert held()[1] == PROMPT + 500
    with pytest.raises(LimitReachedError):
        holding.cover(key, alice.pk, model, 10_000, CAP)
    assert held()[1] == PROMPT + 500


def test_without_a_hold_there_is_nothing_to_cover(alice: User, model: LanguageModel) -> None:
    assert holding.cover(uuid4(), alice.pk, model, PROMPT, CAP) == CAP
    assert not Hold.objects.exists()


# All at once ----------------------------------------------------------------------------------------------------------


def test_two_hundred_at_once_get_what_there_is_for_ten_and_never_more(alice: User, route: Route) -> None:
    limit(10 * ONE)
    limit(10 * (PROMPT + CAP), "tokens", "hour")

    def ask(_: int) -> int:
        try:
            grant = take(alice, Route.objects.whole().get())
        except LimitReachedError:
            return 0
        return grant.output_cap if grant else 0

    caps = at_once(200, ask)
    month, hour = Balance.objects.order_by("is_rolling")
    assert [cap for cap in caps if cap] == [CAP] * 10
    assert (month.held_cost, hour.held_tokens) == (10 * ONE, 10 * (PROMPT + CAP))
    assert sum(map(holding.free, Hold.objects.values_list("pk", flat=True))) == 10
    assert {*Balance.objects.values_list("held_cost", "held_tokens", "held_requests")} == {NOTHING}


def test_freed_and_charged_by_many_at_once_it_happens_once(alice: User, route: Route, model: LanguageModel) -> None:
    limit(10)
    key = uuid4()
    take(alice, route, key)
    call = opened(model, alice.pk, generation_id=key)

    def settle(number: int) -> bool:
        if number % 2:
            return holding.free(key)
        return close_call(call, Tokens(output=100), model) is not None

    done = at_once(20, settle)
    assert (sum(done[::2]), sum(done[1::2])) == (1, 1)
    assert held() == NOTHING
    assert Balance.objects.get().cost == Charge.objects.totals()["spent"] == 100 * OUTPUT / MILLION


def test_a_balance_that_is_begun_while_charges_are_written_misses_none(
    alice: User, route: Route, model: LanguageModel
) -> None:
    limit(100)

    def one(number: int) -> None:
        if number % 5:
            spend(alice, model, 1_000)
        else:
            take(alice, Route.objects.whole().get())

    at_once(60, one)
    assert Balance.objects.get().cost == Charge.objects.totals()["spent"] == 48 * 1_000 * OUTPUT / MILLION


# What can't be entered ------------------------------------------------------------------------------------------------


@contextmanager
def refused(sentence: str) -> Iterator[None]:
    with pytest.raises(ValidationError, match=sentence):
        yield
    assert not Limit.objects.exists()


def test_a_limit_that_is_none_is_told_in_words(alice: User, route: Route) -> None:
    group = Group.objects.create(name="Writers")
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("greater than or equal to 0", {"amount": -1}),
        ("must be a decimal number", {"amount": Decimal("NaN")}),
        ("Choose a member, or a group, or neither", {"member": alice, "group": group}),
        ("goes by the calendar", {"shared": True, "window": "month"}),
        ("Choose that other model", {"step": "route"}),
    ]
    for sentence, fields in wrong:
        with refused(sentence):
            Limit(**{"amount": Decimal(1), **fields}).full_clean()


def test_of_a_kind_there_is_one(alice: User) -> None:
    limit(1)
    with pytest.raises(ValidationError, match="There is such a limit already"):
        Limit(amount=Decimal(2)).full_clean()
    with pytest.raises(IntegrityError, match="one_limit_of_a_kind"), transaction.atomic():
        limit(2)


def test_a_limit_below_what_is_spent_is_refused(alice: User, bob: User, model: LanguageModel) -> None:
    group = Group.objects.create(name="Writers")
    alice.groups.add(group)
    spend(alice, model, MILLION)
    common = {"unit": "money", "window": "this_month", "soft_percent": 80, "step_percent": 90}
    for who in ({"member": alice.pk}, {"group": group.pk}, {}, {"shared": True}):
        form = LimitForm({**common, **who, "amount": "0.5"})
        assert form.errors["amount"] == ["0.60 USD of it are spent already. Enter more, or wait for the next window."]
        assert LimitForm({**common, **who, "amount": "0.7"}).is_valid()
    assert LimitForm({**common, "member": bob.pk, "amount": "0.1"}).is_valid()
