"""Asking a model and reading its answer while it is being written."""

import asyncio
import contextlib
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from functools import partial
from typing import Self

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from providers.body import TROUBLE, Body
from providers.deltas import Delta
from providers.dialects import DIALECTS, Dialect, request_body
from providers.errors import AuthenticationError, ConnectionFailedError, ProviderError
from providers.messages import ChatRequest, Clocks, Endpoint, Secret
from providers.reading import Reader
from providers.refusals import refusal, trace_id
from providers.sse import Decoder
from providers.watch import Watch

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


async def stream(
    endpoint: Endpoint,
    request: ChatRequest,
    *,
    clocks: Clocks = Clocks(),  # noqa: B008  (frozen)
    clients: "Clients",
) -> AsyncGenerator[Delta]:
    """Ask, and yield the answer as it comes: Started, Text and Reasoning, Usage if it was sent, Finished.

    Raises a ProviderError, also after some deltas. Waits for its turn first when the endpoint is busy; the clocks
    start after that. Cancelling the task, or closing the generator (contextlib.aclosing), hangs up at once.
    """
    async with clients.turn(endpoint) as http, _answered(http, endpoint, request, clocks) as (body, watch, reader):
        decoder = Decoder()
        broken: ProviderError | None = None
        while not (reader.done or broken):
            try:
                received = await watch.wait(body.read())
                events = decoder.feed(received)
            except ProviderError as error:
                broken = error
                break
            for event in events:
                for delta in reader.take(event):
                    yield delta
            if events:
                body.is_stream()
                watch.heard(finished=reader.finished)
            elif not received:
                broken = body.ended(endpoint.api_key)
        for delta in reader.end(broken):
            yield delta
        await body.last_bytes()


class Clients:
    """The open connections of one process and one event loop: a client and a concurrency limit per endpoint."""

    def __init__(self) -> None:
        self._clients: dict[Endpoint, httpx.AsyncClient] = {}
        self._turns: dict[Endpoint, asyncio.Semaphore] = {}
        self._tls = httpx.create_ssl_context()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hangs up on everyone."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    @contextlib.asynccontextmanager
    async def turn(self, endpoint: Endpoint) -> AsyncIterator[httpx.AsyncClient]:
        """The client, once fewer than `endpoint.concurrency` of our answers are running there."""
        async with self._turns.setdefault(endpoint, asyncio.Semaphore(endpoint.concurrency)):
            if endpoint not in self._clients:
                try:
                    self._clients[endpoint] = self._connect(endpoint)
                except httpx.InvalidURL:
                    raise ConnectionFailedError from None
            yield self._clients[endpoint]

    def _connect(self, endpoint: Endpoint) -> httpx.AsyncClient:
        url = httpx.URL(endpoint.base_url)
        session = partial(self._session, keep_alive=url.scheme == "https")
        transport = AiohttpTransport(verify=self._tls, client=session, proxy=_proxy_for(url))
        return httpx.AsyncClient(base_url=url, auth=Bearer(endpoint.api_key), transport=transport)

    def _session(self, *, keep_alive: bool) -> aiohttp.ClientSession:
        # The semaphore is the limit. aiohttp's own would let the 101st stream wait without a word.
        # Connections are kept where they are dear. llama.cpp's server promises to keep one and closes it after the
        # answer: every second question was lost on it.
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls, force_close=not keep_alive)
        # No cookies: a firewall's cookie must not tie our members together.
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _proxy_for(url: httpx.URL) -> httpx.Proxy | None:
    """The environment's proxy, as people expect; aiohttp's own way to it would look into ~/.netrc as well."""
    if url.host in LOOPBACK or urllib.request.proxy_bypass(url.host):
        return None
    found = urllib.request.getproxies().get(url.scheme)
    return httpx.Proxy(found) if found else None


class Bearer(httpx.Auth):
    """Adds the key at the last moment, so that no request of ours holds it in a local variable."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


@contextlib.asynccontextmanager
async def _answered(
    http: httpx.AsyncClient, endpoint: Endpoint, request: ChatRequest, clocks: Clocks
) -> AsyncIterator[tuple[Body, Watch, Reader]]:
    """Send the question and wait for a 200; raises what anything else means."""
    dialect, key = DIALECTS[endpoint.dialect], endpoint.api_key
    question = _question(http, dialect, request, clocks)
    with Watch(clocks) as watch:
        response = await watch.wait(_send(http, question, key))
        try:
            trace = trace_id(response.headers)
            body = Body(response, trace)
            if response.status_code != httpx.codes.OK:
                raise refusal(response.status_code, response.headers, await body.complaint(), key)
            yield body, watch, Reader(dialect, key, trace, starts_thinking=request.starts_thinking)
        finally:
            await response.aclose()


# Below, nothing is raised where a local variable or a chained exception holds the key or the prompt: an error report
# shows both.


def _question(http: httpx.AsyncClient, dialect: Dialect, request: ChatRequest, clocks: Clocks) -> httpx.Request:
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
    # Reading has our own clocks; "pool" is what bounds aiohttp's name look-up and connection together.
    patience = httpx.Timeout(None, connect=clocks.connect, pool=clocks.connect)
    with contextlib.suppress(httpx.InvalidURL):
        return http.build_request(
            "POST", dialect.path, content=request_body(dialect, request), headers=headers, timeout=patience
        )
    raise ConnectionFailedError


async def _send(http: httpx.AsyncClient, question: httpx.Request, key: Secret) -> httpx.Response:
    if not (key.reveal().isascii() and key.reveal().isprintable()):
        raise AuthenticationError
    with contextlib.suppress(*TROUBLE):
        return await http.send(question, stream=True)
    raise ConnectionFailedError
