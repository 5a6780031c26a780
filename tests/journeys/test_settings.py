"""Journeys of somebody who sets how a question is to be answered."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from catalog.models import Route
from tests.journeys.conftest import Visit, answer, ask, assert_same_as_a_reload, wait_for_end
from tests.upstream import Script, Upstream

STATUS = "Failed to load resource: the server responded with a status of "  # Chromium says so of every 4xx
TITLE = "A short title"


@pytest.fixture
def deep(route: Route) -> Route:
    return Route.objects.through(route.steps.get().model, name="deep", label="Deep", effort="high", position=99)


def settings(page: Page) -> Locator:
    return page.locator("#settings > summary")


def press_tab_until(page: Page, place: Locator) -> None:
    """The next few of the composer's controls at most."""
    for _ in range(3):
        page.keyboard.press("Tab")
        if place.evaluate("(it) => it === document.activeElement"):
            return
    expect(place).to_be_focused()


def asked(upstream: Upstream) -> dict[str, Any]:
    """What the newest question was sent with; the conversation's title is asked for too."""
    bodies = [it.body for it in upstream.requests if "Give this conversation a title" not in it.says("system")]
    return dict(bodies[-1])


def test_what_is_set_reaches_the_model_and_stands_there_for_the_next_question(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    page = window.tab()
    settings(page).click()
    page.get_by_label("Temperature").fill("0,7")
    page.get_by_label("Longest answer").fill("400")
    page.get_by_label("Stop at").fill("END\n##")
    ask(page, "How?")
    wait_for_end(page)
    expect(page.locator("#title")).to_have_text(TITLE)
    body = asked(upstream)
    assert (body["temperature"], body["max_tokens"], body["stop"]) == (0.7, 400, ["END", "##"])
    expect(page.locator("#settings")).not_to_have_attribute("open", "")
    ask(page, "And now?")  # as it was
    expect(page.locator("article.message.assistant")).to_have_count(2)
    wait_for_end(page)
    assert (asked(upstream)["temperature"], asked(upstream)["stop"]) == (0.7, ["END", "##"])
    page.reload()
    expect(page.locator("#id_temperature")).to_have_value("0.7")
    expect(page.locator("#id_stop")).to_have_value("END\n##")
    assert_same_as_a_reload(window, page)


def test_the_settings_follow_the_model_and_how_much_it_thinks(tab: Page, deep: Route, upstream: Upstream) -> None:
    """A thinking DeepSeek takes no temperature: none is shown, none is sent, none comes back."""
    tab.reload()
    settings(tab).click()
    tab.get_by_label("Temperature").fill("1.5")
    tab.get_by_label("Stop at").fill("END")
    tab.locator("#question").fill("Half a thought")
    tab.get_by_label("Model").select_option("Deep")
    expect(tab.get_by_label("Temperature")).to_have_count(0)
    expect(tab.get_by_label("Stop at")).to_have_value("END")
    expect(tab.get_by_label("Thinking")).to_have_value("")
    expect(tab.locator("#id_effort option:checked")).to_have_text("High thinking (default)")
    expect(tab.locator("#settings")).to_have_attribute("open", "")
    expect(tab.locator("#question")).to_have_value("Half a thought")
    tab.get_by_label("Thinking").select_option("No thinking")
    expect(tab.get_by_label("Temperature")).to_have_value("")
    tab.get_by_label("Thinking").select_option("Max thinking")
    expect(tab.get_by_label("Temperature")).to_have_count(0)
    tab.get_by_role("button", name="Send").click()
    wait_for_end(tab)
    body = asked(upstream)
    assert (body["reasoning_effort"], body["stop"]) == ("max", ["END"])
    assert "temperature" not in body
    expect(tab.locator("#id_effort option:checked")).to_have_text("Max thinking")
    tab.get_by_role("link", name="New conversation").click()
    expect(tab.locator(".empty")).to_be_visible()
    expect(tab.locator("#question")).to_have_value("")  # what was sent is no draft


def test_of_quick_changes_of_mind_the_last_one_counts(tab: Page, deep: Route) -> None:
    """Faster than the server answers: the select ends at Deep, and so must what stands beside it."""
    tab.reload()
    tab.get_by_label("Model").evaluate(
        "(it) => ['quick', 'deep', 'quick', 'deep'].forEach((name) => {"
        " it.value = name; it.dispatchEvent(new Event('change', {bubbles: true})); })"
    )
    expect(tab.locator("#id_effort option").first).to_have_text("High thinking (default)")
    expect(tab.locator("#id_temperature")).to_have_count(0)


def test_a_setting_out_of_range_is_said_at_its_field_and_nothing_is_lost(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    window.expected += [STATUS]
    page = window.tab()
    settings(page).click()
    page.get_by_label("Temperature").fill("hot")
    page.get_by_label("Stop at").fill("END")
    settings(page).click()
    ask(page, "A long thought")
    field = page.get_by_label("Temperature")
    expect(field).to_be_visible()
    expect(field).to_have_value("hot")
    expect(field).to_have_accessible_description("0 to 2, lower is stricter The temperature is a number from 0 to 2.")
    expect(page.get_by_label("Stop at")).to_have_value("END")
    expect(page.locator("#question")).to_have_value("A long thought")
    expect(page.locator("#refusal")).to_contain_text("look at the settings")
    expect(page.locator("article")).to_have_count(0)
    field.fill("1")
    page.locator("#question").press("Enter")
    wait_for_end(page)
    assert asked(upstream)["temperature"] == 1
    expect(page.locator("#refusal")).to_be_empty()


def test_the_button_says_that_something_is_set_and_reset_takes_it_back(tab: Page, upstream: Upstream) -> None:
    closed = tab.locator("#settings").get_by_text("Settings", exact=True)
    mark = "getComputedStyle(document.querySelector('#settings > summary'), '::after').content"
    assert tab.evaluate(mark) == "none"
    settings(tab).click()
    tab.get_by_label("Answer as").select_option("JSON")
    assert tab.evaluate(mark) == '"" / "changed"'
    tab.get_by_label("Answer as").select_option("Text")
    assert tab.evaluate(mark) == "none"
    tab.get_by_label("Temperature").fill("0.5")
    assert tab.evaluate(mark) == '"" / "changed"'
    tab.get_by_label("Thinking").select_option("No thinking")
    tab.locator("#question").fill("Half a thought")
    tab.get_by_role("button", name="Reset to the defaults").click()
    expect(tab.get_by_label("Temperature")).to_have_value("")
    expect(tab.get_by_label("Thinking")).to_have_value("")
    expect(tab.locator("#question")).to_have_value("Half a thought")
    assert tab.evaluate(mark) == "none"
    expect(closed).to_be_visible()
    expect(tab.locator("article")).to_have_count(0)


def test_what_was_chosen_just_before_a_reset_does_not_come_after_it(tab: Page, deep: Route) -> None:
    """The settings that go with a choice may take their time; a reset does not wait for them, nor they for it."""
    held: list[Any] = []
    tab.route("**/parameters/**", lambda route: route.continue_() if held else held.append(route))
    settings(tab).click()
    tab.get_by_label("Temperature").fill("0.5")
    with tab.expect_request("**/parameters/**"):
        tab.get_by_label("Thinking").select_option("No thinking")
    with tab.expect_event("requestfailed") as dropped:
        tab.get_by_role("button", name="Reset to the defaults").click()
    assert "temperature=0.5" in dropped.value.url
    expect(tab.get_by_label("Temperature")).to_have_value("")
    expect(tab.get_by_label("Thinking")).to_have_value("")


def test_everything_is_reached_and_done_with_the_keyboard_alone(tab: Page, deep: Route, upstream: Upstream) -> None:
    tab.reload()
    expect(tab.locator("#question")).to_be_focused()
    tab.keyboard.type("By keys alone")
    press_tab_until(tab, tab.get_by_label("Model"))
    tab.keyboard.press("ArrowDown")
    expect(tab.locator("#id_effort option").first).to_have_text("High thinking (default)")
    expect(tab.get_by_label("Model")).to_be_focused()
    press_tab_until(tab, tab.get_by_label("Thinking"))
    tab.keyboard.press("ArrowDown")  # off
    expect(tab.locator("#id_temperature")).to_have_count(1)
    expect(tab.get_by_label("Thinking")).to_be_focused()  # though it was replaced
    tab.keyboard.press("Tab")
    expect(settings(tab)).to_be_focused()
    tab.keyboard.press("Tab")
    expect(tab.get_by_role("button", name="Send")).to_be_focused()  # what is closed is passed over
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Enter")
    for label in ("Answer as", "Temperature"):
        tab.keyboard.press("Tab")
        expect(tab.get_by_label(label)).to_be_focused()
    tab.keyboard.type("0.2")
    tab.keyboard.press("Escape")
    expect(settings(tab)).to_be_focused()
    expect(tab.get_by_label("Temperature")).to_be_hidden()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")  # in a field of a form: it sends
    wait_for_end(tab)
    assert (asked(upstream)["temperature"], asked(upstream)["thinking"]) == (0.2, {"type": "disabled"})


def test_the_escape_key_in_the_settings_stops_no_answer(tab: Page, upstream: Upstream) -> None:
    upstream.play(Script().role().text_delta("Half of ").stall())
    ask(tab, "Count to a million")
    expect(answer(tab)).to_contain_text("Half of")
    settings(tab).click()
    tab.get_by_label("Temperature").press("Escape")
    expect(tab.locator("#live button")).to_be_visible()
    expect(answer(tab)).to_have_attribute("data-state", "writing")
    tab.locator("#question").press("Escape")
    wait_for_end(tab, "stopped")


def test_without_script_settings_travel_and_are_refused_and_reset(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice, java_script_enabled=False)
    window.expected += [STATUS]
    page = window.tab()
    page.locator("#question").fill("What is a monad?")
    settings(page).click()
    page.get_by_label("Temperature").fill("3")
    page.get_by_label("Temperature").press("Enter")
    expect(page.get_by_text("The temperature is a number from 0 to 2.")).to_be_visible()
    expect(page.locator("#question")).to_have_value("What is a monad?")
    page.get_by_role("button", name="Reset to the defaults").click()
    expect(page.locator("#id_temperature")).to_have_value("")
    expect(page.locator("#question")).to_have_value("What is a monad?")
    settings(page).click()
    page.get_by_label("Temperature").fill("0.5")
    page.get_by_role("button", name="Send").click()
    wait_for_end(page)
    assert asked(upstream)["temperature"] == 0.5
    expect(page.locator("#id_temperature")).to_have_value("0.5")


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_the_composer_fits_its_screen_and_every_control_a_finger(
    visit: Visit, alice: User, route: Route, upstream: Upstream, width: int
) -> None:
    page = visit(alice, has_touch=width < 1000, is_mobile=width < 1000).tab()
    page.set_viewport_size({"width": width, "height": 780})
    settings(page).click()
    expect(page.get_by_label("Temperature")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    small = page.evaluate(
        "[...document.querySelectorAll('#composer :is(button, select, textarea, summary, input[type=text])')]"
        ".filter((it) => it.checkVisibility()).map((it) => [it.id, it.getBoundingClientRect()])"
        ".filter(([, box]) => box.width < 24 || box.height < 24).map(([id]) => id)"
    )
    assert small == []
