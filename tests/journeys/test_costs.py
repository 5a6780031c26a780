"""Journeys of somebody who wants to know what it costs."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from accounts.models import User
from catalog.models import LanguageModel, Price, Route
from tests.journeys.conftest import Visit, answer, ask, assert_same_as_a_reload, wait_for_end
from tests.journeys.looking import SIZES, look
from tests.upstream import Script, Upstream

SAID = "A monad is a burrito: something is wrapped, and what you do to it is done to what is inside."


@pytest.fixture(autouse=True)
def price(route: Route) -> Price:
    prices = {"cache_hit": Decimal("0.003"), "cache_miss": Decimal("0.15"), "output": Decimal("0.60")}
    return Price.objects.create(
        model=LanguageModel.objects.get(), valid_from=datetime(2026, 1, 1, tzinfo=UTC), **prices
    )


@pytest.mark.parametrize("size", SIZES)
def test_an_answer_says_what_it_cost_to_whoever_points_at_it(
    visit: Visit, alice: User, upstream: Upstream, size: str
) -> None:
    upstream.answer_with(lambda _: Script.text(SAID))
    window = visit(alice, **SIZES[size])
    page = window.tab()
    ask(page, "What is a monad?") if size == "wide" else page.locator("#question").fill("What is a monad?")
    if size == "narrow":
        page.get_by_role("button", name="Send").click()
    wait_for_end(page)
    cost = answer(page).locator(".cost > summary")
    page.locator("#question").click()
    expect(cost).to_have_css("opacity", "1" if size == "narrow" else "0")
    answer(page).hover()
    expect(cost).to_have_css("opacity", "1")
    expect(cost).to_contain_text("USD")
    assert_same_as_a_reload(window, page)
    cost.click()
    expect(answer(page).locator(".cost")).to_contain_text("for a million tokens")
    look(page, f"costs-{size}-1-answer")
    page.get_by_role("button", name="This conversation").click()
    expect(page.locator("#spent")).to_contain_text("USD so far")
    look(page, f"costs-{size}-2-conversation", "#menu")


def test_who_wants_to_sees_it_always(visit: Visit, alice: User, upstream: Upstream) -> None:
    upstream.answer_with(lambda _: Script.text(SAID))
    page = visit(alice).tab("/settings/")
    page.get_by_label("Always show what an answer cost").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Back to the chat").click()
    ask(page, "What is a monad?")
    wait_for_end(page)
    page.locator("#question").click()
    expect(answer(page).locator(".cost > summary")).to_have_css("opacity", "1")
