"""Sockets that keep silent, outlive their right, come in hundreds, or need more than they may say."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from catalog.models import Route
from conversations import asking, consumers
from conversations.consumers import NOT_FOR_YOU, OPENS, LinkConsumer
from conversations.feed import Feed, Reader
from conversations.feed.admission import Admission
from conversations.feed.feed import MOST_SOCKETS, SIGNED_OUT, TOO_MANY, TOO_SLOW
from conversations.feed.flooding import Buckets
from conversations.feed.reader import NOWHERE
from conversations.models import Chunk, Conversation, Message
from tests.conversations.replaying import Writer
from tests.serving import Web
from tests.sockets import closed, opened
from tests.workers import eventually

HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser_of_charlie(charlie: User) -> Client:
    browser = Client()
    browser.force_login(charlie)
    return browser


@pytest.fixture
def of_charlie(charlie: User, route: Route) -> Message:
    """A question of Charlie's own."""
    return asking.start(charlie, "My own question", uuid4(), route)


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
    admission: Admission,
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


def test_of_too_many_sockets_of_one_member_the_oldest_are_closed(
    server: Web, browser_of_alice: Client, conversation: Conversation
) -> None:
    """WS8: the newest tab is the one that somebody looks at; what is closed goes on by asking every two seconds."""
    more = 10
    with ExitStack() as open_ones:
        sockets = []
        for _ in range(MOST_SOCKETS + more):
            sockets.append(open_ones.enter_context(opened(server, conversation.pk, browser_of_alice)))
            sockets[-1].send('{"seq": 0}')
            assert "messages" in str(sockets[-1].recv(5))  # it was let in before the next one knocks
        assert [closed(it) for it in sockets[:more]] == [TOO_MANY] * more
        for it in (sockets[more], sockets[-1]):
            with pytest.raises(TimeoutError):
                closed(it, 0.2)


def test_who_opens_sockets_without_end_is_told_to_stop_and_nobody_else_is(
    server: Web, browser_of_alice: Client, browser_of_charlie: Client, conversation: Conversation, of_charlie: Message
) -> None:
    """WS8: each one costs us a look into the database before it is anybody's."""
    codes = []
    with ExitStack() as open_ones:
        late = [
            open_ones.enter_context(opened(server, conversation.pk, browser_of_alice))
            for _ in range(OPENS["burst"] + 30)
        ][-20:]
        for it in late:
            with suppress(TimeoutError):  # two of them a second are let in
                codes.append(closed(it, 1))
    assert TOO_MANY in codes
    with opened(server, of_charlie.conversation_id, browser_of_charlie) as calm:
        calm.send('{"seq": 0}')
        assert "messages" in str(calm.recv(5))


@pytest.fixture
def few_knocks() -> Iterator[int]:
    """As many as somebody's house is allowed, but for this test; and none comes back while it lasts."""
    before, consumers.knocks = consumers.knocks, Buckets(rate=0.001, burst=20)
    yield 20
    consumers.knocks = before


async def test_who_knocks_at_links_without_end_is_told_to_stop_and_nobody_else_is(
    transactional_db: None, few_knocks: int
) -> None:
    """WS8, SH1: with an address or with guesses; beyond what a whole house may do nothing is looked up any more."""
    codes = [await _knock("192.0.2.1") for _ in range(few_knocks + 5)]
    assert codes == [NOT_FOR_YOU] * few_knocks + [TOO_MANY] * 5
    assert await _knock("192.0.2.2") == NOT_FOR_YOU


async def _knock(address: str) -> int:
    """At a link that never was, from this address. How it was closed."""
    socket = WebsocketCommunicator(LinkConsumer.as_asgi(), "/s/nothing/live/")
    socket.scope |= {"client": [address, 1], "server": ["127.0.0.1", 1], "url_route": {"kwargs": {"link_token": "no"}}}
    assert (await socket.connect())[0]
    return int((await socket.receive_output())["code"])


def test_a_socket_that_floods_us_is_closed_and_the_others_read_on(
    server: Web, browser_of_alice: Client, conversation: Conversation
) -> None:
    """WS8: as fast as the connection takes it, not a thousand a second."""
    [writer] = Writer.claim([(Chunk.Kind.TEXT, f"word{number}. ") for number in range(10)])
    with (
        opened(server, conversation.pk, browser_of_alice) as calm,
        opened(server, conversation.pk, browser_of_alice) as noisy,
    ):
        calm.send('{"seq": 0}')
        noisy.send('{"seq": 0}')
        with suppress(ConnectionClosed):
            for _ in range(100_000):
                noisy.send("1")
        assert closed(noisy) == TOO_MANY
        while writer.write():
            pass
        words = ""
        while "word9." not in words:
            words += str(calm.recv(5))
            calm.send("1")


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["without script", "with script"])
def test_no_request_takes_the_name_of_a_socket(
    browser_of_charlie: Client, conversation: Conversation, of_charlie: Message, headers: dict[str, str]
) -> None:
    """WS6: what is said goes to whoever may read the conversation; nobody names a socket to be told."""
    named = {name: str(conversation.pk) for name in ("sid", "session_id", "socket_id", "channel", "connection_id")}
    form = {"text": "Hello", "key": str(uuid4()), **named}
    before = Message.objects.filter(conversation=conversation).count()
    browser_of_charlie.post(f"/c/{of_charlie.conversation_id}/ask/", form, headers=headers)
    assert Message.objects.filter(conversation=conversation).count() == before
    assert Message.objects.filter(conversation=of_charlie.conversation_id).count() == 4


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
            deadline = time.monotonic() + 60  # a busy machine is still giving what was written long ago
            while writer.write() or time.monotonic() < deadline:
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
