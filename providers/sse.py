"""Server-sent events out of bytes, wherever the network cut them.

Ours rather than httpx-sse 0.4.3, because that one refuses every Content-Type but its own (DeepSeek mislabels bodies),
buffers an endless line for ever, believes a charset header, keeps a BOM, hands out empty events after an `id:`,
and drops the `error:` field of older llama.cpp.
"""

from typing import NamedTuple

from providers.errors import MalformedStreamError

BYTES_PER_EVENT = 1024 * 1024  # with all the noise before it; ten minutes of DeepSeek's keep-alive are a few kB


class Event(NamedTuple):
    name: str
    data: str


class Decoder:
    """Feed it bytes, get whole events. What is unterminated at the end of the stream is never handed out.

    Lines end with LF, CRLF or CR and nothing else: splitlines() would break JSON that holds U+2028.
    Comments vanish here. A JSON error that stands on a line of its own (Ollama) comes out as an error event.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._bytes = 0  # of whole lines since the last event
        self._name = ""
        self._after_cr = False
        self._first = True

    def feed(self, received: bytes) -> list[Event]:
        """Raises MalformedStreamError after a mebibyte of comments, blank lines or an event that does not end."""
        lines = self._unix_lines(received).split(b"\n")
        self._line += lines[0]
        if len(self._line) + self._bytes > BYTES_PER_EVENT:
            raise MalformedStreamError
        if len(lines) == 1:
            return []
        lines[0] = bytes(self._line)
        self._line = bytearray(lines.pop())
        events = [event for line in lines if (event := self._take(line))]
        if self._bytes > BYTES_PER_EVENT:
            raise MalformedStreamError
        return events

    def _unix_lines(self, received: bytes) -> bytes:
        if self._after_cr and received:
            self._after_cr = False
            received = received.removeprefix(b"\n")
        if b"\r" not in received:
            return received
        self._after_cr = received.endswith(b"\r")
        return received.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take(self, line: bytes) -> Event | None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._dispatch()
        if line.startswith(b'{"error"'):
            return Event("error", line.decode(errors="replace"))
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode(errors="replace")
        elif field == b"error":
            return Event("error", value.decode(errors="replace"))
        self._bytes += len(line) + 1
        return None

    def _dispatch(self) -> Event | None:
        name, lines = self._name, self._data
        self._name = ""
        if not lines:
            self._bytes += 1
            return None
        self._data, self._bytes = [], 0
        return Event(name, b"\n".join(lines).decode(errors="replace"))
