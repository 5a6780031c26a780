"""Tables without end on the administrator's desk: the newest rows, the ones before these, and what is searched for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.views.main import ChangeList
from django.test import Client

from accounts.long_lists import WINDOW
from accounts.models import User
from usage.models import Call

LIST = "/admin/usage/call/"
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
def desk(alice: User, client: Client) -> Client:
    client.force_login(alice)
    return client


def calls(count: int, *, until: datetime = NOON, **fields: Any) -> list[Call]:
    """So many, one a minute, the newest at `until`."""
    told = {"number": 1, "purpose": "answer", "provider": "deepseek", "model": "flash"}
    ids = ("generation_id", "conversation_id", "member_id")
    return Call.objects.bulk_create(
        Call(**{**told, **{name: uuid4() for name in ids}, **fields, "created_at": until - timedelta(minutes=minute)})
        for minute in range(count)
    )


def listed(desk: Client, **query: str) -> ChangeList:
    response = desk.get(LIST, query)
    assert response.status_code == 200
    shown: ChangeList = response.context["cl"]
    return shown


def ids(shown: ChangeList) -> set[UUID]:
    return {row.pk for row in shown.queryset}


def choices(shown: ChangeList, title: str) -> dict[str, str]:
    """What a filter offers, each with where it leads."""
    [spec] = [it for it in shown.filter_specs if it.title == title]
    return {str(it["display"]): str(it["query_string"]) for it in spec.choices(shown)}


def test_a_list_holds_the_newest_rows(desk: Client) -> None:
    rows = calls(WINDOW + 3)
    shown = listed(desk)
    assert shown.result_count == WINDOW
    assert ids(shown) == {row.pk for row in rows[:WINDOW]}


def test_the_rows_before_these_are_a_click_away(desk: Client) -> None:
    rows = calls(WINDOW + 3)
    earlier = choices(listed(desk), "time")["before 14 Mar 2026, 19:21"]
    older = desk.get(LIST + earlier).context["cl"]
    assert ids(older) == {row.pk for row in rows[WINDOW:]}


def test_months_down_to_the_first_row_are_a_click_away(desk: Client) -> None:
    calls(WINDOW), calls(1, until=NOON - timedelta(days=60))
    offered = choices(listed(desk), "time")
    assert "before March 2026" in offered
    assert "before January 2026" not in offered
    assert desk.get(LIST + offered["before March 2026"]).context["cl"].result_count == 1


def test_a_filter_offers_what_occurs_in_the_window(desk: Client) -> None:
    calls(WINDOW), calls(1, until=NOON - timedelta(days=60), model="retired")
    assert "flash" in choices(listed(desk), "model")
    assert "retired" not in choices(listed(desk), "model")


def test_a_search_for_an_id_finds_it_however_old_it_is(desk: Client) -> None:
    calls(WINDOW)
    [old] = calls(1, until=NOON - timedelta(days=60))
    assert ids(listed(desk, q=str(old.pk))) == {old.pk}
    assert ids(listed(desk, q=str(old.generation_id))) == {old.pk}


def test_a_search_for_an_address_finds_that_members_rows(desk: Client, bob: User) -> None:
    calls(2)
    mine = calls(2, until=NOON - timedelta(days=60), member_id=bob.pk)
    assert ids(listed(desk, q=" Bob@Example.org ")) == {row.pk for row in mine}
    assert listed(desk, q="nobody@example.org").result_count == 0


@pytest.mark.parametrize("sought", ["\0", "bob\0@example.org"])
def test_a_search_for_what_the_database_cannot_hold_finds_nobody(desk: Client, bob: User, sought: str) -> None:
    calls(1, member_id=bob.pk)
    assert listed(desk, q=sought).result_count == 0


def test_the_page_of_an_old_row_opens(desk: Client) -> None:
    calls(WINDOW)
    [old] = calls(1, until=NOON - timedelta(days=60))
    assert desk.get(f"{LIST}{old.pk}/change/").status_code == 200


@pytest.mark.parametrize("name", ["model", "provider__exact", "before"])
def test_a_filter_by_what_the_database_cannot_hold_is_refused(desk: Client, name: str) -> None:
    calls(1)
    assert desk.get(LIST, {name: "\0"})["Location"] == f"{LIST}?e=1"


@pytest.mark.parametrize("before", ["yesterday", "2026-03-15", "2026-99-99T00:00:00Z", "2026-03-15T12:00:00"])
def test_what_is_no_moment_is_refused(desk: Client, before: str) -> None:
    assert desk.get(LIST, {"before": before})["Location"] == f"{LIST}?e=1"


def test_a_list_of_nothing_opens(desk: Client) -> None:
    assert listed(desk).result_count == 0
