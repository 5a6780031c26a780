"""One HTTP request to a provider, and what its status means."""

import contextlib
from collections.abc import AsyncIterator

import httpx

from providers.body import TROUBLE, Body
from providers.errors import AuthenticationError, ConnectionFailedError
from providers.messages import Clocks, Secret
from providers.refusals import refusal, trace_id
from providers.watch import Watch


@contextlib.asynccontextmanager
async def answered(
    http: httpx.AsyncClient, question: httpx.Request | None, key: Secret, watch: Watch
) -> AsyncIterator[tuple[Body, str]]:
    """The body of a 200, and the trace id; raises what anything else means. Leaving hangs up."""
    response = await watch.wait(_send(http, question, key))
    try:
        trace = trace_id(response.headers)
        body = Body(response, trace)
        if response.status_code != httpx.codes.OK:
            raise refusal(response.status_code, response.headers, await body.complaint(), key)
        yield body, trace
    finally:
        await response.aclose()


# Below, nothing is raised where a local variable or a chained exception holds the key or the prompt: an error report
# shows both.


def question(
    http: httpx.AsyncClient, method: str, url: str, clocks: Clocks, content: bytes | None = None
) -> httpx.Request | None:
    """None when the address is none."""
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
    # Reading has our own clocks; "pool" is what bounds aiohttp's name look-up and connection together.
    patience = httpx.Timeout(None, connect=clocks.connect, pool=clocks.connect)
    with contextlib.suppress(httpx.InvalidURL):
        return http.build_request(method, url, content=content, headers=headers, timeout=patience)
    return None


async def _send(http: httpx.AsyncClient, question: httpx.Request | None, key: Secret) -> httpx.Response:
    if not (key.reveal().isascii() and key.reveal().isprintable()):
        raise AuthenticationError
    if question:
        with contextlib.suppress(*TROUBLE):
            return await http.send(question, stream=True)
    raise ConnectionFailedError
