"""The accounts on the administrator's desk: every request, what came of it and what it cost."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import LanguageModel, Price
from tests.usage.admin.conftest import Staff, said
from tests.usage.conftest import opened
from usage import raising
from usage.admin import ledger
from usage.models import Call, Charge, Limit, Reply
from usage.spending import close_call, correct
from usage.tokens import Tokens


def call(**reply: str) -> Call:
    ids = {name: uuid4() for name in ("generation_id", "conversation_id", "member_id")}
    row = Call.objects.create(number=1, purpose="answer", provider="deepseek", model="deepseek-flash", **ids)
    if reply:
        Reply.objects.create(call=row, **reply)
    return row


def test_every_request_is_listed_with_what_came_of_it(desk: Client) -> None:
    call(finish_reason="stop"), call(error_code="overloaded"), call()
    html = desk.get("/admin/usage/call/").content.decode()
    assert '<td class="field-outcome">stop</td>' in html
    assert '<td class="field-outcome">overloaded</td>' in html
    assert '<td class="field-outcome">-</td>' in html


def test_the_list_costs_the_same_however_long_it_is(desk: Client) -> None:
    counts = set()
    for _ in range(2):
        call(finish_reason="stop"), call()
        with CaptureQueriesContext(connection) as queries:
            desk.get("/admin/usage/call/")
        counts.add(len(queries))
    assert len(counts) == 1


def test_nobody_changes_what_was_sent(desk: Client) -> None:
    row = call(finish_reason="stop")
    assert desk.post(f"/admin/usage/call/{row.pk}/change/", {"model": "another"}).status_code == 403
    assert desk.post(f"/admin/usage/call/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert desk.get("/admin/usage/call/add/").status_code == 403


# The ledger ---------------------------------------------------------------------------------------------------------


def spend(model: LanguageModel, member: User, **call: Any) -> Charge:
    charge = close_call(opened(model, member.pk, **call), Tokens(miss=7, output=1000), model)
    assert charge
    return charge


def listed(desk: Client, **query: str) -> list[str]:
    """The labels of the members in the list."""
    html = desk.get("/admin/usage/charge/", query, follow=True).content.decode()
    return re.findall(r'class="field-member_label">([^<]*)<', html)


def sheet(desk: Client, **query: str) -> list[dict[str, str]]:
    text = b"".join(desk.get("/admin/usage/charge/sheet/", query)).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


@pytest.fixture
def bob(transactional_db: None) -> User:
    return User.objects.create(email="bob@example.org", name="Bob")


@pytest.fixture
def spent(model: LanguageModel, bob: User) -> User:
    """Cleo and Bob spent, Bob in a group and estimated, once without a price, once two months ago."""
    cleo = User.objects.create(email="cleo@example.org", name="Cleo")
    bob.groups.add(Group.objects.create(name="Writers"))
    spend(model, cleo)
    close_call(opened(model, bob.pk), Tokens(output=5, is_estimated=True), model)
    Price.objects.all().delete()
    spend(model, bob)
    return cleo


def test_the_list_is_narrowed_by_each_of_its_filters(desk: Client, spent: User, bob: User) -> None:
    writers = Group.objects.get()
    today = timezone.now().date().isoformat()
    assert sorted(listed(desk)) == ["Bob", "Bob", "Cleo"]
    assert listed(desk, when=today[:7]) == listed(desk)
    assert listed(desk, when="2020-01") == listed(desk, when="2020-01-31") == []
    assert listed(desk, member=str(spent.pk)) == ["Cleo"]
    assert listed(desk, group=str(writers.pk)) == ["Bob", "Bob"]
    assert listed(desk, is_estimated__exact="1") == ["Bob"]
    assert listed(desk, price="missing") == ["Bob"]
    assert sorted(listed(desk, price="known")) == ["Bob", "Cleo"]
    assert listed(desk, kind__exact="correction") == []
    assert listed(desk, provider="deepseek", model="deepseek-flash") == listed(desk)
    assert "no price" in desk.get("/admin/usage/charge/?price=missing").content.decode()


def test_a_search_finds_by_address_and_by_any_id_of_whatever_month(desk: Client, spent: User, bob: User) -> None:
    charge = Charge.objects.filter(member_id=spent.pk).get()
    for sought in ("cleo@example.org", str(spent.pk), str(charge.conversation_id), str(charge.generation_id)):
        assert listed(desk, q=sought) == ["Cleo"]
    assert listed(desk, q="nobody@example.org") == listed(desk, q="%") == []
    assert desk.get("/admin/usage/charge/", {"q": "\0"}).status_code == 200


@pytest.mark.parametrize("query", ["when=2026-13", "when=x", "group=x", "group=99999999999", "member=1", "when=%00"])
def test_an_address_that_was_tampered_with_breaks_nothing(desk: Client, query: str) -> None:
    for page in ("", "sheet/"):
        assert desk.get(f"/admin/usage/charge/{page}?{query}", follow=True).status_code == 200


def test_the_sheet_holds_what_the_list_shows_to_the_last_digit(desk: Client, spent: User, bob: User) -> None:
    rows = sheet(desk, member=str(spent.pk))
    charge = Charge.objects.get(member_id=spent.pk)
    [row] = rows
    assert (row["member_label"], row["output_tokens"], row["is_estimated"]) == ("Cleo", "1000", "no")
    assert Decimal(row["cost"]) == charge.cost
    assert row["member_id"] == str(spent.pk)
    assert [it["cost"] for it in sheet(desk, price="missing")] == [""]
    assert len(sheet(desk)) == 3


def test_a_sheet_of_many_pieces_has_every_row_once_also_those_of_one_instant(
    desk: Client, model: LanguageModel, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "BATCH", 3)
    charge = spend(model, bob)
    for number in range(10):  # all sent at the same instant, as corrections of one request are
        correct(charge, Decimal(number), f"number {number}")
    reasons = [it["reason"] for it in sheet(desk)]
    assert reasons == ["", *(f"number {number}" for number in range(10))]


def test_a_sheet_that_would_be_cut_is_refused_with_what_to_do(
    desk: Client, spent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "MOST", 2)
    html = desk.get("/admin/usage/charge/sheet/", {"purpose__exact": "answer"}, follow=True).content.decode()
    assert said(html) == ["A sheet holds 2 rows at most. Choose a month, or a day."]
    assert len(sheet(desk, member=str(spent.pk))) == 1


FORMULAS = ['=HYPERLINK("https://evil.example")', "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "＝1"]


@pytest.mark.parametrize("name", FORMULAS)
def test_a_members_name_is_no_formula_in_the_sheet(desk: Client, model: LanguageModel, bob: User, name: str) -> None:
    User.objects.filter(pk=bob.pk).update(name=name)
    spend(model, bob)
    assert sheet(desk)[0]["member_label"] == f"'{name}"


def test_neither_list_nor_sheet_nor_overview_is_for_who_may_not_look(staff: Staff, spent: User) -> None:
    erin = staff("view_call", "view_limit", "change_limit")
    for page in ("", "sheet/", "overview/"):
        assert erin.get(f"/admin/usage/charge/{page}").status_code == 403
    assert "/admin/usage/charge/overview/" not in erin.get("/admin/").content.decode()


def test_the_overview_shows_each_only_what_they_may_see(staff: Staff, desk: Client, spent: User, bob: User) -> None:
    Limit.objects.create(amount=Decimal("0.0001"), member=spent)
    raising.ask_for_more(bob, "money", "today", "The thesis is due")
    erin = staff("view_charge")
    html = erin.get("/admin/usage/charge/overview/").content.decode()
    assert "Cleo" in html
    for hidden in ("The thesis is due", "About to reach a limit", f"/admin/accounts/user/{spent.pk}"):
        assert hidden not in html
        assert hidden in desk.get("/admin/usage/charge/overview/").content.decode()


def test_the_first_page_leads_to_the_overview_and_says_who_waits(desk: Client, bob: User) -> None:
    assert "waits" not in desk.get("/admin/").content.decode()
    raising.ask_for_more(bob, "money", "today")
    html = desk.get("/admin/").content.decode()
    assert "1 request for a raise waits" in html
    assert "/admin/usage/charge/overview/" in html


@pytest.mark.parametrize("period", ["month", "last-month", "7", "30", "90", "x", "\0"])
def test_every_period_can_be_chosen_and_no_other(desk: Client, spent: User, period: str) -> None:
    html = desk.get("/admin/usage/charge/overview/", {"period": period}).content.decode()
    chosen = period if period.strip("x\0") else "month"
    assert f'<a href="?period={chosen}" aria-current="page">' in html
