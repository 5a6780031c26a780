"""ID1, ID3, ID11: what is not yours looks like what never was, on every route that takes an id.

Others' images (ID4, ID12) are in test_images.py, sockets (ID6) in test_routes.py, lists (ID13) in
tests/conversations/test_strangers.py, copies (ID8) in test_sharing.py there. There are no exports or members' keys yet
(ID9, ID14).
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import UUIDField
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from conversations.models import Share
from tests.attacks.routes import HTMX, World, all_routes, form_of, undone

VERBS = ("get", "post", "head", "put", "patch", "delete")
WITH_AN_ID = [route for route in all_routes() if re.search(r"<(uuid|path|int):|<uidb64>|<link_token>", route)]
UUIDS = ("conversation_id", "message_id", "attachment_id", "membership_id", "share_id")
PARAMETERS = tuple(f"<uuid:{name}>" for name in UUIDS)


def absent(world: World, route: str) -> str:
    """The route's address, with ids of the same kind that nobody has."""
    is_number = world.objects.get("/".join(route.split("/")[:3]), "").isdigit()
    nobodys = {
        **dict.fromkeys(PARAMETERS, str(uuid4())),
        "<int:pk>": "987654321",
        "<uidb64>": "x" * 22,
        "<link_token>": Share().token,
        "<token>": "invented",
    }
    nobodys["<uuid:message_id>/edit"] = f"{uuid4()}/edit"
    return world.address(route, **nobodys, **{"<path:object_id>": "987654321" if is_number else str(uuid4())})


def asked(world: World, who: str, verb: str, route: str, to: str, headers: dict[str, str]) -> tuple[Any, ...]:
    """All that somebody learns from an answer, and how much work it was."""
    browser = world.browser(who)
    with undone(), CaptureQueriesContext(connection) as queries:
        data = form_of(route) if verb == "post" else {}
        response: HttpResponse = getattr(browser, verb)(to, data, headers=headers)
    told = {name: value.replace(to, "") for name, value in response.headers.items() if name != "Expires"}
    return response.status_code, response.content.replace(to.encode(), b""), told, len(queries)


@pytest.mark.parametrize("route", WITH_AN_ID)
def test_what_is_anothers_looks_like_what_never_was_and_costs_the_same(world: World, route: str) -> None:
    """To a stranger, and in the admin to somebody without any permission there."""
    who, verbs = ("staff", VERBS[:2]) if route.startswith("admin/") else ("stranger", VERBS)
    for verb in verbs:
        for headers in ({}, HTMX) if route.startswith("c/") else ({},):  # no other page heeds htmx
            here, nowhere = world.address(route, **{"<token>": "invented"}), absent(world, route)
            theirs = asked(world, who, verb, route, here, headers)
            nobodys = asked(world, who, verb, route, nowhere, headers)
            assert theirs == nobodys, f"{verb} {headers}"


def test_ids_in_addresses_can_not_be_guessed() -> None:
    """A thousand of each: random ones, in no order, none twice."""
    ids = [field for model in apps.get_models() for field in model._meta.local_fields if isinstance(field, UUIDField)]
    primary = [field for field in ids if field.primary_key and not field.is_relation]
    assert {field.model.__name__ for field in primary} >= {
        "Conversation",
        "Message",
        "Attachment",
        "Generation",
        "User",
    }
    for field in primary:
        made: list[UUID] = [field.get_default() for _ in range(1000)]
        assert {it.version for it in made} == {4}
        assert len(set(made)) == 1000
        rising = sum(one < other for one, other in pairwise(made))
        assert 400 < rising < 600  # six standard deviations and more of chance


def test_every_id_that_a_member_sees_is_one_that_can_not_be_guessed() -> None:
    """Numbers that count up stand in the admin's addresses only."""
    assert not [route for route in all_routes() if re.search(r"<(int|path|slug|str):", route) and "admin/" not in route]
