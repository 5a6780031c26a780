"""Our ledger against the provider's balance."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from pytest_django import Settings

from catalog.models import LanguageModel, Provider
from providers.connections import Clients
from tests.upstream import Script, Upstream
from tests.usage.conftest import opened
from usage import reconciling
from usage.models import Reading
from usage.spending import close_call
from usage.tokens import Tokens


@pytest.fixture
def provider(model: LanguageModel) -> Provider:
    Provider.objects.update(dialect="deepseek")
    return Provider.objects.get()


def reading(total: str, ago: timedelta = timedelta(0), *, is_available: bool = True) -> Reading:
    amounts = {"total": Decimal(total), "granted": Decimal(0), "topped_up": Decimal(total)}
    taken_at = timezone.now() - ago
    return Reading.objects.create(
        provider="deepseek", currency="USD", is_available=is_available, taken_at=taken_at, **amounts
    )


HOUR = timedelta(hours=1)


def spend(model: LanguageModel, millions: int) -> None:
    close_call(opened(model), Tokens(output=millions * 1_000_000), model)


def test_the_same_on_both_sides_is_no_news(provider: Provider, model: LanguageModel) -> None:
    reading("100", HOUR / 60)
    spend(model, 2)
    reading("98.8")
    [day] = reconciling.days(provider)
    assert (day.theirs, day.ours, day.drifts) == (Decimal("1.2"), Decimal("1.2"), False)
    assert reconciling.warnings(provider) == []


def test_what_they_took_and_we_did_not_charge_is_told(provider: Provider, model: LanguageModel) -> None:
    reading("100", HOUR / 60)
    spend(model, 2)
    reading("98")
    assert reconciling.warnings(provider) == [
        f"deepseek took 2.00 USD on {timezone.now().date()}, and we charged 1.20.",
        *reconciling._running_out(provider),
    ]


def test_where_it_was_topped_up_nobody_can_tell(provider: Provider, model: LanguageModel) -> None:
    reading("1", HOUR)
    spend(model, 2)
    reading("100")
    assert reconciling.days(provider) == []


def test_it_is_told_before_it_runs_out(provider: Provider) -> None:
    reading("60", 48 * HOUR)
    reading("40", 24 * HOUR)
    reading("20")
    assert reconciling.warnings(provider)[0] == "The balance at deepseek, 20.00 USD, lasts for 1.0 days."


def test_it_is_told_when_it_is_used_up(provider: Provider) -> None:
    reading("0.01", is_available=False)
    assert reconciling.warnings(provider) == ["The balance at deepseek is used up: 0.01 USD."]


def test_nobody_is_asked_twice_in_a_quarter_of_an_hour_nor_who_does_not_tell(provider: Provider) -> None:
    assert reconciling.due() == [provider]
    old = reading("1", reconciling.EVERY + timedelta(seconds=5))
    assert reconciling.due() == [provider]
    reading("1", reconciling.EVERY - timedelta(seconds=30))
    assert reconciling.due() == []
    Reading.objects.exclude(pk=old.pk).delete()
    Provider.objects.update(dialect="openai")
    assert reconciling.due() == []


async def test_what_it_tells_is_kept(provider: Provider, settings: Settings) -> None:
    settings.PRIVATE_PROVIDERS = frozenset({"127.0.0.1"})
    with Upstream() as upstream:
        upstream.owe(("USD", "12.34"), ("CNY", "5"))
        provider.base_url = upstream.base_url
        async with Clients() as clients:
            balances = await reconciling.read(provider, clients)
            await sync_to_async(reconciling.keep)(provider, balances)
            upstream.owe(script=Script.error(500, "no"))
            assert await reconciling.read(provider, clients) == []
    totals = Reading.objects.order_by("currency").values_list("currency", "total")
    assert [it async for it in totals] == [("CNY", Decimal(5)), ("USD", Decimal("12.34"))]
