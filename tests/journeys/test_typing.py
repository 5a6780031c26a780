"""Keys for everything, half words of an input method, drafts that outlive the page, and what stays where it was."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import Route
from conversations.models import Message
from tests.journeys.conftest import PASSWORD, Visit, answer, ask, wait_for_end
from tests.journeys.looking import NARROW, WIDE, sideways
from tests.journeys.test_states import playing, send
from tests.upstream import Script, Upstream

STATUS = "Failed to load resource: the server responded with a status of "  # Chromium says so of every 4xx


def question(page: Page) -> Any:
    return page.locator("#question")


def test_everything_is_done_with_the_keyboard_alone(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    upstream.answer_with(playing(Script().role().text_delta("Half of it").stall(), Script.text("Other words.")))
    page = visit(alice).tab()
    expect(question(page)).to_be_focused()
    page.keyboard.type("One line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("and another")
    expect(question(page)).to_have_value("One line\nand another")
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("Half of it")
    expect(page.locator(".user .typed")).to_have_text("One line\nand another")
    page.keyboard.press("Escape")
    wait_for_end(page, "stopped")
    expect(question(page)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(question(page)).to_have_value("One line\nand another")
    expect(question(page)).to_be_focused()
    page.keyboard.press("Escape")  # leaves the edit, as nothing is written
    expect(page.locator("#composer")).not_to_have_attribute("data-editing", "")
    expect(question(page)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(question(page)).to_have_value("One line\nand another")
    page.keyboard.press("Control+A")
    page.keyboard.type("In other words")
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text("Other words.")
    expect(page.locator(".user .siblings")).to_contain_text("2/2")
    page.keyboard.type("?")  # a question mark where one types
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(question(page)).to_have_value("?")
    page.keyboard.press("ArrowUp")  # not in an empty field: it moves in the text
    expect(question(page)).to_have_value("?")
    page.keyboard.press("End")
    page.keyboard.press("Backspace")
    page.keyboard.press("Shift+Tab")  # back to the row of the last answer
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("/")
    expect(question(page)).to_be_focused()
    expect(question(page)).to_have_value("")
    page.keyboard.press("Control+Shift+O")
    expect(page.locator(".empty")).to_be_visible()
    expect(question(page)).to_be_focused()


def test_half_a_word_of_an_input_method_is_never_sent(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    page = visit(alice).tab()
    page.keyboard.type("ni hao")
    # As Chromium, Safari and older ones tell of the Enter that takes a suggestion.
    for told in ({"isComposing": True}, {"keyCode": 229}, {"isComposing": True, "keyCode": 229}):
        question(page).evaluate(
            "(it, told) => it.dispatchEvent(new KeyboardEvent('keydown',"
            " {key: 'Enter', bubbles: true, cancelable: true, ...told}))",
            told,
        )
    typing = page.context.new_cdp_session(page)
    typing.send("Input.imeSetComposition", {"text": "你", "selectionStart": 1, "selectionEnd": 1})
    typing.send("Input.dispatchKeyEvent", {"type": "keyDown", "key": "Process", "windowsVirtualKeyCode": 229})
    expect(question(page)).to_have_value(re.compile("你"))
    assert page.locator("article").count() == Message.objects.count() == 0


def test_a_question_stands_in_the_page_before_it_has_left(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    """In the very frame in which it was sent, whatever the network does."""
    page = visit(alice).tab()
    held: list[Any] = []
    page.route("**/c/", lambda it: held.append(it))  # noqa: PLW0108  # Playwright marks the function
    question(page).fill("Are you there?")
    shown = question(page).evaluate(
        """(it) => {
          it.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
          return new Promise((done) => requestAnimationFrame(() => done(document.querySelector(".typed")?.innerText)));
        }"""
    )
    assert shown == "Are you there?"
    expect(page.locator(".user .actions")).to_have_text("Sending…")
    held[0].continue_()
    wait_for_end(page)


def sign_in(page: Page, address: str = "alice@example.org") -> None:
    page.get_by_label(re.compile("e-?mail", re.I)).fill(address)
    page.get_by_label(re.compile("^password", re.I)).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_a_draft_survives_a_reload_signing_out_and_a_session_that_ran_out(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    window.expected.append(STATUS)
    page = window.tab()
    question(page).press_sequentially("Half a thought")
    page.reload()
    expect(question(page)).to_have_value("Half a thought")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page)
    expect(question(page)).to_have_value("Half a thought")
    Session.objects.all().delete()
    question(page).press_sequentially(", and more")
    page.keyboard.press("Enter")
    expect(page.locator("#refusal")).to_contain_text("signed out")
    page.goto(window.address)
    sign_in(page)
    expect(question(page)).to_have_value("Half a thought, and more")
    page.keyboard.press("Enter")
    wait_for_end(page)
    page.goto(window.address)
    expect(question(page)).to_have_value("")  # it was sent


def test_each_conversation_and_each_edit_keeps_its_own_draft_and_nobody_sees_anothers(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    User.objects.create_user("bob@example.org", PASSWORD, name="Bob")
    window = visit(alice)
    page = window.tab()
    ask(page, "First?")
    wait_for_end(page)
    question(page).press_sequentially("Next?")
    page.locator(".user").hover()
    page.get_by_role("link", name="Edit").click()
    expect(question(page)).to_have_value("First?")
    question(page).press_sequentially(" Or second?")
    page.reload()
    expect(question(page)).to_have_value("Next?")
    page.locator(".user").hover()
    page.get_by_role("link", name="Edit").click()
    expect(question(page)).to_have_value("First? Or second?")
    page.get_by_role("link", name="Cancel").click()
    expect(question(page)).to_have_value("Next?")
    page.locator(".user").hover()
    page.get_by_role("link", name="Edit").click()
    expect(question(page)).to_have_value("First?")  # who cancels means it
    page.goto(window.address)
    expect(question(page)).to_have_value("")
    question(page).press_sequentially("Alice's own")
    page.reload()
    expect(question(page)).to_have_value("Alice's own")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, "bob@example.org")
    expect(page.locator("#sidebar .me")).to_have_text("Bob")
    expect(question(page)).to_have_value("")


def test_the_sidebar_stays_folded_or_open_and_nothing_moves_as_a_page_opens(
    visit: Visit, alice: User, route: Route
) -> None:
    window = visit(alice)
    page = window.tab()
    fold = page.get_by_label("Hide the conversations")
    expect(page.get_by_role("link", name="New conversation")).to_be_visible()
    fold.check()
    expect(page.get_by_role("link", name="New conversation")).to_be_hidden()
    page.reload()
    expect(fold).to_be_checked()
    expect(page.get_by_role("link", name="New conversation")).to_be_hidden()
    assert (
        "checked" in str(window.context.request.get(window.address).text()).partition('id="fold"')[2].partition(">")[0]
    )
    fold.uncheck()
    page.reload()
    expect(page.get_by_role("link", name="New conversation")).to_be_visible()


def test_a_dialog_asks_before_a_message_goes_and_its_key_takes_it_back(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    page = visit(alice).tab()
    ask(page, "First?")
    wait_for_end(page)
    ask(page, "Second?")
    expect(page.locator(".assistant")).to_have_count(2)
    wait_for_end(page)
    delete = page.locator(".user").nth(1).get_by_role("link", name="Delete")
    delete.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Delete this question?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(delete).to_be_focused()
    assert Message.objects.count() == 4
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("article")).to_have_count(2)
    assert Message.objects.count() == 2


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_composer_grows_with_its_text_stays_in_reach_and_never_jumps(
    visit: Visit, alice: User, route: Route, upstream: Upstream, size: dict[str, Any]
) -> None:
    page = visit(alice, **size).tab()
    box = "(({ top, bottom }) => [top, bottom])(document.getElementById('composer').getBoundingClientRect())"
    top, bottom = page.evaluate(box)
    question(page).fill("\n".join(["a line"] * 6))
    taller, same = page.evaluate(box)
    assert taller < top - 80
    assert same == bottom
    question(page).fill("a line\n" * 300)
    assert page.evaluate(box)[0] > 200  # no more than part of the window
    question(page).fill("")
    assert page.evaluate(box) == [top, bottom]
    send(page, "First?")
    wait_for_end(page)
    assert page.evaluate(box) == [top, bottom]


# A window of 1280 by 800 at 200 % and at 400 %, a small phone, a tablet.
@pytest.mark.parametrize(("width", "height"), [(640, 400), (320, 256), (360, 640), (820, 1180)])
def test_zoomed_in_everything_is_there_and_nothing_sticks_out(
    visit: Visit, alice: User, route: Route, upstream: Upstream, width: int, height: int
) -> None:
    upstream.answer_with(playing(Script.text("A `long_name_without_a_break` and\n\n```text\n", "x" * 200, "\n```\n")))
    page = visit(alice, viewport={"width": width, "height": height}).tab()
    assert sideways(page) == 0
    question(page).fill("Does it fit?")
    page.keyboard.press("Enter")
    wait_for_end(page)
    assert sideways(page) == 0
    for it in (
        question(page),
        page.get_by_role("button", name="Send"),
        answer(page).get_by_role("button", name="Try again"),
    ):
        it.scroll_into_view_if_needed()
        it.click(trial=True)  # nothing lies over it


def test_whoever_wants_no_motion_sees_none(visit: Visit, alice: User, route: Route, upstream: Upstream) -> None:
    upstream.answer_with(playing(Script().role().text_delta("Half").stall()))
    page = visit(alice, reduced_motion="reduce").tab()
    ask(page, "Still?")
    expect(answer(page)).to_contain_text("Half")
    moving = page.evaluate(
        "document.getAnimations().filter((it) => it.effect.getComputedTiming().endTime > 10)"
        ".map((it) => it.animationName)"
    )
    assert moving == []
    page.locator("#live button").click()
    wait_for_end(page, "stopped")


def test_on_paper_stands_what_was_said_and_nothing_to_press(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    upstream.answer_with(playing(Script.text("Words and\n\n```python\nprint(1)\n```\n")))
    page = visit(alice, color_scheme="dark").tab()
    ask(page, "Print it")
    wait_for_end(page)
    page.emulate_media(media="print")
    for it in ("#sidebar", "#dock", ".actions", ".copy", "#title ~ .icon"):
        expect(page.locator(it).first).to_be_hidden()
    expect(page.locator(".typed")).to_be_visible()
    expect(answer(page)).to_contain_text("print(1)")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert len(page.pdf()) > 1_000
