"""SH, EX12, ID7: what a link gives away, and to whom; what its bytes hold is in test_share_bytes.py.

What it is for is in tests/conversations/test_shared_pages.py.
"""

from __future__ import annotations

import logging
import statistics
import time
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from chatsite.logs import Discreet
from chatsite.settings import LOGGING
from conversations.feed.flooding import Buckets
from conversations.models import Conversation, Message, Share
from conversations.views import shared as views
from tests.attacks.routes import digests
from tests.attacks.test_exfiltration import IMAGES, LOADS
from tests.page import Page
from tests.shares import answered, live, make, snapshot


@pytest.fixture(autouse=True)
def nobody_missed_before() -> None:
    views.misses = Buckets(**views.MISSES)


# What a model wrote


@pytest.mark.parametrize("text", IMAGES)
def test_what_a_model_says_loads_nothing_on_the_page_of_a_link(
    conversation: Conversation, question: Message, text: str
) -> None:
    answer = answered(question, text.replace("{c}", str(conversation.pk)).replace("{i}", str(uuid4())))
    html = Client().get(make(conversation, snapshot(answer)).get_absolute_url()).content.decode()
    page = Page(html)
    [article] = [it for it in page.articles if "assistant" in it.attributes["class"]]
    assert not LOADS.search(article.html())


def test_the_page_of_a_link_has_no_form(conversation: Conversation, said: Message) -> None:
    html = Client().get(make(conversation, snapshot(said, may_fork=True)).get_absolute_url()).content.decode()
    assert "<form" not in html
    assert "csrf" not in html


def test_a_reader_of_a_link_does_nothing_to_the_conversation(
    conversation: Conversation, said: Message, charlie: User
) -> None:
    make(conversation, live(may_fork=True))
    browser = Client()
    browser.force_login(charlie)
    before = digests(frozenset({"django_session"}))
    here = f"/c/{conversation.pk}/"
    for path in ("ask/", "stop/", "rename/", "delete/", "share/", f"m/{said.pk}/delete/", f"m/{said.pk}/again/"):
        assert browser.post(here + path, {"text": "x", "title": "x", "key": str(uuid4())}).status_code == 404
    assert digests(frozenset({"django_session"})) == before


# Where an address goes


def test_the_log_holds_no_whole_address(conversation: Conversation, said: Message) -> None:
    share = make(conversation, snapshot(said))
    for message, args in (
        ("Internal Server Error: %s", (share.get_absolute_url(),)),
        (f"Forbidden: {share.get_absolute_url()}i/x/", ()),
        ("socket %s", (f"{share.get_absolute_url()}live/",)),
    ):
        record = logging.LogRecord("django.request", logging.ERROR, "", 0, message, args, None)
        assert Discreet().filter(record)
        assert share.token not in record.getMessage()
        assert share.token[8:] not in record.getMessage()
        assert f"/s/{share.token[:4]}…" in record.getMessage()


def test_nothing_is_logged_past_that_filter() -> None:
    handlers: Any = LOGGING["handlers"]
    assert [it["filters"][-1] for it in handlers.values() if "formatter" in it] == ["discreet"]


def test_a_right_and_a_wrong_address_take_the_same_time(conversation: Conversation, said: Message) -> None:
    """The middle of many tries of each, taken by turns: a wrong proof, and an id that is nobody's."""
    share = make(conversation, snapshot(said))
    raw = {"a wrong proof": share.token[:-3] + "AAA", "nobody's": Share().token, "closed": ""}
    closed = make(conversation, snapshot(said))
    Share.objects.filter(pk=closed.pk).update(closed_at=closed.created_at)
    raw["closed"] = closed.token
    taken: dict[str, list[float]] = {name: [] for name in raw}
    for _ in range(300):
        for name, token in raw.items():
            begin = time.perf_counter()
            assert Share.objects.of_token(token) is None or token == share.token
            taken[name].append(time.perf_counter() - begin)
    middles = {name: statistics.median(it) for name, it in taken.items()}
    assert max(middles.values()) < 1.5 * min(middles.values()), middles
