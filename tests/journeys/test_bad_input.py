"""What no page expects: each stays in its message, the page can be used, and all other messages stay in place."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import Route
from conversations.models import Conversation, Message
from tests.journeys.conftest import Visit, Window, answer, wait_for_end
from tests.journeys.looking import NARROW, WIDE, look, sideways
from tests.journeys.test_states import playing, send
from tests.upstream import Script, Upstream

STATUS = "Failed to load resource: the server responded with a status of "  # Chromium says so of every 4xx
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
COLUMNS = 60
ROW = "|" + "".join(f" column {number} |" for number in range(COLUMNS)) + "\n"
ARABIC = "مرحبا بالعالم، هذه جملة طويلة بالعربية تحتوي على code وأرقام 123."
STRANGE = {
    "right to left": f"{ARABIC}\n\n- {ARABIC}\n- second\n\n> {ARABIC}",
    "a word of 5,000 letters": "Before " + "x" * 5_000 + " after",
    "a table with 60 columns": ROW + "|" + "---|" * COLUMNS + "\n" + ROW * 3,
    "300 quotes in each other": "\n".join(">" * level + f" level {level}" for level in range(1, 301)),
    "20,000 lines of code": "```python\n" + "".join(f"print({number})\n" for number in range(20_000)) + "```\n",
    "an endless address": "See https://example.org/" + "a/" * 2_000,
    "a wide formula": "$$" + " + ".join(f"x_{{{number}}}" for number in range(200)) + "$$",
    "emoji and marks": "👩🏽‍💻" * 500 + " " + "e" + "\u0301" * 2_000,
}


@SIZES
def test_strange_answers_stay_in_their_boxes(
    visit: Visit, alice: User, route: Route, upstream: Upstream, size: dict[str, Any]
) -> None:
    """All in one conversation, as a page that is opened shows it, with an ordinary answer after each."""
    window = visit(alice, **size)
    page = window.tab()
    upstream.answer_with(playing(*[Script.text(it) for text in STRANGE.values() for it in (text, "As ever.")]))
    for number, name in enumerate(STRANGE, 1):
        send(page, name)
        expect(page.locator(".assistant")).to_have_count(2 * number - 1)
        wait_for_end(page)
        assert_in_its_box(page, name)
        send(page, "And now?")
        expect(page.locator(".assistant")).to_have_count(2 * number)
        wait_for_end(page)
        expect(answer(page)).to_contain_text("As ever.")
        assert_in_its_box(page, name)
    assert page.locator("#thread").evaluate("(it) => getComputedStyle(it).direction") == "ltr"
    arabic = answer(page, 0).locator("li").first
    assert arabic.evaluate("(it) => getComputedStyle(it).unicodeBidi") == "plaintext"
    fresh = window.tab(urlsplit(page.url).path)
    assert_in_its_box(fresh, "all of them")
    fresh.locator("#question").fill("Still there?")
    expect(fresh.get_by_role("button", name="Send")).to_be_enabled()


# Whether every message stands below the one before it, none wider than the column, and the composer is in the window.
IN_PLACE = """() => {
  const column = document.querySelector("#messages").getBoundingClientRect();
  const boxes = [...document.querySelectorAll(".message")].map((it) => it.getBoundingClientRect());
  const wide = boxes.filter((it) => it.width > column.width + 20).length;
  const above = boxes.filter((it, number) => number && it.top < boxes[number - 1].bottom - 1).length;
  const { top, bottom } = document.getElementById("composer").getBoundingClientRect();
  return [wide, above, top > 0 && bottom <= innerHeight];
}"""


def assert_in_its_box(page: Page, name: str) -> None:
    assert sideways(page) == 0, name
    assert page.evaluate(IN_PLACE) == [0, 0, True], name


def test_strange_questions_and_titles_stay_in_theirs(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice, **NARROW)
    window.expected.append(STATUS)
    page = window.tab()
    upstream.answer_with(playing(*[Script.text("As ever.")] * 3))
    for number, text in enumerate((ARABIC, "x" * 5_000, "\n".join(">" * 300 for _ in range(50))), 1):
        send(page, text)
        expect(page.locator(".assistant")).to_have_count(number)
        wait_for_end(page)
        assert_in_its_box(page, text[:20])
    assert page.locator(".typed").first.evaluate("(it) => getComputedStyle(it).unicodeBidi") == "plaintext"
    _with_a_long_title(window, page)


def _with_a_long_title(window: Window, page: Page) -> None:
    """10,000 characters are refused in a sentence, and stand there still; as many as fit stay in their line."""
    title = "No end of it " * 769 + "..."
    chat = page.url
    page.goto(f"{chat}rename/")
    field = page.get_by_label("Title")
    field.evaluate("(it) => it.removeAttribute('maxlength')")
    field.fill(title)
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".errors")).to_contain_text("A title may have 120 characters.")
    assert page.get_by_label("Title").input_value() == title
    assert sideways(page) == 0
    page.get_by_label("Title").fill("W" * 120)
    page.get_by_role("button", name="Rename").click()
    expect(page.locator("#title")).to_have_text("W" * 120)
    look(page, "narrow-light-20-long-title")
    assert Conversation.objects.get().title == "W" * 120
    assert Message.objects.count() == 6
