"""The log: one line an entry, in a form for people or as JSON, with the ids of what it is about.

What others wrote (a title, a header, an exception's words) can't forge an entry, nor move a terminal's cursor.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, ClassVar, override

from pythonjsonlogger.json import JsonFormatter

from conversations.crossing import is_passing
from conversations.tracing import ids

# C0 with newline and escape, DEL, C1 (a terminal takes U+009B for "escape ["), the other line ends, and what turns the
# direction of writing; a lone half of a surrogate pair could not be written at all.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


LINK = re.compile(r"(/s/[\w-]{4})[\w-]{16,}")  # the address of a share, but for its first letters


class Stderr(logging.StreamHandler[Any]):
    """The standard error. That nobody can write there, a full disk or a closed pipe, ends nothing that we do."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        """Python's own tells of it on the standard error."""


class Traced(logging.Filter):
    """Gives every entry the ids of what it is about."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        record.ids = ids()
        return True


class Brief(logging.Filter):
    """Tells in one line that the database was away. Every page and socket would show the same traceback."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error and is_passing(error):
            reason = str(error).partition("\n")[0]
            record.msg, record.args = "%s (%s: %s)", (record.getMessage(), type(error).__name__, reason)
            record.exc_info = None
        return True


class Discreet(logging.Filter):
    """Names no link whole: whoever reads the log could open it."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if LINK.search(said):
            record.msg, record.args = "%s", (LINK.sub(r"\1…", said),)
        return True


class Line(logging.Formatter):
    """For people: an entry's own line begins with its time, those of its traceback with a space."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    @override
    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another formatter's, which indents nothing
        return super().format(record)

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        about = "".join(f" {name}={value}" for name, value in _ids(record).items())
        return printable(super().formatMessage(record) + about)

    @override
    def formatException(self, ei: Any) -> str:
        return _indented(super().formatException(ei))

    @override
    def formatStack(self, stack_info: str) -> str:
        return _indented(stack_info)


class Json(JsonFormatter):
    """For machines: one object an entry, a traceback in one field, everything but ASCII escaped.

    Only the fields we name: what a library adds to its records may be a whole request.
    """

    NAMES: ClassVar = {"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"}

    def __init__(self) -> None:
        super().__init__("{levelname}{name}{message}", style="{", rename_fields=self.NAMES, timestamp="time")

    @override
    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        for name in log_data.keys() - {"time", "message", *self.NAMES.values()}:
            del log_data[name]
        log_data |= _ids(record)


def _ids(record: logging.LogRecord) -> Mapping[str, str]:
    return getattr(record, "ids", {})


def printable(text: str) -> str:
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def _indented(text: str) -> str:
    return "\n".join("  " + printable(line) for line in text.split("\n"))
