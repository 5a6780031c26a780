"""Pages behind real sockets of a web process, and what a client may do by hand.

Tab(server, client, conversation)     a page that says where it stands, applies frames and acknowledges them
opened(server, conversation_id)       a bare socket, with the cookies of a client
closed(socket)                        the code that the server closed it with
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from conversations.models import Conversation
from tests.conversations.replaying import assert_same, load
from tests.page import Page
from tests.serving import Web


def opened(server: Web, conversation_id: object, client: Client | None = None, **options: Any) -> ClientConnection:
    return opened_at(server, f"/ws/c/{conversation_id}/", client, **options)


def opened_at(server: Web, path: str, client: Client | None = None, **options: Any) -> ClientConnection:
    """With all the cookies that the client has."""
    cookies = "; ".join(f"{name}={it.value}" for name, it in client.cookies.items() if it.value) if client else ""
    options = {"origin": server.origin, **options}
    socket: ClientConnection = connect(
        f"ws://127.0.0.1:{server.port}{path}", additional_headers={"Cookie": cookies} if cookies else {}, **options
    )
    return socket


class Tab:
    """A page behind a real socket: it says where it stands, applies frames and acknowledges them."""

    def __init__(self, server: Web, client: Client, conversation: Conversation) -> None:
        self._client, self._conversation = client, conversation
        self.page = load(client, conversation)
        self.come_back(server)

    def come_back(self, server: Web) -> None:
        self.socket = opened(server, self._conversation.pk, self._client, max_size=None)
        self.socket.send(json.dumps({"seq": self.page.cursor, "language": self.page.language}))

    def until(self, look: Callable[[Page], object], seconds: float = 5) -> None:
        deadline = time.monotonic() + seconds
        while not look(self.page):
            frame = self.socket.recv(max(deadline - time.monotonic(), 0))
            self.page.apply(str(frame))
            with suppress(ConnectionClosed):
                self.socket.send("1")

    def until_shown(self, words: str, seconds: float = 5) -> None:
        self.until(lambda page: words in page.element("messages").text, seconds)

    def until_same(self, fresh: Page) -> None:
        self.until(lambda page: page.cursor == fresh.cursor)
        assert_same(self.page, fresh)

    def code(self, seconds: float = 5) -> int | None:
        """How the server closed it."""
        return closed(self.socket, seconds)


def closed(socket: ClientConnection, seconds: float = 5) -> int | None:
    deadline = time.monotonic() + seconds
    with suppress(ConnectionClosed):
        while True:
            socket.recv(max(deadline - time.monotonic(), 0))
    return socket.close_code
