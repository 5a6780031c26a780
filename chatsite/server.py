"""Daphne, with a way to stop: it lets requests finish and tells every socket to come back (4012) before it goes."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import time
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.http_protocol import WebRequest
from daphne.server import Server, twisted_loop
from daphne.ws_protocol import WebSocketProtocol

GOING_AWAY = 4012  # in the page's reconnectCodes; Daphne's library can't send 1012
SPREAD = 5.0  # seconds over which the sockets are closed, so that not all come back at once
PATIENCE = 20.0  # seconds that requests may still take
TICK = 0.05  # seconds between two looks at what is left
MESSAGE_LIMIT = 65_536  # bytes; a socket of ours only says where it stands

logger = logging.getLogger(__name__)


class WebServer(Server):  # type: ignore[misc]  # Daphne is untyped
    """Serves an ASGI application until SIGTERM or SIGINT; a second one ends it at once."""

    def __init__(self, application: Any, host: str, port: int) -> None:
        super().__init__(
            application,
            endpoints=build_endpoint_description_strings(host=host, port=port),
            signal_handlers=False,
            ready_callable=self._listen_to_signals,
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
        for port in self._ports:
            port.stopListening()
        sockets = self._open_sockets()
        for number, socket in enumerate(sockets):
            twisted_loop.call_later(SPREAD * number / len(sockets), _send_away, socket)
        self._watch()

    def _listen_to_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            twisted_loop.add_signal_handler(number, self.drain)

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


def _send_away(socket: WebSocketProtocol) -> None:
    if socket.state == socket.STATE_OPEN:
        socket.sendClose(code=GOING_AWAY)


def _done() -> asyncio.Future[None]:
    done: asyncio.Future[None] = twisted_loop.create_future()
    done.set_result(None)
    return done
