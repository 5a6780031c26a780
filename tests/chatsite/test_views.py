"""Pages while the database is in trouble: a short page that says when to try again, and never an endless wait."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from django.db import OperationalError
from django.test import RequestFactory

from chatsite.views import server_error
from tests.cable import Cable
from tests.chatsite.processes import until
from tests.serving import Web, web

OWN = {"Host": "chat.example.org", "Cookie": "__Host-session=" + "a" * 32 + "; __Host-csrf=" + "b" * 32}


@pytest.fixture
def served(through_cable: dict[str, str], tmp_path: Path) -> Iterator[Web]:
    with web(through_cable, tmp_path) as served:
        yield served


def ask(served: Web, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, str | None, str]:
    """The status, Retry-After and the page."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://chat.example.org"}
    connection.request(method, path, urlencode(fields or {}), OWN | form)
    reply = connection.getresponse()
    return reply.status, reply.getheader("Retry-After"), reply.read().decode()


def test_without_its_database_a_page_says_when_to_try_again_and_keeps_what_was_typed(served: Web, cable: Cable) -> None:
    assert ask(served, "GET", "/")[0] == 302
    with cable.unplugged():
        status, after, page = ask(served, "GET", "/")
        assert (status, after) == (503, "5")
        assert "try again in a few seconds" in page
        typed = {"csrfmiddlewaretoken": "b" * 32, "key": "k", "text": "Is <anybody> there?", "model": "quick"}
        status, after, page = ask(served, "POST", "/c/", typed)
        assert (status, after) == (503, "5")
        assert "Is &lt;anybody&gt; there?</textarea>" in page
        assert 'name="model" value="quick"' in page
        assert page.count("csrfmiddlewaretoken") == 1
        assert re.search('<form method="post" action="/c/"', page)
    until(lambda: ask(served, "GET", "/")[0] == 302, "to be well again")
    assert "Traceback" not in served.said
    assert "Internal Server Error: /" not in served.said


def test_what_the_log_says_of_a_page_names_the_request(served: Web, cable: Cable) -> None:
    with cable.unplugged():
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        connection.request("GET", "/", headers=OWN)
        request_id = connection.getresponse().getheader("X-Request-ID")
    assert f" request_id={request_id}\n" in served.said


def test_one_statement_that_takes_too_long_is_given_up(served: Web, database_url: str) -> None:
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE django_session")
        assert ask(served, "GET", "/")[:2] == (503, "5")
    assert "canceling statement due to statement timeout" in served.said


def test_while_the_database_hangs_every_page_gets_an_answer(served: Web, cable: Cable) -> None:
    with cable.held(), ThreadPoolExecutor(14) as pool:
        pages = [pool.submit(ask, served, "GET", "/") for _ in range(14)]  # more than the pool has connections
        assert {page.result()[:2] for page in pages} == {(503, "5")}
    until(lambda: ask(served, "GET", "/")[0] == 302, "to be well again")


def test_without_a_free_connection_at_the_server_a_page_says_when_to_try_again(served: Web, database_url: str) -> None:
    with ExitStack() as taken:
        ours = taken.enter_context(psycopg.connect(database_url, autocommit=True))

        def is_turned_away() -> bool:
            """It may still have one in its pool, or be quicker than we when that one is taken from it."""
            ours.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chat_web'")
            with suppress(psycopg.OperationalError):  # the server has no more to give
                while True:
                    taken.enter_context(psycopg.connect(database_url))
            return ask(served, "GET", "/")[:2] == (503, "5")

        until(is_turned_away, "to be told when to try again")
    until(lambda: ask(served, "GET", "/")[0] == 302, "to be well again")


def test_a_fault_of_our_own_stays_one(rf: RequestFactory) -> None:
    try:
        raise ValueError("ours")
    except ValueError:
        assert server_error(rf.get("/")).status_code == 500
    try:
        raise LookupError("in words of its own") from OperationalError("away")
    except LookupError:
        assert server_error(rf.get("/")).status_code == 503


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"text=a", "multipart/form-data"),
        (b"text=a", "multipart/form-data; boundary=\xc3\xa9"),
        (b"text=a", "application/x-www-form-urlencoded; charset=utf-7"),
        (b"text=" + b"a" * 9_000_000, "application/x-www-form-urlencoded"),
    ],
)
def test_a_form_that_nobody_can_read_breaks_it_no_second_time(rf: RequestFactory, body: bytes, kind: str) -> None:
    request = rf.generic("POST", "/c/", body, content_type=kind)
    try:
        raise OperationalError("away")
    except OperationalError:
        assert server_error(request).status_code == 503


def test_a_password_is_never_shown_again(rf: RequestFactory) -> None:
    try:
        raise OperationalError("away")
    except OperationalError:
        page = server_error(rf.post("/accounts/login/", {"login": "alice@example.org", "password": "correct horse"}))
    assert b"correct horse" not in page.content
