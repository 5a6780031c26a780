"""Asking a model and reading its answer while it is being written."""

import asyncio
import contextlib
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from functools import partial
from itertools import chain
from typing import Self

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from providers.body import Body
from providers.deltas import Delta
from providers.dialects import DIALECTS
from providers.errors import ConnectionFailedError, InvalidRequestError, ProviderError
from providers.messages import ChatRequest, Clocks, Endpoint, FillRequest, Secret
from providers.reading import Reader
from providers.requests import fill_body, fill_path, path_of, request_body
from providers.resolving import PublicResolver
from providers.sending import answered, question
from providers.sse import Decoder, Event
from providers.watch import Watch

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def stream(
    endpoint: Endpoint,
    request: ChatRequest,
    *,
    clocks: Clocks = Clocks(),  # noqa: B008  (frozen)
    clients: "Clients",
) -> AsyncGenerator[Delta]:
    """Ask, and yield the answer as it comes: the order is that of providers.deltas.

    Raises a ProviderError, also after some deltas. Waits for its turn first when the endpoint is busy; the clocks
    start after that. Cancelling the task, or closing the generator (contextlib.aclosing), hangs up at once.
    An answer that the server did not stream comes as if it had, in large pieces.
    """
    return _ask(endpoint, request, clocks, clients)


def fill(
    endpoint: Endpoint,
    request: FillRequest,
    *,
    clocks: Clocks = Clocks(),  # noqa: B008  (frozen)
    clients: "Clients",
) -> AsyncGenerator[Delta]:
    """Ask for what belongs in a hole, as `stream` does. Nothing may belong there, and is no error.

    Raises InvalidRequestError at once where the server fills no holes.
    """
    if not fill_path(DIALECTS[endpoint.dialect]):
        raise InvalidRequestError("This provider does not fill in the middle of a text.")
    return _ask(endpoint, request, clocks, clients)


async def _ask(
    endpoint: Endpoint, request: ChatRequest | FillRequest, clocks: Clocks, clients: "Clients"
) -> AsyncGenerator[Delta]:
    async with clients.turn(endpoint) as http, _asked(http, endpoint, request, clocks) as (body, watch, reader):
        decoder = Decoder()
        received, events = b"", list[Event]()
        broken: ProviderError | None = None
        while not (reader.done or broken):
            try:
                received = await watch.wait(body.read())
                events = [] if body.is_document else decoder.feed(received)
            except ProviderError as error:
                broken = error
                break
            for delta in chain.from_iterable(map(reader.take, events)):
                yield delta
            if events:
                body.is_stream()
                watch.heard(finished=reader.finished)
            elif not received and body.is_document:
                for delta in reader.take_whole(body.document()):
                    yield delta
            elif not received:
                broken = body.ended()
        # An error report shows all variables, and the provider may have echoed the key.
        received, events = b"", []
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
            yield self.of(endpoint)

    def of(self, endpoint: Endpoint) -> httpx.AsyncClient:
        """The client, for a request that is no answer and waits for none."""
        if endpoint not in self._clients:
            try:
                self._clients[endpoint] = self._connect(endpoint)
            except httpx.InvalidURL:
                raise ConnectionFailedError from None
        return self._clients[endpoint]

    def _connect(self, endpoint: Endpoint) -> httpx.AsyncClient:
        url = httpx.URL(endpoint.base_url)
        proxy = _proxy_for(url)
        # A proxy looks names up itself, and its own may well be private.
        public_only = endpoint.public_only and proxy is None
        session = partial(self._session, keep_alive=url.scheme == "https", public_only=public_only)
        transport = AiohttpTransport(verify=self._tls, client=session, proxy=proxy)
        return httpx.AsyncClient(base_url=url, auth=Bearer(endpoint.api_key), transport=transport)

    def _session(self, *, keep_alive: bool, public_only: bool) -> aiohttp.ClientSession:
        # The semaphore is the limit. aiohttp's own would let the 101st stream wait without a word.
        # Connections are kept where they are dear. llama.cpp's server promises to keep one and closes it after the
        # answer: every second question was lost on it.
        resolver = PublicResolver() if public_only else None
        connector = aiohttp.TCPConnector(limit=0, ssl=self._tls, force_close=not keep_alive, resolver=resolver)
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
async def _asked(
    http: httpx.AsyncClient, endpoint: Endpoint, request: ChatRequest | FillRequest, clocks: Clocks
) -> AsyncIterator[tuple[Body, Watch, Reader]]:
    """Send the question and wait for a 200; raises what anything else means."""
    key = endpoint.api_key
    with Watch(clocks) as watch:
        async with answered(http, _question(http, endpoint, request, clocks), key, watch) as (body, trace):
            yield body, watch, Reader(DIALECTS[endpoint.dialect], key, trace, request)


def _question(
    http: httpx.AsyncClient, endpoint: Endpoint, request: ChatRequest | FillRequest, clocks: Clocks
) -> httpx.Request | None:
    dialect = DIALECTS[endpoint.dialect]
    if isinstance(request, ChatRequest):
        path, content = path_of(dialect, request), request_body(dialect, request)
    else:
        path, content = fill_path(dialect), fill_body(dialect, request)
    return question(http, "POST", dialect.url(endpoint.base_url, path), clocks, content)
