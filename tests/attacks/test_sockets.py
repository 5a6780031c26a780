"""Sockets that keep silent, outlive their right, come in hundreds, or need more than they may say."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client

from conversations.feed import Feed, Reader
from conversations.feed.admission import Admission
from conversations.feed.feed import MOST_SOCKETS, SIGNED_OUT, TOO_MANY, TOO_SLOW
from conversations.feed.reader import NOWHERE
from conversations.models import Chunk, Conversation
from tests.chatsite.processes import until
from tests.conversations.replaying import Writer
from tests.conversations.test_feed_flow import admission  # noqa: F401  # a fixture, it works by being here
from tests.conversations.test_socket import closed, opened
from tests.serving import Web
from tests.workers import eventually


def test_a_page_is_given_more_at_once_than_it_may_say(
    server: Web, browser_of_alice: Client, conversation: Conversation
) -> None:
    """Our limit for what comes in held for what goes out as well: a long conversation never arrived."""
    [writer] = Writer.claim([(Chunk.Kind.TEXT, "many words " * 20_000)])
    writer.write()
    with opened(server, conversation.pk, browser_of_alice, max_size=None) as one:
        one.send('{"seq": 0}')
        assert len(one.recv(5)) > 200_000
        one.send("1")
        writer.end()
        assert "many words" in str(one.recv(5))


def test_a_socket_that_kept_silent_does_not_outlive_its_session(
    server: Web, browser_of_alice: Client, conversation: Conversation
) -> None:
    """It was forgotten by who closes sockets, and read the conversation hours after its member had signed out."""
    with opened(server, conversation.pk, browser_of_alice) as one:
        time.sleep(0.2)  # it is open, and has said nothing
        Session.objects.all().delete()
        assert closed(one) == SIGNED_OUT


async def test_a_socket_that_never_says_where_it_stands_is_closed(
    conversation: Conversation,
    admission: Admission,  # noqa: F811  # the fixture
) -> None:
    feed, codes = Feed(poll_seconds=0.05), list[int]()

    async def close(code: int) -> None:
        codes.append(code)

    async def send(frame: str) -> None:
        raise AssertionError(f"given {frame!r}")

    feed.join(Reader(conversation.pk, admission, NOWHERE, send, close, patience=0.2))
    await eventually(lambda: codes, "it to be closed")
    await feed.close()
    assert codes == [TOO_SLOW]


def test_one_member_opens_no_more_sockets_than_anybody_looks_at(
    server: Web, browser_of_alice: Client, conversation: Conversation
) -> None:
    with ExitStack() as open_ones:
        sockets = [
            open_ones.enter_context(opened(server, conversation.pk, browser_of_alice)) for _ in range(MOST_SOCKETS)
        ]
        with opened(server, conversation.pk, browser_of_alice) as one_too_many:
            assert closed(one_too_many) == TOO_MANY
        sockets[0].send('{"seq": 0}')
        assert "messages" in str(sockets[0].recv(5))
        sockets[1].close()

        def has_room_again() -> bool:
            with opened(server, conversation.pk, browser_of_alice) as another:
                with suppress(TimeoutError):
                    return closed(another, 0.2) != TOO_MANY
                return True

        until(has_room_again, "room for another", 5)


def test_who_acknowledges_without_reading_is_hung_up_on(
    server: Web, browser_of_alice: Client, conversation: Conversation
) -> None:
    """Daphne keeps what a client does not take, for ever: ten sockets made the web process 900 MB larger."""
    before = resident(server)
    [writer] = Writer.claim([(Chunk.Kind.TEXT, "many words " * 10_000)] * 100)
    with socket.socket() as liar:
        liar.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        liar.connect(("127.0.0.1", server.port))
        upgrade(liar, server, conversation, browser_of_alice)
        liar.sendall(masked(b'{"seq": 0}'))
        with pytest.raises(OSError):
            while writer.write():
                time.sleep(0.05)
                liar.sendall(masked(b"1") * 4)
    assert resident(server) - before < 40_000


def resident(server: Web) -> int:
    """Kilobytes of memory."""
    status = Path(f"/proc/{server.program.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def upgrade(client: socket.socket, server: Web, conversation: Conversation, browser: Client) -> None:
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    client.sendall(
        f"GET /ws/c/{conversation.pk}/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.origin}\r\n"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {cookie}\r\n\r\n".encode()
    )
    assert client.recv(1024).startswith(b"HTTP/1.1 101 ")


def masked(text: bytes) -> bytes:
    """A frame with a key of zeros, which changes nothing."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
