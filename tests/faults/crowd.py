"""Everybody who is at the house during a row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from typing import Self

import aiohttp

from tests.faults.house import BUSY, House, eventually
from tests.faults.pages import PATIENCE, Person, Reader, Tab
from tests.upstream import Script


class Crowd:
    """Their tabs follow in the background; when one is shown what it must not see, the row ends with that."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.tabs: list[Tab] = []
        self.failures: list[str] = []
        self._members = cycle(house.members)
        self._group = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        # A connection for each request: whether one is kept open is the proxy's business, not the page's.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        self._http = aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.leave()
        try:
            await self._group.__aexit__(*exception)  # type: ignore[arg-type]  # what it was given itself
        finally:
            await self._http.close()

    def leave(self) -> None:
        """Every tab is closed."""
        for task in self._tasks:
            task.cancel()

    def person(self) -> Person:
        """The next member, at a browser of their own."""
        return Person(self.house.origin, next(self._members), self._http, self.failures)

    async def ask(self, count: int = 20, rate: float = 10, length: int = 50, *scripts: Script) -> list[Tab]:
        """So many questions, each in a tab that follows its answer."""
        questions = [self.house.model.question(rate, length, *scripts) for _ in range(count)]
        return await asyncio.gather(*(self.open(question) for question in questions))

    async def open(self, question: str) -> Tab:
        tab = Tab(self.person(), question)
        await self.send(tab)
        return tab

    async def send(self, tab: Tab) -> None:
        """Its question is asked, and its answer followed."""
        await tab.ask()
        await self.attend(tab)

    async def attend(self, tab: Tab) -> None:
        """Its answer is followed."""
        await tab.open()
        self.tabs.append(tab)
        self.follow(tab)

    def follow(self, reader: Reader) -> asyncio.Task[None]:
        return self.keep(reader.follow())

    def keep(self, doing: Awaitable[None]) -> asyncio.Task[None]:
        """Something that goes on until everybody leaves."""

        async def go_on() -> None:
            await doing

        self._tasks.append(self._group.create_task(go_on()))
        return self._tasks[-1]

    async def visit(self) -> None:
        """Somebody who opens pages all the time."""
        person = self.person()
        while True:
            await person.surely_get("/")
            await asyncio.sleep(0.1)

    async def all_tabs(self, look: Callable[[Tab], bool], what: str, seconds: float, tabs: Sequence[Tab]) -> None:
        def missing() -> list[Tab]:
            return [tab for tab in tabs if not look(tab)]

        try:
            await eventually(lambda: not missing(), what, seconds)
        except AssertionError as error:
            found = [(tab.question, tab.state, tab.shown, tab.codes) for tab in missing()]
            raise AssertionError(f"{error}: {found}") from None

    async def shown(self, tabs: Sequence[Tab], count: int) -> None:
        """Each has been shown so many words."""
        await self.all_tabs(lambda tab: tab.shown >= count, f"{count} words in every tab", BUSY, tabs)

    async def ended(self, tabs: Sequence[Tab], seconds: float, *states: str) -> None:
        """Each shows the end of its answer, and that it is one of these if any are named."""
        await self.all_tabs(lambda tab: tab.has_ended, "every tab shows the end", seconds + BUSY, tabs)
        wrong = [(tab.question, tab.state, tab.shown) for tab in tabs if states and tab.state not in states]
        assert not wrong, wrong

    async def done(self, tabs: Sequence[Tab], seconds: float) -> None:
        """Each shows its whole answer."""
        await self.ended(tabs, seconds, "done")
        wrong = [(tab.question, tab.shown) for tab in tabs if tab.shown != tab.length]
        assert not wrong, wrong
