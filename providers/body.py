"""The bytes of an HTTP answer, and what they were if they were no stream of events."""

import asyncio
import contextlib

import aiohttp
import httpx

from providers.errors import CutError, MalformedStreamError, OverloadedError, ProviderError

# httpx-aiohttp translates most of aiohttp's errors, not all. A redirect to nonsense is an InvalidURL, although nobody
# follows it.
TROUBLE = (httpx.TransportError, httpx.InvalidURL, aiohttp.ClientError, OSError)
BYTES_OF_COMPLAINT = 64 * 1024
# The longest answer, 384K tokens of Chinese as \u escapes, is 3.6 MB. Parsed, a document may take 25 times its size.
BYTES_OF_DOCUMENT = 4 * 1024 * 1024
SECONDS_FOR_COMPLAINT = 10.0
SECONDS_FOR_LAST_BYTES = 0.1


class Body:
    """Reads an answer piece by piece. Keeps the beginning until the first event, in case there is none.

    A body that begins with a bracket is a JSON document: a complaint, or a whole answer from a server that does not
    stream. No line of an event stream begins like that.
    """

    def __init__(self, response: httpx.Response, trace_id: str) -> None:
        # Raw: we ask for no compression, and what was compressed many times over would unfold without end.
        self._pieces = response.aiter_raw()
        self._trace_id = trace_id
        self._beginning = bytearray()
        self._is_stream = False

    @property
    def is_document(self) -> bool:
        return self._beginning.startswith((b"{", b"[", b"\xef\xbb\xbf{"))

    async def read(self) -> bytes:
        """The next piece; nothing at the proper end.

        Raises CutError when the connection broke, MalformedStreamError when a document outgrows four mebibytes.
        """
        piece = None
        with contextlib.suppress(*TROUBLE):
            piece = await anext(self._pieces, b"")
        if piece is None:
            raise CutError(trace_id=self._trace_id)
        if not self._is_stream:
            self._keep(piece)
        return piece

    def is_stream(self) -> None:
        """The first event came."""
        self._is_stream, self._beginning = True, bytearray()

    def ended(self) -> ProviderError:
        """What it means that the body ended before the answer did, and was no document."""
        if self._is_stream:
            return CutError(trace_id=self._trace_id)
        lines = [line for line in self._beginning.splitlines() if line.strip() and not line.startswith(b":")]
        # DeepSeek keeps a queued request alive with blank lines or comments, and gives up after ten minutes.
        return MalformedStreamError(trace_id=self._trace_id) if lines else OverloadedError(trace_id=self._trace_id)

    async def complaint(self) -> bytes:
        """The body of a refusal, as far as it comes."""
        with contextlib.suppress(CutError, TimeoutError):
            async with asyncio.timeout(SECONDS_FOR_COMPLAINT):
                while len(self._beginning) < BYTES_OF_COMPLAINT and await self.read():
                    pass
        return bytes(self._beginning[:BYTES_OF_COMPLAINT])

    def document(self) -> str:
        """What was read, once it has ended."""
        return self._beginning.decode("utf-8-sig", errors="replace")

    async def last_bytes(self) -> None:
        """Read the end of the chunked encoding, so that the connection can serve the next question."""
        with contextlib.suppress(CutError, TimeoutError):
            async with asyncio.timeout(SECONDS_FOR_LAST_BYTES):
                while await self.read():
                    pass

    def _keep(self, piece: bytes) -> None:
        # Blank lines before a document keep it alive while its request is queued.
        self._beginning += piece if self._beginning else piece.lstrip()
        if self.is_document:
            if len(self._beginning) > BYTES_OF_DOCUMENT:
                raise MalformedStreamError(trace_id=self._trace_id)
        elif len(self._beginning) > BYTES_OF_COMPLAINT:
            del self._beginning[BYTES_OF_COMPLAINT:]
