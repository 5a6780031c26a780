"""AU22: nobody is called like somebody else in disguise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import User

ADD = "/admin/accounts/user/add/"


def add(client: Client, name: str) -> str:
    """What the page says to a new member of that name; nothing once they are added."""
    response = client.post(ADD, {"email": "dora@example.org", "name": name})
    return "" if response.status_code == 302 else response.content.decode()


@pytest.mark.parametrize("name", ["Воb", "Bоb", "BоB", "B0b", "Βob", "Ｂоｂ", "B.о.b"])
def test_a_name_that_looks_like_bobs_and_is_another_is_refused(
    alice: User, bob: User, signed_in: Callable[[User], Client], name: str
) -> None:
    """With Cyrillic or Greek letters, a digit, or wide letters among them."""
    assert "looks like another member" in add(signed_in(alice), name)


@pytest.mark.parametrize("name", ["Bo\u200bb", "\u202eboB", "Bob\u2066", "B\u00adob", "Bob\U000e0041", "\x07Bob"])
def test_a_name_holds_nothing_that_nobody_sees(alice: User, signed_in: Callable[[User], Client], name: str) -> None:
    assert add(signed_in(alice), name)
    assert not User.objects.filter(email="dora@example.org").exists()


@pytest.mark.parametrize("name", ["System", "SYSTEM", "Ѕystem", "s y s t e m", "DeepSeek", "Deep-Seek", "Аssistant"])
def test_nobody_is_called_like_what_is_no_member(alice: User, signed_in: Callable[[User], Client], name: str) -> None:
    assert "no member" in add(signed_in(alice), name)


@pytest.mark.parametrize(
    "name", ["Bob", "bob", "BOB", "Bobby", "王伟", "राम", "Алиса", "José", "O'Brien", "", "Ann-Marie"]
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
