"""Every state of the page, in words, wide and narrow, light and dark: whole, open to everybody, and in a picture."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Page, expect

from accounts import links
from accounts.models import User
from catalog.models import Route
from tests.journeys.conftest import Visit, answer, wait_for_end
from tests.journeys.looking import NARROW, SIZES, look
from tests.journeys.scenes import QUESTION, TITLE, Scene
from tests.upstream import Recorded, Script, Upstream

LOST = ["ERR_INTERNET_DISCONNECTED", "WebSocket connection", "htmx:ws:error"]


def playing(*answers: Script) -> Any:
    left = list(answers)

    def choose(request: Recorded) -> Script:
        is_title = "Give this conversation a title" in request.says("system")
        return Script.text(TITLE) if is_title else left.pop(0)

    return choose


def send(page: Page, text: str) -> None:
    page.locator("#question").fill(text)
    page.get_by_role("button", name="Send").click()


@pytest.mark.parametrize("size", SIZES)
def test_every_state_is_said_in_words_and_shuts_nobody_out(
    visit: Visit, alice: User, route: Route, upstream: Upstream, size: str
) -> None:
    scene = Scene()
    upstream.answer_with(playing(scene.script, Script.error(400, "Content Exists Risk"), Script().role().stall()))
    window = visit(alice, **SIZES[size])
    window.expected += LOST
    page = window.tab()
    look(page, f"{size}-1-empty")
    send(page, QUESTION)
    expect(answer(page).locator(".status")).to_have_text("Waiting for the model…")
    scene.thinking.open()
    expect(answer(page).locator("summary")).to_contain_text("Thinking…")
    expect(page.locator("#phase")).to_have_text("Thinking…")
    expect(answer(page).locator(".thinking .md")).to_contain_text("every write names.")
    expect(answer(page).locator("summary")).to_contain_text(" s")
    look(page, f"{size}-2-thinking")
    scene.thought.open()
    expect(page.locator("#phase")).to_have_text("Writing…")
    expect(answer(page).locator("summary")).to_contain_text("Thought")
    expect(answer(page).locator(".thinking")).not_to_have_attribute("open", "")
    expect(answer(page).locator("pre")).to_contain_text("WHERE id")
    look(page, f"{size}-3-writing")
    scene.writing.open()
    expect(answer(page).locator("math")).to_have_count(3)
    scene.written.open()
    wait_for_end(page)
    expect(page.locator("#phase")).to_be_empty()
    expect(page.locator("#title")).to_have_text(TITLE)
    look(page, f"{size}-4-finished")
    send(page, "And what does that cost us?")
    wait_for_end(page, "failed")
    expect(answer(page).locator(".status")).to_have_text("The provider's content filter refused this question.")
    look(page, f"{size}-5-failed")
    send(page, "Then tell me a story")
    expect(answer(page).locator(".status")).to_have_text("Waiting for the model…")
    page.locator("#live button").click()
    wait_for_end(page, "stopped")
    expect(answer(page).locator(".status")).to_have_text("Stopped.")
    _look_at_what_opens(page, size)
    window.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("You are offline. Answers go on without you.")
    look(page, f"{size}-9-offline")
    window.context.set_offline(False)
    expect(page.locator("#connection")).to_have_text("Back again.")
    expect(page.locator("#connection")).to_be_empty()


def _look_at_what_opens(page: Page, size: str) -> None:
    if size == "narrow":
        page.get_by_role("button", name="Conversations").click()
        expect(page.locator("#sidebar")).to_be_visible()
        look(page, f"{size}-6-sidebar", "#sidebar")
        page.keyboard.press("Escape")
    else:
        page.locator("#title").click()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        look(page, f"{size}-6-keys")
        page.keyboard.press("Escape")
    page.get_by_role("button", name="This conversation").click()
    page.get_by_role("link", name="Rename…").click()
    expect(page.get_by_role("dialog", name="Rename").get_by_label("Title")).to_be_focused()
    look(page, f"{size}-7-rename")
    page.keyboard.press("Escape")
    answer(page, 0).get_by_role("link", name="Delete").click()
    expect(page.get_by_role("dialog", name="Delete this answer?")).to_contain_text("and 4 messages below it.")
    look(page, f"{size}-8-delete")
    page.get_by_role("link", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_it_speaks_chinese_too(visit: Visit, alice: User, route: Route, upstream: Upstream) -> None:
    scene = Scene()
    upstream.answer_with(playing(scene.script))
    page = visit(alice, locale="zh-CN", **NARROW).tab()
    look(page, "chinese-1-empty")
    page.locator("#question").fill("工作进程有时会在任务中途退出。怎样重试才不会重复执行?")
    page.locator("#composer .primary").click()
    expect(page.locator("#phase")).to_have_text("正在等待…")
    scene.thinking.open()
    expect(answer(page).locator(".thinking .md")).to_contain_text("every write names.")
    look(page, "chinese-2-thinking")
    scene.open()
    wait_for_end(page)
    expect(page.locator("#phase")).to_be_empty()
    look(page, "chinese-3-finished")


def test_a_theme_that_was_chosen_counts_more_than_the_systems(visit: Visit, alice: User, route: Route) -> None:
    papers = {}
    for system, chosen in (("light", "dark"), ("dark", "light")):
        page = visit(alice, color_scheme=system).tab()
        papers[system], papers[f"chosen {chosen}"] = page.evaluate(
            """(theme) => {
              const paper = () => getComputedStyle(document.documentElement).backgroundColor;
              const before = paper();
              document.documentElement.dataset.theme = theme;
              return [before, paper()];
            }""",
            chosen,
        )
    assert papers["light"] == papers["chosen light"] != papers["dark"] == papers["chosen dark"]


def test_a_page_that_was_never_visited_is_light(visit: Visit, alice: User, route: Route) -> None:
    """Everything it asks for, as it comes over the wire, headers too."""
    window = visit(alice)
    page = window.context.new_page()
    network = window.context.new_cdp_session(page)
    network.send("Network.enable")
    asked: dict[str, str] = {}
    sizes: dict[str, int] = {}
    network.on("Network.requestWillBeSent", lambda it: asked.update({it["requestId"]: it["request"]["url"]}))
    network.on("Network.loadingFinished", lambda it: sizes.update({asked[it["requestId"]]: it["encodedDataLength"]}))
    page.goto(window.address, wait_until="networkidle")
    expect(page.locator("#question")).to_be_focused()
    assert len(asked) <= 12, asked
    assert sum(sizes.values()) < 150_000, sizes
    assert 0 < sum(size for address, size in sizes.items() if address.endswith(".js")) < 60_000, sizes


@pytest.mark.parametrize("size", SIZES)
def test_the_pages_around_the_chat_shut_nobody_out_either(
    visit: Visit, alice: User, route: Route, upstream: Upstream, size: str
) -> None:
    stranger, window = visit(**SIZES[size]), visit(alice, **SIZES[size])
    stranger.expected.append("404")
    window.expected.append("404")
    page = stranger.tab("/accounts/login/")
    look(page, f"{size}-10-sign-in")
    page.get_by_label("Email").fill("alice@example.org")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, f"{size}-11-refused")
    page.goto(f"{stranger.address}{_path(links.make(alice))}")
    look(page, f"{size}-12-one-time-link")
    page.goto(f"{stranger.address}/accounts/welcome/x/y/")
    look(page, f"{size}-13-link-no-longer-valid")
    page = window.tab("/nowhere/")
    look(page, f"{size}-14-not-here")
    for number, address in enumerate(
        ("/accounts/password/change/", "/accounts/logout/", "/settings/", "/offline/"), 15
    ):
        page.goto(f"{window.address}{address}")
        look(page, f"{size}-{number}")


@pytest.mark.parametrize("size", SIZES)
def test_neither_do_the_pages_that_say_what_went_wrong(visit: Visit, alice: User, route: Route, size: str) -> None:
    window = visit(alice, **SIZES[size])
    page = window.tab("/offline/")
    for name in ("400", "403", "403_csrf", "429", "500", "503"):
        page.set_content(render_to_string(f"{name}.html"), wait_until="load")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        look(page, f"{size}-error-{name}")


@pytest.mark.parametrize("size", SIZES)
def test_nor_do_the_pages_that_stand_in_for_the_script(
    visit: Visit, alice: User, route: Route, upstream: Upstream, size: str
) -> None:
    upstream.answer_with(playing(Script.text("A monad is a burrito.")))
    window = visit(alice, **SIZES[size])
    page = window.tab()
    send(page, "What is a monad?")
    wait_for_end(page)
    conversation = urlsplit(page.url).path
    message = page.locator(".message").first.get_attribute("id") or ""
    edited = f"{conversation}m/{message.removeprefix('m-')}/"
    for name, address in {
        "rename": f"{conversation}rename/",
        "delete": f"{conversation}delete/",
        "edit": f"{edited}edit/",
    }.items():
        page.goto(f"{window.address}{address}")
        look(page, f"{size}-page-{name}")


def _path(link: str) -> str:
    return urlsplit(link).path
