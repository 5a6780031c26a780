"""The connections to providers: a client for each, its limit, its key, and whom it may reach."""

import asyncio
import contextlib
import urllib.request
from collections.abc import AsyncIterator, Generator
from functools import partial
from typing import Any, Self

import aiohttp
import httpx
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport

from providers.errors import ConnectionFailedError
from providers.messages import Endpoint, Secret
from providers.resolving import PublicResolver, is_public, literal

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


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
        # Nobody looks an address up that is no name.
        if endpoint.public_only and (address := literal(url.host)) and not is_public(address):
            raise ConnectionFailedError
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
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), response_class=SturdyResponse
        )


class SturdyResponse(aiohttp.ClientResponse):
    """As aiohttp has it, against servers that are out of their mind."""

    async def start(self, connection: Connection) -> Self:
        await super().start(connection)
        # Nobody reads the words beside the status, and httpx-aiohttp fails on those that are no UTF-8.
        self.reason = ""
        return self

    def release(self) -> Any:
        # Closing waits for the rest of our question to be read; who answered without reading it may never do so.
        if self.connection and (transport := self.connection.transport) and transport.get_write_buffer_size():
            transport.abort()
        return super().release()


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
