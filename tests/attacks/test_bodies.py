"""Requests from anybody, signed in or not: too long, too slow, or not what they say."""

from __future__ import annotations

import http.client
import socket
import time
from pathlib import Path

import pytest

from accounts.models import User
from chatsite.server import BODY_LIMIT
from tests.chatsite.processes import until
from tests.serving import Web, environment, web

HEAD = "POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
MEGABYTE = 1_000_000


def knock(server: Web, more: str) -> socket.socket:
    knocking = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    knocking.sendall((HEAD.format(port=server.port) + more + "\r\n").encode())
    return knocking


def written(server: Web) -> int:
    """Bytes in files that the process holds open and that have no name any more."""
    files = Path(f"/proc/{server.program.process.pid}/fd").iterdir()
    return sum(it.stat().st_size for it in files if "(deleted)" in str(it.readlink()))


@pytest.mark.parametrize("length", [f"Content-Length: {500 * MEGABYTE}\r\n", "Transfer-Encoding: chunked\r\n"])
def test_a_body_without_end_is_cut_off_before_it_fills_the_disk(server: Web, length: str) -> None:
    """Daphne keeps a body on the disk, whatever its length, before anybody of ours is asked."""
    with knock(server, length) as knocking:
        sent = 0
        with pytest.raises(OSError):  # reset, or a broken pipe: it depends on the moment
            while sent < 200 * MEGABYTE:
                piece = b"a" * MEGABYTE
                knocking.sendall(piece if "Length" in length else b"%x\r\n%s\r\n" % (len(piece), piece))
                sent += len(piece)
                assert written(server) <= BODY_LIMIT
        assert sent < 100 * MEGABYTE


def test_a_body_that_says_that_it_is_too_long_is_told_so(server: Web) -> None:
    with knock(server, f"Content-Length: {BODY_LIMIT + 1}\r\n") as knocking:
        assert knocking.recv(100).startswith(b"HTTP/1.1 413 ")


def test_what_a_form_may_hold_still_arrives(server: Web) -> None:
    body = b"login=" + b"a" * (7 * MEGABYTE)
    with knock(server, f"Content-Length: {len(body)}\r\n") as knocking:
        knocking.sendall(body)
        assert knocking.recv(100).startswith(b"HTTP/1.1 403 ")  # no token of ours


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "cp037", "rot13"])
def test_a_form_in_another_alphabet_is_refused_in_one_line(server: Web, charset: str) -> None:
    """Django's own refusal reads the form as well, for its token, and broke on it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as knocking:
        head = HEAD.format(port=server.port).replace("urlencoded", f"urlencoded; charset={charset}")
        knocking.sendall(f"{head}Content-Length: 3\r\n\r\na=1".encode())
        assert knocking.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_head_that_drips_is_not_waited_for(server: Web) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as knocking:
        knocking.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1")
        began = time.monotonic()
        with pytest.raises(OSError):  # reset, or a broken pipe
            while time.monotonic() - began < 30:
                knocking.sendall(b"0")
                time.sleep(0.2)
        assert time.monotonic() - began < 20


def test_no_client_says_what_our_addresses_begin_with(
    django_db_setup: None, server_url: str, alice: User, tmp_path: Path
) -> None:
    """Daphne believed a header: a stranger asked for alice's link, and the mail led to the stranger's host."""
    with web(environment(server_url, tmp_path, EMAIL_URL="consolemail://"), tmp_path) as served:
        asked = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        token = "a" * 32
        asked.request(
            "POST",
            "/accounts/password/reset/",
            f"csrfmiddlewaretoken={token}&email=alice@example.org",
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Cookie": f"csrf={token}",
                "Daphne-Root-Path": ".evil.example",
            },
        )
        reply = asked.getresponse()
        assert (reply.status, reply.headers["Location"]) == (302, "/accounts/password/reset/done/")
        until(lambda: "/welcome/" in served.said, "the mail", 5)
        assert f"{served.origin}/accounts/welcome/" in served.said
