"""What a price would do to last month's requests, to the last digit and without writing anything."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.utils import timezone

from catalog.models import Band, BilledAs, LanguageModel, Price, Rate
from tests.usage.conftest import BEGIN
from usage.models import Call, Charge
from usage.periods import Period
from usage.previewing import preview
from usage.spending import close_call
from usage.tokens import Tokens

MILLION = 1_000_000
MONTH = Period.last_month()
NINE = MONTH.begin.astimezone(settings.TEAM_ZONE).replace(hour=9)


def charged(model: LanguageModel, at: datetime, output: int = MILLION, **reply: Any) -> None:
    """A request of last month, at the prices of then."""
    ids = {name: uuid4() for name in ("generation_id", "conversation_id", "member_id")}
    values = {"provider": model.provider.name, "model": model.name, "model_id": model.pk, "created_at": at}
    call = Call.objects.create(number=1, purpose="answer", **values, **ids)
    close_call(call, Tokens(output=output), model, **reply)


def entered(model: LanguageModel, **values: Any) -> Price:
    return Price(model=model, **{"cache_hit": 0, "cache_miss": 0, "output": 3, "per_call": 0, **values})


@pytest.fixture
def morning(model: LanguageModel) -> Band:
    return Band.objects.create(name="Morning", hours="Mon-Sun 09:00-12:00", zone=str(settings.TEAM_ZONE))


def test_all_requests_of_a_model_without_bands(model: LanguageModel) -> None:
    charged(model, NINE)
    charged(model, NINE + timedelta(days=3))
    charged(model, MONTH.begin - timedelta(seconds=1))
    charged(model, MONTH.end)
    found = preview(entered(model, per_call=Decimal("0.5")))
    assert (found.requests, found.was, found.would_be) == (2, Decimal("1.2"), Decimal(7))
    assert (found.all_would_be, found.percent) == (Decimal(7), 483)
    assert Charge.objects.count() == 4
    assert Price.objects.count() == 1


def test_of_a_band_those_in_its_hours_and_of_none_all_others(model: LanguageModel, morning: Band) -> None:
    for minutes in (-1, 0, 179, 180):
        charged(model, NINE + timedelta(minutes=minutes))
    found = preview(entered(model, band=morning))
    assert (found.requests, found.was, found.would_be) == (2, Decimal("1.2"), Decimal(6))
    assert (found.all_requests, found.all_was, found.all_would_be) == (4, Decimal("2.4"), Decimal("7.2"))
    amounts = {"cache_hit": 0, "cache_miss": 0, "output": 9}
    peak = Price.objects.create(model=model, band=morning, valid_from=BEGIN, **amounts)
    assert preview(entered(model)).requests == 2  # the other two have the price of their band
    assert preview(entered(model, pk=peak.pk)).requests == 4  # that one becomes this one


def test_what_was_refused_costs_nothing_whatever_a_request_costs(model: LanguageModel) -> None:
    charged(model, NINE, output=0)
    assert preview(entered(model, per_call=5)).would_be == 0


def test_what_answers_under_another_name_counts_as_it_is_billed(model: LanguageModel) -> None:
    other = LanguageModel.objects.create(provider=model.provider, name="other", unpriced_allowed=True)
    BilledAs.objects.create(provider=model.provider, name="flash-1", model=model, valid_from=BEGIN)
    charged(model, NINE, returned_model="flash-1")
    charged(other, NINE, returned_model="deepseek-flash")
    charged(other, NINE)
    assert preview(entered(model)).requests == 2
    assert preview(entered(other)).requests == 1


def test_in_the_reporting_currency_or_without_a_rate_nothing(model: LanguageModel) -> None:
    charged(model, NINE)
    assert preview(entered(model, currency="CNY")).would_be is None
    Rate.objects.create(currency="CNY", into="USD", rate=Decimal("0.14"), valid_from=timezone.now())
    assert preview(entered(model, currency="CNY")).would_be == Decimal("0.42")


def test_a_month_without_requests_is_a_month_without_requests(model: LanguageModel) -> None:
    found = preview(entered(model))
    assert (found.requests, found.all_would_be, found.percent) == (0, Decimal(0), None)
