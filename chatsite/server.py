"""Daphne, with a way to stop: it lets requests finish and tells every socket to come back (4012) before it goes.

And with limits that it lacks: what anybody may send us, signed in or not, before one of our views is asked.
"""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import time
from typing import Any, override

from daphne.endpoints import build_endpoint_description_strings
from daphne.http_protocol import WebRequest
from daphne.server import Server, twisted_loop
from daphne.ws_protocol import WebSocketProtocol
from twisted.protocols.basic import LineReceiver
from twisted.web.http import HTTPChannel

from chatsite.draining import DRAINING

GOING_AWAY = 4012  # in the page's reconnectCodes; Daphne's library can't send 1012
SPREAD = 5.0  # seconds over which the sockets are closed, so that not all come back at once
REPLY_SECONDS = 30  # that a page may take; a database that hangs would hold it for ever
PATIENCE = 20.0  # seconds that requests may still take
TICK = 0.05  # seconds between two looks at what is left
MESSAGE_LIMIT = 65_536  # bytes; a socket of ours only says where it stands
BODY_LIMIT = 32 * 1024 * 1024  # bytes; more than a question and its images, so that these are refused in words
HEAD_SECONDS = 10  # that a request's headers may take
IDLE_SECONDS = 60  # without a byte of its body, or of another request
UNREAD_LIMIT = 1024 * 1024  # bytes for a client that has not taken what it was sent before; the feed gives 256 kB

logger = logging.getLogger(__name__)


class WebServer(Server):  # type: ignore[misc]  # Daphne is untyped
    """Serves an ASGI application until SIGTERM or SIGINT; a second one ends it at once."""

    def __init__(self, application: Any, host: str, port: int) -> None:
        super().__init__(
            application,
            endpoints=build_endpoint_description_strings(host=host, port=port),
            signal_handlers=False,
            ready_callable=self._get_ready,
            http_timeout=REPLY_SECONDS,
            ping_interval=20,
            ping_timeout=30,
            websocket_timeout=-1,  # a page may stay open for days
            websocket_max_message_size=MESSAGE_LIMIT,
            websocket_max_frame_size=MESSAGE_LIMIT,
            server_name="",
        )
        self.failure = ""  # why it could not listen
        self._ports: list[Any] = []
        self._draining_since: float | None = None

    def run(self) -> None:
        # Before it listens: told to go between the two, it would just die, and whoever is in line by then with it.
        for number in (signal.SIGTERM, signal.SIGINT):
            twisted_loop.add_signal_handler(number, self.drain)
        super().run()

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self._ports.append(port)

    def listen_error(self, failure: Any) -> None:
        self.failure = str(failure.getErrorMessage())
        self.stop()

    def kill_all_applications(self) -> Any:
        # Daphne expects an application behind every connection; one that has just ended or not yet begun has none.
        for details in self.connections.values():
            details.setdefault("application_instance", _done())
        return super().kill_all_applications()

    def drain(self) -> None:
        """Stop listening, let what runs finish, close the sockets one after the other, then stop."""
        if self._draining_since is not None:
            self.stop()
            return
        self._draining_since = time.monotonic()
        DRAINING.set()
        for port in self._ports:
            port.stopListening()
        sockets = self._open_sockets()
        for number, socket in enumerate(sockets):
            twisted_loop.call_later(SPREAD * number / len(sockets), _send_away, socket)
        self._watch()

    def _get_ready(self) -> None:
        self.http_factory.protocol = Channel
        self.ws_factory.protocol = Socket

    def _watch(self) -> None:
        assert self._draining_since is not None
        waited = time.monotonic() - self._draining_since
        if waited > SPREAD:
            for socket in self._open_sockets():  # those whose handshake was under way
                _send_away(socket)
        if waited > PATIENCE:
            logger.warning("%d connections did not end in %d s and are cut.", len(self._alive()), math.ceil(waited))
            self.stop()
        elif self._alive():
            twisted_loop.call_later(TICK, self._watch)
        else:
            self.stop()

    def _alive(self) -> list[WebRequest | WebSocketProtocol]:
        return [protocol for protocol, details in self.connections.items() if "disconnected" not in details]

    def _open_sockets(self) -> list[WebSocketProtocol]:
        return [it for it in self._alive() if isinstance(it, WebSocketProtocol) and it.state == it.STATE_OPEN]


class Channel(HTTPChannel):
    """A connection. Twisted's clock starts anew with every byte: a head that drips would keep it for ever."""

    _is_in_head = False

    @override
    def connectionMade(self) -> None:
        super().connectionMade()
        self.requestFactory = Request

    @override
    def dataReceived(self, data: bytes) -> None:
        if not self.line_mode:  # a body
            super().dataReceived(data)
            return
        if not self._is_in_head:
            self._is_in_head = True
            self.setTimeout(HEAD_SECONDS)
        LineReceiver.dataReceived(self, data)

    @override
    def allHeadersReceived(self) -> None:
        self._is_in_head = False
        self.setTimeout(IDLE_SECONDS)
        super().allHeadersReceived()


class Request(WebRequest):  # type: ignore[misc]  # Daphne is untyped
    """A request whose body is measured before it is kept: Daphne has all of it on the disk before it asks anybody."""

    _is_too_long = False

    @override
    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length is not None and length > BODY_LIMIT:
            self._refuse()

    @override
    def handleContentChunk(self, data: bytes) -> None:
        if not self._is_too_long and self.content.tell() + len(data) > BODY_LIMIT:
            self._refuse()
        if not self._is_too_long:
            super().handleContentChunk(data)

    def _refuse(self) -> None:
        self._is_too_long = True
        self.channel.transport.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n")
        self.channel.loseConnection()

    @override
    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        if status == 503:  # after REPLY_SECONDS; what was begun may still come to its end
            self.responseHeaders.setRawHeaders(b"Retry-After", [b"5"])
        super().basic_error(status, status_text, body)

    def process(self) -> Any:
        # Daphne lets any client say what all our addresses begin with, those in mails too.
        self.requestHeaders.removeHeader(b"daphne-root-path")
        return None if self._is_too_long else super().process()


class Socket(WebSocketProtocol):  # type: ignore[misc]  # Daphne is untyped
    """A socket. Whoever acknowledges what they never read is hung up on: Daphne would keep it for them without limit.

    Twisted tells whether the client takes what it is sent: it pauses who produces when 64 kB wait, until none does.
    """

    _is_behind = False
    _unread = 0  # bytes sent since then

    @override
    def makeConnection(self, transport: Any) -> None:
        transport.unregisterProducer()  # the channel it was before
        transport.registerProducer(self, True)
        super().makeConnection(transport)

    @override
    def dataReceived(self, data: bytes) -> None:
        """Autobahn's own, and sendData's below, make a coloured line for a log that nobody reads, of every frame."""
        self._dataReceived(data)

    @override
    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Now, if nothing waits before it: to ask the reactor first, as Twisted does, costs more than to send."""
        transport = self.transport
        if transport.connected and not (transport.disconnecting or transport.dataBuffer or transport._tempDataLen):
            sent = transport.writeSomeData(data)
            data = data[sent:] if isinstance(sent, int) else data  # else it is lost; write() will see to that
        if data:
            transport.write(data)

    def pauseProducing(self) -> None:  # noqa: N802  # Twisted's names, here and below
        self._is_behind = True

    def resumeProducing(self) -> None:  # noqa: N802
        self._is_behind, self._unread = False, 0

    def stopProducing(self) -> None:  # noqa: N802
        """The connection is lost."""

    @override
    def sendMessage(self, payload: bytes, binary: bool = False) -> None:
        """Autobahn's own holds what we send to the limit of what we accept; a conversation may be longer."""
        self._unread += len(payload) if self._is_behind else 0
        if self._unread > UNREAD_LIMIT:
            self.dropConnection(abort=True)
        elif self.state == self.STATE_OPEN:
            self.sendFrame(opcode=2 if binary else 1, payload=payload)


def _send_away(socket: WebSocketProtocol) -> None:
    if socket.state == socket.STATE_OPEN:
        socket.sendClose(code=GOING_AWAY)


def _done() -> asyncio.Future[None]:
    done: asyncio.Future[None] = twisted_loop.create_future()
    done.set_result(None)
    return done
