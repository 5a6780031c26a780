"""The ledger proves itself, and says what it would have cost."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from catalog.models import LanguageModel, Price
from tests.usage.conftest import OUTPUT, opened
from usage import raising
from usage.models import Balance, Call, Raise, RaiseRequest, Reply
from usage.spending import close_call
from usage.tokens import Tokens


@pytest.fixture
def spent(alice: User, model: LanguageModel) -> None:
    """A month that is kept, with a charge in it."""
    now = timezone.now()
    days = {"starts_at": now - timedelta(days=1), "ends_at": now + timedelta(days=1)}
    Balance.objects.create(subject=f"member:{alice.pk}", window="this_month", **days)
    close_call(opened(model, alice.pk), Tokens(output=1_000_000), model)


def check() -> None:
    call_command("ledger", "check")


@pytest.mark.usefixtures("spent")
def test_what_adds_up_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    check()
    assert "All balances and totals are the sums of the ledger" in capsys.readouterr().out


@pytest.mark.usefixtures("spent")
def test_a_balance_that_is_not_the_sum_of_the_ledger_is_found() -> None:
    Balance.objects.update(cost=F("cost") - Decimal("0.000000000001"))
    with pytest.raises(CommandError, match=r"0\.599999999999 .* the ledger holds 0\.600000000000"):
        check()


@pytest.mark.usefixtures("spent")
def test_a_promise_without_its_hold_is_found() -> None:
    Balance.objects.update(held_tokens=1)
    with pytest.raises(CommandError, match="its holds are 0"):
        check()


@pytest.mark.usefixtures("spent")
def test_a_call_without_its_charge_is_found() -> None:
    ids = {"generation_id": uuid4(), "conversation_id": uuid4(), "member_id": uuid4()}
    Reply.objects.create(call=Call.objects.create(number=1, purpose="answer", **ids))
    with pytest.raises(CommandError, match="1 calls have ended and are not charged once"):
        check()


@pytest.mark.usefixtures("spent")
def test_what_it_would_have_cost_is_told_and_nothing_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    Price.objects.update(output=2 * OUTPUT)
    today = timezone.now().date()
    call_command("ledger", "rerate", str(today - timedelta(days=1)), str(today + timedelta(days=2)))
    said = capsys.readouterr().out
    assert "deepseek-flash: 1 charges, 0.600000 USD as charged, 1.200000 at the prices of now" in said
    check()


def test_more_is_asked_for_once_and_given_once(alice: User) -> None:
    root = User.objects.create(email="root@example.org")
    first = raising.ask_for_more(alice, "money", "this_month", "The thesis")
    again = raising.ask_for_more(alice, "tokens", "today", "The thesis is due")
    assert (first, again.unit, again.words) == (again, "tokens", "The thesis is due")
    until = timezone.now() + timedelta(days=3)
    given = [raising.grant(again, root, Decimal(1000), until) for _ in range(2)]
    assert given == [Raise.objects.get(), None]
    assert not raising.refuse(again, root)
    stands = RaiseRequest.objects.get()
    assert (stands.state, stands.granted, stands.decided_by) == ("granted", given[0], root)
    assert raising.refuse(raising.ask_for_more(alice, "money", "today"), root, "Not now")
