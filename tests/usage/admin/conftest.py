"""Root may do everything on the desk, Erin what a test gives her; Alice is the member that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User

type Staff = Callable[..., Client]


def signed_in(member: User) -> Client:
    client = Client()
    client.force_login(member)
    return client


@pytest.fixture
def root(transactional_db: None) -> User:
    return User.objects.create_superuser("root@example.org", "correct horse battery", name="Root")


@pytest.fixture
def desk(root: User) -> Client:
    return signed_in(root)


@pytest.fixture
def staff(transactional_db: None) -> Staff:
    """Erin, with these permissions alone."""

    def with_rights(*rights: str) -> Client:
        erin = User.objects.create_user("erin@example.org", "correct horse battery", name="Erin", is_staff=True)
        erin.user_permissions.set(Permission.objects.filter(codename__in=rights))
        return signed_in(erin)

    return with_rights


def inline(prefix: str, *rows: Mapping[str, object], initial: int = 0) -> dict[str, str]:
    """What the form of an inline posts."""
    data = {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": str(initial)}
    return data | {f"{prefix}-{number}-{name}": str(it) for number, row in enumerate(rows) for name, it in row.items()}


def said(html: str) -> list[str]:
    """The messages of a page."""
    part = html.partition('class="messagelist"')[2].partition("</ul>")[0]
    return [it.partition(">")[2].partition("</li>")[0] for it in part.split("<li")[1:]]
