"""Every request is charged once, whatever becomes of it, and nobody changes what stands in the ledger."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from catalog.models import LanguageModel, Price, Provider, Rate
from tests.usage.conftest import BEGIN, HIT, MISS, OUTPUT, opened
from usage import spending
from usage.models import Call, Charge, Reply
from usage.spending import close_call
from usage.tokens import Tokens

COUNTED = Tokens(hit=6784, miss=122, output=345, reasoning=45)
USAGE = {"prompt": 6906, "completion": 345, "reasoning": 45, "cache_hit": 6784, "cache_miss": 122}
COST = (6784 * HIT + 122 * MISS + 345 * OUTPUT) / 1_000_000


def test_a_reply_and_its_charge_are_written_together_and_to_the_last_digit(call: Call, model: LanguageModel) -> None:
    charge = close_call(call, COUNTED, model, usage=USAGE, returned_model="deepseek-flash", finish_reason="stop")
    stands = Charge.objects.get()
    assert charge == stands
    assert (stands.amount, stands.cost, stands.rate) == (COST, COST, Decimal(1))
    assert stands.currency == stands.reported_in == "USD"
    assert (stands.cache_hit_tokens, stands.cache_miss_tokens, stands.output_tokens) == (6784, 122, 345)
    assert (stands.cache_hit_price, stands.cache_miss_price, stands.output_price) == (HIT, MISS, OUTPUT)
    assert (stands.price_id, stands.is_estimated) == (Price.objects.get().pk, False)
    assert (stands.call.reply.usage, stands.call.reply.finish_reason) == (USAGE, "stop")


def test_told_twice_it_is_charged_once(call: Call, model: LanguageModel) -> None:
    assert close_call(call, COUNTED, model, usage=USAGE)
    assert close_call(call, Tokens(miss=9), model, error_code="cut") is None
    assert (Charge.objects.get().amount, Reply.objects.get().error_code) == (COST, "")


def test_a_charge_without_its_reply_is_not_written_nor_one_without_its_charge(call: Call, model: LanguageModel) -> None:
    with pytest.raises(IntegrityError, match="only_a_correction_takes_away"):
        close_call(call, Tokens(miss=-1), model)
    assert not Reply.objects.exists()
    assert not Charge.objects.exists()


def test_it_says_who_and_what_for_when_all_of_them_are_gone(alice: User, model: LanguageModel) -> None:
    group = Group.objects.create(name="Writers")
    alice.groups.add(group)
    call = opened(model, alice.pk, purpose="title")
    alice.delete()
    Provider.objects.all().delete()
    group.delete()
    close_call(call, COUNTED, model)
    charge = Charge.objects.get()
    assert (charge.member_id, charge.member_label, charge.group_ids) == (call.member_id, "Alice", call.group_ids)
    assert (charge.purpose, charge.provider, charge.model) == ("title", "deepseek", "deepseek-flash")
    assert charge.conversation_id == call.conversation_id


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def forbid_to_empty() -> None:
    """The tests' own database may be emptied between two of them: see conftest."""
    for each in ("call", "reply", "charge"):
        execute(f"ALTER TABLE usage_{each} ENABLE TRIGGER usage_{each}_is_never_emptied")


@pytest.mark.parametrize("table", ["usage_call", "usage_reply", "usage_charge"])
def test_the_database_lets_nobody_change_delete_or_empty_the_accounts(
    call: Call, model: LanguageModel, table: str
) -> None:
    close_call(call, COUNTED, model)
    column = {"usage_call": "model", "usage_reply": "error_code", "usage_charge": "reason"}[table]
    for statement in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(IntegrityError, match="only ever written on"), transaction.atomic():
            forbid_to_empty()
            execute(statement)
    with pytest.raises(IntegrityError, match="only ever written on"), transaction.atomic():
        Charge.objects.all().delete()
    assert (Call.objects.count(), Reply.objects.count(), Charge.objects.count()) == (1, 1, 1)


def test_a_second_charge_of_a_call_is_refused(call: Call, model: LanguageModel) -> None:
    close_call(call, COUNTED, model)
    stands = Charge.objects.get()
    stands.pk = None
    with pytest.raises(IntegrityError, match="a_call_is_charged_once"):
        stands.save(force_insert=True)


# Prices -------------------------------------------------------------------------------------------------------------


def test_without_a_price_it_costs_nobody_knows_what_and_not_nothing(unpriced: LanguageModel) -> None:
    close_call(opened(unpriced), COUNTED, unpriced)
    charge = Charge.objects.get()
    assert (charge.amount, charge.cost, charge.price_id) == (None, None, None)
    totals = Charge.objects.totals()
    assert (totals["spent"], totals["calls"], totals["unpriced"]) == (Decimal(0), 1, 1)


def test_what_is_free_has_a_price(unpriced: LanguageModel) -> None:
    Price.objects.create(model=unpriced, valid_from=BEGIN, cache_hit=0, cache_miss=0, output=0)
    close_call(opened(unpriced), COUNTED, unpriced)
    assert Charge.objects.totals()["unpriced"] == 0
    assert Charge.objects.get().amount == 0


def test_the_start_decides_and_both_instants_are_kept(model: LanguageModel) -> None:
    call = opened(model)
    Price.objects.update(valid_to=call.created_at + timedelta(microseconds=1))
    Price.objects.create(
        model=model, valid_from=call.created_at + timedelta(microseconds=1), cache_hit=9, cache_miss=9, output=9
    )
    close_call(call, COUNTED, model)
    charge = Charge.objects.get()
    assert charge.amount == COST
    assert charge.sent_at == call.created_at < charge.finished_at


def test_what_another_model_answered_costs_what_that_one_costs(model: LanguageModel) -> None:
    pro = LanguageModel.objects.create(provider=model.provider, name="deepseek-v4-pro")
    close_call(opened(pro), COUNTED, pro, returned_model="deepseek-flash")
    charge = Charge.objects.get()
    assert (charge.model, charge.returned_model, charge.amount) == ("deepseek-v4-pro", "deepseek-flash", COST)


def test_yuan_are_charged_in_yuan_and_reported_in_dollars(model: LanguageModel) -> None:
    model.provider.currency = "CNY"
    Price.objects.update(currency="CNY")
    close_call(opened(model), COUNTED, model)
    assert (Charge.objects.get().amount, Charge.objects.totals()["unpriced"]) == (COST, 1)  # nobody entered a rate
    Rate.objects.create(currency="CNY", into="USD", rate=Decimal("0.14"), valid_from=BEGIN)
    close_call(opened(model), COUNTED, model)
    charge = Charge.objects.latest("pk")
    assert (charge.amount, charge.currency, charge.cost) == (COST, "CNY", COST * Decimal("0.14"))


def test_another_reporting_currency_is_written_beside_what_is_reported(
    model: LanguageModel, settings: Settings
) -> None:
    settings.CURRENCY = "CNY"
    Rate.objects.create(currency="USD", into="CNY", rate=7, valid_from=BEGIN)
    close_call(opened(model), COUNTED, model)
    charge = Charge.objects.get()
    assert (charge.amount, charge.cost, charge.reported_in) == (COST, 7 * COST, "CNY")


# Nobody told --------------------------------------------------------------------------------------------------------


def test_of_a_worker_that_died_what_it_sent_and_said_is_estimated(call: Call, model: LanguageModel) -> None:
    spending.charge_abandoned(call.generation_id, "A monad is a monoid in the category of endofunctors.", "Hm.")
    charge = Charge.objects.get()
    assert (charge.is_estimated, charge.cache_miss_tokens, charge.cache_hit_tokens) == (True, 120, 0)
    assert 10 < charge.output_tokens < 20
    assert charge.amount == (120 * MISS + charge.output_tokens * OUTPUT) / 1_000_000
    spending.charge_abandoned(call.generation_id, "again", "")
    assert Charge.objects.count() == 1


def test_what_comes_to_light_later_is_set_right_by_the_difference(call: Call, model: LanguageModel) -> None:
    spending.charge_abandoned(call.generation_id, "A monad is", "")
    late = close_call(call, COUNTED, model, usage=USAGE)
    assert late
    assert late.kind == Charge.Kind.LATE
    assert close_call(call, COUNTED, model, usage=USAGE) is None
    estimated, late = Charge.objects.order_by("pk")
    assert (estimated.kind, late.kind) == ("charge", "late")
    totals = Charge.objects.totals()
    assert (totals["spent"], totals["tokens"], totals["calls"]) == (COST, 7251, 1)


def test_an_estimate_does_not_set_an_estimate_right(call: Call, model: LanguageModel) -> None:
    spending.charge_abandoned(call.generation_id, "A monad is", "")
    close_call(call, Tokens.estimated(1, "something else"), model)
    assert Charge.objects.count() == 1


def old(model: LanguageModel, purpose: str, ago: timedelta) -> Call:
    ids = {name: uuid4() for name in ("generation_id", "conversation_id", "member_id")}
    at = timezone.now() - ago
    return Call.objects.create(
        number=1, purpose=purpose, provider="deepseek", model=model.name, model_id=model.pk, created_at=at, **ids
    )


def test_calls_that_nobody_will_tell_of_are_charged_once_they_must_have_ended(
    model: LanguageModel, settings: Settings
) -> None:
    settings.PROVIDER_CLOCKS = {**settings.PROVIDER_CLOCKS, "total": 600}
    minutes = timedelta(minutes=1)
    running, title = old(model, "answer", 5 * minutes), old(model, "title", 2 * minutes)
    dead = [old(model, "title", 4 * minutes), old(model, "answer", 14 * minutes)]
    by_an_older_version = old(model, "answer", 5 * minutes)
    Reply.objects.create(call=by_an_older_version, usage=USAGE, returned_model="deepseek-flash")
    assert [spending.charge_forgotten() for _ in range(2)] == [3, 0]
    charged = {charge.call: charge for charge in Charge.objects.all()}
    assert charged.keys() == {*dead, by_an_older_version}
    assert (charged[by_an_older_version].amount, charged[by_an_older_version].is_estimated) == (COST, False)
    assert running not in charged
    assert title not in charged


def test_what_was_answered_before_there_were_charges_can_be_charged(model: LanguageModel) -> None:
    calls = [old(model, "answer", timedelta(days=days)) for days in (3, 100)]
    for call in calls:
        Reply.objects.create(call=call, usage=USAGE)
    assert [spending.charge_history() for _ in range(2)] == [2, 0]
    assert Charge.objects.totals()["spent"] == 2 * COST


def test_a_correction_is_a_row_of_its_own_with_its_sign(call: Call, model: LanguageModel) -> None:
    charge = close_call(call, COUNTED, model)
    assert charge
    spending.correct(charge, Decimal("-0.0001"), "the provider took it back")
    spending.correct(charge, Decimal("-0.0001"), "twice")
    assert Charge.objects.totals() == {
        "spent": COST - Decimal("0.0002"),
        "tokens": 7251,
        "calls": 1,
        "estimated": 0,
        "unpriced": 0,
    }


# Counts that can't be believed ---------------------------------------------------------------------------------------


def test_a_count_beyond_any_window_is_not_believed() -> None:
    assert Tokens.counted(USAGE, 8192) == COUNTED
    assert Tokens.counted({**USAGE, "completion": 9_999_999}, 100_000) is None
    assert Tokens.counted({**USAGE, "cache_miss": 900_000}, 100_000) is None
    assert Tokens.counted(None, 8192) is None


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("The quick brown fox jumps over the lazy dog.", 9, 11),
        ("今天天气很好，我们去公园散步吧。", 8, 14),
        ("def f(x):\n    return x + 1\n", 9, 13),
        ("word " * 20_000, 18_000, 22_000),  # longer than is read
        ("a" * 100_000, 10_000, 40_000),
    ],
)
def test_tokens_are_estimated_as_deepseek_counts_them(text: str, least: int, most: int) -> None:
    assert least <= Tokens.estimated(0, text).output <= most


def test_thinking_is_part_of_the_output() -> None:
    both = Tokens.estimated(7, "An answer.", "A thought, and another one.")
    assert both.output == Tokens.estimated(7, "An answer.").output + both.reasoning
    assert (both.miss, both.hit, both.is_estimated) == (7, 0, True)


def test_a_day_holds_what_began_in_it(model: LanguageModel) -> None:
    charge = close_call(opened(model), COUNTED, model)
    assert charge
    moment = timedelta(microseconds=1)
    within = [(charge.sent_at, moment), (charge.sent_at - moment, moment), (charge.sent_at + moment, moment)]
    assert [Charge.objects.sent_within(at, at + how_long).count() for at, how_long in within] == [1, 0, 0]


def test_sums_are_told_by_what_one_asks_for(model: LanguageModel, alice: User) -> None:
    for member, times in ((alice.pk, 3), (uuid4(), 1)):
        for _ in range(times):
            close_call(opened(model, member), COUNTED, model)
    first, second = Charge.objects.totals_by("member_id", "model")
    assert (first["member_id"], first["spent"], first["calls"]) == (alice.pk, 3 * COST, 3)
    assert second["spent"] == COST
    assert Charge.objects.of_member(alice.pk).totals()["calls"] == 3
