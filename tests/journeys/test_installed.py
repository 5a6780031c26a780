"""A page without a network, a notification while nobody looks, and the settings, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.preferences import Preferences
from catalog.models import Route
from tests.journeys.conftest import House, Visit, answer, ask, until, wait_for_end
from tests.journeys.test_views import HIDE
from tests.upstream import Gate, Script, Upstream

SIZES = [{"width": 1280, "height": 800}, {"width": 390, "height": 844}]
CONTROLLED = "navigator.serviceWorker.ready.then(() => caches.keys())"
NOTICES = """navigator.serviceWorker.getRegistration().then((it) => it.getNotifications())
    .then((all) => all.map((it) => [it.title, it.body]))"""


@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
def test_without_a_network_a_page_says_so_and_comes_back_with_it(
    visit: Visit, house: House, alice: User, route: Route, size: dict[str, int]
) -> None:
    window = visit(alice, viewport=size)
    window.expected += ["ERR_INTERNET_DISCONNECTED", "Failed to load resource", "WebSocket"]
    page = window.tab()
    until(lambda: page.evaluate(CONTROLLED) == ["offline-1"], lambda: "no worker came")
    kept = page.evaluate(
        "caches.open('offline-1').then((it) => it.keys()).then((all) => all.map((it) => new URL(it.url).pathname))"
    )
    assert kept == ["/offline/", "/static/css/chat.css", "/static/icon.svg"]
    window.context.set_offline(True)
    page.reload()
    expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('main.card')).maxWidth") is not None
    window.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.locator("#question")).to_be_visible()


def hide(page: Page, is_hidden: bool) -> None:
    page.evaluate(HIDE % ("true" if is_hidden else "false"))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.parametrize("wants", [True, False], ids=["who wants it", "who does not"])
def test_an_answer_that_ends_in_a_hidden_tab_is_told_of_to(
    visit: Visit, house: House, alice: User, route: Route, upstream: Upstream, wants: bool
) -> None:
    if wants:
        alice.preferences = Preferences(notify="yes").to_store()
        alice.save(update_fields=["preferences"])
    window = visit(alice)
    window.context.grant_permissions(["notifications"], origin=house.address)
    page = window.tab()
    page.evaluate(CONTROLLED)
    gate = Gate()
    upstream.play(Script().role().text_delta("Half and ").gate(gate).text_delta("whole.").finish().done())
    ask(page, "What is a monad?")
    expect(answer(page)).to_contain_text("Half and")
    hide(page, True)
    gate.open()
    if wants:
        until(lambda: page.evaluate(NOTICES), lambda: "nobody was told")
        [[title, said]] = page.evaluate(NOTICES)
        assert title in {"What is a monad?", "A short title"}  # as it was by then
        assert said == "The answer has ended."
        wait_for_end(page)
    hide(page, False)
    wait_for_end(page)
    expect(answer(page)).to_contain_text("whole.")
    if not wants:
        assert page.evaluate(NOTICES) == []


def test_settings_are_set_heeded_and_drafts_deleted(
    visit: Visit, house: House, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    window.context.grant_permissions(["notifications"], origin=house.address)
    page = window.tab()
    page.locator("#question").fill("Half a draft")
    until(lambda: page.evaluate("localStorage.length") == 1, lambda: "no draft was kept")
    page.get_by_role("link", name="Settings").click()
    page.evaluate("localStorage.setItem('draft another /c/', 'not mine')")
    page.get_by_role("button", name="Delete my drafts").click()
    expect(page.locator(".drafts [role=status]")).to_have_text("No drafts are left in this browser.")
    assert page.evaluate("Object.keys(localStorage)") == ["draft another /c/"]
    page.get_by_label("Theme").select_option("Dark")
    page.get_by_label("A question is sent by").select_option("Ctrl + Enter")
    page.get_by_label(re.compile("Tell me when")).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_have_text("Saved.")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    expect(page.get_by_label(re.compile("Tell me when"))).to_be_checked()
    page.get_by_role("link", name="Back to the chat").click()
    question = page.locator("#question")
    expect(question).to_have_value("")
    question.fill("One line")
    question.press("Enter")
    question.press_sequentially("and another")
    expect(question).to_have_value("One line\nand another")
    upstream.play(Script.text("Both."))
    question.press("Control+Enter")
    expect(answer(page)).to_contain_text("Both.")


def test_a_browser_that_forbids_it_says_so_beside_the_box(visit: Visit, alice: User, route: Route) -> None:
    page = visit(alice, viewport={"width": 390, "height": 844}).tab("/settings/")
    box = page.get_by_label(re.compile("Tell me when"))
    box.click()
    expect(page.get_by_role("alert")).to_contain_text("This browser does not let us.")
    expect(box).not_to_be_checked()


def test_without_script_the_settings_work_and_hide_what_needs_one(visit: Visit, alice: User, route: Route) -> None:
    page = visit(alice, java_script_enabled=False).tab("/settings/")
    expect(page.get_by_role("button", name="Delete my drafts")).to_be_hidden()
    page.locator("[name=name]").fill("Al")
    page.get_by_label("Language").select_option("简体中文")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="设置")).to_be_visible()
    page.goto(page.url.replace("/settings/", "/"))
    expect(page.locator("#sidebar .me")).to_have_text("Al")
