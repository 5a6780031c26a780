"""Who spent what, on what; what is wrong; who is about to reach a limit. In a bounded number of queries."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import Band, LanguageModel, Price
from tests.usage.conftest import BEGIN, opened
from usage import overview, raising
from usage.models import Charge, Hold, Limit, Reading
from usage.periods import Period
from usage.spending import close_call, correct
from usage.tokens import Tokens

MILLION = 1_000_000


def spend(model: LanguageModel, member: User, output: int = MILLION, **call: object) -> Charge:
    charge = close_call(opened(model, member.pk, **call), Tokens(output=output), model)
    assert charge
    return charge


def now() -> overview.Overview:
    return overview.over(Period.of_days(2))  # midnight may pass meanwhile


def test_it_says_who_spent_what_on_what(alice: User, model: LanguageModel) -> None:
    bob = User.objects.create(email="bob@example.org", name="Bob")
    writers = Group.objects.create(name="Writers")
    bob.groups.add(writers)
    pro = LanguageModel.objects.create(provider=model.provider, name="pro")
    Price.objects.create(model=pro, valid_from=BEGIN, cache_hit=0, cache_miss=0, output=3)
    conversation = uuid4()
    spend(model, alice), spend(model, bob), spend(pro, bob, conversation_id=conversation)
    it = now()
    assert (it.total.spent, it.total.calls, it.total.tokens) == (Decimal("4.2"), 3, 3 * MILLION)
    assert [(row.name, row.spent) for row in it.members] == [("Bob", Decimal("3.6")), ("Alice", Decimal("0.6"))]
    assert [(row.name, row.spent) for row in it.models] == [("pro", Decimal(3)), ("deepseek-flash", Decimal("1.2"))]
    assert [(row.name, row.spent) for row in it.groups] == [("Writers", Decimal("3.6"))]
    dearest = it.conversations[0]
    assert (dearest.id, dearest.owner, dearest.spent) == (str(conversation), "Bob", Decimal(3))
    assert it.chart.total == "4.20 USD"


def test_corrections_are_part_of_it_and_what_has_no_price_or_was_estimated_is_flagged(
    alice: User, model: LanguageModel
) -> None:
    charge = spend(model, alice)
    correct(charge, Decimal("-0.1"), "taken back")
    close_call(opened(model, alice.pk), Tokens(output=MILLION, is_estimated=True), model)
    Price.objects.all().delete()
    spend(model, alice)
    total = now().total
    assert (total.spent, total.calls, total.estimated, total.unpriced) == (Decimal("1.1"), 3, 1, 1)


def test_what_came_from_the_cache_and_what_was_cheap(alice: User, model: LanguageModel) -> None:
    assert (now().hit_percent, now().off_peak_percent) == (None, None)
    close_call(opened(model, alice.pk), Tokens(hit=300, miss=100), model)
    assert now().hit_percent == 75
    assert now().off_peak_percent is None  # it has no peak hours
    always = Band.objects.create(name="Peak", hours="Mon-Sun 00:00-24:00", zone="UTC")
    peak = Price.objects.create(model=model, band=always, valid_from=BEGIN, cache_hit=0, cache_miss=0, output=9)
    spend(model, alice, MILLION)
    key = peak.pk
    peak.delete()
    spend(model, alice, 15 * MILLION)
    assert now().off_peak_percent is None  # nobody can tell any more: the price is gone
    Price.objects.create(pk=key, model=model, band=always, valid_from=BEGIN, cache_hit=0, cache_miss=0, output=9)
    assert now().off_peak_percent == 50


def test_what_failed_is_counted_by_its_code(alice: User, model: LanguageModel) -> None:
    for code in ("overloaded", "overloaded", "stalled", ""):
        close_call(opened(model, alice.pk), Tokens(), model, error_code=code)
    assert [(it.code, it.count) for it in now().troubles] == [("overloaded", 2), ("stalled", 1)]


def test_a_hold_that_no_answer_takes_so_long_for_is_told(alice: User) -> None:
    assert not now().holds.is_old
    values = {"member_id": alice.pk, "balances": [], "tokens": 1, "requests": 1}
    Hold.objects.create(cost=2, **values)
    assert (now().holds.count, now().holds.said, now().holds.is_old) == (1, "2.00 USD", False)
    Hold.objects.create(cost=1, created_at=timezone.now() - timedelta(hours=3), **values)
    assert now().holds.is_old


def test_it_says_who_is_about_to_reach_a_limit_and_who_asks_for_more(alice: User, model: LanguageModel) -> None:
    User.objects.create(email="bob@example.org", name="Bob")
    Limit.objects.create(amount=Decimal("0.7"))
    Limit.objects.create(amount=1000, shared=True)
    asked = raising.ask_for_more(alice, "money", "this_month", "The thesis")
    assert now().near == []
    spend(model, alice)
    [near] = now().near
    assert (near.who, near.percent, near.left) == ("Alice", 85, "0.10 USD")
    assert now().requests == [asked]


def test_balances_stand_beside_what_we_charged(alice: User, model: LanguageModel) -> None:
    values = {"provider": "deepseek", "currency": "USD", "granted": 0, "topped_up": 0, "is_available": True}
    Reading.objects.create(total=100, taken_at=timezone.now() - timedelta(minutes=1), **values)
    spend(model, alice)
    Reading.objects.create(total=98, **values)
    [account] = now().accounts
    assert account.reading.total == 98
    [day] = account.days
    assert (day.theirs, day.ours, day.drifts) == (Decimal(2), Decimal("0.6"), True)
    assert any("deepseek took 2.00 USD" in it for it in account.warnings)


def test_it_asks_as_often_however_much_there_is(alice: User, model: LanguageModel) -> None:
    counts = []
    for number in range(3):
        member = User.objects.create(email=f"member{number}@example.org")
        Limit.objects.create(amount=10, member=member)
        raising.ask_for_more(member, "money", "this_month")
        for minutes in range(3):
            Reading.objects.create(
                provider="deepseek",
                currency="USD",
                total=100 - number,
                granted=0,
                topped_up=0,
                is_available=True,
                taken_at=timezone.now() - timedelta(minutes=minutes),
            )
        spend(model, member)
        with CaptureQueriesContext(connection) as queries:
            now()
        counts.append(len(queries))
    assert len(set(counts)) == 1
    assert counts[0] <= 30
