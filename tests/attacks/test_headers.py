"""AU16, AU17: what a request says of itself, byte by byte, to the real server.

What a proxy is trusted to say, and when, stands in tests/accounts/test_signing_in.py.
"""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from conversations.models import Conversation
from tests.attacks.wire import said
from tests.serving import Web

LOGIN = "GET /accounts/login/ HTTP/1.1"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil/?x",
        "a@b",
        "127.0.0.1@evil.example",
        "127.0.0.1, evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1:80:80",
        "127.0.0.1 evil",
        "127.0.0.1#",
        "[127.0.0.1]",
        "127.0.0.1\\.evil.example",
        "\xa0",
        "127.0.0.1:port",
    ],
)
def test_a_host_that_is_not_ours_is_refused_and_said_nowhere(server: Web, host: str) -> None:
    status, rest = said(server, LOGIN, f"Host: {host}")
    assert status == 400
    assert host not in rest


@pytest.mark.parametrize("second", ["Host: evil.example", "Host: 127.0.0.1"])
def test_two_hosts_are_none(server: Web, second: str) -> None:
    ours = f"Host: 127.0.0.1:{server.port}"
    assert said(server, LOGIN, ours, second)[0] == 400
    assert said(server, LOGIN, second, ours)[0] == 400


@pytest.mark.parametrize("target", ["http://evil.example/accounts/login/", "//evil.example/accounts/login/", "*", "x"])
def test_an_address_in_place_of_a_path_leads_to_no_page_and_nowhere_else(server: Web, target: str) -> None:
    status, rest = said(server, f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{server.port}")
    assert status in {0, 302, 400, 404}
    assert "Location: //" not in rest
    assert "evil.example" not in rest.split("\r\n\r\n")[0].replace("next=", "")


def test_what_is_ours_alone_is_not_reached_by_another_spelling_of_its_path(
    server: Web, conversation: Conversation
) -> None:
    """The decision is made by the path that the router saw, whatever it was written like."""
    pk = conversation.pk
    for path in (
        f"/c/{pk}/",
        f"//c/{pk}/",
        f"/./c/{pk}/",
        f"/static/../c/{pk}/",
        f"/c/%2e%2e/c/{pk}/",
        f"/C/{pk}/",
        f"/c/{pk}/;x=1",
        f"/accounts/login/../../c/{pk}/",
        f"/accounts/login/%2f../c/{pk}/",
        f"http://127.0.0.1:{server.port}/c/{pk}/",
        f"/c/{str(pk).upper()}/",
        f"/c/{pk}%00/",
    ):
        status, rest = said(server, f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}")
        assert status in {302, 400, 404}, path
        assert "monad" not in rest, path


@pytest.mark.parametrize(
    "header",
    [
        "Remote-User: {alice}",
        "Remote_User: {alice}",
        "REMOTE_USER: {alice}",
        "X-Remote-User: {alice}",
        "X-Forwarded-User: {alice}",
        "X-Forwarded-Email: {alice}",
        "X-Original-URL: /accounts/login/",
        "X-Rewrite-URL: /accounts/login/",
        "X-HTTP-Method-Override: OPTIONS",
        "Daphne-Root-Path: /accounts/login",
        "Script_Name: /accounts/login",
        "Cookie: sessionid={alice}; user={alice}",
        "Authorization: Basic YWxpY2VAZXhhbXBsZS5vcmc6Y29ycmVjdCBob3JzZSBiYXR0ZXJ5",
    ],
)
def test_nobody_becomes_a_member_by_a_header(server: Web, conversation: Conversation, header: str) -> None:
    line = header.format(alice="alice@example.org")
    ours = f"Host: 127.0.0.1:{server.port}"
    status, rest = said(server, f"GET /c/{conversation.pk}/ HTTP/1.1", ours, line)
    assert (status, "monad" in rest) == (302, False)
    assert f"location: /accounts/login/?next=/c/{conversation.pk}/" in rest.lower()


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-Host", "X_Forwarded_Host", "X-Forwarded-Proto", "X_Forwarded_Proto", "Forwarded", "X-Host"],
)
def test_a_proxys_words_count_for_nothing_when_there_is_no_proxy(
    server: Web, conversation: Conversation, header: str
) -> None:
    evil = {"Forwarded": "host=evil.example;proto=https"}.get(header, "https" if "roto" in header else "evil.example")
    ours = f"Host: 127.0.0.1:{server.port}"
    status, rest = said(server, LOGIN, ours, f"{header}: {evil}")
    assert status == 200
    assert "evil.example" not in rest
    assert "strict-transport-security" not in rest.lower()


def test_guesses_are_not_spread_over_addresses_that_a_visitor_makes_up(server: Web) -> None:
    """AU14: ten a minute from one address, whatever its headers say; underscores and all."""
    found = []
    for number in range(12):
        body = f"csrfmiddlewaretoken={'a' * 32}&login=nobody{number}@example.org&password=wrong"
        status, rest = said(
            server,
            "POST /accounts/login/ HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            f"Cookie: csrf={'a' * 32}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            *(
                f"{name}: 203.0.113.{number}"
                for name in ("X-Forwarded-For", "X_Forwarded_For", "X-Real-IP", "Forwarded")
            ),
            "Connection: close",
            "",
            body,
        )
        found.append("Too many failed" in rest or status == 429)
    assert found[-1]
    assert not found[0]


@pytest.mark.parametrize(
    "target", ["http://evil.example/ws/c/{pk}/", "//evil.example/ws/c/{pk}/", "/ws/c/{pk}/../../c/{pk}/"]
)
def test_no_socket_is_opened_by_another_spelling_of_its_address(
    server: Web, browser_of_alice: Client, conversation: Conversation, target: str
) -> None:
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser_of_alice.cookies[settings.SESSION_COOKIE_NAME].value}"
    status, _ = said(
        server,
        f"GET {target.format(pk=conversation.pk)} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Origin: http://evil.example",
        f"Cookie: {cookie}",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    assert status in {0, 400, 403, 404}
