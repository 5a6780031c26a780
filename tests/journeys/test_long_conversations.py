"""Long conversations in a browser: at the end when they open, earlier messages above as one scrolls, a link to one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import Route
from conversations.models import Message
from tests.conversations.test_path import talk
from tests.journeys.conftest import Visit, answer, ask, until, wait_for_end
from tests.journeys.looking import PICTURES
from tests.upstream import Gate, Script, Upstream

SIZES = [{"width": 1280, "height": 800}, {"width": 390, "height": 844}]

# Where the message in the middle of the view is, after the browser has laid out whatever it was about to.
MIDDLE = """() => new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const seen = [...document.querySelectorAll('.message')].find((it) => it.getBoundingClientRect().bottom > 300);
    tell([seen.id, Math.round(seen.getBoundingClientRect().top)]);
})))"""
COUNT = "document.querySelectorAll('.message').length"


def scroll_up(page: Page, to: str) -> None:
    """And wait for what comes then, or for the beginning."""
    count = page.evaluate(COUNT)
    page.evaluate(f"{to}({{ top: 0, block: 'start', behavior: 'instant' }})")
    until(lambda: page.evaluate(COUNT) > count or not page.locator(".more").count(), lambda: "nothing came")


def top_of(page: Page, message: str) -> float:
    return float(page.evaluate("(id) => document.getElementById(id).getBoundingClientRect().top", message))


@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
def test_earlier_messages_come_as_one_scrolls_up_and_what_is_read_stays_where_it_is(
    visit: Visit, alice: User, route: Route, size: dict[str, int]
) -> None:
    conversation = talk(alice, route, 300)
    window = visit(alice, viewport=size)
    page = window.tab(conversation.get_absolute_url())
    expect(page.locator(".message").last).to_be_in_viewport()
    assert page.evaluate(COUNT) == 50
    page.evaluate("document.querySelectorAll('.message')[3].scrollIntoView({ block: 'start', behavior: 'instant' })")
    seen, top = page.evaluate(MIDDLE)
    page.screenshot(path=PICTURES / f"long-{size['width']}-scrolled-up.png")
    until(lambda: page.evaluate(COUNT) > 50, lambda: "nothing came")
    page.evaluate(MIDDLE)
    assert abs(top_of(page, seen) - top) < 3, "what was read has moved"
    for _ in range(2):  # at the very top no browser keeps the place by itself
        seen = page.evaluate("document.querySelector('.message').id")
        scroll_up(page, "scrollTo")
        page.evaluate(MIDDLE)
        assert 0 <= top_of(page, seen) < 300, "what was read has moved"
    while page.locator(".more").count():
        scroll_up(page, "scrollTo")
    ids = page.evaluate("[...document.querySelectorAll('.message')].map((it) => it.id)")
    wanted = Message.objects.filter(conversation=conversation).order_by("created_at")
    assert ids == [f"m-{pk}" for pk in wanted.values_list("pk", flat=True)]


@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
def test_a_link_to_one_message_opens_there_and_leads_on_to_the_end_where_answers_arrive(
    visit: Visit, alice: User, route: Route, upstream: Upstream, size: dict[str, int]
) -> None:
    conversation = talk(alice, route, 120, "A short answer")
    wanted = Message.objects.filter(conversation=conversation).order_by("created_at")[40]
    window = visit(alice, viewport=size)
    page = window.tab(f"{conversation.get_absolute_url()}m/{wanted.pk}/")
    message = page.locator(f"#{wanted.dom_id}")
    expect(message).to_be_in_viewport()
    assert 0 <= top_of(page, wanted.dom_id) < 200
    page.screenshot(path=PICTURES / f"long-{size['width']}-at-a-message.png")
    expect(page.locator("#latest")).to_be_visible()
    # In another tab something is asked, and being answered as this page comes to the end.
    gate = Gate()
    upstream.play(Script().role().text_delta("Half and ").gate(gate).text_delta("**whole**").finish().done())
    other = window.tab(conversation.get_absolute_url())
    ask(other, "And now?")
    expect(answer(other)).to_contain_text("Half and")
    while page.locator(".later").count():
        page.evaluate("document.querySelector('.later')?.scrollIntoView({ behavior: 'instant' })")
        page.evaluate(MIDDLE)
    expect(answer(page)).to_contain_text("Half and")
    gate.open()
    for tab in (page, other):
        expect(answer(tab).locator("strong")).to_have_text("whole")
        wait_for_end(tab)
    expect(page.locator(".message")).to_have_count(
        Message.objects.filter(conversation=conversation, created_at__gte=_first_of(page).created_at).count()
    )


def _first_of(page: Page) -> Message:
    return Message.objects.get(pk=str(page.locator(".message").first.get_attribute("id")).removeprefix("m-"))


def test_the_way_down_leads_to_the_end_and_without_script_the_links_are_pages(
    visit: Visit, alice: User, route: Route
) -> None:
    conversation = talk(alice, route, 120, "A short answer")
    wanted = Message.objects.filter(conversation=conversation).order_by("created_at")[40]
    page = visit(alice).tab(conversation.get_absolute_url())
    # By the link that each message has, to where it is above what the page shows at first.
    last = page.locator(".message").last
    last.get_by_role("link", name="Link to this message").click()
    expect(page).to_have_url(re.compile(rf"#{last.get_attribute('id')}$"))
    page.goto(f"{page.url.partition('?')[0]}m/{wanted.pk}/")
    page.locator("#latest").click()
    expect(page).to_have_url(re.compile(rf"{conversation.get_absolute_url()}$"))
    expect(page.locator(".message").last).to_be_in_viewport()
    plain = visit(alice, java_script_enabled=False).tab(conversation.get_absolute_url())
    plain.get_by_role("link", name="Earlier messages").click()
    assert "at=" in urlsplit(plain.url).query
    expect(plain.get_by_role("link", name="Later messages")).to_be_visible()
    expect(plain.locator(f"[id='{urlsplit(plain.url).fragment}']")).to_be_in_viewport()
