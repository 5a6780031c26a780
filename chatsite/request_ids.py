"""Every request has an id: in the log's lines, and on the response, so that somebody who saw an error can name it."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from django.conf import settings

from conversations.tracing import trace

WELL_FORMED = re.compile(rb"[A-Za-z0-9_.-]{8,64}")


class RequestIds:
    """Outermost, so that whatever is said about a request names it. A socket's request is its handshake."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        given = _given(scope["headers"])
        trace(**{"socket_id" if scope["type"] == "websocket" else "request_id": given})

        async def send_with_id(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message.get("headers", []), (b"x-request-id", given.encode())]}
            await send(message)

        await self._application(scope, receive, send_with_id if scope["type"] == "http" else send)


def _given(headers: list[tuple[bytes, bytes]]) -> str:
    """The proxy's, if there is one. A client's own word is not taken: it could name another's request."""
    values = [value for name, value in headers if name == b"x-request-id"]
    if settings.BEHIND_PROXY and len(values) == 1 and WELL_FORMED.fullmatch(values[0]):
        return values[0].decode()
    return uuid4().hex
