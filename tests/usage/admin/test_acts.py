"""Who changed what of money: noted by the database, whichever way it was done, and never changed afterwards."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.acting import in_the_name_of
from accounts.models import User
from catalog.models import LanguageModel, Price
from tests.usage.admin.conftest import Staff
from usage import raising
from usage.models import Act, Limit
from usage.telling import Change, told


def test_a_change_on_the_desk_is_noted_with_its_before_and_after_and_by_whom(desk: Client, root: User) -> None:
    limit = Limit.objects.create(amount=10)
    form = {"unit": "money", "amount": "20", "window": "this_month", "soft_percent": "80", "step_percent": "90"}
    answer = desk.post(reverse("admin:usage_limit_change", args=[limit.pk]), form)
    assert answer.status_code == 302, answer.content.decode()
    added, changed = Act.objects.order_by("pk")
    assert "at most: 10" in [it.said for it in told([added])[added.pk].changes]
    assert (added.deed, added.by_label, added.by_id) == ("insert", "", None)
    assert (changed.deed, changed.by_label, changed.by_id) == ("update", "Root", root.pk)
    assert changed.before == {"amount": 10.0}
    assert told([changed])[changed.pk].changes == [Change("at most", "10", "20")]


def test_so_is_one_that_went_around_the_desk(alice: User, model: LanguageModel) -> None:
    Price.objects.update(output=Decimal("0.7"))
    LanguageModel.objects.update(thinks=True)  # costs nothing, and is nobody's act on money
    LanguageModel.objects.update(unpriced_allowed=True)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_price")
    acts = list(Act.objects.order_by("pk"))
    assert [(it.deed, it.table) for it in acts] == [
        ("insert", "catalog_price"),
        ("update", "catalog_price"),
        ("update", "catalog_languagemodel"),
        ("delete", "catalog_price"),
    ]
    stories = told(acts)
    assert stories[acts[1].pk].changes == [Change("output", "0.6", "0.7")]
    assert stories[acts[2].pk].changes == [Change("may answer without a price", "no", "yes")]
    assert stories[acts[3].pk].about == "deepseek-flash (deepseek)"


def test_a_request_and_what_became_of_it_are_theirs_who_did_it(alice: User, root: User) -> None:
    asked = raising.ask_for_more(alice, "money", "today", "The thesis")
    raising.grant(asked, root, Decimal(5), timezone.now() + timedelta(days=1))
    assert list(Act.objects.order_by("pk").values_list("table", "deed", "by_label")) == [
        ("usage_raiserequest", "insert", "Alice"),
        ("usage_raiserequest", "update", "Root"),
        ("usage_raise", "insert", "Root"),
        ("usage_raiserequest", "update", "Root"),
    ]


def test_the_name_is_gone_with_its_transaction(root: User) -> None:
    with in_the_name_of(root):
        Limit.objects.create(amount=10)
    Limit.objects.create(amount=1, window="today")
    assert list(Act.objects.order_by("pk").values_list("by_label", flat=True)) == ["Root", ""]


def test_what_was_undone_is_no_act(root: User) -> None:
    with pytest.raises(RuntimeError), in_the_name_of(root):
        Limit.objects.create(amount=10)
        raise RuntimeError
    assert not Act.objects.exists()


@pytest.mark.parametrize(
    "sql", ["UPDATE usage_act SET by_label = 'Bob'", "DELETE FROM usage_act", "TRUNCATE usage_act"]
)
def test_nobody_changes_what_was_noted(sql: str, transactional_db: None) -> None:
    Limit.objects.create(amount=10)
    refused = pytest.raises(IntegrityError, match="only ever written on")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert Act.objects.count() == 1


def test_an_act_outlives_what_it_was_about_and_who_did_it(alice: User, root: User) -> None:
    with in_the_name_of(root):
        Limit.objects.create(amount=10, member=alice)
    root.delete()
    alice.delete()
    added, deleted = Act.objects.order_by("pk")
    assert (added.by_label, deleted.deed) == ("Root", "delete")
    assert told([added])[added.pk].about == str(added.row["member_id"])


def test_the_list_tells_it_in_words_and_costs_the_same_however_long_it_is(
    desk: Client, alice: User, model: LanguageModel
) -> None:
    counts = set()
    for amount in (1, 2, 3):
        Limit.objects.update_or_create(member=alice, defaults={"amount": amount})
        Price.objects.update(output=amount)
        with CaptureQueriesContext(connection) as queries:
            html = desk.get("/admin/usage/act/").content.decode()
        counts.add(len(queries))
    assert "at most: 2 → 3" in html
    assert "Alice" in html
    assert "deepseek-flash (deepseek)" in html
    assert len(counts) == 1


def test_it_is_for_those_who_may_look_and_nobody_writes(staff: Staff, desk: Client) -> None:
    Limit.objects.create(amount=10)
    act = Act.objects.get()
    assert desk.get(reverse("admin:usage_act_change", args=[act.pk])).status_code == 200
    assert desk.post(reverse("admin:usage_act_change", args=[act.pk]), {"by_label": "Bob"}).status_code == 403
    assert desk.post(reverse("admin:usage_act_delete", args=[act.pk]), {"post": "yes"}).status_code == 403
    erin = staff("view_limit", "change_limit")
    assert erin.get("/admin/usage/act/").status_code == 403
