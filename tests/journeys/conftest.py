"""A whole house, with a scripted model behind it and a real browser before it.

`house` is started once for all journeys: a web process, a worker, the model, and the cable that the browser comes by.
`visit` opens windows; each must stay quiet: no error in the console, nothing refused by the content security policy, no
request to anybody but us.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

from accounts.models import User
from catalog.models import LanguageModel, Provider, Route
from tests.cable import Cable
from tests.serving import Web, environment, web, worker
from tests.upstream import Upstream

PASSWORD = "correct horse battery"
PATIENCE = 20_000  # ms that the browser may take for what should happen at once

# Of a page that is left, or goes elsewhere, while its socket opens: hx-ws closes it, and Chromium says so. All that
# page had to learn is on the next one.
LEFT = "WebSocket is closed before the connection is established"

expect.set_options(timeout=PATIENCE)


@dataclass
class House:
    web: Web
    upstream: Upstream
    cable: Cable

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.cable.port}"


@pytest.fixture(scope="session")
def house(django_db_setup: None, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with Upstream() as upstream, Cable() as cable:
        address = f"http://127.0.0.1:{cable.port}"
        ours = {"DEEPSEEK_API_KEY": "sk-0123456789abcdef", "PRIVATE_PROVIDERS": "127.0.0.1", "PUBLIC_URL": address}
        env = environment(server_url, folder, **ours)
        with web(env, folder) as served, worker(env, folder):
            cable.lead_to(served.port)
            yield House(served, upstream, cable)


@pytest.fixture
def upstream(house: House) -> Upstream:
    house.upstream.forget()
    house.upstream.answer_with(lambda _: None)
    return house.upstream


@pytest.fixture
def alice(transactional_db: None) -> User:
    return User.objects.create_user("alice@example.org", PASSWORD, name="Alice")


@pytest.fixture
def bob(transactional_db: None) -> User:
    return User.objects.create_user("bob@example.org", name="Bob")


@pytest.fixture
def carol(transactional_db: None) -> User:
    return User.objects.create_user("carol@example.org", name="Carol")


@pytest.fixture
def route(transactional_db: None, upstream: Upstream) -> Route:
    provider = Provider.objects.create(
        name="deepseek",
        dialect="deepseek",
        base_url=upstream.base_url,
        key_setting="DEEPSEEK_API_KEY",
        concurrency=500,
    )
    model = LanguageModel.objects.create(
        provider=provider, name="deepseek-flash", context_tokens=100_000, thinks=True, unpriced_allowed=True
    )
    return Route.objects.through(model, name="quick", label="Quick")


@dataclass
class Window:
    """A browser of its own, with its cookies, and what went wrong in it."""

    context: BrowserContext
    address: str
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)  # every address it asked for
    expected: list[str] = field(default_factory=list)  # words of complaints that belong to this journey

    def tab(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.goto(f"{self.address}{path}")
        return page

    def watch(self) -> None:
        self.context.on("console", self._note_console)
        self.context.on("weberror", lambda error: self.wrong.append(str(error.error)))
        self.context.on("request", self._note_request)
        self.context.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " (it) => console.error('CSP', it.violatedDirective, it.blockedURI))"
        )

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and LEFT not in message.text:
            self.wrong.append(message.text)

    def _note_request(self, request: Request) -> None:
        self.asked.append(request.url)

    def check(self) -> None:
        complaints = [it for it in self.wrong if not any(words in it for words in self.expected)]
        assert not complaints, complaints
        hosts = {urlsplit(it).netloc for it in self.asked if not it.startswith(("data:", "blob:"))}
        assert hosts <= {urlsplit(self.address).netloc}, hosts


type Visit = Callable[..., Window]


@pytest.fixture
def visit(house: House, browser: Browser, transactional_db: None) -> Iterator[Visit]:
    """Open a window; `member` is signed in there."""
    windows: list[Window] = []

    def open_window(member: User | None = None, **options: Any) -> Window:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(PATIENCE)
        window = Window(context, house.address)
        windows.append(window)
        window.watch()
        if member:
            client = Client()
            client.force_login(member)
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": house.address}])
        return window

    yield open_window
    for window in windows:
        window.context.close()
    for window in windows:
        window.check()


@pytest.fixture
def tab(visit: Visit, alice: User, route: Route) -> Page:
    """Alice, signed in, before an empty composer."""
    return visit(alice).tab()


def ask(page: Page, question: str) -> None:
    page.locator("#question").fill(question)
    page.locator("#question").press("Enter")


def answer(page: Page, number: int = -1) -> Any:
    return page.locator("article.message.assistant").nth(number)


def wait_for_end(page: Page, state: str = "done") -> None:
    expect(answer(page)).to_have_attribute("data-state", state)


def thread(page: Page) -> str:
    """Whatever holds the focus, or may because it is too wide for its box."""
    return re.sub(r' tabindex="-?\d"', "", str(page.evaluate("document.getElementById('thread').outerHTML")))


def assert_same_as_a_reload(window: Window, *pages: Page) -> None:
    """Byte for byte, `#thread` of every page and that of one loaded now; and the title, once the model gave it."""
    fresh = window.tab(urlsplit(pages[0].url).path)
    wanted, title = thread(fresh), fresh.locator("#title").inner_text()
    for page in pages:
        expect(page.locator("#title")).to_have_text(title)
        until(lambda page=page: thread(page) == wanted, lambda page=page: f"{thread(page)}\n\n{wanted}")  # type: ignore[misc]  # mypy can't type a default
    fresh.close()


def until_it_shares(page: Page) -> None:
    """Its scripts for that came with the first sharing that it showed. (`wait_for_function` is against our CSP.)"""
    until(lambda: page.evaluate("typeof listNow === 'function'"), lambda: "the scripts did not come")


def until(look: Callable[[], object], otherwise: Callable[[], str], seconds: float = 5) -> None:
    """For what Playwright has no expectation for; every look is a round trip to the browser."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, otherwise()
