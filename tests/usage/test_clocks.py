"""Prices, windows and clocks together, at any instant and around every change of the team's clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Band, LanguageModel, Price
from catalog.prices import in_force
from tests.catalog.test_calendars import ZONES, moments, windows
from tests.usage.test_windows import CALENDAR
from usage import holding
from usage.models import Balance, Call, Charge, Limit
from usage.spending import close_call
from usage.tokens import Tokens
from usage.windows import period

instants = moments.map(lambda it: it.replace(tzinfo=UTC))
zones = st.sampled_from(ZONES).map(ZoneInfo)


# Windows ------------------------------------------------------------------------------------------------------------


@given(instants, zones)
def test_a_day_lies_in_one_week_and_one_month(at: datetime, zone: ZoneInfo) -> None:
    (begin, end), *wider = (period(window, at, zone) for window in ("today", "this_week", "this_month"))
    for first, last in wider:
        assert first <= begin < end <= last


@given(instants, zones, st.sampled_from(CALENDAR))
def test_a_window_is_whole_days_by_the_clocks_there(at: datetime, zone: ZoneInfo, window: str) -> None:
    begin, end = period(window, at, zone)
    first, last = (it.astimezone(zone).date() for it in (begin, end - timedelta(microseconds=1)))
    assert (begin - timedelta(microseconds=1)).astimezone(zone).date() < first
    assert last < end.astimezone(zone).date()
    match window:
        case "today":
            assert first == last == at.astimezone(zone).date()
        case "this_week":
            assert (first.weekday(), last.weekday()) == (0, 6)
        case _:
            assert (first.day, (last + timedelta(days=1)).day) == (1, 1)


@given(instants, zones)
def test_a_day_has_23_to_25_hours(at: datetime, zone: ZoneInfo) -> None:
    begin, end = period("today", at, zone)
    assert timedelta(hours=23) <= end - begin <= timedelta(hours=25)


# Prices -------------------------------------------------------------------------------------------------------------


@given(
    st.lists(instants, min_size=1, max_size=5, unique=True).map(sorted),
    st.lists(instants, max_size=5, unique=True).map(sorted),
    windows,
    st.sampled_from(ZONES),
    instants,
)
def test_at_any_instant_the_price_is_the_one_whose_hour_it_is(
    plain: list[datetime], banded: list[datetime], hours: str, zone: str, at: datetime
) -> None:
    """Of dated prices one after the other, for all hours and for those of a band; in whatever order they are read."""
    band = Band(name="Peak", hours=hours, zone=zone)
    prices = [*_one_after_another(plain, None), *_one_after_another(banded, band)]
    found = in_force(reversed(prices), "USD", at)
    wanted = banded if band.calendar.holds(at) and banded and banded[0] <= at else plain
    begun = [it for it in wanted if it <= at]
    assert (found.valid_from if found else None) == (begun[-1] if begun else None)
    assert found is None or (found.band is band) == (wanted is banded)
    assert found == in_force(prices, "USD", at.astimezone(ZoneInfo(zone)))
    assert in_force(prices, "CNY", at) is None


def _one_after_another(begins: list[datetime], band: Band | None) -> list[Price]:
    ends = [*begins[1:], None]
    return [
        Price(pk=uuid4().int % 10**9, currency="USD", band=band, valid_from=begin, valid_to=end, cache_miss=1, output=2)
        for begin, end in zip(begins, ends, strict=False)
    ]


# What is kept of a window is the sum of what began in it ------------------------------------------------------------


@pytest.fixture
def priced(model: LanguageModel) -> LanguageModel:
    Price.objects.update(valid_from=datetime(2025, 1, 1, tzinfo=UTC))
    return model


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(instants, st.integers(1, 5000)), min_size=1, max_size=6), zones)
def test_whenever_it_was_sent_a_charge_is_counted_in_the_windows_of_that_instant(
    priced: LanguageModel, sent: list[tuple[datetime, int]], zone: ZoneInfo
) -> None:
    member_id, before = uuid4(), django_settings.TEAM_ZONE
    django_settings.TEAM_ZONE = zone  # Hypothesis plays many examples within one of pytest's settings
    try:
        for at, _tokens in sent:
            limits = [Limit(unit="money", window=window, amount=1) for window in CALENDAR]
            holding._make([holding._new(limit, member_id, at) for limit in limits])
        for at, tokens in sent:
            close_call(_call(priced, member_id, at), Tokens(miss=tokens, output=tokens), priced)
        for balance in Balance.objects.of_member(member_id):
            began = Charge.objects.of_member(member_id).sent_within(balance.starts_at, balance.ends_at)
            assert balance.cost == began.totals()["spent"]
            assert balance.tokens == 2 * sum(n for at, n in sent if balance.starts_at <= at < balance.ends_at)
            assert balance.requests == sum(balance.starts_at <= at < balance.ends_at for at, _ in sent)
        for at, _tokens in sent:
            assert Balance.objects.of_member(member_id).at(at).count() == len(CALENDAR)
    finally:
        django_settings.TEAM_ZONE = before


def _call(model: LanguageModel, member_id: object, at: datetime) -> Call:
    ids = {"generation_id": uuid4(), "conversation_id": uuid4(), "member_id": member_id}
    names = {"provider": model.provider.name, "model": model.name, "model_id": model.pk}
    return Call.objects.create(number=1, purpose="answer", created_at=at, **ids, **names)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.decimals(0, 9999, places=6)), max_size=30))
def test_parts_cost_what_the_whole_costs(parts: list[tuple[int, Decimal]]) -> None:
    """However many requests the tokens are spread over: no fraction of a micro-unit is lost on the way."""
    singly = sum((Price(cache_hit=0, cache_miss=price, output=0).of(0, n, 0) for n, price in parts), Decimal(0))
    assert singly == sum((n * price for n, price in parts), Decimal(0)) / 1_000_000
