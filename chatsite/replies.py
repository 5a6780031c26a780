"""Answers to those who run the house, given before Django is asked: no host, no session, no thread, no pool.

A load balancer comes by IP address, so the Host header is not looked at; nothing of it is repeated either.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

type Scope = Mapping[str, Any]
type Answer = Callable[[Scope], Awaitable[Reply | None]]


@dataclass(frozen=True)
class Reply:
    status: int
    text: str
    content_type: str = "text/plain; charset=utf-8"


class Replies:
    """An ASGI application in front of another one, which gets all but a few paths."""

    def __init__(self, answers: Mapping[str, Answer], application: Any) -> None:
        self._answers = answers
        self._application = application

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        answer = self._answers.get(scope["path"]) if scope["method"] in {"GET", "HEAD"} else None
        reply = await answer(scope) if answer else None
        if reply is None:  # to a stranger it is a path like any other that is not there
            await self._application(scope, receive, send)
            return
        headers = [(b"content-type", reply.content_type.encode()), (b"cache-control", b"no-store")]
        body = b"" if scope["method"] == "HEAD" else reply.text.encode()
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
