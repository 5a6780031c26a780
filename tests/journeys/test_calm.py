"""Streaming that is calm: nothing moves that is read, nothing is taken from the reader's hands."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import Route
from tests.journeys.conftest import House, Visit, answer, ask, until, wait_for_end
from tests.journeys.looking import NARROW, WIDE
from tests.journeys.scenes import QUESTION, Scene
from tests.journeys.test_states import playing, send
from tests.journeys.test_views import LOST
from tests.upstream import Gate, Script, Upstream, tokenized

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
# By what share of the window anything moved that was there before, without anybody having touched anything.
SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, sources, hadRecentInput } of list.getEntries()) {
      if (!hadRecentInput) window.shifts.push([value, sources.map(({ node }) => node?.outerHTML?.slice(0, 80))]);
    }
  }).observe({ type: "layout-shift" });
}"""
PARAGRAPHS = [f"Paragraph {number} of a long story. " + "It goes on and on. " * 20 + "\n\n" for number in range(12)]


def to_go(page: Page) -> float:
    """How far the reader is from the end."""
    return float(page.evaluate("(it => it.scrollHeight - it.clientHeight - it.scrollTop)(document.documentElement)"))


def shifts(page: Page) -> list[Any]:
    found: list[Any] = page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(shifts))))"
    )
    return found


@SIZES
def test_nothing_that_stands_moves_while_an_answer_thinks_is_written_and_ends(
    visit: Visit, alice: User, route: Route, upstream: Upstream, size: dict[str, Any]
) -> None:
    """Cumulative layout shift, as the browser counts it, with code, a table and formulas in the answer."""
    scene, second = Scene(), Script().role().tokens(tokenized("".join(PARAGRAPHS)), 400).finish().done()
    upstream.answer_with(playing(scene.script, second))
    page = visit(alice, **size).tab()
    send(page, QUESTION)
    expect(answer(page).locator(".status")).to_be_visible()
    page.evaluate(SHIFTS)  # from here on: a question that is typed may move the greeting
    for gate, seen in [
        (scene.thinking, answer(page).get_by_text("every write names.")),
        (scene.thought, answer(page).locator("pre")),
        (scene.writing, answer(page).locator("math").last),
        (scene.written, answer(page).get_by_role("button", name="Copy as Markdown")),
    ]:
        gate.open()
        expect(seen).to_be_visible()
    send(page, "And now at length?")
    expect(page.locator(".assistant")).to_have_count(2)
    wait_for_end(page)
    found = shifts(page)
    assert sum(value for value, _ in found) < 0.02, found
    assert to_go(page) <= 1


@SIZES
def test_the_view_follows_at_the_end_only_and_a_pill_leads_back(
    visit: Visit, alice: User, route: Route, upstream: Upstream, size: dict[str, Any]
) -> None:
    gates = [Gate() for _ in range(3)]
    script = Script().role()
    for gate, start in zip(gates, range(0, 12, 4), strict=True):
        script = script.tokens(tokenized("".join(PARAGRAPHS[start : start + 4])), 0).gate(gate)
    upstream.answer_with(playing(script.finish().done()))
    page = visit(alice, **size).tab()
    ask(page, "Tell me a long story") if size is WIDE else send(page, "Tell me a long story")
    expect(answer(page)).to_contain_text("Paragraph 3")
    until(lambda: to_go(page) <= 1, lambda: f"{to_go(page)} px from the end")
    expect(page.locator("#latest")).to_be_hidden()
    if size is WIDE:
        assert 60 <= page.evaluate(LINE) <= 80
    page.mouse.wheel(0, -600)
    expect(page.locator("#latest")).to_be_visible()
    before = float(page.evaluate("document.documentElement.scrollTop"))
    gates[0].open()
    expect(answer(page)).to_contain_text("Paragraph 7")
    assert float(page.evaluate("document.documentElement.scrollTop")) == before
    page.get_by_role("link", name="Jump to latest").click()
    expect(page.locator("#latest")).to_be_hidden()
    gates[1].open()
    expect(answer(page)).to_contain_text("Paragraph 11")
    until(lambda: to_go(page) <= 1, lambda: f"{to_go(page)} px from the end")
    gates[2].open()
    wait_for_end(page)


# How many characters stand in the first line of an answer.
LINE = """() => {
  const words = document.querySelector(".assistant .md p").firstChild;
  const range = new Range();
  range.setStart(words, 0);
  for (let at = 1; at < words.length; at += 1) {
    range.setEnd(words, at);
    if (range.getClientRects().length > 1) return at;
  }
}"""


SELECT = """(page) => {
  const [from, to] = ["Paragraph 1 of", "it goes on"].map((words) => {
    const walker = document.createTreeWalker(document.querySelector(".assistant > .md"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const at = walker.currentNode.data.lastIndexOf(words);
      if (at >= 0) return [walker.currentNode, at];
    }
  });
  getSelection().setBaseAndExtent(...from, ...to);
}"""


def test_what_the_reader_selected_stays_selected_to_the_end_of_the_answer_and_beyond(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    """From a paragraph that stands into the sentence that is being written."""
    gates = [Gate(), Gate()]
    text = "".join(PARAGRAPHS[:2]) + "And **then** it goes on"
    script = Script().role().tokens(tokenized(text), 0).gate(gates[0]).tokens(tokenized(" for long. Yes."), 0)
    upstream.answer_with(playing(script.gate(gates[1]).finish().done()))
    page = visit(alice).tab()
    ask(page, "Tell me a long story")
    expect(answer(page)).to_contain_text("And then")
    page.evaluate(SELECT)
    selected = "getSelection().toString().replace(/\\s+/g, ' ')"
    before = page.evaluate(selected)
    assert before.startswith("Paragraph 1 of")
    assert before.rstrip().endswith("And then")
    gates[0].open()
    expect(answer(page)).to_contain_text("Yes.")
    assert page.evaluate(selected).rstrip() == before.rstrip()
    gates[1].open()
    wait_for_end(page)
    assert page.evaluate(selected).rstrip() == before.rstrip()


def test_the_focus_is_found_again_in_what_took_its_place(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.answer_with(
        playing(
            Script()
            .role()
            .text_delta("See [this](https://a.example/) and [that](https://b.example/), then")
            .gate(gate)
            .text_delta(" more.")
            .finish()
            .done(),
            Script().role().text_delta("Again.").stall(),
        )
    )
    page = visit(alice).tab()
    ask(page, "Where?")
    link = answer(page).get_by_role("link", name="that")
    link.focus()
    gate.open()
    wait_for_end(page)
    expect(link).to_be_focused()
    answer(page).get_by_role("button", name="Try again").focus()
    page.keyboard.press("Enter")  # another answer takes its place
    expect(answer(page)).to_contain_text("Again.")
    expect(page.locator("#question")).to_be_focused()
    page.locator("#live button").focus()
    page.keyboard.press("Enter")
    wait_for_end(page, "stopped")
    expect(page.locator("#live button")).to_have_count(0)
    expect(page.locator("#question")).to_be_focused()


def test_a_thinking_box_folds_when_the_answer_begins_but_stays_as_the_reader_wants_it(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    scene, second = Scene(), Scene()
    upstream.answer_with(playing(scene.script, second.script))
    page = visit(alice).tab()
    ask(page, QUESTION)
    scene.thinking.open()
    box = answer(page).locator(".thinking")
    expect(box).to_have_attribute("open", "")
    expect(box.locator("summary")).to_contain_text("Thinking… 1 s")
    scene.open()
    wait_for_end(page)
    expect(box).not_to_have_attribute("open", "")
    expect(box.locator("summary")).to_contain_text("Thought")
    expect(box.locator(".seconds")).to_contain_text(" s")
    ask(page, "Once more?")
    expect(page.locator(".assistant")).to_have_count(2)
    second.thinking.open()
    expect(box).to_have_attribute("open", "")
    box.locator("summary").click()
    box.locator("summary").click()
    second.open()
    wait_for_end(page)
    expect(box).to_have_attribute("open", "")


SAID = "[...document.querySelectorAll('#said p')].map((it) => it.textContent.trim())"


def test_an_answer_is_said_aloud_sentence_by_sentence(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    gates = [Gate(), Gate()]
    script = Script().role().tokens(tokenized("First one. Second one! And a thi"), 0).gate(gates[0])
    script = script.text_delta("rd? 中文也是。").gate(gates[1]).text_delta(" The end").finish().done()
    upstream.answer_with(playing(script))
    page = visit(alice).tab()
    ask(page, "Say it")
    until(lambda: "Second one!" in " ".join(page.evaluate(SAID)), lambda: f"{page.evaluate(SAID)}")
    assert "thi" not in " ".join(page.evaluate(SAID))
    gates[0].open()
    until(lambda: "中文也是。" in " ".join(page.evaluate(SAID)), lambda: f"{page.evaluate(SAID)}")
    gates[1].open()
    wait_for_end(page)
    until(lambda: "The end" in page.evaluate(SAID), lambda: f"{page.evaluate(SAID)}")
    whole = " ".join(page.evaluate(SAID))
    assert [whole.count(it) for it in ("First one.", "And a third?", "中文也是。", "The end")] == [1, 1, 1, 1]
    assert page.locator("#said").get_attribute("aria-live") == "polite"
    assert page.locator("#thread").get_attribute("role") == "log"


# Which icons buttons come to show: a check mark stands for a second and a half, and a busy machine may look too late.
NOTE_ICONS = """() => {
  window.icons = [];
  const note = (changes) => icons.push(...changes.map(({ target }) => target.getAttribute("href")));
  new MutationObserver(note).observe(document.body, { subtree: true, attributeFilter: ["href"] });
}"""


def test_a_message_is_copied_as_markdown_and_as_text(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    text = "Use **this**:\n\n```python\nprint(1)\n```\n\n- one\n- two"
    upstream.answer_with(playing(Script.text(text)))
    page = visit(alice, permissions=["clipboard-read", "clipboard-write"]).tab()
    ask(page, "Show *me*")
    wait_for_end(page)
    copied = "navigator.clipboard.readText()"
    page.evaluate(NOTE_ICONS)
    answer(page).get_by_role("button", name="Copy as Markdown").dblclick()
    until(lambda: page.evaluate(copied) == text, lambda: str(page.evaluate(copied)))
    until(lambda: page.evaluate("icons") == ["#i-check", "#i-markdown"], lambda: str(page.evaluate("icons")))
    answer(page).get_by_role("button", name="Copy as text").click()
    until(lambda: "Use this:" in page.evaluate(copied), lambda: str(page.evaluate(copied)))
    plain = str(page.evaluate(copied))
    assert "print(1)" in plain
    assert "**" not in plain
    assert "Python" not in plain
    page.locator(".user").hover()
    page.locator(".user").get_by_role("button", name="Copy").click()
    until(lambda: page.evaluate(copied) == "Show *me*", lambda: str(page.evaluate(copied)))


def test_without_a_clipboard_a_message_is_copied_all_the_same(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    """Plain http away from this machine."""
    upstream.answer_with(playing(Script.text("Some **words**.")))
    window = visit(alice)
    page = window.context.new_page()
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.goto(window.address)
    ask(page, "Say")
    wait_for_end(page)
    page.evaluate(NOTE_ICONS)
    answer(page).get_by_role("button", name="Copy as Markdown").click()
    until(lambda: "#i-check" in page.evaluate("icons"), lambda: str(page.evaluate("icons")))
    expect(answer(page).get_by_role("button", name="Copy as Markdown")).to_be_focused()
    page.locator("#question").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("#question")).to_have_value("Some **words**.")


def test_a_lost_connection_is_said_and_so_is_its_return(
    visit: Visit, alice: User, route: Route, upstream: Upstream, house: House
) -> None:
    window = visit(alice)
    window.expected += LOST
    page = window.tab()
    ask(page, "Are you there?")
    wait_for_end(page)
    with house.cable.unplugged():
        expect(page.locator("#connection")).to_have_text("Reconnecting…")
    expect(page.locator("#connection")).to_have_text("Back again.")
    expect(page.locator("#connection")).to_be_empty()


@SIZES
def test_the_row_below_a_message_is_quiet_until_it_is_wanted_and_always_there_for_fingers(
    visit: Visit, alice: User, route: Route, upstream: Upstream, size: dict[str, Any]
) -> None:
    page = visit(alice, **size).tab()
    send(page, "First?")
    wait_for_end(page)
    edit = page.locator(".user").get_by_role("link", name="Edit")
    page.mouse.move(0, 0)
    if size is NARROW:
        expect(edit).to_have_css("opacity", "1")
        return
    expect(edit).to_have_css("opacity", "0")
    page.locator(".typed").hover()
    expect(edit).to_have_css("opacity", "1")
    page.mouse.move(0, 0)
    expect(edit).to_have_css("opacity", "0")
    edit.focus()
    expect(edit).to_have_css("opacity", "1")
    expect(answer(page).get_by_role("button", name="Try again")).to_have_css("opacity", "1")  # the last one's
