"""The days of the sidebar, in the reader's time zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from conversations.days import day_of
from conversations.models import Conversation

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (datetime(2026, 11, 27, 0, 1, tzinfo=UTC), "Today"),
        (datetime(2026, 11, 26, 0, 0, tzinfo=UTC), "Today"),
        (datetime(2026, 11, 25, 23, 59, tzinfo=UTC), "Yesterday"),
        (datetime(2026, 11, 24, 12, 0, tzinfo=UTC), "Previous 7 days"),
        (datetime(2026, 11, 19, 12, 0, tzinfo=UTC), "Previous 7 days"),
        (datetime(2026, 11, 18, 12, 0, tzinfo=UTC), "Previous 30 days"),
        (datetime(2026, 10, 26, 12, 0, tzinfo=UTC), "October 2026"),
        (datetime(2025, 1, 1, 12, 0, tzinfo=UTC), "January 2025"),
    ],
)
def test_a_conversation_is_listed_below_its_day(asked: datetime, name: str) -> None:
    assert day_of(asked, TODAY).name == name


def test_a_day_begins_when_the_readers_does() -> None:
    late = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)  # four in the morning of the next day, in Shanghai
    assert day_of(late, TODAY).name == "Yesterday"
    with timezone.override(ZoneInfo("Asia/Shanghai")):
        assert day_of(late, TODAY).name == "Today"


def days_in(browser: Client) -> list[str]:
    return re.findall(r'<li class="day"[^>]*><h2>(.*?)</h2>', browser.get("/").content.decode())


def test_the_sidebar_names_each_day_once_and_today_first_whatever_there_is(
    browser_of_alice: Client, conversation: Conversation
) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(asked_at=datetime(2020, 5, 6, tzinfo=UTC))
    for _ in range(2):
        Conversation.objects.create(
            owner=conversation.owner, title="Long ago", asked_at=datetime(2020, 5, 1, tzinfo=UTC)
        )
    assert days_in(browser_of_alice) == ["Today", "May 2020"]


def test_the_page_takes_the_zone_that_its_script_told(browser_of_alice: Client, conversation: Conversation) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(asked_at=datetime(2020, 4, 30, 20, 0, tzinfo=UTC))
    assert days_in(browser_of_alice) == ["Today", "April 2020"]
    browser_of_alice.cookies["zone"] = "Asia/Shanghai"
    assert days_in(browser_of_alice) == ["Today", "May 2020"]


@pytest.mark.parametrize("zone", ["Nowhere/At/All", "..", "/etc/passwd", "Asia", "x" * 5000, "é", "a\0b"])
def test_a_zone_that_there_is_not_is_the_servers(
    browser_of_alice: Client, conversation: Conversation, zone: str
) -> None:
    browser_of_alice.cookies["zone"] = zone
    assert days_in(browser_of_alice) == ["Today"]
