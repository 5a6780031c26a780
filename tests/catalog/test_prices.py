"""What a model costs at an instant, and what nobody can enter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DataError, IntegrityError, connection, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import Band, BilledAs, LanguageModel, Price, Provider, Rate
from catalog.prices import Currency, billed_as
from tests.catalog.conftest import model
from tests.catalog.test_calendars import beijing

pytestmark = pytest.mark.django_db

JANUARY, JUNE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def price(model: LanguageModel, **fields: Any) -> Price:
    amounts = {"cache_hit": "0.1", "cache_miss": "1", "output": "2"}
    return Price.objects.create(model=model, **{"valid_from": JANUARY, **amounts, **fields})


@pytest.fixture
def flash(db: None) -> LanguageModel:
    call_command("catalog")
    return LanguageModel.objects.get(name="deepseek-flash")


@pytest.fixture
def pro(flash: LanguageModel) -> LanguageModel:
    return LanguageModel.objects.get(name="deepseek-v4-pro")


@pytest.fixture
def ours(provider: Provider) -> LanguageModel:
    return model(provider)


# What DeepSeek billed in 2026 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "amounts"),
    [
        ("2026-04-23 23:59:59", "0.028 0.28 0.42"),
        ("2026-04-24 00:00", "0.0028 0.14 0.28"),
        ("2026-07-01 10:00", "0.0028 0.14 0.28"),  # no peak hours yet
        ("2026-08-15 23:59:59", "0.0028 0.14 0.28"),
        ("2026-08-16 00:00", "0.007 0.22 0.66"),  # a Sunday
        ("2026-08-17 09:00", "0.014 0.44 1.32"),
        ("2026-09-09 17:59:59", "0.014 0.44 1.32"),
        ("2026-09-09 23:59:59", "0.007 0.22 0.66"),
        ("2026-09-10 00:00", "0.003 0.15 0.6"),
        ("2026-09-10 09:00", "0.006 0.3 1.2"),
        ("2026-10-05 10:00", "0.003 0.15 0.6"),  # National Day week
        ("2026-11-23 11:59:59", "0.006 0.3 1.2"),
        ("2026-11-23 12:00", "0.003 0.15 0.6"),
    ],
)
def test_what_flash_cost(flash: LanguageModel, moment: str, amounts: str) -> None:
    assert said(flash.price_at(beijing(moment))) == amounts


@pytest.mark.parametrize(
    ("moment", "amounts"),
    [
        ("2026-04-23 23:59", ""),  # there was none
        ("2026-04-24 00:00", "0.003625 0.435 0.87"),
        ("2026-08-15 23:59", "0.003625 0.435 0.87"),
        ("2026-08-16 00:00", "0.022 0.66 1.98"),
        ("2026-11-23 14:00", "0.044 1.32 3.96"),
    ],
)
def test_what_pro_cost(pro: LanguageModel, moment: str, amounts: str) -> None:
    assert said(pro.price_at(beijing(moment))) == amounts


def said(price: Price | None) -> str:
    return " ".join(f"{it.normalize():f}" for it in (price.cache_hit, price.cache_miss, price.output)) if price else ""


def test_whoever_is_billed_in_yuan_pays_yuan(flash: LanguageModel) -> None:
    flash.provider.currency = Currency.CNY
    assert said(flash.price_at(beijing("2026-11-23 12:00"))) == "0.02 1 4"
    assert said(flash.price_at(beijing("2026-11-23 11:59"))) == "0.04 2 8"


def test_the_local_model_is_free_because_somebody_said_so(flash: LanguageModel) -> None:
    local = LanguageModel.objects.get(name="smollm2-135m")
    free = local.price_at(beijing("2026-11-23 12:00"))
    assert free
    assert free.of(10, 1000, 1000) == 0


def test_every_listed_price_is_one_that_the_admin_would_take(flash: LanguageModel) -> None:
    for rows in (Price, Band, BilledAs):
        for row in rows.objects.all():
            row.full_clean()


def test_another_start_adds_no_price_and_changes_none(flash: LanguageModel) -> None:
    Price.objects.filter(model=flash, band=None).delete()
    before = list(Price.objects.order_by("pk").values())
    call_command("catalog")
    assert list(Price.objects.order_by("pk").values()) == before


# Which price counts -------------------------------------------------------------------------------------------------


def test_a_model_without_a_price_is_not_free(ours: LanguageModel) -> None:
    assert ours.price_at(JANUARY) is None
    assert not ours.may_be_charged(JANUARY)
    ours.unpriced_allowed = True
    assert ours.may_be_charged(JANUARY)


def test_a_price_counts_from_its_first_instant_and_not_at_its_last(ours: LanguageModel) -> None:
    first = price(ours, valid_to=JUNE)
    second = price(ours, valid_from=JUNE, output="3")
    moment = timedelta(microseconds=1)
    assert ours.price_at(JANUARY - moment) is None
    assert [ours.price_at(at) for at in (JANUARY, JUNE - moment)] == [first, first]
    assert [ours.price_at(at) for at in (JUNE, JUNE + timedelta(days=9999))] == [second, second]


def test_asking_for_a_price_is_one_query_with_its_band(flash: LanguageModel, django_assert_num_queries: Any) -> None:
    read = LanguageModel.objects.select_related("provider").get(pk=flash.pk)
    with django_assert_num_queries(1):
        read.price_at(beijing("2026-11-23 11:59"))


def test_tokens_cost_what_they_cost_to_the_last_digit(ours: LanguageModel) -> None:
    each = price(ours, cache_hit=Decimal("0.003625"), cache_miss=Decimal("0.435"), output=Decimal("0.87"))
    assert each.of(6784, 122, 1) == Decimal("0.000078532")


@given(
    st.lists(st.decimals(0, 9999, places=6), min_size=3, max_size=3),
    st.lists(st.integers(0, 10_000_000), min_size=3, max_size=3),
)
def test_no_sum_is_rounded(amounts: list[Decimal], tokens: list[int]) -> None:
    names = ("cache_hit", "cache_miss", "output")
    total = Price(**dict(zip(names, amounts, strict=True))).of(*tokens)
    micros = sum(int(amount * 10**6) * count for amount, count in zip(amounts, tokens, strict=True))
    assert int(total * 10**12) == micros
    assert total == total.quantize(Decimal("1e-12"))


def test_a_name_in_an_answer_may_be_billed_as_another_model(flash: LanguageModel, pro: LanguageModel) -> None:
    now = beijing("2026-11-23 12:00")
    assert billed_as(flash, "deepseek-chat", now) == flash
    assert billed_as(pro, "", now) == billed_as(pro, "deepseek-v4-pro", now) == pro
    assert billed_as(pro, "deepseek-flash", now) == flash  # it says that Flash has answered
    assert billed_as(pro, "a-name-nobody-knows", now) == pro
    alias = BilledAs.objects.create(provider=pro.provider, name="deepseek-v4-pro-lite", model=flash, valid_from=now)
    assert billed_as(pro, alias.name, now) == flash
    assert billed_as(pro, alias.name, now - timedelta(seconds=1)) == pro


def test_a_rate_counts_until_a_newer_one(db: None) -> None:
    for at, rate in ((JANUARY, "0.14"), (JUNE, "0.138")):
        Rate.objects.create(currency="CNY", into="USD", rate=rate, valid_from=at)
    moments = (JANUARY - timedelta(seconds=1), JANUARY, JUNE - timedelta(seconds=1), JUNE)
    assert [Rate.objects.at("CNY", "USD", it) for it in moments] == [None, *map(Decimal, ("0.14", "0.14", "0.138"))]
    assert Rate.objects.at("USD", "USD", JANUARY) == 1
    assert Rate.objects.at("USD", "CNY", JUNE) is None


# What can't be entered ----------------------------------------------------------------------------------------------


def form(**fields: str) -> dict[str, str]:
    amounts = {"cache_hit": "0.1", "cache_miss": "1", "output": "2", "per_call": "0"}
    dates = {"valid_from_0": "2026-06-01", "valid_from_1": "00:00", "valid_to_0": "", "valid_to_1": ""}
    return {"currency": "USD", "band": "", "note": "", **amounts, **dates, **fields}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"output": "-0.01"}, "greater than or equal to 0"),
        ({"output": "NaN"}, "Enter a number"),
        ({"output": "Infinity"}, "Enter a number"),
        ({"output": "0.0000001"}, "no more than 6 decimal places"),
        ({"output": "1000000"}, "no more than 6 digits before the decimal point"),
        ({}, "Another price of this model holds in part of this time."),
        ({"valid_from_0": "2025-01-01"}, "Another price of this model holds in part of this time."),
        ({"valid_to_0": "2026-05-31", "valid_to_1": "00:00"}, "It ends after it began."),
        ({"valid_to_0": "2026-06-01", "valid_to_1": "00:00"}, "It ends after it began."),
    ],
)
def test_a_price_that_is_none_is_told_in_words_and_not_stored(
    alice: Client, ours: LanguageModel, fields: dict[str, str], sentence: str
) -> None:
    price(ours, valid_to=None)
    page = alice.post("/admin/catalog/price/add/", form(model=str(ours.pk), **fields)).content.decode()
    assert sentence in page
    assert Price.objects.count() == 1


def test_beside_a_price_for_all_hours_there_is_one_for_a_band_and_one_in_another_currency(
    alice: Client, ours: LanguageModel
) -> None:
    price(ours)
    band = Band.objects.create(name="Peak", hours="Mon 09:00-12:00", zone="UTC")
    other = Band.objects.create(name="Night", hours="Mon 22:00-24:00", zone="UTC")
    for fields in ({"band": str(band.pk)}, {"currency": "CNY"}):
        assert alice.post("/admin/catalog/price/add/", form(model=str(ours.pk), **fields)).status_code == 302
    page = alice.post("/admin/catalog/price/add/", form(model=str(ours.pk), band=str(other.pk))).content.decode()
    assert "Another price of this model holds in part of this time." in page
    assert Price.objects.count() == 3


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"zone": ""}, "This field is required."),
        ({"zone": "Beijing"}, "There is no such time zone."),
        ({"hours": "from nine to five"}, "“from nine to five” is no window."),
        ({"hours": ""}, "This field is required."),
        ({"holidays": "QQ"}, "The holidays of this country are not known."),
    ],
)
def test_a_band_without_hours_in_a_zone_is_told_in_words(alice: Client, fields: dict[str, str], sentence: str) -> None:
    entered = {"name": "Peak", "hours": "Mon-Fri 09:00-12:00", "zone": "Asia/Shanghai", "holidays": "CN"}
    assert sentence in alice.post("/admin/catalog/band/add/", entered | fields).content.decode()
    assert not Band.objects.exists()
    assert alice.post("/admin/catalog/band/add/", entered).status_code == 302


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"rate": "0"}, "A rate is a number above 0."),
        ({"rate": "-1"}, "A rate is a number above 0."),
        ({"rate": "NaN"}, "Enter a number"),
        ({"into": "CNY"}, "Choose two different currencies."),
    ],
)
def test_a_rate_that_is_none_is_told_in_words(alice: Client, fields: dict[str, str], sentence: str) -> None:
    entered = {"currency": "CNY", "into": "USD", "rate": "0.14", "valid_from_0": "2026-01-01", "valid_from_1": "00:00"}
    assert sentence in alice.post("/admin/catalog/rate/add/", entered | fields).content.decode()
    assert not Rate.objects.exists()
    assert alice.post("/admin/catalog/rate/add/", entered).status_code == 302


def test_a_name_is_billed_as_one_model_of_its_provider_at_a_time(flash: LanguageModel, ours: LanguageModel) -> None:
    alias = BilledAs.objects.get(name="deepseek-chat")
    with pytest.raises(ValidationError, match="billed as another model in part of this time"):
        BilledAs(provider=flash.provider, name=alias.name, model=flash, valid_from=JUNE).full_clean()
    with pytest.raises(ValidationError, match="a model of the same provider"):
        BilledAs(provider=flash.provider, name="new", model=ours, valid_from=JUNE).full_clean()


REFUSED = [
    "UPDATE catalog_price SET output = -0.000001",
    "UPDATE catalog_price SET output = 'NaN'",
    "UPDATE catalog_price SET cache_hit = 'NaN'",
    "UPDATE catalog_price SET per_call = 1000000",
    "UPDATE catalog_price SET valid_to = valid_from",
    "INSERT INTO catalog_price (model_id, currency, cache_hit, cache_miss, output, per_call, valid_from, note)"
    " SELECT model_id, currency, 0, 0, 0, 0, valid_from - interval '1 day', '' FROM catalog_price",
    "INSERT INTO catalog_rate (currency, \"into\", rate, valid_from, note) VALUES ('CNY', 'USD', 0, now(), '')",
    "INSERT INTO catalog_rate (currency, \"into\", rate, valid_from, note) VALUES ('CNY', 'USD', 'NaN', now(), '')",
    "INSERT INTO catalog_band (name, hours, zone, holidays) VALUES ('Peak', 'Mon 09:00-10:00', '', '')",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_takes_none_of_it_either(ours: LanguageModel, statement: str) -> None:
    price(ours)
    with pytest.raises((IntegrityError, DataError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
