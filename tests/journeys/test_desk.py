"""Journeys over the administrator's desk: every page of ours there, in each look, with a month's numbers on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import LanguageModel, Price, Route
from tests.journeys.conftest import Visit, Window
from tests.journeys.looking import PICTURES, SIZES, THEMES, barriers, sideways
from tests.usage.test_previewing import MONTH
from usage.models import Call, Limit, RaiseRequest
from usage.spending import close_call
from usage.tokens import Tokens

# Barriers in pages and parts of Django's own.
DJANGOS = ('id="searchbar"', 'class="help-tooltip search-label-icon"', '<th class="original">')
PEOPLE = ("Bob", "Cleo Featherstonehaugh-Cholmondeley", "Dora")


@pytest.fixture
def root(alice: User) -> User:
    return User.objects.create_superuser("root@example.org", "correct horse battery", name="Root")


@pytest.fixture
def price(route: Route) -> Price:
    prices = {"cache_hit": Decimal("0.003"), "cache_miss": Decimal("0.15"), "output": Decimal("0.60")}
    model = LanguageModel.objects.get()
    return Price.objects.create(model=model, valid_from=datetime(2026, 1, 1, tzinfo=UTC), **prices)


@pytest.fixture
def spent(alice: User, price: Price) -> None:
    """Every third day of this month and the last, by four members of two groups."""
    groups = [Group.objects.create(name=name) for name in ("Writers", "Readers")]
    people = [alice, *(User.objects.create(email=f"{name[:4].lower()}@example.org", name=name) for name in PEOPLE)]
    for number, member in enumerate(people):
        member.groups.add(groups[number % 2])
        Limit.objects.create(member=member, amount=40 * (number + 1))
    day = MONTH.begin + timedelta(hours=9)
    while day < timezone.now():
        for number, member in enumerate(people):
            ids = {"generation_id": uuid4(), "conversation_id": uuid4(), "member_id": member.pk}
            values = {"provider": "deepseek", "model": price.model.name, "model_id": price.model_id, "created_at": day}
            call = Call.objects.create(number=1, purpose="answer", **values, **ids)
            close_call(call, Tokens(hit=90_000_000, miss=9_000_000, output=4_000_000 * (number + 1)), price.model)
        day += timedelta(days=3)
    RaiseRequest.objects.create(member=alice, unit="money", window="this_month", words="The thesis is due on Friday.")


def seen(page: Page, name: str, size: str) -> None:
    """Nothing sticks out of it, and what is ours there shuts nobody out; the frame around it is Django's."""
    assert sideways(page) == 0, name
    for theme, rules in THEMES.items():
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=PICTURES / f"desk-{name}-{size}-{theme}.png", full_page=True)
        found = [it for it in barriers(page, "#content", rules) if not any(words in it for words in DJANGOS)]
        assert not found, (name, theme, found)


@pytest.mark.parametrize("size", SIZES)
def test_every_page_of_money_on_the_desk(visit: Visit, root: User, alice: User, spent: None, size: str) -> None:
    window = visit(root, **SIZES[size])
    window.expected.append("404")  # an icon that the admin has not
    desk = window.tab("/admin/usage/charge/overview/")
    expect(desk.get_by_role("heading", name="By member")).to_be_visible()
    seen(desk, "overview", size)
    for name, path in (
        ("first", "/admin/"),
        ("ledger", "/admin/usage/charge/"),
        ("member", f"/admin/accounts/user/{alice.pk}/change/"),
        ("group", f"/admin/auth/group/{Group.objects.get(name='Writers').pk}/change/"),
        ("balances", "/admin/usage/balance/"),
        ("acts", "/admin/usage/act/"),
        ("requests", "/admin/usage/raiserequest/"),
        ("request", f"/admin/usage/raiserequest/{RaiseRequest.objects.get().pk}/change/"),
        ("prices", "/admin/catalog/price/"),
    ):
        desk.goto(f"{window.address}{path}")
        seen(desk, name, size)
    changed_price(window, desk, size)
    chosen_members(window, desk, size)


def changed_price(window: Window, desk: Page, size: str) -> None:
    price = f"{window.address}/admin/catalog/price/{Price.objects.get().pk}"
    desk.goto(f"{price}/change/")
    desk.get_by_label("Output").fill("1.2")
    desk.get_by_role("button", name="Save", exact=True).first.click()
    expect(desk.get_by_role("heading", name="What it would do")).to_be_visible()
    seen(desk, "preview", size)
    desk.get_by_role("button", name="Save", exact=True).first.click()
    expect(desk.locator(".messagelist")).to_contain_text("was changed")
    desk.goto(f"{price}/history/")
    expect(desk.locator("#content")).to_contain_text("output: 0.6 → 1.2")
    seen(desk, "history", size)


def chosen_members(window: Window, desk: Page, size: str) -> None:
    desk.goto(f"{window.address}/admin/accounts/user/")
    desk.locator("#action-toggle").check()
    desk.get_by_label("Action:").select_option("set_limit")
    desk.get_by_role("button", name="Run").click()
    expect(desk.locator("#content")).to_contain_text("chosen")
    seen(desk, "chosen", size)
