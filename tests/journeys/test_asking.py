"""Journeys of somebody who asks and reads."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, WebSocketRoute, expect

from accounts.models import User
from catalog.models import Route
from conversations.models import Message
from tests.journeys.conftest import (
    PASSWORD,
    Visit,
    answer,
    ask,
    assert_same_as_a_reload,
    thread,
    wait_for_end,
)
from tests.upstream import DEMO, Gate, Script, Upstream, tokenized

TITLE = "A short title"


def test_a_member_signs_in_asks_and_reads_the_answer_as_it_is_written(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("Monads are ").gate(gate).text_delta("**burritos**.").finish().done())
    window = visit()
    page = window.tab()
    page.get_by_label(re.compile("e-?mail|address", re.I)).fill("alice@example.org")
    page.get_by_label(re.compile("^password", re.I)).fill(PASSWORD)
    page.get_by_role("button", name=re.compile("sign in", re.I)).click()
    expect(page.locator("#question")).to_be_focused()
    page.wait_for_load_state()  # before its script is there, Enter is but the end of a line
    ask(page, "What is a monad?")
    expect(answer(page)).to_contain_text("Monads are")
    expect(page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}/"))
    expect(page.locator("#question")).to_have_value("")
    expect(page.locator("#live button")).to_be_visible()
    gate.open()
    expect(answer(page).locator("strong")).to_have_text("burritos")
    wait_for_end(page)
    expect(page.locator("#live button")).to_have_count(0)
    expect(page.locator("#title")).to_have_text(TITLE)
    expect(page.locator("#conversations")).to_contain_text(TITLE)
    expect(page).to_have_title(re.compile(TITLE))
    assert_same_as_a_reload(window, page)


def test_everything_that_markdown_can_say_is_the_same_live_and_reloaded(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    thoughts = tokenized("Let me think: **first** this, then `that`.")
    upstream.play(
        Script()
        .role(reasoning=True)
        .tokens(thoughts, 400, "reasoning_content")
        .tokens(tokenized(DEMO), 400)
        .finish()
        .done()
    )
    window = visit(alice)
    page = window.tab()
    ask(page, "Show me all")
    wait_for_end(page)
    for selector in ("table", "pre code", "math", "details.thinking", "ol li", "blockquote", "h1"):
        assert answer(page).locator(selector).count(), selector
    assert "<script>alert" in answer(page).inner_text()
    assert_same_as_a_reload(window, page)


def test_the_first_words_are_shown_at_once(tab: Page, upstream: Upstream) -> None:
    """From the model's first byte to the page: within a few ticks, on a machine that does other things too."""
    gate = Gate()
    upstream.play(Script().role().gate(gate).text_delta("First").stall())
    ask(tab, "Quick?")
    gate.wait_reached()
    expect(answer(tab)).to_have_attribute("data-state", "running")
    tab.evaluate(
        "new Promise((shown) => { window.seen = new Promise((done) => new MutationObserver((_, its) => {"
        " if (document.querySelector('#messages').innerText.includes('First')) { its.disconnect(); done(Date.now()); }"
        "}).observe(document.querySelector('#thread'), {childList: true, subtree: true, characterData: true}));"
        " shown(); })"
    )
    began = time.time()
    gate.open()
    shown = float(tab.evaluate("window.seen")) / 1000
    assert shown - began < 0.3
    tab.locator("#live button").click()
    wait_for_end(tab, "stopped")


def test_a_question_while_an_answer_is_written_waits_for_its_turn(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("One").gate(gate).finish().done())
    window = visit(alice)
    page = window.tab()
    ask(page, "First?")
    expect(answer(page)).to_contain_text("One")
    ask(page, "Second?")
    expect(page.locator("article.message.user")).to_have_count(2)
    expect(answer(page)).to_have_attribute("data-state", "queued")
    gate.open()
    wait_for_end(page)
    expect(page.locator("#title")).to_have_text(TITLE)
    assert_same_as_a_reload(window, page)


def test_stop_keeps_what_was_said_and_hangs_up_and_the_composer_is_ready_at_once(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    upstream.play(Script().role().text_delta("Half of ").stall())
    window = visit(alice)
    page = window.tab()
    ask(page, "Count to a million")
    expect(answer(page)).to_contain_text("Half of")
    request = upstream.wait_for_request()
    page.locator("#question").fill("Then this")
    pressed = time.monotonic()
    page.locator("#live button").click()
    hung_up = request.wait_closed()
    assert hung_up - pressed < 0.5  # 0.15 by the worker's own test; here with a browser between
    wait_for_end(page, "stopped")
    expect(answer(page)).to_contain_text("Stopped.")
    expect(page.locator("#live button")).to_have_count(0)
    expect(page.locator("#question")).to_have_value("Then this")
    page.locator("#question").press("Enter")
    wait_for_end(page)
    assert_same_as_a_reload(window, page)


def test_a_second_click_and_a_second_enter_ask_once(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    page = window.tab()
    page.locator("#question").fill("Only once?")
    page.get_by_role("button", name="Send").dblclick()
    wait_for_end(page)
    expect(page.locator("article.message.user")).to_have_count(1)
    page.locator("#question").fill("Once more?")
    page.evaluate("for (let i = 0; i < 3; i++) document.getElementById('composer').requestSubmit()")
    expect(page.locator("article.message.user")).to_have_count(2)
    # The question stands there before it is posted; until then a second one is taken for the second click.
    expect(page.locator("#composer")).not_to_have_attribute("aria-busy", "true")
    page.locator("#question").fill("And with Enter?")
    page.locator("#question").press("Enter")
    page.locator("#question").press("Enter")
    expect(page.locator("article.message.user")).to_have_count(3)
    expect(answer(page)).to_contain_text("And with Enter?")
    wait_for_end(page)
    assert Message.objects.filter(role=Message.Role.USER).count() == 3
    assert_same_as_a_reload(window, page)


def test_a_question_that_is_sent_before_the_last_answer_is_there_comes_below_it(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    """A slow network: two questions stand in the page before a frame brings the first one's answer."""
    window = visit(alice)
    page = window.context.new_page()
    late: list[tuple[WebSocketRoute, str | bytes]] = []
    is_late = False

    def relay(socket: WebSocketRoute) -> None:
        socket.connect_to_server().on_message(lambda it: late.append((socket, it)) if is_late else socket.send(it))

    page.route_web_socket("**/ws/**", relay)
    page.goto(window.address)
    ask(page, "First?")
    wait_for_end(page)
    is_late = True
    for number, text in enumerate(("Second?", "Third?"), start=2):
        page.locator("#question").fill(text)
        page.locator("#question").press("Enter")
        expect(page.locator("article.message.user")).to_have_count(number)
        expect(page.locator("#composer")).not_to_have_attribute("aria-busy", "true")
    is_late = False
    for socket, frame in late:
        socket.send(frame)
    expect(page.locator("article.message.assistant")).to_have_count(3)
    expect(answer(page)).to_contain_text("Third?")
    wait_for_end(page)
    assert_same_as_a_reload(window, page)


def test_try_again_and_edit_make_versions_to_switch_between(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    page = window.tab()
    upstream.play(Script.text("Answer A"))
    ask(page, "Original?")
    wait_for_end(page)
    expect(page.locator("#title")).to_have_text(TITLE)
    upstream.play(Script.text("Answer B"))
    answer(page).get_by_role("button", name="Try again").click()
    expect(answer(page)).to_contain_text("Answer B")
    expect(answer(page).locator(".siblings")).to_contain_text("2/2")
    wait_for_end(page)
    answer(page).get_by_role("button", name="Previous version").click()
    expect(answer(page)).to_contain_text("Answer A")
    expect(answer(page).locator(".siblings")).to_contain_text("1/2")
    assert_same_as_a_reload(window, page)
    upstream.play(Script.text("Answer C"))
    page.locator("article.message.user").get_by_role("link", name="Edit").click()
    expect(page.locator("#question")).to_have_value("Original?")
    ask(page, "In other words?")
    expect(answer(page)).to_contain_text("Answer C")
    wait_for_end(page)
    first = page.locator("article.message.user").first
    expect(first.locator(".siblings")).to_contain_text("2/2")
    first.get_by_role("button", name="Previous version").click()
    expect(answer(page)).to_contain_text(re.compile("Answer [AB]"))
    expect(first).to_contain_text("Original?")
    assert_same_as_a_reload(window, page)


def test_a_rename_is_seen_in_every_open_tab_and_a_deletion_too(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    window.expected.append("404")  # a tab may ask what is new just when there is nothing any more
    page = window.tab()
    ask(page, "What?")
    wait_for_end(page)
    expect(page.locator("#title")).to_have_text(TITLE)
    path = page.url.removeprefix(window.address)
    other = window.tab(path)
    page.goto(page.url + "rename/")
    page.get_by_label("Title").fill("Mine <b>now</b>")
    page.get_by_role("button", name="Rename").click()
    for it in (page, other):
        expect(it.locator("#title")).to_have_text("Mine <b>now</b>")
        expect(it.locator("#conversations")).to_contain_text("Mine <b>now</b>")
    assert_same_as_a_reload(window, page, other)
    page.goto(page.url + "delete/")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#conversations")).not_to_contain_text("Mine")
    expect(other).to_have_url(f"{window.address}/?gone")
    assert window.context.request.get(f"{window.address}{path}").status == 404


def test_code_is_copied_by_its_button(visit: Visit, alice: User, route: Route, upstream: Upstream) -> None:
    code = 'def f(x):\n    return "<b>" if x < 2 else f(x - 1)\n'
    upstream.play(Script.text("Try:\n\n```python\n", code, "```\n"))
    window = visit(alice, permissions=["clipboard-read", "clipboard-write"])
    page = window.tab()
    ask(page, "Code?")
    wait_for_end(page)
    expect(page.locator("#title")).to_have_text(TITLE)
    before = thread(page)
    answer(page).locator("button.copy").click()
    expect(answer(page).get_by_role("button", name="Copied")).to_be_visible()
    assert str(page.evaluate("navigator.clipboard.readText()")).strip() == code.strip()
    expect(answer(page).get_by_role("button", name="Copy", exact=True)).to_be_visible()
    assert thread(page) == before
