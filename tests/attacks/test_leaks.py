"""LK2, LK4 to LK7: what an error, a copy of the database, a page for machines and a guessed path give away.

What a provider says about a key (LK1) stands in tests/providers/test_secrets.py and test_refusals.py; what a report of
an error holds while a key is entered in tests/catalog/test_admin.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from pytest_django import Settings

from catalog import keys
from catalog.models import Provider
from conversations.prompting import NAMING, SYSTEM
from providers.messages import Secret
from tests.attacks.pages import whole
from tests.attacks.routes import World, digests, tables
from tests.attacks.test_routes import MATRIX
from tests.attacks.wire import said
from tests.serving import Web

KEY = "sk-canary-0123456789abcdef0123456789abcdef"
PASSWORD = "a quiet green harbour"
SECRETS = {
    "SECRET_KEY": "a-secret-key-0123456789-0123456789-0123456789",
    "PROVIDER_KEYS_SECRETS": ("a-keeper-of-keys-0123456789-0123456789-0123",),
    "DEEPSEEK_API_KEY": "sk-of-the-operator-0123456789abcdef",
    "METRICS_TOKEN": "a-token-for-metrics-0123456789",
    "DATABASE_LISTEN_URL": "postgres://chat:the-databases-password@db/chat",
}


# An error, while a key is in hand -----------------------------------------------------------------------------------


def breaking(request: HttpRequest) -> HttpResponse:
    key = Secret(KEY)
    provider = Provider.objects.get()
    sealed = keys.sealed(key, "somewhere")
    assert not provider.kept_key, sealed
    return HttpResponse(f"{key}{1 / 0}")


class Urls:
    urlpatterns = [path("breaks/", breaking), path("", include("chatsite.urls"))]


@pytest.mark.parametrize("debug", [False, True])
def test_a_page_that_breaks_with_a_key_in_hand_shows_none_and_logs_none(
    world: World, settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], debug: bool
) -> None:
    for name, secret in SECRETS.items():
        setattr(settings, name, secret)
    settings.DEBUG, settings.ROOT_URLCONF = debug, Urls
    browser = world.browser("anonymous")
    answer = browser.get("/breaks/", headers={"Authorization": f"Bearer {SECRETS['METRICS_TOKEN']}"})
    assert answer.status_code == 500
    told = answer.content.decode() + caplog.text + "".join(capfd.readouterr())
    assert "ZeroDivisionError" in told
    assert ("Traceback" in answer.content.decode()) == debug
    for secret in (KEY, KEY[-8:], "the-databases-password", *map(str, SECRETS.values())):
        assert secret.strip("(),'") not in told


# A copy of the database ----------------------------------------------------------------------------------------------


def dump() -> str:
    with connection.cursor() as cursor:
        rows = []
        for table in tables():
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            rows += [row[0] for row in cursor.fetchall()]
        # What a session holds is encoded, and may be compressed.
        cursor.execute("SELECT session_data FROM django_session")
        rows += [str(Client().session.decode(row[0])) for row in cursor.fetchall()]
    return "\n".join(rows)


def test_a_copy_of_the_database_opens_nothing(world: World) -> None:
    """LK4: no cookie, no link, no password and no key that works, not even in what a session holds."""
    root, visitor = world.browser("administrator"), world.browser("anonymous")
    shown = {
        "name": "deepseek",
        "dialect": "deepseek",
        "base_url": "https://provider.example",
        "concurrency": "5",
        "currency": "USD",
    }
    provider = f"/admin/catalog/provider/{Provider.objects.get().pk}/change/"
    assert root.post(provider, {**shown, "new_key": KEY}).status_code == 302
    assert visitor.get(world.address("accounts/welcome/<uidb64>/<token>/"), follow=True).status_code == 200
    cookies = [str(it.value) for browser in (root, visitor) for it in browser.cookies.values()]
    assert len(cookies) >= 3
    copy = dump()
    assert "What is a monad?" in copy
    for secret in (*cookies, *world.sessions.values(), KEY, KEY[-8:], world.parameters["<token>"]):
        assert secret not in copy
    for secret in (settings.SECRET_KEY, *settings.PROVIDER_KEYS_SECRETS, "correct horse battery"):
        assert secret not in copy


def test_what_the_database_calls_a_session_is_no_cookie(world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_key FROM django_session")
        copied = [row[0] for row in cursor.fetchall()]
    assert len(copied) == len(world.sessions)
    for key in copied:
        thief = Client()
        thief.cookies[settings.SESSION_COOKIE_NAME] = key
        assert thief.get("/").status_code == 302


def test_following_a_link_writes_nothing_anywhere(world: World) -> None:
    before, visitor = digests(), world.browser("anonymous")
    visitor.get(world.address("accounts/welcome/<uidb64>/<token>/"), follow=True)
    assert digests() == before, "sessions too"
    cookie = visitor.cookies["welcome"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert cookie["path"].startswith("/accounts/welcome/")


# Pages for machines --------------------------------------------------------------------------------------------------


@pytest.fixture
def secrets_of_the_server(server: Web) -> Iterator[list[str]]:
    yield [settings.SECRET_KEY, str(settings.DATABASES["default"]["NAME"]), "Traceback", "psycopg", "/site-packages/"]


@pytest.mark.parametrize("where", ["/healthz", "/readyz", "/metrics", "/metrics/", "/debug", "/__debug__/", "/env"])
def test_what_machines_ask_gives_nothing_away(server: Web, secrets_of_the_server: list[str], where: str) -> None:
    """LK5: two lines for a load balancer, and metrics for whoever has the token; here nobody has one."""
    status, rest = said(server, f"GET {where} HTTP/1.1", f"Host: 127.0.0.1:{server.port}")
    assert status in ({200, 503} if where in {"/healthz", "/readyz"} else {404})
    assert not [it for it in secrets_of_the_server if it in rest]
    assert len(rest.partition("\r\n\r\n")[2]) < 2_000


# What the model is told ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anonymous", "stranger", "owner", "staff", "administrator"])
def test_what_we_tell_the_model_stands_on_no_page(world: World, who: str) -> None:
    """LK6: neither our instructions nor those for titles; and another's question on nobody else's."""
    for route in MATRIX:
        answer = world.browser(who).get(world.address(route[1:]), follow=True)
        page = whole(answer).decode(errors="replace")
        assert SYSTEM[:40] not in page
        assert NAMING[:40] not in page
        assert who == "owner" or "What is a monad?" not in page, route


# Paths that are not pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        "/.git/config",
        "/.git/HEAD",
        "/.env",
        "/static/.env",
        "/static/",
        "/static/js/",
        "/static/../chatsite/settings.py",
        "/static/..%2fchatsite/settings.py",
        "/static/%2e%2e/chatsite/settings.py",
        "/static/..\\chatsite\\settings.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/js/chat.js.map",
        "/static/vendor/htmx-4.0.1.min.js.map",
        "/media/",
        "/media/x.png",
        "/var/secret_key",
        "/secret_key",
        "/admin/doc/",
        "/admin/doc/models/",
        "/admin/r/1/1/",
        "/chatsite/settings.py",
        "/manage.py",
        "/server-status",
        "/.well-known/",
        "/api/",
        "/graphql",
        "/accounts/signup/",
        "/accounts/social/",
        "/_allauth/",
    ],
)
def test_a_guessed_path_leads_to_nothing(server: Web, where: str) -> None:
    """LK7. In the admin a stranger is sent to sign in, whatever the path."""
    status, rest = said(server, f"GET {where} HTTP/1.1", f"Host: 127.0.0.1:{server.port}")
    assert status == (302 if where.startswith("/admin/") else 404), rest[:300]
    assert "root:" not in rest
    assert "INSTALLED_APPS" not in rest


@pytest.mark.parametrize("where", ["/admin/doc/", "/admin/doc/models/", "/admin/r/1/1/", "/admin/jsi18n/x/"])
def test_nor_does_it_for_an_administrator(world: World, where: str) -> None:
    assert world.browser("administrator").get(where).status_code == 404
