"""Asking a model and reading its answer while it is being written."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from itertools import chain

import httpx

from providers.body import Body
from providers.connections import Clients
from providers.deltas import Delta
from providers.dialects import DIALECTS
from providers.errors import InvalidRequestError, ProviderError
from providers.messages import ChatRequest, Clocks, Endpoint, FillRequest
from providers.reading import Reader
from providers.requests import fill_body, path_of, request_body
from providers.sending import answered, question
from providers.sse import Decoder, Event
from providers.watch import Watch

type OnTurn = Callable[[], Awaitable[None]]
type Gather = Callable[[], Awaitable[None]]


def stream(
    endpoint: Endpoint,
    request: ChatRequest,
    *,
    clocks: Clocks = Clocks(),  # noqa: B008  (frozen)
    clients: Clients,
    on_turn: OnTurn | None = None,
    gather: Gather | None = None,
) -> AsyncGenerator[Delta]:
    """Ask, and yield the answer as it comes: the order is that of providers.deltas.

    Raises a ProviderError, also after some deltas. Waits for its turn first when the endpoint is busy, then for
    `on_turn`: the last moment to change one's mind, by raising. The clocks start after that. Cancelling the task, or
    closing the generator (contextlib.aclosing), hangs up at once.
    `gather` is waited for between events and the next read: who has no use for every token by itself, but for what
    came in a while, pays for one read instead of many.
    An answer that the server did not stream comes as if it had, in large pieces.
    """
    return _ask(endpoint, request, clocks, clients, on_turn, gather)


def fill(
    endpoint: Endpoint,
    request: FillRequest,
    *,
    clocks: Clocks = Clocks(),  # noqa: B008  (frozen)
    clients: Clients,
) -> AsyncGenerator[Delta]:
    """Ask for what belongs in a hole, as `stream` does. Nothing may belong there, and is no error.

    Raises InvalidRequestError at once where the server fills no holes.
    """
    if not DIALECTS[endpoint.dialect].fill_path:
        raise InvalidRequestError("This provider does not fill in the middle of a text.")
    return _ask(endpoint, request, clocks, clients)


async def _ask(
    endpoint: Endpoint,
    request: ChatRequest | FillRequest,
    clocks: Clocks,
    clients: Clients,
    on_turn: OnTurn | None = None,
    gather: Gather | None = None,
) -> AsyncGenerator[Delta]:
    async with _asked(endpoint, request, clocks, clients, on_turn) as (body, watch, reader):
        decoder = Decoder()
        received, events = b"", list[Event]()
        broken: ProviderError | None = None
        while not (reader.done or broken):
            if gather and events:
                await gather()
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


@contextlib.asynccontextmanager
async def _asked(
    endpoint: Endpoint,
    request: ChatRequest | FillRequest,
    clocks: Clocks,
    clients: Clients,
    on_turn: OnTurn | None,
) -> AsyncIterator[tuple[Body, Watch, Reader]]:
    """Take a turn, send the question and wait for a 200; raises what anything else means."""
    key = endpoint.api_key
    async with clients.turn(endpoint) as http:
        if on_turn:
            await on_turn()
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
        path, content = dialect.fill_path, fill_body(dialect, request)
    return question(http, "POST", dialect.url(endpoint.base_url, path), clocks, content)
