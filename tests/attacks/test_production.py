"""WS1, WS12, AU16: as a team runs it, under https and behind a proxy. And Django's own advice for that, followed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as ours
from django.test import Client
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from conversations.models import Conversation
from tests.attacks.wire import said
from tests.serving import Web, environment, web
from tests.sockets import closed

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = "https://chat.example"
PRODUCTION = {
    "PUBLIC_URL": PUBLIC,
    "BEHIND_PROXY": "1",
    "SECRET_KEY": "k9!xQ2#vL7@pR4$wM8%tZ3^nB6&hJ1*cF5(dG0)sA~yUeIoP-and-more",
}
COOKIES = """
import json
from django.conf import settings
names = [n for n in dir(settings) if n.startswith(("SESSION_COOKIE", "CSRF_COOKIE", "SECURE", "SOCKET", "ALLOWED"))]
print(json.dumps({name: getattr(settings, name) for name in names}, default=list))
"""


def manage(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = environment("postgres://nobody@127.0.0.1:1/none", folder, **PRODUCTION)
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_djangos_advice_for_production_is_followed_without_a_warning(tmp_path: Path) -> None:
    checked = manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no issues" in checked.stdout


def test_the_cookies_are_for_this_host_alone_and_travel_to_no_other_sites_post(tmp_path: Path) -> None:
    """WS12: a page on a neighbouring name can neither set our cookies nor have them sent with its socket."""
    found: dict[str, Any] = json.loads(manage(tmp_path, "shell", "--no-imports", "-c", COOKIES).stdout)
    for kind in ("SESSION", "CSRF"):
        assert found[f"{kind}_COOKIE_NAME"].startswith("__Host-")
        assert found[f"{kind}_COOKIE_SECURE"]
        assert found[f"{kind}_COOKIE_SAMESITE"] == "Lax"
        assert (found[f"{kind}_COOKIE_DOMAIN"], found[f"{kind}_COOKIE_PATH"]) == (None, "/")
    assert found["SESSION_COOKIE_HTTPONLY"]
    assert found["SOCKET_ORIGINS"] == [PUBLIC]
    assert found["ALLOWED_HOSTS"] == ["chat.example"]


@pytest.fixture(scope="module")
def secure(django_db_setup: None, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("secure")
    production = {**PRODUCTION, "SECRET_KEY": ours.SECRET_KEY}  # the test's sessions are signed with it
    with web(environment(server_url, folder, **production), folder) as served:
        yield served


def socket_of(secure: Web, conversation: Conversation, browser: Client, origin: str | None) -> Any:
    cookie = f"__Host-session={browser.cookies[ours.SESSION_COOKIE_NAME].value}"
    sent: Any = origin
    return connect(
        f"ws://127.0.0.1:{secure.port}/ws/c/{conversation.pk}/",
        origin=sent,
        additional_headers={"Cookie": cookie, "X-Forwarded-Proto": "https"},
    )


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.tld",
        "null",
        "https://chat.example.evil.tld",
        "https://evil.chat.example",
        "http://chat.example",
        "https://chat.example:8443",
        "https://chat.example:443",
        "https://chat.example.",
        "https://CHAT.example",
        "https://files.chat.example",
        None,
    ],
)
def test_a_page_of_another_origin_opens_no_socket(
    secure: Web, browser_of_alice: Client, conversation: Conversation, origin: str | None
) -> None:
    """WS1: scheme, host and port as a whole, before it is accepted."""
    with pytest.raises(InvalidStatus) as refused, socket_of(secure, conversation, browser_of_alice, origin):
        pass
    assert refused.value.response.status_code in {400, 403}


def test_our_own_page_does(secure: Web, browser_of_alice: Client, conversation: Conversation) -> None:
    with socket_of(secure, conversation, browser_of_alice, PUBLIC) as socket:
        socket.send('{"seq": 0}')
        assert "messages" in str(socket.recv(5))
        socket.send("1")
        with pytest.raises(TimeoutError):
            closed(socket, 0.5)


def test_a_cookie_of_the_insecure_name_is_nobodys(
    secure: Web, browser_of_alice: Client, conversation: Conversation
) -> None:
    key = browser_of_alice.cookies[ours.SESSION_COOKIE_NAME].value
    lines = (f"GET /c/{conversation.pk}/ HTTP/1.1", "Host: chat.example", "X-Forwarded-Proto: https")
    assert said(secure, *lines, f"Cookie: session={key}")[0] == 302
    assert said(secure, *lines, f"Cookie: __Host-session={key}")[0] == 200


@pytest.mark.parametrize("header", ["X_Forwarded_Proto: https", "X-Forwarded_Proto: https", "X-Forwarded-Ssl: on"])
def test_only_the_proxys_own_header_says_that_it_was_https(secure: Web, header: str) -> None:
    lines = ("GET /accounts/login/ HTTP/1.1", "Host: chat.example")
    assert "strict-transport-security" in said(secure, *lines, "X-Forwarded-Proto: https")[1].lower()
    assert "strict-transport-security" not in said(secure, *lines, header)[1].lower()
