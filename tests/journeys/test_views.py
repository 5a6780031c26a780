"""Every view of an answer ends the same, whatever happens to it while the answer is written."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import batched
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import Route
from tests.journeys.conftest import House, Visit, Window, answer, ask, assert_same_as_a_reload, wait_for_end
from tests.upstream import DEMO, Gate, Script, Upstream, tokenized

HIDE = "Object.defineProperty(document, 'hidden', {get: () => %s, configurable: true});"
CHANGE = "document.dispatchEvent(new Event('visibilitychange'));"
# As in a company whose proxy lets no websocket through: each one ends before it is open.
NO_SOCKETS = """
window.WebSocket = class extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 3;
  readyState = 0;
  constructor() {
    super();
    setTimeout(() => this.close(), 10);
  }
  close() {
    this.readyState = 3;
    this.dispatchEvent(new Event("error"));
    this.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  }
};
"""
LOST = ["WebSocket connection", "htmx:ws:error", "ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET"]  # cut cables


def hide(page: Page) -> None:
    """As when another tab comes to the front: hx-ws closes its socket. (Headless Chromium hides no page.)"""
    page.evaluate(HIDE % "true" + CHANGE)


def show(page: Page) -> None:
    page.evaluate(HIDE % "false" + CHANGE)


@dataclass
class Views:
    """Alice's views of one conversation, and what may happen to them."""

    house: House
    visit: Visit
    alice: User
    windows: list[Window]
    pages: list[Page]
    hidden: list[Page] = field(default_factory=list)

    @property
    def path(self) -> str:
        return urlsplit(self.pages[0].url).path

    def reload(self, chance: random.Random) -> None:
        chance.choice(self.pages).reload()

    def open_tab(self, chance: random.Random) -> None:
        self.pages.append(chance.choice(self.windows).tab(self.path))

    def open_browser(self, chance: random.Random) -> None:
        self.windows.append(self.visit(self.alice))
        self.windows[-1].expected += LOST
        self.open_tab(random.Random(0))

    def cut_cable(self, chance: random.Random) -> None:
        self.house.cable.cut()

    def hide(self, chance: random.Random) -> None:
        page = chance.choice(self.pages)
        hide(page)
        if page not in self.hidden:
            self.hidden.append(page)

    def show(self, chance: random.Random) -> None:
        if self.hidden:
            show(self.hidden.pop(0))

    def rest(self, chance: random.Random) -> None:
        """Nothing."""


HAPPENINGS: list[Callable[[Views, random.Random], None]] = [
    Views.reload,
    Views.open_tab,
    Views.open_browser,
    Views.cut_cable,
    Views.hide,
    Views.show,
    Views.rest,
]


@pytest.mark.parametrize("seed", range(4))
def test_reloads_tabs_browsers_cut_cables_and_hidden_tabs_all_end_with_the_same_page(
    visit: Visit, alice: User, route: Route, upstream: Upstream, house: House, seed: int
) -> None:
    chance = random.Random(seed)
    thoughts, words = tokenized("First I **think** about `it`, at length. " * 3), tokenized(DEMO)
    parts = [("reasoning_content", thoughts), *(("content", list(part)) for part in batched(words, len(words) // 8))]
    gates = [Gate() for _ in parts]
    script = Script().role(reasoning=True)
    for gate, (name, texts) in zip(gates, parts, strict=True):
        script = script.tokens(texts[: len(texts) // 2], 0, name).gate(gate).tokens(texts[len(texts) // 2 :], 0, name)
    upstream.play(script.finish().done())
    window = visit(alice)
    window.expected += LOST
    page = window.tab()
    ask(page, "Show me all")
    expect(answer(page)).to_be_visible()
    views = Views(house, visit, alice, [window], [page])
    for gate in gates:
        gate.wait_reached()
        happening = chance.choice(HAPPENINGS)
        if chance.random() < 0.5:  # before the rest of this part, or in the middle of it
            happening(views, chance)
            gate.open()
        else:
            gate.open()
            happening(views, chance)
    for it in views.hidden:
        show(it)
    for it in views.pages:
        wait_for_end(it)
    assert_same_as_a_reload(window, *views.pages)


def test_a_tab_that_was_hidden_while_an_answer_was_written_shows_all_of_it_when_it_comes_back(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("Before. ").gate(gate).text_delta("After.").finish().done())
    window = visit(alice)
    page = window.tab()
    ask(page, "Wait for me")
    expect(answer(page)).to_contain_text("Before.")
    hide(page)
    other = window.tab(urlsplit(page.url).path)
    gate.open()
    wait_for_end(other)
    expect(answer(page)).not_to_contain_text("After.")  # it has no socket
    show(page)
    wait_for_end(page)
    assert_same_as_a_reload(window, page, other)


def test_a_page_whose_cable_is_cut_again_and_again_loses_and_doubles_nothing(
    visit: Visit, alice: User, route: Route, upstream: Upstream, house: House
) -> None:
    gates = [Gate() for _ in range(4)]
    script = Script().role()
    for number, gate in enumerate(gates):
        script = script.text_delta(f"word{number}. ").gate(gate)
    upstream.play(script.finish().done())
    window = visit(alice)
    window.expected += LOST
    page = window.tab()
    ask(page, "Go on")
    for number, gate in enumerate(gates):
        expect(answer(page)).to_contain_text(f"word{number}.")
        house.cable.cut()
        gate.open()
    wait_for_end(page)
    expect(answer(page).locator(".md")).to_have_text("word0. word1. word2. word3.")
    assert_same_as_a_reload(window, page)


def test_with_script_but_a_blocked_socket_the_page_asks_and_the_answer_arrives(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("Half. ").gate(gate).text_delta("Whole.").finish().done())
    window = visit(alice)
    page = window.context.new_page()
    page.add_init_script(NO_SOCKETS)
    window.expected += ["htmx:ws:error"]
    page.goto(window.address)
    ask(page, "Without a socket?")
    expect(answer(page)).to_contain_text("Half.")
    gate.open()
    wait_for_end(page)
    expect(page.locator("#title")).to_have_text("A short title")
    expect(page).to_have_title("A short title")
    assert_same_as_a_reload(window, page)
