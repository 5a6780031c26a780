"""Requests for raises on the desk: granted or refused once, whoever clicks how often."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.usage.admin.conftest import Staff, said, signed_in
from tests.workers import at_once
from usage import raising
from usage.models import Act, Limit, Raise, RaiseRequest

LIST = "/admin/usage/raiserequest/"
TOMORROW = {"until_0": (timezone.now() + timedelta(days=1)).date().isoformat(), "until_1": "12:00:00"}


@pytest.fixture
def asked(alice: User) -> RaiseRequest:
    Limit.objects.create(amount=10, member=alice)
    return raising.ask_for_more(alice, "money", "this_month", "The thesis is due")


def page(asked: RaiseRequest) -> str:
    return reverse("admin:usage_raiserequest_change", args=[asked.pk])


def grant(**fields: str) -> dict[str, str]:
    return {"amount": "5", **TOMORROW, "answer": "Good luck", "_grant": "Grant", **fields}


def test_a_request_says_who_wants_what_and_how_they_stand(desk: Client, asked: RaiseRequest) -> None:
    html = desk.get(page(asked)).content.decode()
    for words in ("Alice", "The thesis is due", "0.00 USD of 10.00 USD a month", 'value="5.00"'):
        assert words in html


def test_it_is_granted_once_and_a_second_click_is_told_so(desk: Client, root: User, asked: RaiseRequest) -> None:
    first, second = (desk.post(page(asked), grant(), follow=True).content.decode() for _ in range(2))
    assert "Alice gets + 5.00 USD a month, until " in said(first)[0]
    assert said(second) == ["It is decided already: granted, by Root."]
    more = Raise.objects.get()
    assert (more.member_id, more.amount, more.by) == (asked.member_id, Decimal(5), root)
    asked.refresh_from_db()
    assert (asked.state, asked.answer, asked.granted) == ("granted", "Good luck", more)


def test_it_is_refused_without_an_amount(desk: Client, asked: RaiseRequest) -> None:
    answer = desk.post(page(asked), {"answer": "Not this month", "_refuse": "Refuse"}, follow=True)
    assert said(answer.content.decode()) == ["Refused."]
    asked.refresh_from_db()
    assert (asked.state, asked.answer) == ("refused", "Not this month")
    assert not Raise.objects.exists()


def test_of_two_who_decide_at_once_one_does(root: User, asked: RaiseRequest) -> None:
    other = User.objects.create_superuser("other@example.org", "correct horse battery", name="Other")

    def decide(number: int) -> int:
        form = {"answer": "", "_refuse": "Refuse"} if number else grant()
        return signed_in(other if number else root).post(page(asked), form).status_code

    assert at_once(2, decide) == [302, 302]
    asked.refresh_from_db()
    assert (asked.state == "granted") == Raise.objects.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"amount": ""}, "Enter how much they get, and until when."),
        ({"amount": "0"}, "greater than or equal to"),
        ({"amount": "-5"}, "greater than or equal to"),
        ({"amount": "NaN"}, "Enter a number."),
        ({"until_0": "2020-01-01"}, "That is over already."),
        ({"until_0": "soon"}, "Enter a valid date."),
        ({"answer": "x" * 501}, "at most 500"),
    ],
)
def test_what_can_not_be_granted_is_said_where_it_was_typed(
    desk: Client, asked: RaiseRequest, fields: dict[str, str], words: str
) -> None:
    answer = desk.post(page(asked), grant(**fields))
    assert words in answer.content.decode()
    assert not Raise.objects.exists()
    assert RaiseRequest.objects.open().exists()


# Many at once -------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(alice: User, asked: RaiseRequest) -> list[RaiseRequest]:
    bob = User.objects.create(email="bob@example.org", name="Bob")
    Limit.objects.create(amount=20, unit="requests", window="today")
    return [asked, raising.ask_for_more(bob, "requests", "today")]


def chosen(action: str, many: list[RaiseRequest], **fields: str) -> dict[str, Any]:
    return {"action": action, "_selected_action": [str(it.pk) for it in many], **fields}


def test_chosen_ones_are_granted_each_what_it_needs(desk: Client, many: list[RaiseRequest]) -> None:
    html = desk.post(LIST, chosen("grant_chosen", many)).content.decode()
    assert "Alice gets more, in USD a month" in html
    assert "Bob gets more, in answers a day" in html
    assert 'value="10"' in html  # half of twenty
    amounts = {f"amount_{it.pk}": amount for it, amount in zip(many, ("5", "8"), strict=True)}
    data = chosen("grant_chosen", many, answer="Go on", **amounts, **TOMORROW)
    first, second = (said(desk.post(LIST, data, follow=True).content.decode()) for _ in range(2))
    assert first == ["2 requests were decided."]
    assert second == ["None of them waits any more."]
    assert sorted(Raise.objects.values_list("unit", "amount")) == [("money", Decimal(5)), ("requests", Decimal(8))]


def test_an_amount_that_is_missing_keeps_all_of_them_waiting(desk: Client, many: list[RaiseRequest]) -> None:
    data = chosen("grant_chosen", many, answer="", **{f"amount_{many[0].pk}": "5"}, **TOMORROW)
    assert "errornote" in desk.post(LIST, data).content.decode()
    assert RaiseRequest.objects.open().count() == 2


def test_chosen_ones_are_refused_with_one_answer(desk: Client, many: list[RaiseRequest]) -> None:
    assert "What they read" not in desk.post(LIST, chosen("refuse_chosen", many)).content.decode()
    desk.post(LIST, chosen("refuse_chosen", many, answer="Next month"))
    assert set(RaiseRequest.objects.values_list("state", "answer")) == {("refused", "Next month")}


def test_raises_are_ended_and_those_that_are_over_stay_as_they_were(desk: Client, alice: User) -> None:
    now = timezone.now()
    over, on = (
        Raise.objects.create(member=alice, unit="money", window="today", amount=1, until=now + timedelta(days=days))
        for days in (-1, 1)
    )
    data = {"action": "end_now", "_selected_action": [str(over.pk), str(on.pk)]}
    assert said(desk.post("/admin/usage/raise/", data, follow=True).content.decode()) == ["1 raise was ended."]
    before = over.until
    over.refresh_from_db()
    on.refresh_from_db()
    assert over.until == before
    assert now < on.until <= timezone.now()
    assert Act.objects.filter(table="usage_raise", deed="update").count() == 1


def test_a_raise_that_would_be_over_already_is_refused(desk: Client, alice: User) -> None:
    form = {"member": str(alice.pk), "unit": "money", "amount": "5", "window": "today"}
    answer = desk.post("/admin/usage/raise/add/", form | {"until_0": "2020-01-01", "until_1": "00:00"})
    assert "That is over already. Enter a time to come." in answer.content.decode()
    assert desk.post("/admin/usage/raise/add/", form | TOMORROW).status_code == 302
    assert Raise.objects.get().by == User.objects.get(name="Root")


# Rights -------------------------------------------------------------------------------------------------------------


def test_who_may_only_look_decides_nothing(staff: Staff, many: list[RaiseRequest]) -> None:
    erin = staff("view_raiserequest", "view_raise", "view_user")
    html = erin.get(page(many[0])).content.decode()
    assert "_grant" not in html
    assert "The thesis is due" in html
    assert erin.post(page(many[0]), grant()).status_code == 403
    for action in ("grant_chosen", "refuse_chosen", "delete_selected"):
        erin.post(
            LIST, chosen(action, many, answer="", post="yes", **{f"amount_{it.pk}": "5" for it in many}, **TOMORROW)
        )
    assert RaiseRequest.objects.open().count() == 2
    assert not Raise.objects.exists()


def test_nobody_adds_or_deletes_a_request_by_hand(desk: Client, asked: RaiseRequest) -> None:
    assert desk.get(f"{LIST}add/").status_code == 403
    assert desk.post(page(asked).replace("change", "delete"), {"post": "yes"}).status_code == 403
