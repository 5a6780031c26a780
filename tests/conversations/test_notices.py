"""What members are told of their budgets on their pages, and how they dismiss it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Route
from conversations.models import Generation
from tests.attacks.routes import HTMX
from usage.models import Alert, Limit, Notice


@pytest.fixture
def notice(alice: User) -> Notice:
    now = timezone.now()
    window = {"starts_at": now - timedelta(days=1), "ends_at": now + timedelta(days=1), "window": "this_month"}
    sums = {"unit": "money", "percent": 80, "spent": Decimal("8.1"), "amount": 10}
    alert = Alert.objects.create(subject=f"member:{alice.pk}", **window, **sums)
    return Notice.objects.create(alert=alert, member=alice)


def test_a_page_tells_what_its_reader_has_not_dismissed(browser_of_alice: Client, notice: Notice) -> None:
    html = browser_of_alice.get("/").content.decode()
    assert "80 % of your budget is used." in html
    assert "8.10 USD of 10.00 USD a month is used." in html
    assert browser_of_alice.post(f"/notices/{notice.pk}/dismiss/", headers=HTMX).content == b""
    assert "of your budget" not in browser_of_alice.get("/").content.decode()
    first = Notice.objects.get().dismissed_at
    assert browser_of_alice.post(f"/notices/{notice.pk}/dismiss/").status_code == 303
    assert Notice.objects.get().dismissed_at == first


def test_nobody_sees_or_dismisses_anothers(client: Client, charlie: User, notice: Notice) -> None:
    client.force_login(charlie)
    assert "of your budget" not in client.get("/").content.decode()
    assert client.post(f"/notices/{notice.pk}/dismiss/").status_code == 303
    assert Notice.objects.get().dismissed_at is None


def test_a_question_that_is_refused_because_nothing_is_left_is_told_of(
    browser_of_alice: Client, alice: User, route: Route
) -> None:
    Limit.objects.create(unit="tokens", amount=200)
    answer = browser_of_alice.post("/c/", {"text": "What is a monad?", "key": str(uuid4())})
    assert answer.status_code == 422
    assert not Generation.objects.exists()
    assert (Alert.objects.get().percent, Notice.objects.get().member) == (100, alice)
    assert "100 % of your budget is used." in browser_of_alice.get("/").content.decode()


def test_mails_are_turned_off_and_on_in_the_settings(browser_of_alice: Client, alice: User) -> None:
    form = {"name": "Alice", "language": "", "theme": "", "route": "", "send_key": ""}
    assert 'name="mails" id="id_mails" checked' in browser_of_alice.get("/settings/").content.decode()
    for ticked, stored in (({}, "no"), ({"mails": "on"}, "")):
        assert browser_of_alice.post("/settings/", form | ticked).status_code == 302
        alice.refresh_from_db()
        assert alice.prefers.mails == stored
