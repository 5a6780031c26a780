"""Alice runs the place, Bob is on her team, Charlie helps with the members and is not to outgrow that."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test import Client

from accounts.models import User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def nobody_has_guessed_yet(db: None) -> Iterator[None]:
    yield
    cache.clear()  # its table is no model's, so a transactional test would leave its counts to the next one


def beside(client: Client, page: str) -> dict[str, str]:
    """What a member's page sends of the rows below it: none are added, none are there."""
    names = re.findall(r'name="(\w+-(?:TOTAL|INITIAL)_FORMS)"', client.get(page).text)
    return dict.fromkeys(names, "0")


@pytest.fixture
def alice() -> User:
    return User.objects.create_superuser("alice@example.org", PASSWORD, name="Alice")


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("bob@example.org", PASSWORD, name="Bob")


@pytest.fixture
def charlie() -> User:
    charlie = User.objects.create_user("charlie@example.org", PASSWORD, name="Charlie", is_staff=True)
    names = ["view_user", "add_user", "change_user", "view_group", "add_group", "change_group"]
    charlie.user_permissions.set(Permission.objects.filter(codename__in=names))
    return charlie


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    def client_of(member: User) -> Client:
        client = Client()
        client.force_login(member)
        return client

    return client_of


class AwayBackend(BaseEmailBackend):
    """A mail server that doesn't answer."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        raise ConnectionRefusedError


def at_once(deeds: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do all of them in threads of their own that start together; the answers, in order."""
    start = Barrier(len(deeds))

    def run(deed: Callable[[], Any]) -> Any:
        try:
            start.wait(timeout=20)
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as threads:
        return list(threads.map(run, deeds))
