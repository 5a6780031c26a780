"""The socket from outside: a real web process, a real client, and everything that a client or the day may do to it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from websockets import Origin
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from accounts.models import User
from accounts.sessions import digest
from conversations import asking
from conversations.models import Conversation
from tests.chatsite.processes import until
from tests.conversations.replaying import Writer, load
from tests.serving import Web, environment, web
from tests.sockets import Tab, closed, opened

# Who is let in -------------------------------------------------------------------------------------------------------


def test_a_visitor_who_is_not_signed_in_is_accepted_and_then_told(server: Web, conversation: Conversation) -> None:
    """A refusal of the handshake itself would look like a lost network, and the page would knock for ever."""
    with opened(server, conversation.pk) as socket:
        assert closed(socket) == 4401


@pytest.mark.parametrize("spoiled", ["expired", "deleted", "deactivated", "another password", "forged"])
def test_a_session_that_is_none_any_more_is_told_the_same(
    server: Web, conversation: Conversation, alice: User, browser_of_alice: Client, spoiled: str
) -> None:
    session = Session.objects.filter(session_key=digest(browser_of_alice.session.session_key or ""))
    match spoiled:
        case "expired":
            session.update(expire_date=timezone.now() - timedelta(seconds=1))
        case "deleted":
            session.delete()
        case "deactivated":
            User.objects.filter(pk=alice.pk).update(is_active=False)
        case "another password":
            alice.set_password("another horse battery")
            alice.save()
        case "forged":
            browser_of_alice.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    with opened(server, conversation.pk, browser_of_alice) as socket:
        assert closed(socket) == 4401


def test_anothers_conversation_and_one_that_is_not_there_are_the_same(
    server: Web, conversation: Conversation, charlie: User
) -> None:
    browser_of_charlie = Client()
    browser_of_charlie.force_login(charlie)
    for conversation_id in (conversation.pk, uuid4()):
        with opened(server, conversation_id, browser_of_charlie) as socket:
            assert closed(socket) == 4404


def test_a_stranger_who_talks_before_being_refused_reads_nothing(
    server: Web, conversation: Conversation, charlie: User
) -> None:
    browser_of_charlie = Client()
    browser_of_charlie.force_login(charlie)
    for client in (None, browser_of_charlie):
        for _ in range(10):
            with opened(server, conversation.pk, client) as socket:
                with suppress(ConnectionClosed):
                    for _ in range(20):
                        socket.send('{"seq": 0}')
                with pytest.raises(ConnectionClosed):
                    while True:
                        pytest.fail(f"a stranger was given {socket.recv(5)!r}")
                assert socket.close_code in {4401, 4404}


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
        "http://evil.127.0.0.1",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1",
        "http://127.0.0.1:1{port}",
        "http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}, http://127.0.0.1:{port}",
        "http://user@127.0.0.1:{port}",
        "HTTP://127.0.0.1:{port}",
        "",
        None,
    ],
)
def test_another_sites_page_is_refused_before_it_is_accepted(
    server: Web, conversation: Conversation, browser_of_alice: Client, origin: str | None
) -> None:
    sent = origin.format(port=server.port) if origin is not None else None
    with pytest.raises(InvalidStatus) as refused, opened(server, conversation.pk, browser_of_alice, origin=sent):
        pass
    # 400 is what Daphne's library says to an origin that is no origin at all, before anybody of ours is asked.
    assert refused.value.response.status_code in {400, 403}


@pytest.mark.parametrize("second", ["{ours}", "https://evil.example"])
def test_two_origins_are_none(server: Web, conversation: Conversation, browser_of_alice: Client, second: str) -> None:
    status = raw_upgrade(
        server, f"/ws/c/{conversation.pk}/", browser_of_alice, [server.origin, second.format(ours=server.origin)]
    )
    assert status in {400, 403}


def raw_upgrade(server: Web, path: str, client: Client, origins: list[str]) -> int:
    asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    asked.putrequest("GET", path)
    for name, value in (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Cookie", f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"),
        *(("Origin", origin) for origin in origins),
    ):
        asked.putheader(name, value)
    asked.endheaders()
    try:
        return asked.getresponse().status
    finally:
        asked.close()


def test_our_own_page_is_let_in(server: Web, tab: Callable[[], Tab], writer: Writer) -> None:
    writer.write()
    tab().until_shown("word0.")


@pytest.mark.parametrize("path", ["/ws/", "/ws/c/", "/ws/c/1/", "/other/", "/ws/c/../c/"])
def test_there_is_no_other_socket(server: Web, browser_of_alice: Client, path: str) -> None:
    before = len(server.said)
    with (
        suppress(InvalidStatus, ConnectionClosed),
        connect(f"ws://127.0.0.1:{server.port}{path}", origin=Origin(server.origin)) as socket,
    ):
        socket.recv(5)
    assert_answers(server)
    assert "Traceback" not in server.said[before:]


# What a client may say -----------------------------------------------------------------------------------------------


def assert_answers(server: Web, seconds: float = 0.5) -> None:
    began = time.monotonic()
    asked = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    asked.request("GET", "/")
    assert asked.getresponse().status == 302
    asked.close()
    assert time.monotonic() - began < seconds


@pytest.mark.parametrize(
    "said",
    [
        "",
        "hello",
        "null",
        "[]",
        "{}",
        '{"seq": null}',
        '{"seq": "0"}',
        '{"seq": 1.5}',
        '{"seq": true}',
        '{"seq": -1}',
        '{"seq": 1e400}',
        '{"seq": NaN}',
        f'{{"seq": {2**62 + 1}}}',
        '{"seq": ' + "9" * 5_000 + "}",
        "[" * 60_000,
        '{"seq":' * 9_000,
        b"\x00\xff\xfe",
        b'{"seq": 0}',
        "\u0000\ud7ff\U0010ffff",
    ],
    ids=lambda said: repr(said)[:24],
)
def test_a_first_message_that_names_no_place_ends_the_socket(
    server: Web, conversation: Conversation, browser_of_alice: Client, said: str | bytes
) -> None:
    with opened(server, conversation.pk, browser_of_alice) as socket:
        with suppress(ConnectionClosed):
            socket.send(said)
            socket.send('{"seq": 0}')  # too late
        with pytest.raises(ConnectionClosed):
            pytest.fail(f"it was given {socket.recv(5)!r}")
        assert socket.close_code == 4400
    assert_answers(server)


@pytest.mark.parametrize("ahead", [1, 1_000_000, 2**61])
def test_a_page_that_stands_beyond_the_log_is_given_all_of_it(
    server: Web, tab: Callable[[], Tab], writer: Writer, ahead: int
) -> None:
    late = tab()
    late.socket.close()
    late.page.element("cursor").attributes["value"] = str(late.page.cursor + ahead)
    late.come_back(server)
    fresh_cursor = late.page.cursor - ahead
    late.until(lambda page: page.cursor == fresh_cursor)
    finish(writer)
    late.until_shown("word9.")


@pytest.mark.parametrize("said", ["x" * 70_000, b"x" * 70_000, "x" * 5_000_000], ids=["text", "bytes", "5 MB"])
def test_a_message_beyond_64_kB_ends_the_socket(
    server: Web, conversation: Conversation, browser_of_alice: Client, said: str | bytes
) -> None:
    with opened(server, conversation.pk, browser_of_alice) as socket:
        with suppress(ConnectionClosed):
            socket.send(said)
        assert closed(socket) in {1006, 1009}
    assert_answers(server)


def test_acknowledging_what_was_never_given_gains_nothing(
    server: Web, tab: Callable[[], Tab], conversation: Conversation, writer: Writer
) -> None:
    """As many at once as a socket may say without being closed: others read on, and pages are answered."""
    noisy, calm = tab(), tab()
    for number in range(10):
        for _ in range(80):
            noisy.socket.send("1")
        writer.write()
        calm.until_shown(f"word{number}.", 2)
        assert_answers(server)
    writer.end()
    noisy.until_same(load(noisy._client, conversation))


def test_a_socket_that_says_nothing_is_given_nothing(
    server: Web, conversation: Conversation, browser_of_alice: Client, writer: Writer
) -> None:
    with opened(server, conversation.pk, browser_of_alice) as socket:
        writer.write()
        with pytest.raises(TimeoutError):
            socket.recv(1.2)


# Bad days ------------------------------------------------------------------------------------------------------------


def finish(writer: Writer) -> None:
    while writer.write():
        pass
    writer.end()


def test_streams_go_on_while_the_listening_connection_is_down_and_it_comes_back(
    server: Web, tab: Callable[[], Tab], browser_of_alice: Client, conversation: Conversation, writer: Writer
) -> None:
    reading = tab()
    until(listeners, "to listen", 5)
    for number in range(5):
        kill_listeners()
        writer.write()
        reading.until_shown(f"word{number}.", 2.5)
    until(listeners, "to listen again", 5)
    latencies = []
    for number in range(5, 10):
        time.sleep(0.05)
        began = time.monotonic()
        writer.write()
        reading.until_shown(f"word{number}.", 2)
        latencies.append(time.monotonic() - began)
    assert min(latencies) < 0.2, "by the bus again, not by looking once a second"
    writer.end()
    reading.until_same(load(browser_of_alice, conversation))


def listeners() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chat_feed'"
        )
        return [row[0] for row in cursor.fetchall()]


def kill_listeners() -> int:
    pids = listeners()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [pids])
    return len(pids)


def test_a_conversation_deleted_while_it_is_open_is_not_there_any_more(
    tab: Callable[[], Tab], conversation: Conversation, writer: Writer
) -> None:
    tabs = [tab(), tab()]
    writer.write()
    tabs[0].until_shown("word0.")
    asking.delete(conversation)
    for it in tabs:
        assert it.code(2) == 4404


def test_two_web_processes_show_two_readers_the_same_end(
    webs: list[Web], tab: Callable[..., Tab], browser_of_alice: Client, conversation: Conversation, writer: Writer
) -> None:
    tabs = [tab(webs[0]), tab(webs[1])]
    for number in range(10):
        writer.write()
        for it in tabs:
            it.until_shown(f"word{number}.")
    writer.end()
    fresh = load(browser_of_alice, conversation)
    for it in tabs:
        it.until_same(fresh)


def test_a_reader_whose_web_process_is_killed_goes_on_at_another(
    server_url: str,
    tmp_path: Path,
    server: Web,
    tab: Callable[..., Tab],
    browser_of_alice: Client,
    conversation: Conversation,
    writer: Writer,
) -> None:
    with web(environment(server_url, tmp_path), tmp_path) as first:
        reading = tab(first)
        for number in range(4):
            writer.write()
            reading.until_shown(f"word{number}.")
        writer.write()  # on its way, perhaps
        first.kill()
    writer.write()  # while nobody serves the page
    reading.come_back(server)
    for number in range(6, 10):
        writer.write()
        reading.until_shown(f"word{number}.")
    assert [reading.page.element("messages").text.count(f"word{number}.") for number in range(10)] == [1] * 10
    writer.end()
    reading.until_same(load(browser_of_alice, conversation))


# Rights that end while it is open (WS3) ------------------------------------------------------------------------------


@pytest.mark.parametrize("ended_by", ["signing out", "an expired session", "deactivation", "another password"])
def test_a_socket_whose_right_has_ended_is_closed_within_two_seconds(
    server: Web, tab: Callable[[], Tab], alice: User, browser_of_alice: Client, writer: Writer, ended_by: str
) -> None:
    reading = tab()
    writer.write()
    reading.until_shown("word0.")
    match ended_by:
        case "signing out":
            cookie = browser_of_alice.cookies[settings.SESSION_COOKIE_NAME].value
            browser_of_alice.logout()
            assert not Session.objects.filter(session_key=digest(cookie)).exists()
        case "an expired session":
            Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
        case "deactivation":
            User.objects.filter(pk=alice.pk).update(is_active=False)
        case "another password":
            alice.set_password("another horse battery")
            alice.save()
    assert reading.code(2) == 4401
