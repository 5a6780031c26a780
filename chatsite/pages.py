"""Django's ASGI handler, with each request whole in one thread: in once, out once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing
from contextvars import copy_context
from typing import IO, Any, override

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import close_old_connections
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

THREADS = 12  # requests under way: a few more than the pool has connections

# Of these so many may be young, that is computing; the others are taken to wait, for the database or for a client. All
# threads share one interpreter: twelve that compute leave the event loop and the feed a thirteenth of it. See
# docs/decisions/0006.
YOUNG = 4
YOUNG_SECONDS = 1.0


class Turnstile:
    """Lets a few in at once. Who has been inside for `seconds` is not counted any more."""

    def __init__(self, places: int, seconds: float) -> None:
        self._places = asyncio.Semaphore(places)
        self._seconds = seconds

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        await self._places.acquire()
        with ExitStack() as leaving:
            leaving.callback(self._places.release)  # once, by whichever comes first
            grown_old = asyncio.get_running_loop().call_later(self._seconds, leaving.close)
            leaving.callback(grown_old.cancel)
            yield


class Pages(ASGIHandler):
    """The domain is synchronous, and so are its views and middleware.

    Django's own handler goes into a thread and back for every middleware, twice, and makes that thread anew for every
    request: most of what a small page costs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        self._turnstile = Turnstile(YOUNG, YOUNG_SECONDS)

    @override
    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    @override
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        async with self._turnstile.place():
            response = await self._in_thread(self._respond, scope, body)
        try:
            await self.send_response(response, send)
        finally:  # also when the client goes meanwhile
            if not response.closed:
                await self._in_thread(response.close)

    async def _in_thread[**P, R](self, deed: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        context = copy_context()  # the log's lines name the request over there, too
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, context.run, lambda: deed(*args, **kwargs))

    def _respond(self, scope: Any, body: IO[bytes]) -> HttpResponseBase:
        """What is streamed is closed by whoever sends it; the connection to the database is given back here."""
        try:
            with closing(body):
                response = self._response(scope, body)
                if not response.streaming:
                    response.close()
                return response
        finally:
            close_old_connections()

    def _response(self, scope: Any, body: IO[bytes]) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, response = self.create_request(scope, body)
        if request is not None:
            response = self.get_response(request)
        assert response is not None  # a request, or what is wrong with it
        return response
