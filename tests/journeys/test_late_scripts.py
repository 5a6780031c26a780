"""Whichever script comes last: a page that follows a conversation says where it stands, and is told what is new."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, WebSocket, expect
from playwright.sync_api import Route as Held
from pytest_django import Settings

from accounts.models import User
from catalog.models import Route
from conversations import asking
from tests.journeys.conftest import Visit, until
from tests.shares import live, make

FOLLOWING = ["htmx-4", "hx-ws-4", "common"]
SCRIPTS = [*(("chat", it) for it in (*FOLLOWING, "chat", "page")), *(("link", it) for it in (*FOLLOWING, "shared"))]

LOADED = """(late) => [...document.scripts].filter((it) => it.src && !it.src.includes(late))
    .every(({ src }) => performance.getEntriesByName(src).some((it) => it.responseEnd))"""
# What was put off until the scripts at hand had run.
A_WHILE = "async () => { for (let i = 0; i < 20; i++) await new Promise((go) => setTimeout(go, 10)) }"


class Sockets:
    """Those that a page opened, and what it said first in each."""

    def __init__(self, page: Page) -> None:
        self.opened: list[str] = []
        self.said: list[str] = []
        page.on("websocket", self._note)

    def _note(self, socket: WebSocket) -> None:
        self.opened.append(socket.url)
        socket.on("framesent", lambda said: self.said.append(str(said)))


@pytest.mark.parametrize(("what", "late"), SCRIPTS)
def test_a_page_opens_its_socket_once_every_script_is_there(
    visit: Visit, alice: User, route: Route, settings: Settings, what: str, late: str
) -> None:
    settings.DEEPSEEK_API_KEY = "sk-0123456789abcdef"
    settings.PRIVATE_PROVIDERS = frozenset({"127.0.0.1"})
    conversation = asking.start(alice, "What is a monad?", uuid4(), route).conversation
    link = make(conversation, live())
    window = visit(alice if what == "chat" else None)
    page, held = window.context.new_page(), list[Held]()
    sockets = Sockets(page)

    def hold(script: Held) -> None:
        held.append(script)

    page.route(re.compile(rf"/{late}[^/]*\.js$"), hold)
    path = conversation.get_absolute_url() if what == "chat" else link.get_absolute_url()
    page.goto(window.address + path, wait_until="commit")
    until(lambda: page.evaluate(LOADED, late) and held, lambda: "the other scripts never came")
    page.evaluate(A_WHILE)
    assert not sockets.opened
    held[0].continue_()
    until(lambda: page.evaluate("0") or sockets.said, lambda: f"nothing was said in {sockets.opened}")
    assert '"seq"' in sockets.said[0]
    asking.ask(conversation, alice, "And a functor?", uuid4(), route)
    expect(page.locator("#messages")).to_contain_text("And a functor?")
    assert len(sockets.opened) == 1
