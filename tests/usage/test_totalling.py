"""What a worker adds up by day is the ledger's sum at every moment, however far it has come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Count, F, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from pytest_django import Settings

from catalog.models import LanguageModel
from tests.usage.conftest import opened
from usage import checking, nearing, totalling
from usage.holding import COUNTED, UNITS
from usage.models import Call, Charge, DayTotal, Of, Total, TotalsCalendar, Unsummed
from usage.models.charge import ChargeQuerySet
from usage.periods import Period
from usage.spending import close_call
from usage.tokens import Tokens
from usage.windows import NEVER, period

KEYS = {
    Of.MODEL: ("model", "price_id"),
    Of.MEMBER: ("member_id", "group_ids"),
    Of.CONVERSATION: ("conversation_id", "member_id"),
}
SPENT = ("spent", "tokens", "calls", "estimated", "unpriced", "hit", "miss", "answered")


@pytest.fixture
def move(settings: Settings, transactional_db: None) -> Iterator[Callable[[str], None]]:
    """Move the team to another time zone."""

    def to(zone: str) -> None:
        settings.TEAM_ZONE = ZoneInfo(zone)

    before = TotalsCalendar.objects.get().zone
    yield to
    TotalsCalendar.objects.update(zone=before)  # its row is kept when the tables are emptied


def charge(model: LanguageModel) -> Charge:
    charge = close_call(opened(model), Tokens(output=1_000_000), model)
    assert charge
    return charge


def by_ledger(kind: Of) -> set[tuple[Any, ...]]:
    """A day's sums of that kind, asked of the charges themselves."""
    charges: Any = Charge.objects.annotate(day=TruncDate("sent_at", tzinfo=_zone()))
    more = {"hit": Sum("cache_hit_tokens"), "miss": Sum("cache_miss_tokens"), "answers": Count("pk", filter=COUNTED)}
    sums = {**ChargeQuerySet.SUMS, **more}
    return set(map(_hashable, charges.values_list("day", *KEYS[kind]).annotate(**sums)))


def by_totals(kind: Of) -> set[tuple[Any, ...]]:
    totals = Total.objects.of_days(kind, Period.of_days(90)).summed_by("day", *KEYS[kind])
    totals = totals.annotate(answered=Sum("answers"))
    return set(map(_hashable, totals.values_list("day", *KEYS[kind], *SPENT)))


def _hashable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(tuple(it) if isinstance(it, list) else it for it in row)


def _zone() -> ZoneInfo:
    return ZoneInfo(TotalsCalendar.objects.get().zone)


class Ledger:
    """Charges of few members, models and prices, of each kind, around the midnights of some days."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.members = {uuid4(): [[], [1], [2, 1]] for _ in range(3)}
        self.conversations = [uuid4() for _ in range(4)]
        self.first = timezone.now() - timedelta(days=40)

    def write(self, model: LanguageModel, count: int) -> None:
        calls = [self.charge(opened(model)) for _ in range(count)]
        for it in self.chance.sample(calls, count // 5):  # what was told late, and what was set right
            values = {"kind": self.chance.choice(["late", "correction"]), "cost": Decimal(-1) / 7, "amount": 1}
            self._copy(it, **values, output_tokens=-3, is_estimated=False)

    def charge(self, call: Call) -> Charge:
        chance, member = self.chance, self.chance.choice(list(self.members))
        amount = chance.choice([None, Decimal(0), Decimal(chance.randrange(10**9)).scaleb(-12)])
        return Charge.objects.create(
            call=call,
            generation_id=call.generation_id,
            conversation_id=chance.choice(self.conversations),
            member_id=member,
            group_ids=chance.choice(self.members[member]),
            purpose=chance.choice(["answer", "title"]),
            provider="deepseek",
            model=chance.choice(["flash", "pro"]),
            sent_at=self._moment(),
            cache_hit_tokens=chance.choice([0, 500]),
            cache_miss_tokens=chance.choice([0, 70]),
            output_tokens=chance.choice([0, 9]),
            is_estimated=chance.random() < 0.2,
            price_id=chance.choice([None, 1, 2]),
            currency="USD",
            amount=amount,
            cost=amount,
            reported_in="USD",
        )

    def _moment(self) -> datetime:
        """Often at the very edge of a day: of London, New York in summer and in winter, Kolkata."""
        day = self.first + timedelta(days=self.chance.randrange(39))
        hour, minute = self.chance.choice([(0, 0), (4, 0), (5, 0), (18, 30)])
        edge = day.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return edge + self.chance.choice([timedelta(0), timedelta(microseconds=-1)])

    def _copy(self, charge: Charge, **values: Any) -> None:
        columns = {it.attname: getattr(charge, it.attname) for it in Charge._meta.concrete_fields if it.attname != "id"}
        Charge.objects.create(**{**columns, "currency": "USD", **values})


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize("seed", range(3))
def test_at_every_moment_the_totals_are_the_sums_of_the_ledger(
    seed: int, zone: str, model: LanguageModel, move: Callable[[str], None]
) -> None:
    move(zone)
    totalling.begin_anew()
    ledger = Ledger(Random(seed))
    for _ in range(3):
        ledger.write(model, 30)
        for kind in Of:
            assert by_totals(kind) == by_ledger(kind)
        assert totalling.add_up(17) == 17  # in the middle of them
        for kind in Of:
            assert by_totals(kind) == by_ledger(kind)
    while totalling.add_up():
        pass
    assert not Unsummed.objects.exists()
    for kind in Of:
        assert by_totals(kind) == by_ledger(kind)
    assert not [it for it in checking.complaints() if "summed up" in it]
    assert DayTotal.objects.count() < 3 * Charge.objects.count()


@pytest.mark.parametrize("window", ["this_month", "this_week", "today"])
def test_what_members_spent_of_a_calendars_window_is_what_the_ledger_says(window: str, model: LanguageModel) -> None:
    ledger, at = Ledger(Random(4)), timezone.now()
    ledger.write(model, 60)
    charge(model)  # today's
    begin, _end = period(window, at, settings.TEAM_ZONE)
    charges: Any = Charge.objects.sent_within(begin, NEVER)
    wanted = list(charges.values("member_id", "group_ids").annotate(**UNITS))
    assert wanted
    for _ in range(2):
        found = list(nearing._by_totals(window, at))
        assert sorted(map(_said, found)) == sorted(map(_said, wanted))
        totalling.add_up()


def _said(row: dict[str, Any]) -> str:
    return f"{row['member_id']} {row['group_ids']}: {row['money'] or 0:.12f}, {row['tokens']}, {row['requests']}"


def test_a_charge_that_is_committed_late_is_not_forgotten(model: LanguageModel) -> None:
    """Its id is lower than that of one that is added up before it is seen."""
    call, written, go_on = opened(model), threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            Ledger(Random(6)).charge(call)
            written.set()
            assert go_on.wait(20)
        connection.close()

    slow = threading.Thread(target=slowly)
    slow.start()
    assert written.wait(20)
    quick = charge(model)
    assert totalling.add_up() == 1
    go_on.set()
    slow.join(20)
    assert Unsummed.objects.get().charge_id < quick.pk
    assert by_totals(Of.MODEL) == by_ledger(Of.MODEL)
    assert totalling.add_up() == 1
    assert by_totals(Of.MODEL) == by_ledger(Of.MODEL)
    assert DayTotal.objects.filter(of=Of.MODEL).aggregate(all=Sum("charges"))["all"] == 2


def test_only_one_adds_up_at_a_time(model: LanguageModel) -> None:
    charge(model)
    held, done = threading.Event(), threading.Event()

    def another() -> None:
        with transaction.atomic():
            assert totalling.add_up() == 1
            held.set()
            assert done.wait(20)
        connection.close()

    other = threading.Thread(target=another)
    other.start()
    assert held.wait(20)
    assert totalling.add_up() == 0
    done.set()
    other.join(20)
    assert totalling.add_up() == 0
    assert by_totals(Of.MODEL) == by_ledger(Of.MODEL)


def test_in_another_time_zone_the_days_are_added_up_anew(model: LanguageModel, move: Callable[[str], None]) -> None:
    Ledger(Random(5)).write(model, 40)
    totalling.add_up()
    before = by_totals(Of.MODEL)
    move("Asia/Kolkata")
    assert totalling.add_up() == Charge.objects.count()
    assert by_totals(Of.MODEL) == by_ledger(Of.MODEL) != before
    assert totalling.add_up() == 0


def test_a_total_that_is_wrong_is_found_and_is_right_again_after_adding_up_anew(
    model: LanguageModel, capsys: pytest.CaptureFixture[str]
) -> None:
    charge(model)
    totalling.add_up()
    call_command("ledger", "check")
    DayTotal.objects.filter(of=Of.MEMBER).update(cost=F("cost") - Decimal("0.000000000001"))
    with pytest.raises(CommandError, match=r"by member 0\.599999999999 .* the ledger holds 0\.600000000000"):
        call_command("ledger", "check")
    call_command("ledger", "totals")
    assert "A worker adds them up again." in capsys.readouterr().out
    call_command("ledger", "check")
    assert totalling.add_up() == 1
    call_command("ledger", "check")
