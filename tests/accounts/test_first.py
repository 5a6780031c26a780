from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.first import first_administrator
from accounts.models import User
from tests.accounts.conftest import at_once


@pytest.mark.django_db
def test_the_first_administrator_signs_in_with_the_password_that_was_returned() -> None:
    password = first_administrator("Alice@Example.org")
    alice = User.objects.get()
    assert password
    assert alice.email == "alice@example.org"
    assert alice.check_password(password)
    assert alice.is_superuser
    assert alice.is_staff


def test_there_is_no_first_administrator_where_anybody_is_a_member(bob: User) -> None:
    assert first_administrator("alice@example.org") is None
    assert User.objects.get() == bob


@pytest.mark.django_db
def test_what_is_no_address_makes_no_administrator() -> None:
    with pytest.raises(ValidationError):
        first_administrator("alice")
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_thirty_first_administrators_at_once_exactly_one_is_made() -> None:
    passwords = at_once([lambda n=n: first_administrator(f"alice{n}@example.org") for n in range(30)])  # type: ignore[misc]
    made = [(n, password) for n, password in enumerate(passwords) if password]
    assert len(made) == 1
    alice = User.objects.get()
    assert alice.email == f"alice{made[0][0]}@example.org"
    assert alice.check_password(made[0][1])
