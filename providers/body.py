"""The bytes of an HTTP answer, and what they were if they were no stream of events."""

import asyncio
import contextlib
import json

import aiohttp
import httpx

from providers.errors import CutError, MalformedStreamError, OverloadedError, ProviderError
from providers.messages import Secret
from providers.refusals import complaint_in_stream

# httpx-aiohttp translates most of aiohttp's errors, not all.
TROUBLE = (httpx.TransportError, httpx.DecodingError, aiohttp.ClientError, OSError)
BYTES_OF_COMPLAINT = 64 * 1024
SECONDS_FOR_COMPLAINT = 10.0
SECONDS_FOR_LAST_BYTES = 0.1


class Body:
    """Reads an answer piece by piece. Keeps the beginning until the first event, in case it is a complaint."""

    def __init__(self, response: httpx.Response, trace_id: str) -> None:
        self._pieces = response.aiter_bytes()
        self._trace_id = trace_id
        self._beginning = b""
        self._is_stream = False

    async def read(self) -> bytes:
        """The next piece; nothing at the proper end. Raises CutError when the connection broke."""
        piece = None
        with contextlib.suppress(*TROUBLE):
            piece = await anext(self._pieces, b"")
        if piece is None:
            raise CutError(trace_id=self._trace_id)
        if not self._is_stream and len(self._beginning) < BYTES_OF_COMPLAINT:
            self._beginning += piece
        return piece

    def is_stream(self) -> None:
        """The first event came."""
        self._is_stream, self._beginning = True, b""

    def ended(self, key: Secret) -> ProviderError:
        """What it means that the body ended before the answer did."""
        lines = [line for line in self._beginning.splitlines() if line.strip() and not line.startswith(b":")]
        if self._is_stream:
            return CutError(trace_id=self._trace_id)
        # DeepSeek keeps a queued request alive with blank lines or comments, and gives up after ten minutes.
        if not lines:
            return OverloadedError(trace_id=self._trace_id)
        return self._complaint(key)

    async def complaint(self) -> bytes:
        """The body of a refusal, as far as it comes."""
        with contextlib.suppress(CutError, TimeoutError):
            async with asyncio.timeout(SECONDS_FOR_COMPLAINT):
                while len(self._beginning) < BYTES_OF_COMPLAINT and await self.read():
                    pass
        return self._beginning[:BYTES_OF_COMPLAINT]

    async def last_bytes(self) -> None:
        """Read the end of the chunked encoding, so that the connection can serve the next question."""
        with contextlib.suppress(CutError, TimeoutError):
            async with asyncio.timeout(SECONDS_FOR_LAST_BYTES):
                while await self.read():
                    pass

    def _complaint(self, key: Secret) -> ProviderError:
        try:
            found = json.loads(self._beginning)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and "choices" not in found:
            return complaint_in_stream(found.get("error") or found, key, self._trace_id)
        return MalformedStreamError(trace_id=self._trace_id)
