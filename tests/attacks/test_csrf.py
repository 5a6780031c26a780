"""AU3, AU4: no other site posts for a member, to any route that takes a POST; the list is that of test_routes.py.

That a GET changes nothing, whatever method it says it would rather be, is there too.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.middleware.csrf import CSRF_ALLOWED_CHARS, CSRF_SECRET_LENGTH
from django.test import Client

from tests.attacks.routes import HTMX, World, digests, form_of
from tests.attacks.test_routes import CELLS, MATRIX, NOT_LOOKED_AT, REFUSALS

TOKEN, ANOTHERS = CSRF_ALLOWED_CHARS[0] * CSRF_SECRET_LENGTH, CSRF_ALLOWED_CHARS[1] * CSRF_SECRET_LENGTH
HERE, EVIL = "http://testserver", "https://evil.example"


def posters(route: str) -> list[str]:
    """Who may post there, among those who own something."""
    answers = dict(zip(CELLS, MATRIX[route], strict=True))
    return [who for who in ("owner", "administrator") if answers["post", who] not in REFUSALS]


POSTS = [(route, who) for route in MATRIX for who in posters(route)]


def form(route: str, **more: str) -> dict[str, Any]:
    return {"data": urlencode(form_of(route[1:]) | more), "content_type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(("route", "who"), POSTS)
def test_another_sites_page_posts_nothing(world: World, route: str, who: str) -> None:
    before, to = digests(NOT_LOOKED_AT), world.address(route[1:])
    right, wrong = form(route, csrfmiddlewaretoken=TOKEN), form(route, csrfmiddlewaretoken=ANOTHERS)
    attempts: dict[str, dict[str, Any]] = {
        "no token": form(route),
        "another session's token": wrong,
        "another session's token in the header": form(route) | {"headers": {"X-CSRFToken": ANOTHERS}},
        "JSON as text": {"data": b'{"text": "x", "csrfmiddlewaretoken": "a"}', "content_type": "text/plain"},
        "JSON": {"data": b'{"text": "x"}', "content_type": "application/json"},
        "another origin": right | {"headers": {"Origin": EVIL}},
        "no origin at all": right | {"headers": {"Origin": "null"}},
        "our name as part of theirs": right | {"headers": {"Origin": f"{HERE}.evil.example"}},
        "another scheme": right | {"headers": {"Origin": HERE.replace("http", "https")}},
        "another page, over TLS": right | {"headers": {"Referer": f"{EVIL}/"}, "secure": True},
        "no page, over TLS": right | {"secure": True},
        "a method in the form": form(route, _method="GET"),
        "a method in a header": form(route) | {"headers": {"X-HTTP-Method-Override": "GET"}},
        "a token in the address": form(route) | {"query_params": {"csrfmiddlewaretoken": TOKEN}},
    }
    attacked = browser(world, who)
    for attempt, request in attempts.items():
        for headers in ({}, HTMX) if to.startswith("/c/") else ({},):  # no other page heeds htmx
            sent = request | {"headers": request.get("headers", {}) | headers}
            assert attacked.post(to, **sent).status_code == 403, attempt
    assert digests(NOT_LOOKED_AT) == before
    # And our own page does, so that it was not for another reason.
    response: Any = attacked.post(to, **right | {"headers": {"Origin": HERE}})
    assert str(response.status_code) == dict(zip(CELLS, MATRIX[route], strict=True))["post", who]


def browser(world: World, who: str) -> Client:
    client = world.browser(who, enforce_csrf_checks=True)
    client.cookies[settings.CSRF_COOKIE_NAME] = TOKEN
    return client


def test_nobody_is_signed_in_by_another_sites_page(world: World) -> None:
    """Into an account of theirs, to read there what is asked."""
    visitor = browser(world, "anonymous")
    for sent in (form("/accounts/login/"), form("/accounts/login/", csrfmiddlewaretoken=ANOTHERS)):
        assert visitor.post("/accounts/login/", **sent).status_code == 403
    assert SESSION_KEY not in visitor.session


@pytest.mark.parametrize("to", ["/accounts/logout/", "/admin/logout/"])
def test_nobody_is_signed_out_by_an_address_alone(world: World, to: str) -> None:
    for who in ("owner", "administrator"):
        member = browser(world, who)
        for verb in ("get", "head", "options"):
            getattr(member, verb)(to)
        assert SESSION_KEY in member.session
