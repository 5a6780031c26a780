"""A member is told of a budget on the page, and dismisses it: by mouse, by keyboard, without script."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from catalog.models import Route
from tests.journeys.conftest import Visit
from usage.models import Alert, Notice


def told(member: User, percent: int) -> Notice:
    now = timezone.now()
    window = {"window": "this_month", "starts_at": now - timedelta(days=1), "ends_at": now + timedelta(days=1)}
    sums = {"unit": "money", "percent": percent, "spent": Decimal("8.1"), "amount": 10}
    alert = Alert.objects.create(subject=f"member:{member.pk}", **window, **sums)
    return Notice.objects.create(alert=alert, member=member)


@pytest.mark.parametrize("how", ["mouse", "keyboard", "without script"])
def test_a_notice_is_dismissed_and_stays_away(visit: Visit, alice: User, route: Route, how: str) -> None:
    first, second = told(alice, 50), told(alice, 80)
    window = visit(alice, java_script_enabled=how != "without script")
    page = window.tab()
    if how != "without script":
        expect(page.locator("#said")).to_contain_text("80 % of your budget is used.")  # a screen reader hears it
    button = page.locator(f"#notice-{first.pk} button")
    if how == "keyboard":
        button.focus()
        page.keyboard.press("Enter")
    else:
        button.click()
    expect(page.locator(f"#notice-{first.pk}")).to_have_count(0)
    expect(page.locator(f"#notice-{second.pk}")).to_contain_text("80 % of your budget is used. 8.10 USD of 10.00 USD")
    expect(window.tab().locator(".told")).to_have_count(1)
