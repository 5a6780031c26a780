"""The page on which members set what is theirs, and what comes of it elsewhere."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts.models import User
from accounts.preferences import Preferences
from catalog.models import Route

ALL = {
    "mentions": "on",
    "mails": "on",
    "name": "Alice",
    "language": "",
    "theme": "",
    "route": "",
    "send_key": "",
}


def html_tag(client: Client, address: str = "/") -> str:
    found = re.search("<html[^>]*>", client.get(address).content.decode())
    assert found
    return found[0]


def test_what_is_set_is_stored_and_shown_on_every_page(alice: User, route: Route, browser_of_alice: Client) -> None:
    set_ = ALL | {"name": " Alice  Liddell ", "language": "zh-hans", "theme": "dark", "send_key": "ctrl-enter"}
    saved = browser_of_alice.post("/settings/", set_ | {"notify": "on"})
    assert (saved.status_code, saved["Location"]) == (302, "/settings/")
    alice.refresh_from_db()
    assert alice.name == "Alice Liddell"
    assert alice.prefers == Preferences(language="zh-hans", theme="dark", send_key="ctrl-enter", notify="yes")
    for address in ("/", "/settings/", "/accounts/password/change/"):
        tag = html_tag(browser_of_alice, address)
        assert 'lang="zh-hans"' in tag
        assert 'data-theme="dark" data-send="ctrl-enter" data-notify' in tag
    settings = browser_of_alice.get("/settings/").content.decode()
    assert '<option value="dark" selected>' in settings
    assert "Alice Liddell" in settings


def test_nothing_set_leaves_nothing_in_the_page(alice: User, route: Route, browser_of_alice: Client) -> None:
    assert "data-" not in html_tag(browser_of_alice)
    browser_of_alice.post("/settings/", ALL | {"theme": "light"})
    assert 'data-theme="light"' in html_tag(browser_of_alice)
    browser_of_alice.post("/settings/", ALL)
    assert "data-" not in html_tag(browser_of_alice)
    alice.refresh_from_db()
    assert alice.preferences == {}


def test_what_is_said_about_it_is_said_in_the_language_that_was_chosen(route: Route, browser_of_alice: Client) -> None:
    page = browser_of_alice.post("/settings/", ALL | {"language": "zh-hans"}, follow=True).content.decode()
    assert "已保存" in page


def test_a_new_conversation_begins_with_the_preferred_model_while_there_is_one(
    alice: User, route: Route, browser_of_alice: Client
) -> None:
    Route.objects.through(route.steps.get().model, name="deep", label="Deep", position=90)
    assert browser_of_alice.post("/settings/", ALL | {"route": "deep"}).status_code == 302
    assert '<option value="deep" selected>' in browser_of_alice.get("/").content.decode()
    Route.objects.filter(name="deep").delete()
    assert '<option value="quick" selected>' in browser_of_alice.get("/").content.decode()
    assert browser_of_alice.get("/settings/").status_code == 200


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("name", "x" * 81, "at most 80 characters"),
        ("name", "Charlie\u200b", "characters that nobody sees"),
        ("name", "Сharlie", "looks like another member"),
        ("name", "a\0b", "Null characters"),
        ("language", "tlh", "not one of the available choices"),
        ("theme", "neon", "not one of the available choices"),
        ("route", "nowhere", "not one of the available choices"),
        ("send_key", "f13", "not one of the available choices"),
    ],
)
def test_what_does_not_fit_is_said_beside_it_and_nothing_is_stored(
    alice: User, charlie: User, route: Route, browser_of_alice: Client, field: str, typed: str, sentence: str
) -> None:
    before = User.objects.values().get(pk=alice.pk)
    refused = browser_of_alice.post("/settings/", ALL | {"theme": "dark", field: typed})
    html = refused.content.decode()
    assert refused.status_code == 422
    beside = re.search(rf'<div class="errors" id="id_{field}_error">(.*?)</div>', html, re.DOTALL)
    assert beside
    assert sentence in beside[1]
    if field != "theme":
        assert '<option value="dark" selected>' in html
    after = User.objects.values().get(pk=alice.pk)
    assert {**after, "last_login": None} == {**before, "last_login": None}


def test_what_is_posted_besides_changes_nothing(alice: User, route: Route, browser_of_alice: Client) -> None:
    """Rights, an address, or what only a later version knows."""
    more = {"is_staff": "on", "email": "root@example.org", "is_superuser": "on", "preferences": "{}", "font": "large"}
    browser_of_alice.post("/settings/", ALL | more)
    alice.refresh_from_db()
    assert (alice.email, alice.is_staff, alice.is_superuser) == ("alice@example.org", False, False)


def test_the_settings_are_reached_from_the_sidebar_and_lead_to_the_password(
    route: Route, browser_of_alice: Client
) -> None:
    assert 'href="/settings/"' in browser_of_alice.get("/").content.decode()
    assert 'href="/accounts/password/change/"' in browser_of_alice.get("/settings/").content.decode()
