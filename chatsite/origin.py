"""The one check of a websocket's origin: exactly ours, or no handshake."""

from __future__ import annotations

from typing import Any

from channels.security.websocket import WebsocketDenier
from django.conf import settings


class ExactOrigin:
    """Refuse a socket that another site's page opens, with 403 before it is accepted.

    Channels' own validator compares host names alone, so another port or scheme would pass.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        if _origin(scope) in settings.SOCKET_ORIGINS:
            return await self._application(scope, receive, send)
        return await WebsocketDenier()(scope, receive, send)


def _origin(scope: Any) -> str:
    values = [value for name, value in scope["headers"] if name == b"origin"]
    return values[0].decode("latin-1") if len(values) == 1 else ""
