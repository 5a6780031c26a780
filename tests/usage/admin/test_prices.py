"""Prices on the desk: shown what they would do before they are saved, and who changed them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import LanguageModel, Price
from tests.usage.admin.conftest import Staff
from tests.usage.test_previewing import NINE, charged
from usage.models import Act

ADD = "/admin/catalog/price/add/"
PREVIEW = "What it would do"


def form(price: Price, **fields: Any) -> dict[str, Any]:
    names = ("model", "currency", "cache_hit", "cache_miss", "output", "per_call", "note")
    values = {name: str(price.serializable_value(name)) for name in names}
    begin = {"valid_from_0": price.valid_from.date().isoformat(), "valid_from_1": "00:00:00"}
    return {**values, **begin, "band": "", "valid_to_0": "", "valid_to_1": "", "seen": "", **fields}


def seen(html: str) -> str:
    return html.partition('name="seen" value="')[2].partition('"')[0]


def test_a_change_is_shown_with_what_it_would_do_and_then_saved(desk: Client, model: LanguageModel) -> None:
    charged(model, NINE)
    price = Price.objects.get()
    page = reverse("admin:catalog_price_change", args=[price.pk])
    shown = desk.post(page, form(price, output="1.2")).content.decode()
    for words in (PREVIEW, "0.60 USD", "1.20 USD", "(+100 %)"):
        assert words in shown
    assert "errornote" not in shown
    price.refresh_from_db()
    assert price.output != 1
    again = desk.post(page, form(price, output="1.5", seen=seen(shown))).content.decode()
    assert PREVIEW in again  # something else than what was shown
    assert desk.post(page, form(price, output="1.5", seen=seen(again))).status_code == 302
    price.refresh_from_db()
    assert str(price.output) == "1.500000"
    assert Act.objects.latest("pk").by_label == "Root"


def test_what_is_wrong_is_told_beside_what_it_would_do(desk: Client, model: LanguageModel) -> None:
    charged(model, NINE)
    price = Price.objects.get()
    html = desk.post(ADD, form(price, output="1.2")).content.decode()
    assert "Another price of this model holds in part of this time." in html
    assert "errornote" in html
    assert Price.objects.count() == 1


@pytest.mark.parametrize("fields", [{"note": "seen on their page"}, {}])
def test_what_costs_nobody_anything_else_is_saved_at_once(
    desk: Client, model: LanguageModel, fields: dict[str, str]
) -> None:
    charged(model, NINE)
    price = Price.objects.get()
    assert desk.post(reverse("admin:catalog_price_change", args=[price.pk]), form(price, **fields)).status_code == 302


def test_so_is_a_price_that_no_request_of_last_month_had(desk: Client, model: LanguageModel) -> None:
    price = Price.objects.get()
    page = reverse("admin:catalog_price_change", args=[price.pk])
    assert desk.post(page, form(price, output="1.2")).status_code == 302


@pytest.mark.parametrize("amount", ["-1", "NaN", "1e30", "x"])
def test_what_is_no_price_is_refused_before_anything_is_reckoned(
    desk: Client, model: LanguageModel, amount: str
) -> None:
    charged(model, NINE)
    price = Price.objects.get()
    html = desk.post(
        reverse("admin:catalog_price_change", args=[price.pk]), form(price, output=amount)
    ).content.decode()
    assert "errornote" in html
    assert PREVIEW not in html


def test_the_history_of_a_models_prices_says_who_changed_what_also_of_those_that_are_gone(
    desk: Client, model: LanguageModel
) -> None:
    price = Price.objects.get()
    desk.post(reverse("admin:catalog_price_change", args=[price.pk]), form(price, output="1.2"))
    later = Price.objects.create(model=model, currency="CNY", cache_hit=0, cache_miss=0, output=7, valid_from=NINE)
    later.delete()
    html = desk.get(reverse("admin:catalog_price_history", args=[price.pk])).content.decode()
    assert "output: 0.6 → 1.2" in html
    assert "Root" in html
    assert "output: 7" in html


def test_who_may_only_look_at_prices_changes_none(staff: Staff, model: LanguageModel) -> None:
    price = Price.objects.get()
    page = reverse("admin:catalog_price_change", args=[price.pk])
    erin = staff("view_price")
    assert erin.post(page, form(price, output="1.2")).status_code == 403
    assert erin.get(reverse("admin:catalog_price_history", args=[price.pk])).status_code == 200
    assert Price.objects.get().output == price.output
