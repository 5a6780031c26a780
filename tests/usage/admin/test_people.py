"""Members and groups on the desk: their limits, and what is left of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.models import User
from catalog.models import LanguageModel
from tests.usage.admin.conftest import Staff, inline, said, signed_in
from tests.usage.conftest import opened
from tests.workers import at_once
from usage.models import Act, Limit
from usage.spending import close_call
from usage.tokens import Tokens

ONE = {"unit": "money", "amount": "10", "window": "this_month", "soft_percent": "80", "step": "", "step_percent": "90"}


def page(member: User) -> str:
    return reverse("admin:accounts_user_change", args=[member.pk])


def form(member: User, *limits: dict[str, Any], initial: int = 0) -> dict[str, str]:
    own = {"email": member.email, "name": member.name, "is_active": "on"}
    return own | inline("limits", *limits, initial=initial)


def spend(model: LanguageModel, member: User, output: int) -> None:
    close_call(opened(model, member.pk), Tokens(output=output), model)


def test_a_limit_is_set_on_its_members_page(desk: Client, alice: User) -> None:
    answer = desk.post(page(alice), form(alice, ONE))
    assert answer.status_code == 302, answer.content.decode()
    limit = Limit.objects.get()
    assert (limit.member, limit.amount, limit.window) == (alice, Decimal(10), "this_month")


def test_what_counts_for_a_member_stands_there_with_what_is_left(
    desk: Client, alice: User, model: LanguageModel
) -> None:
    writers = Group.objects.create(name="Writers")
    alice.groups.add(writers)
    Limit.objects.create(member=alice, amount=10)
    Limit.objects.create(group=writers, amount=1_000_000, unit="tokens", window="today")
    Limit.objects.create(amount=100, shared=True)
    spend(model, alice, 2_000_000)
    html = desk.get(page(alice)).content.decode()
    table = html.partition('id="standings-heading"')[2].partition("</table>")[0]
    for words in ("10.00 USD a month", "1.20 USD", "8.80 USD", "this member", "everybody together", "98.80 USD"):
        assert words in table
    assert "200 %" in table  # two of one million tokens
    assert "0 tokens" in table  # left, and never less


def test_a_second_limit_of_the_same_kind_is_refused_in_words(desk: Client, alice: User) -> None:
    for rows in ([ONE, ONE], [ONE]):
        answer = desk.post(page(alice), form(alice, *rows))
        Limit.objects.get_or_create(member=alice, defaults={"amount": 5})
        if answer.status_code == 200:
            assert "There is such a limit already. Change that one." in answer.content.decode()
    assert Limit.objects.count() == 1


def test_of_two_administrators_who_add_the_same_limit_at_once_one_is_told(root: User, alice: User) -> None:
    browsers = [signed_in(root) for _ in range(2)]
    assert sorted(at_once(2, lambda number: browsers[number].post(page(alice), form(alice, ONE)).status_code)) == [
        200,
        302,
    ]
    assert Limit.objects.count() == 1


def test_a_limit_below_what_this_member_spent_is_refused(desk: Client, alice: User, model: LanguageModel) -> None:
    spend(model, alice, 2_000_000)
    answer = desk.post(page(alice), form(alice, ONE | {"amount": "1"}))
    assert "1.20 USD of it are spent already." in answer.content.decode()
    other = User.objects.create(email="bob@example.org", name="Bob")
    answer = desk.post(page(other), form(other, ONE | {"amount": "1"}))
    assert answer.status_code == 302, answer.content.decode()


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "1e20", "ten"])
def test_what_is_no_amount_is_refused_where_it_was_typed(desk: Client, alice: User, amount: str) -> None:
    answer = desk.post(page(alice), form(alice, ONE | {"amount": amount}))
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not Limit.objects.exists()


def test_the_limits_of_a_group_stand_with_those_who_are_nearest_to_their_end(
    desk: Client, alice: User, model: LanguageModel
) -> None:
    writers = Group.objects.create(name="Writers")
    for name in ("Bob", "Cleo"):
        User.objects.create(email=f"{name}@example.org".lower(), name=name).groups.add(writers)
    alice.groups.add(writers)
    place = reverse("admin:auth_group_change", args=[writers.pk])
    rows = [ONE, ONE | {"shared": "on", "amount": "50"}]
    answer = desk.post(place, {"name": "Writers"} | inline("limits", *rows))
    assert answer.status_code == 302, answer.content.decode()
    spend(model, alice, 15_000_000)
    html = desk.get(place).content.decode()
    table = html.partition('id="standings-heading"')[2].partition("</table>")[0]
    assert [name for name in ("Alice", "Bob", "Cleo") if name in table] == ["Alice", "Bob", "Cleo"]
    assert "9.00 USD" in table  # of hers; the group's row of 50 has it too, by the groups of that moment
    assert "90 %" in table
    assert "18 %" in table


# Many at once -------------------------------------------------------------------------------------------------------


def chosen(*members: User, **fields: str) -> dict[str, Any]:
    return {"action": "set_limit", "_selected_action": [str(it.pk) for it in members], **fields}


def test_the_same_limit_is_set_for_chosen_members(desk: Client, alice: User) -> None:
    bob = User.objects.create(email="bob@example.org", name="Bob")
    Limit.objects.create(member=bob, amount=3)
    asked = desk.post("/admin/accounts/user/", chosen(alice, bob)).content.decode()
    assert "2 chosen" in asked
    data = chosen(alice, bob, unit="money", amount="20", window="this_month", soft_percent="80")
    for _ in range(2):  # a second click changes nothing
        answer = desk.post("/admin/accounts/user/", data, follow=True).content.decode()
        assert said(answer) == ["20.00 USD a month: 2 members have it now."]
    assert set(Limit.objects.values_list("member", "amount")) == {(it.pk, Decimal(20)) for it in (alice, bob)}
    assert Act.objects.filter(table="usage_limit", deed="update").count() == 1  # Bob's, once


def test_one_who_spent_more_already_keeps_all_from_being_set(desk: Client, alice: User, model: LanguageModel) -> None:
    bob = User.objects.create(email="bob@example.org", name="Bob")
    spend(model, bob, 2_000_000)
    data = chosen(alice, bob, unit="money", amount="1", window="this_month", soft_percent="80")
    answer = desk.post("/admin/accounts/user/", data).content.decode()
    assert "Bob has spent 1.20 USD of it already." in answer
    assert not Limit.objects.exists()


def test_who_may_set_no_limits_is_offered_none_and_sets_none(staff: Staff, alice: User) -> None:
    erin = staff("view_user", "change_user", "view_limit")
    assert "set_limit" not in erin.get("/admin/accounts/user/").content.decode()
    erin.post("/admin/accounts/user/", chosen(alice, unit="money", amount="9", window="today", soft_percent="80"))
    assert erin.post(page(alice), form(alice, ONE)).status_code == 302  # the name is saved, the limit is not
    assert not Limit.objects.exists()


def test_who_may_not_look_at_limits_sees_none(staff: Staff, alice: User) -> None:
    Limit.objects.create(member=alice, amount=10)
    html = staff("view_user", "change_user").get(page(alice)).content.decode()
    assert "10.00 USD" not in html
