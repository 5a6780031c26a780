"""The page on which members see what they spent and what is left, and ask for more: their own, and nobody else's."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from catalog.models import LanguageModel, Price, Route
from conversations import reviewing
from conversations.models import Conversation, Message
from tests.usage.conftest import opened
from usage import personal, raising
from usage.models import Charge, Limit, RaiseRequest
from usage.periods import Period
from usage.spending import close_call
from usage.tokens import Tokens

MILLION = Tokens(output=1_000_000)  # 0.60 USD


@pytest.fixture(autouse=True)
def price(route: Route) -> Price:
    prices = {"cache_hit": Decimal("0.003"), "cache_miss": Decimal("0.15"), "output": Decimal("0.60")}
    return Price.objects.create(
        model=LanguageModel.objects.get(), valid_from=datetime(2020, 1, 1, tzinfo=UTC), **prices
    )


def spend(member: User, tokens: Tokens = MILLION, conversation: UUID | None = None) -> Charge:
    call = opened(LanguageModel.objects.get(), member.pk, conversation_id=conversation or uuid4())
    charge = close_call(call, tokens)
    assert charge
    return charge


def spend_at(member: User, at: datetime) -> None:
    call = opened(LanguageModel.objects.get(), member.pk)
    call.created_at = at
    close_call(call, MILLION)


def words(client: Client, address: str = "/usage/") -> str:
    return " ".join(client.get(address).content.decode().split())


# What was spent


def test_a_member_sees_what_they_spent_by_their_own_conversations(
    browser_of_alice: Client, alice: User, charlie: User
) -> None:
    mine = Conversation.objects.create(owner=alice, title="Retries <b>that</b> survive")
    theirs = Conversation.objects.create(owner=charlie, title="Not for Alice")
    spend(alice, conversation=mine.pk)
    spend(alice, conversation=mine.pk)
    spend(alice, conversation=theirs.pk)  # she was in it once
    spend(alice, conversation=uuid4())
    spend(charlie, Tokens(output=77_000_000), theirs.pk)
    page = words(browser_of_alice)
    assert "<strong>2.40 USD</strong>, 4,000,000 tokens in 4 requests." in page
    link = f'<a href="{mine.get_absolute_url()}">Retries &lt;b&gt;that&lt;/b&gt; survive</a>'
    assert f"{link}</th><td>1.20 USD</td><td>2,000,000</td><td>2</td>" in page
    assert page.count("Deleted, or not yours to read") == 2
    for secret in ("Not for Alice", "46.2", "77,000,000"):
        assert secret not in page


def test_what_is_estimated_and_what_has_no_price_is_said(browser_of_alice: Client, alice: User) -> None:
    spend(alice, Tokens(output=1_000, is_estimated=True))
    Price.objects.all().delete()
    spend(alice)
    page = words(browser_of_alice)
    assert "The tokens of 1 request are estimated." in page
    assert "1 request has no price and is not in this sum." in page
    assert "and what has no price" in page


def test_days_are_the_teams(alice: User, settings: Settings) -> None:
    settings.TEAM_ZONE = ZoneInfo("Asia/Shanghai")
    spend_at(alice, datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC))
    spend_at(alice, datetime(2026, 3, 31, 16, 0, 0, tzinfo=UTC))
    march, april = Period(date(2026, 3, 1), date(2026, 3, 31)), Period(date(2026, 4, 1), date(2026, 4, 30))
    assert [it.day for it in personal.by_day_and_model(alice.pk, march)] == [date(2026, 3, 31)]
    assert [it.day for it in personal.by_day_and_model(alice.pk, april)] == [date(2026, 4, 1)]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("first=2026-12-31&last=2026-01-01", "It ends before it begins."),
        ("first=2024-01-01&last=2026-01-01", "Choose a year at most."),
        ("first=0001-01-01&last=0001-01-02", "Choose days of this century."),
        ("first=9999-12-30&last=9999-12-31", "Choose days of this century."),
        ("first=yesterday", "Enter a valid date."),
        ("last=", "This field is required."),
        ("first=2026-02-30&last=%00", "Enter a valid date."),
    ],
)
def test_a_period_that_is_none_is_said_beside_it(browser_of_alice: Client, query: str, sentence: str) -> None:
    for address in (f"/usage/?{query}", f"/usage/charges.csv?{query}"):
        page = browser_of_alice.get(address)
        assert page.status_code == 422
        assert sentence in page.content.decode()


def test_a_member_of_many_conversations_sees_the_dearest_and_costs_what_others_do(
    browser_of_alice: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "LISTED", 3)  # the least that shows it
    counts = set()
    for number in range(1, 6):
        spend(alice, Tokens(output=number * 1_000_000))
        with CaptureQueriesContext(connection) as queries:
            page = words(browser_of_alice)
        counts.add(len(queries))
    assert len(counts) == 1
    assert page.count('<th scope="row">Deleted') == 3
    assert "These are the dearest ones; the sheet has all." in page
    assert "<td>3.00 USD</td>" in page
    assert "<td>0.60 USD</td>" not in page


# The sheet


async def sheet_of(member: User, query: str = "") -> list[dict[str, str]]:
    client = AsyncClient()
    await client.aforce_login(member)
    response: Any = await client.get(f"/usage/charges.csv{query}")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join([part async for part in response.streaming_content]).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


async def test_the_sheet_has_every_request_of_ones_own_in_order(
    alice: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "BATCH", 2)
    mine = await Conversation.objects.acreate(owner=alice, title='=HYPERLINK("https://evil.example")')
    spent = [await sync_to_async(spend)(alice, Tokens(hit=n, output=1_000), mine.pk) for n in range(5)]
    await sync_to_async(spend)(charlie)
    rows = await sheet_of(alice)
    assert [row["cached_input_tokens"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert {row["title"] for row in rows} == {'\'=HYPERLINK("https://evil.example")'}
    assert [Decimal(row["cost"]) for row in rows] == [it.cost for it in spent]
    assert {row["cost_in"] for row in rows} == {"USD"}
    assert await sheet_of(alice, "?first=2026-01-01&last=2026-01-31") == []


async def test_charges_of_one_instant_stand_in_it_once_wherever_a_piece_ends(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "BATCH", 3)
    at = timezone.now()
    for _ in range(7):
        await sync_to_async(spend_at)(alice, at)
    assert len(await sheet_of(alice)) == 7


# What is left


def test_each_limit_says_what_is_left_and_when_it_begins_anew(
    browser_of_alice: Client, alice: User, charlie: User
) -> None:
    writers = Group.objects.create(name="Writers & co")
    alice.groups.add(writers)
    charlie.groups.add(writers)
    Limit.objects.create(member=alice, amount=1)
    Limit.objects.create(unit="requests", window="hour", amount=20)
    Limit.objects.create(group=writers, shared=True, unit="tokens", amount=10_000_000)
    spend(alice, Tokens(output=1_400_000))
    spend(charlie)
    page = words(browser_of_alice)
    assert '<li class="near"> <p><strong>This month</strong> 0.84 of 1.00 USD' in page
    assert "nearly used up" in page
    assert "0.16 USD left. Resets on" in page
    assert "1 of 20 answers" in page
    assert "It comes back bit by bit" in page
    assert "2,400,000 of 10,000,000 tokens, all of “Writers &amp; co” together" in page


def test_the_tightest_stands_below_the_conversations(browser_of_alice: Client, alice: User) -> None:
    assert 'id="left"' not in words(browser_of_alice, "/")
    Limit.objects.create(member=alice, amount=1)
    Limit.objects.create(unit="requests", window="hour", amount=2)
    spend(alice, Tokens(output=1_000_000))
    assert "<span>This month 0.60 of 1.00 USD</span>" in words(browser_of_alice, "/")
    spend(alice, Tokens(output=1_000))
    for address in ("/", "/usage/left/"):
        assert "<span>The last hour 2 of 2 answers</span>" in words(browser_of_alice, address)


def test_who_has_no_limit_pays_one_statement_for_it(browser_of_alice: Client, alice: User) -> None:
    spend(alice)
    with CaptureQueriesContext(connection) as queries:
        browser_of_alice.get("/")
    asked = [it["sql"] for it in queries if "usage_" in it["sql"] and "usage_notice" not in it["sql"]]
    assert len(asked) == 1


# Asking for more


@pytest.fixture
def reached(alice: User) -> Limit:
    limit = Limit.objects.create(member=alice, amount=1)
    spend(alice, Tokens(output=1_666_600))
    return limit


def ask(client: Client, **more: str) -> Any:
    return client.post("/c/", {"text": "What is a monad?", "key": str(uuid4()), **more})


def test_a_refusal_has_the_way_to_ask_for_more(browser_of_alice: Client, reached: Limit) -> None:
    page = ask(browser_of_alice)
    assert page.status_code == 422
    assert 'name="limit" value="money this_month"' in page.content.decode()


def test_without_script_the_question_is_still_there_afterwards(
    browser_of_alice: Client, alice: User, reached: Limit
) -> None:
    page = ask(browser_of_alice, limit="money this_month", words="The release")
    assert page.status_code == 200
    assert "\nWhat is a monad?</textarea>" in page.content.decode()
    assert "waits for an administrator" in page.content.decode()
    request = RaiseRequest.objects.get()
    assert (request.member, request.unit, request.window, request.words) == (
        alice,
        "money",
        "this_month",
        "The release",
    )
    assert not Message.objects.exists()


def test_a_second_one_takes_the_place_of_the_first(browser_of_alice: Client, reached: Limit) -> None:
    for words in ("The release", "The release on Friday"):
        assert browser_of_alice.post("/usage/raise/", {"limit": "money this_month", "words": words}).status_code == 302
    assert RaiseRequest.objects.get().words == "The release on Friday"
    assert "Please raise my limit" not in ask(browser_of_alice).content.decode()


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"limit": "money this_month", "words": "x" * 501}, "At most 500 characters; these are 501."),
        ({"limit": "tokens this_month"}, "You have no such limit any more."),
        ({"limit": "money"}, "You have no such limit any more."),
        ({"limit": ""}, "This field is required."),
        ({"limit": "money this_month", "words": "a\0b"}, "Null characters are not allowed."),
    ],
)
def test_what_can_not_be_asked_for_is_said_and_nothing_is_stored(
    browser_of_alice: Client, reached: Limit, typed: dict[str, str], sentence: str
) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        page = browser_of_alice.post("/usage/raise/", typed, headers=headers)
        assert page.status_code == 422
        assert sentence in page.content.decode()
    assert not RaiseRequest.objects.exists()


def test_what_others_share_nobody_asks_to_have_raised_for_themselves(
    browser_of_alice: Client, alice: User, reached: Limit
) -> None:
    Limit.objects.filter(pk=reached.pk).update(shared=True, member=None)
    assert "Please raise my limit" not in ask(browser_of_alice).content.decode()
    assert browser_of_alice.post("/usage/raise/", {"limit": "money this_month"}).status_code == 422


def test_what_came_of_it_stands_on_the_page(browser_of_alice: Client, alice: User, charlie: User) -> None:
    first = raising.ask_for_more(alice, "money", "this_month", "<b>now</b>")
    raising.refuse(first, charlie, "Next month")
    second = raising.ask_for_more(alice, "money", "this_month")
    raising.grant(second, charlie, Decimal(5), timezone.now() + timedelta(days=1))
    raising.ask_for_more(charlie, "money", "this_month", "Charlie's own")
    page = words(browser_of_alice)
    for said in ("refused", "Next month", "granted", "+ 5.00 USD a month", "“&lt;b&gt;now&lt;/b&gt;”"):
        assert said in page
    assert "Charlie" not in page
