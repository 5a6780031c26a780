"""Who is spoken to in which language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import User
from tests.page import Page

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


def language_of(client: Client, path: str = "/accounts/login/", **headers: str) -> str:
    response = client.get(path, headers=headers)
    language = Page(response.content.decode()).language
    assert response["Content-Language"] == language
    assert "Accept-Language" in response["Vary"]
    return language


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("zh-CN,zh;q=0.9", "zh-hans"),
        ("zh-Hans-SG", "zh-hans"),
        ("zh", "zh-hans"),
        ("zh-TW,en;q=0.1", "zh-hans"),  # nearer than English
        ("en-GB,zh;q=0.9", "en"),
        ("de,zh;q=0.5,en;q=0.4", "zh-hans"),
        ("de", "en"),
        ("", "en"),
        ("*", "en"),
        ("x" * 5_000, "en"),
        ("zh-hans;q=nonsense,\x00", "en"),
    ],
)
@pytest.mark.django_db
def test_a_stranger_is_spoken_to_as_their_browser_asks(client: Client, asked: str, spoken: str) -> None:
    assert language_of(client, **{"Accept-Language": asked}) == spoken


def test_a_members_choice_wins_over_their_browser(alice: User, signed_in: Callable[[User], Client]) -> None:
    browser = signed_in(alice)
    assert language_of(browser, "/", **CHINESE) == "zh-hans"
    for choice in ("en", "zh-hans"):
        User.objects.filter(pk=alice.pk).update(preferences={"language": choice})
        assert language_of(browser, "/") == language_of(browser, "/", **CHINESE) == choice


def test_a_language_that_we_speak_no_more_is_no_choice(alice: User, signed_in: Callable[[User], Client]) -> None:
    browser = signed_in(alice)
    User.objects.filter(pk=alice.pk).update(preferences={"language": "tlh"})
    assert language_of(browser, "/") == "en"
    assert language_of(browser, "/", **CHINESE) == "zh-hans"


def test_what_is_not_there_is_said_in_the_members_language_too(
    alice: User, signed_in: Callable[[User], Client]
) -> None:
    browser = signed_in(alice)
    User.objects.filter(pk=alice.pk).update(preferences={"language": "zh-hans"})
    assert language_of(browser, "/nothing/") == "zh-hans"


def test_one_request_leaves_its_language_to_no_other(alice: User, signed_in: Callable[[User], Client]) -> None:
    browser = signed_in(alice)
    User.objects.filter(pk=alice.pk).update(preferences={"language": "zh-hans"})
    with translation.override("en"):
        browser.get("/", headers={"Accept-Language": "en"})
        assert translation.get_language() == "en"
