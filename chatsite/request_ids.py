"""Every request has an id: in the log's lines, and on the response, so that somebody who saw an error can name it.

It is always ours. An X-Request-ID that comes with a request is not looked at: many proxies hand on what the client
wrote, and a client could name another's request. A proxy that keeps a log finds ours on the response.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from conversations.tracing import trace


class RequestIds:
    """Outermost, so that whatever is said about a request names it. A socket's request is its handshake."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        own = uuid4().hex
        trace(**{"socket_id" if scope["type"] == "websocket" else "request_id": own})

        async def send_with_id(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message.get("headers", []), (b"x-request-id", own.encode())]}
            await send(message)

        await self._application(scope, receive, send_with_id if scope["type"] == "http" else send)
