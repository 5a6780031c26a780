"""Journeys of answers that broke off, that another model gave, or that Auto had given by the model it chose."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import LanguageModel, Route
from conversations.models import Generation
from tests.journeys.conftest import Visit, answer, ask, assert_same_as_a_reload, wait_for_end
from tests.upstream import Gate, Recorded, Script, Upstream

WHOLE = "Once upon a time there was a fox."
HALF, REST = "Once upon a", " time there was a fox."


def stop(page: Page) -> None:
    expect(answer(page)).to_contain_text(HALF)
    page.locator("#live button").click()
    wait_for_end(page, "stopped")


def see_it_end(state: str) -> Callable[[Page], None]:
    return lambda page: wait_for_end(page, state)


BROKEN_OFF: dict[str, tuple[Script, Callable[[Page], None], str]] = {
    "stopped": (Script().role().text_delta(HALF).stall(), stop, "Stopped."),
    "broken": (Script().role().text_delta(HALF).finish("out_of_ink").done(), see_it_end("failed"), "ended the answer"),
    "length": (
        Script().role().text_delta(HALF).finish("length").done(),
        see_it_end("done"),
        "The answer reached its longest length.",
    ),
}


def with_titles(*answers: Script) -> Callable[[Recorded], Script]:
    """Plays these for answers, in this order; conversations get their titles meanwhile."""
    left = list(answers)

    def choose(request: Recorded) -> Script:
        is_title = "Give this conversation a title" in request.says("system")
        return Script.text("A short title") if is_title or not left else left.pop(0)

    return choose


@pytest.mark.parametrize("how", BROKEN_OFF)
def test_continue_goes_on_where_the_answer_broke_off_and_leaves_no_trace(
    visit: Visit, alice: User, route: Route, upstream: Upstream, how: str
) -> None:
    script, end, status = BROKEN_OFF[how]
    gate = Gate()
    rest = Script().role().text_delta(REST[:5]).gate(gate).text_delta(REST[5:]).finish().done()
    upstream.answer_with(with_titles(script, rest))
    window = visit(alice)
    page = window.tab()
    ask(page, "Tell me a story")
    end(page)
    expect(answer(page).locator(".status")).to_contain_text(status)
    other = window.tab(page.url.removeprefix(window.address))
    answer(page).get_by_role("button", name="Continue").dblclick()
    expect(answer(page).locator(".md")).to_have_text(HALF + REST[:5])
    expect(answer(page).locator(".status")).to_have_count(0)
    gate.open()
    for it in (page, other):
        wait_for_end(it)
        expect(answer(it).locator(".md")).to_have_text(WHOLE)
        expect(answer(it).locator(".status")).to_have_count(0)
        expect(answer(it).get_by_role("button", name="Continue")).to_have_count(0)
        expect(answer(it).locator(".siblings")).to_have_count(0)
    assert Generation.objects.count() == 1
    assert_same_as_a_reload(window, page, other)


@pytest.mark.parametrize("java_script_enabled", [True, False], ids=["with script", "without"])
def test_an_interrupted_answer_goes_on_by_itself_and_says_so(
    visit: Visit, alice: User, route: Route, upstream: Upstream, java_script_enabled: bool
) -> None:
    """Its words stay where they are; nobody has to press anything, nor sees it end in between."""
    waiting, writing = Gate(), Gate()
    rest = Script().role().gate(waiting).text_delta(REST[:5]).gate(writing).text_delta(REST[5:]).finish().done()
    upstream.answer_with(with_titles(Script().role().text_delta(HALF).pause(0.2).cut(), rest))
    window = visit(alice, java_script_enabled=java_script_enabled)
    page = window.tab()
    page.locator("#question").fill("Tell me a story")
    page.get_by_role("button", name="Send").click()
    expect(answer(page).locator(".status")).to_have_text("Interrupted, going on…")
    expect(answer(page).locator(".md")).to_have_text(HALF)
    expect(answer(page).locator(".badge")).to_have_count(0)
    expect(answer(page).get_by_role("button", name="Continue")).to_have_count(0)
    other = window.tab(page.url.removeprefix(window.address))
    waiting.open()
    for it in (page, other):
        expect(answer(it).locator(".md")).to_have_text(HALF + REST[:5])
        expect(answer(it).locator(".status")).to_have_count(0)
        expect(answer(it).locator(".badge")).to_have_text("continued after an interruption")
    writing.open()
    for it in (page, other):
        wait_for_end(it)
        expect(answer(it).locator(".md")).to_have_text(WHOLE)
        expect(answer(it).locator(".badge")).to_have_text("continued after an interruption")
    if java_script_enabled:
        assert_same_as_a_reload(window, page, other)


def test_an_answer_whose_length_all_went_into_thinking_says_so_and_goes_on(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    thought = Script().role(reasoning=True).reasoning("Let me think about it").finish("length").done()
    upstream.answer_with(with_titles(thought, Script.text(WHOLE)))
    window = visit(alice)
    page = window.tab()
    ask(page, "Tell me a story")
    wait_for_end(page)
    expect(answer(page).locator(".status")).to_have_text("All of the answer’s length went into thinking.")
    answer(page).get_by_role("button", name="Continue").click()
    expect(answer(page)).to_contain_text(WHOLE)
    wait_for_end(page)
    expect(answer(page).locator(".status")).to_have_count(0)
    assert_same_as_a_reload(window, page)


def test_only_the_last_answer_offers_to_go_on(visit: Visit, alice: User, route: Route, upstream: Upstream) -> None:
    """Later questions stand on the answer as they found it."""
    upstream.answer_with(with_titles(Script().role().text_delta(HALF).finish("length").done(), Script.text("Why not?")))
    page = visit(alice).tab()
    ask(page, "Tell me a story")
    wait_for_end(page)
    expect(answer(page).get_by_role("button", name="Continue")).to_be_visible()
    ask(page, "Why?")
    expect(page.locator("article.message.assistant")).to_have_count(2)
    wait_for_end(page)
    expect(answer(page, 0).get_by_role("button", name="Continue")).to_have_count(0)
    answer(page, 0).hover()
    expect(answer(page, 0).get_by_role("button", name="Try again")).to_be_visible()


def test_without_script_an_answer_goes_on(visit: Visit, alice: User, route: Route, upstream: Upstream) -> None:
    upstream.answer_with(with_titles(Script().role().text_delta(HALF).finish("length").done(), Script.text(REST)))
    page = visit(alice, java_script_enabled=False).tab()
    page.locator("#question").fill("Tell me a story")
    page.get_by_role("button", name="Send").click()
    wait_for_end(page)
    answer(page).get_by_role("button", name="Continue").click()
    expect(answer(page)).to_contain_text(WHOLE)
    wait_for_end(page)


# Another model than the one that was picked.


def test_the_badge_says_which_model_answered_when_the_first_could_not(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    second = LanguageModel.objects.create(
        provider=route.steps.get().model.provider, name="deepseek-v4-pro", unpriced_allowed=True
    )
    route.steps.create(position=2, model=second)
    route.steps.filter(position=1).update(attempts=1)

    def choose(request: Recorded) -> Script:
        is_first = request.body["model"] == "deepseek-flash"
        return Script.error(503, "Service is too busy.") if is_first else Script.text("From the second")

    upstream.answer_with(choose)
    window = visit(alice)
    page = window.tab()
    ask(page, "Hello?")
    wait_for_end(page)
    expect(answer(page)).to_contain_text("From the second")
    expect(answer(page).locator(".who")).to_have_text("Quick answered by deepseek-v4-pro")
    assert_same_as_a_reload(window, page)


def test_when_all_models_fail_one_sentence_says_so_and_it_can_be_tried_again(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    route.steps.update(attempts=1)
    upstream.answer_with(lambda _: Script.error(503, "Service is too busy."))
    window = visit(alice)
    page = window.tab()
    ask(page, "Hello?")
    wait_for_end(page, "failed")
    expect(answer(page).locator(".status.error")).to_have_count(1)
    expect(answer(page).get_by_role("button", name="Continue")).to_have_count(0)
    assert_same_as_a_reload(window, page)
    upstream.answer_with(lambda _: Script.text("It works"))
    answer(page).get_by_role("button", name="Try again").click()
    expect(answer(page)).to_contain_text("It works")


@pytest.fixture
def auto(route: Route) -> Route:
    Route.objects.update(auto=Route.Auto.OTHERWISE)
    Route.objects.through(route.steps.get().model, name="code", label="Code", auto=Route.Auto.CODE, position=60)
    return Route.objects.create(name="auto", label="Auto", auto=Route.Auto.CHOOSER, position=1)


def test_what_auto_chose_is_said_and_can_be_overridden_by_the_composers_model(
    visit: Visit, alice: User, auto: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    page = window.tab()
    ask(page, "What does this do?\n\n```python\nprint(1)\n```")
    wait_for_end(page)
    expect(answer(page).locator(".who")).to_have_text("Code, chosen by Auto: code in the question")
    expect(page.get_by_label("Model")).to_have_value("auto")
    expect(page.locator("#title")).not_to_have_text("What does this do?")
    assert_same_as_a_reload(window, page)
    page.get_by_label("Model").select_option("Quick")
    answer(page).get_by_role("button", name="Try again").click()
    expect(answer(page).locator(".siblings")).to_contain_text("2/2")
    wait_for_end(page)
    expect(answer(page).locator(".who")).to_have_text("Quick")
    assert_same_as_a_reload(window, page)
