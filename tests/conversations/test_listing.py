"""The list of conversations: some at a time, by the day, and as cheap for ten thousand as for fifty."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from bench.plans import watched
from catalog.models import Route
from conversations import asking
from conversations.feed.reader import Position
from conversations.listing import LISTED, Spot
from conversations.models import Conversation
from tests.conversations.replaying import Follower, WebProcess, load
from tests.page import Page

BEGUN = datetime(2020, 1, 1, tzinfo=UTC)


def many(member: User, count: int, apart: timedelta = timedelta(hours=7)) -> None:
    Conversation.objects.bulk_create(
        Conversation(owner=member, title=f"Number {number}", asked_at=BEGUN + number * apart) for number in range(count)
    )
    with connection.cursor() as cursor:  # as the database does by itself, soon
        cursor.execute("ANALYZE conversations_conversation")


def titles(page: Page) -> list[str]:
    return [it.text for it in page.element("conversations").elements() if it.attributes.get("id", "").startswith("c-")]


def headings(page: Page) -> list[str]:
    return [it.text for it in page.element("conversations").of_class("day")]


def scrolled(client: Client, page: Page) -> Page:
    """Down to the end, as a browser does it."""
    while links := page.element("conversations").of_class("older"):
        [link] = [it for it in links[0].elements() if it.tag == "a"]
        page.apply(client.get(link.attributes["hx-get"], headers={"HX-Request": "true"}).content.decode())
    return page


@pytest.mark.parametrize("apart", [timedelta(hours=7), timedelta()], ids=["apart", "all at one instant"])
def test_each_stands_there_once_the_latest_first_and_below_its_day(
    alice: User, charlie: User, route: Route, browser_of_alice: Client, apart: timedelta
) -> None:
    many(alice, 3 * LISTED + 1, apart)
    many(charlie, 5)
    page = Page(browser_of_alice.get("/").content.decode())
    assert len(titles(page)) == LISTED
    scrolled(browser_of_alice, page)
    latest = Conversation.objects.visible_to(alice).order_by("-asked_at", "-pk")
    assert titles(page) == list(latest.values_list("title", flat=True))
    assert len(headings(page)) == len(set(headings(page)))
    assert headings(page)[-1] == "January 2020"


def test_ten_thousand_cost_what_fifty_do(alice: User, route: Route, browser_of_alice: Client) -> None:
    costs = []
    for count in (60, 10_000):
        many(alice, count)
        spot = Spot(BEGUN + timedelta(hours=7 * 55), uuid4())
        for address in ("/", f"/older/?older={spot}"):
            with connection.cursor() as cursor:
                cursor.execute("SET enable_seqscan = off")  # of sixty rows all may be read
                with watched() as statements:
                    html = browser_of_alice.get(address).content
                cursor.execute("RESET enable_seqscan")
            reads = [it for said in statements for it in said.reads if it.table == "conversations_conversation"]
            assert sum(it.rows for it in reads) <= 3 * LISTED  # found by an index, and read whole then
            assert len(html) < 60_000
            costs.append(len(statements))
        Conversation.objects.all().delete()
    assert costs[:2] == costs[2:]


def test_without_script_the_list_is_a_page_and_leads_back_to_the_newest(
    alice: User, route: Route, browser_of_alice: Client
) -> None:
    many(alice, LISTED + 10)
    first = browser_of_alice.get("/").content.decode()
    [link] = re.findall(r'href="(\?older=[^"]+)"', first)
    page = Page(browser_of_alice.get(f"/{link}").content.decode())
    assert titles(page) == [f"Number {number}" for number in range(9, -1, -1)]
    assert headings(page)[-1] == "January 2020"  # a page of its own says of which day it is
    assert page.element("conversations").of_class("newest")


@pytest.mark.parametrize("spot", ["", "x", "1-x", "9" * 400, "-1", "1-", f"{'9' * 30}-{UUID(int=0)}", "\0", "²-²"])
def test_a_spot_that_there_is_not_is_the_top_of_a_page_and_nothing_to_go_on_from(
    alice: User, route: Route, browser_of_alice: Client, spot: str
) -> None:
    many(alice, 3)
    assert len(titles(Page(browser_of_alice.get("/", {"older": spot}).content.decode()))) == 3
    assert browser_of_alice.get("/older/", {"older": spot}).status_code == 404


def test_nobody_is_shown_anothers(alice: User, charlie: User, route: Route, browser_of_alice: Client) -> None:
    many(charlie, LISTED + 1)
    last = Conversation.objects.order_by("-asked_at", "-pk")[LISTED - 1]
    shown = browser_of_alice.get("/older/", {"older": str(Spot(last.asked_at, last.pk))}).content.decode()
    assert "Number" not in shown


def days_and_titles(page: Page) -> str:
    return " ".join(page.element("conversations").text.split())


def test_what_is_asked_anew_comes_first_and_what_is_renamed_stays_in_its_place(
    alice: User, route: Route, browser_of_alice: Client
) -> None:
    old, other = (asking.start(alice, f"Question {n}", uuid4(), route).conversation for n in range(2))
    Conversation.objects.filter(pk=old.pk).update(asked_at=BEGUN)
    asking.stop(old)
    reader, process = Follower(load(browser_of_alice, old)), WebProcess(old)
    reader.connect()
    process.catch_up([reader])
    assert titles(reader.page) == ["Question 1", "Question 0"]
    asking.rename(old, "Renamed & <moved>")
    process.catch_up([reader])
    assert titles(reader.page) == ["Question 1", "Renamed & <moved>"]
    assert days_and_titles(reader.page) == days_and_titles(load(browser_of_alice, old))  # below its own day still
    asking.ask(old, alice, "And now?", uuid4(), route)
    process.catch_up([reader])
    fresh = load(browser_of_alice, old)
    assert titles(reader.page) == titles(fresh) == ["Renamed & <moved>", "Question 1"]
    assert other.title == "Question 1"


def test_a_new_one_is_listed_at_once_as_a_reload_lists_it(alice: User, route: Route, browser_of_alice: Client) -> None:
    many(alice, LISTED)
    page = Page(browser_of_alice.get("/").content.decode())
    form = {"text": "Brand new", "key": str(uuid4())}
    page.apply(browser_of_alice.post("/c/", form, headers={"HX-Request": "true"}).content.decode())
    conversation = Conversation.objects.get(title="Brand new")
    reader = Follower(page, Position(0, language=page.language))
    WebProcess(conversation).catch_up([reader])
    assert titles(page)[:2] == ["Brand new", f"Number {LISTED - 1}"]
    fresh = scrolled(browser_of_alice, Page(browser_of_alice.get("/").content.decode()))
    assert titles(page) == titles(fresh)
