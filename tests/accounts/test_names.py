"""AU22: nobody is called like somebody else in disguise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import beside

ADD = "/admin/accounts/user/add/"


def add(client: Client, name: str) -> str:
    """What the page says to a new member of that name; nothing once they are added."""
    response = client.post(ADD, {"email": "dora@example.org", "name": name})
    return "" if response.status_code == 302 else response.content.decode()


@pytest.mark.parametrize("name", ["Воb", "Bоb", "BоB", "B0b", "Βob", "Ｂоｂ", "B.о.b", "Bob\ufe0f"])
def test_a_name_that_looks_like_bobs_and_is_another_is_refused(
    alice: User, bob: User, signed_in: Callable[[User], Client], name: str
) -> None:
    """With Cyrillic or Greek letters, a digit, wide letters, or a mark that shows nothing among them."""
    assert "looks like another member" in add(signed_in(alice), name)


@pytest.mark.parametrize(
    "name",
    [
        *["Bo\u200bb", "\u202eboB", "Bob\u2066", "B\u00adob", "Bob\U000e0041", "\x07Bob"],
        *["Bo\u200db", "Bo\u200cb", "\u200dराम", "राम\u200d", "علی\u200c\u200cرضا"],  # joiners that join nothing
    ],
)
def test_a_name_holds_nothing_that_nobody_sees(alice: User, signed_in: Callable[[User], Client], name: str) -> None:
    assert add(signed_in(alice), name)
    assert not User.objects.filter(email="dora@example.org").exists()


@pytest.mark.parametrize("name", ["System", "SYSTEM", "Ѕystem", "s y s t e m", "DeepSeek", "Deep-Seek", "Аssistant"])
def test_nobody_is_called_like_what_is_no_member(alice: User, signed_in: Callable[[User], Client], name: str) -> None:
    assert "no member" in add(signed_in(alice), name)


@pytest.mark.parametrize(
    "name",
    [
        *["Bob", "bob", "BOB", "Bobby", "王伟", "राम", "Алиса", "José", "O'Brien", "", "Ann-Marie"],
        *["علی\u200cرضا", "ശ്രീ\u200dകുമാർ", "രാജന\u0d4d\u200d", "👩🏽\u200d🚀", "❤\ufe0f\u200d🔥"],
    ],
)
def test_two_people_may_be_called_the_same_and_a_name_may_be_in_any_script(
    alice: User, bob: User, signed_in: Callable[[User], Client], name: str
) -> None:
    assert add(signed_in(alice), name) == ""


def test_a_member_keeps_their_own_name(alice: User, bob: User) -> None:
    bob.full_clean()
    bob.name = "Аlice"  # its first letter is Cyrillic
    with pytest.raises(ValidationError, match="looks like another"):
        bob.full_clean()


def test_names_of_signs_alone_are_told_apart(alice: User, bob: User, signed_in: Callable[[User], Client]) -> None:
    User.objects.filter(pk=bob.pk).update(name="🐱")
    assert add(signed_in(alice), "🐶") == ""


@pytest.mark.parametrize("member", ["bob@example.org", "impostor@example.org"])
def test_a_name_that_stands_already_keeps_nobody_from_being_changed(
    alice: User, bob: User, signed_in: Callable[[User], Client], member: str
) -> None:
    """The impostor came before there was the rule, or around it."""
    User.objects.create_user("impostor@example.org", name="Bоb")
    shown = User.objects.get(email=member)
    page = f"/admin/accounts/user/{shown.pk}/change/"
    client = signed_in(alice)
    assert client.post(page, beside(client, page) | {"email": member, "name": shown.name}).status_code == 302
    shown.refresh_from_db()
    assert not shown.is_active
