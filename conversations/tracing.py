"""Which request, socket or answer the code is working for: its log can then be followed through the house."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

_IDS: ContextVar[Mapping[str, str]] = ContextVar("ids", default={})  # noqa: B039  # a Mapping: never changed in place


def trace(**ids: object) -> None:
    """From here on, in this task and those it starts, log lines carry these ids."""
    _IDS.set({**_IDS.get(), **{name: str(value) for name, value in ids.items()}})


def ids() -> Mapping[str, str]:
    return _IDS.get()
