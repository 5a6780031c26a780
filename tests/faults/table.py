"""The rows: each a fault, and in its docstring what is promised of it."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tests.faults import promises
from tests.faults.crowd import Crowd
from tests.faults.house import House

type Deed = Callable[[House, Crowd], Awaitable[None]]


def nothing() -> str:
    return ""


@dataclass(frozen=True)
class Row:
    """A fault that can be played. Rows of one environment share a house."""

    name: str
    deed: Deed
    seconds: float  # that it may take on a machine that is busy with other things
    is_quick: bool  # played in `make check`
    settings: tuple[tuple[str, str], ...]  # of its house
    lacks: Callable[[], str]  # what this machine lacks to play it, in words; "" for nothing

    @property
    def title(self) -> str:
        return self.deed.__name__.replace("_", " ")

    @property
    def promise(self) -> str:
        return " ".join((inspect.getdoc(self.deed) or "").split())


TABLE: dict[str, Row] = {}


def row(
    name: str,
    *,
    seconds: float = 120,
    quick: bool = False,
    lacks: Callable[[], str] = nothing,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[Deed], Deed]:
    """Register a row under the name that people play it by."""

    def register(deed: Deed) -> Deed:
        assert name not in TABLE, name
        TABLE[name] = Row(name, deed, seconds, quick, tuple(sorted(settings.items())), lacks)
        return deed

    return register


async def play(row: Row, house: House) -> float:
    """Play it, mend the house, and see that all promises were kept. Seconds that it took; raises what went wrong."""
    began = time.monotonic()
    async with asyncio.timeout(row.seconds), Crowd(house) as crowd:
        await row.deed(house, crowd)
        await house.mend()
        await promises.kept(house, crowd)
    return time.monotonic() - began


def as_markdown() -> str:
    lines = [f"| {row.name} | {row.title} | {row.promise} |" for row in TABLE.values()]
    return "\n".join(["| row | what happens | what is promised |", "|---|---|---|", *lines])
