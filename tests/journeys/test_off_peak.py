"""Journeys of somebody for whom it may take until the cheap hours."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import Band, LanguageModel, Price, Route
from conversations import joining
from conversations.models import Conversation, Generation, Message, Role
from tests.conversations.test_off_peak import around_now
from tests.journeys.conftest import Visit, answer, assert_same_as_a_reload, wait_for_end
from tests.journeys.looking import NARROW, SIZES, look
from tests.upstream import Script, Upstream
from usage.models import Charge


@pytest.fixture(autouse=True)
def peak(route: Route) -> Band:
    band = Band.objects.create(name="Peak", hours=around_now(), zone="Asia/Shanghai")
    model, since = LanguageModel.objects.get(), datetime(2026, 1, 1, tzinfo=UTC)
    Price.objects.create(model=model, valid_from=since, cache_hit=Decimal("0.1"), cache_miss=1, output=2)
    Price.objects.create(model=model, valid_from=since, cache_hit=Decimal("0.2"), cache_miss=2, output=4, band=band)
    return band


def send_later(page: Page, text: str) -> None:
    page.locator("#question").fill(text)
    page.get_by_role("button", name="Send off-peak").click()


@pytest.mark.parametrize("size", SIZES)
def test_a_question_waits_for_the_cheap_hours_and_is_sent_when_somebody_can_not_wait(
    visit: Visit, alice: User, upstream: Upstream, size: str
) -> None:
    upstream.answer_with(lambda _: Script.text("A monad is a burrito."))
    window = visit(alice, **SIZES[size])
    page = window.tab()
    expect(page.locator("#peak")).to_contain_text("answers cost 2 × as much.")
    look(page, f"peak-{size}-1")
    send_later(page, "What is a monad?")
    expect(answer(page)).to_have_attribute("data-state", "waiting")
    expect(answer(page).locator(".status")).to_contain_text("Waits for the cheap hours, from ")
    expect(page.locator("#live button")).to_have_count(0)
    expect(page.locator("#phase")).to_be_empty()
    look(page, f"peak-{size}-2-waits")
    assert_same_as_a_reload(window, page)
    answer(page).get_by_role("button", name="Send now").click()
    wait_for_end(page)
    expect(answer(page)).to_contain_text("A monad is a burrito.")
    expect(page.locator("#title")).to_have_text("A monad is a burrito")
    assert_same_as_a_reload(window, page)


def test_taken_back_it_stands_in_the_composer_before_what_was_typed_since(
    visit: Visit, alice: User, upstream: Upstream
) -> None:
    page = visit(alice).tab()
    send_later(page, "What is a\nmonad?")
    expect(answer(page)).to_have_attribute("data-state", "waiting")
    page.locator("#question").fill("And a comonad?")
    answer(page).get_by_role("button", name="Take back").click()
    expect(page.locator("#question")).to_have_value("What is a\nmonad?\nAnd a comonad?")
    expect(page.locator("article.message")).to_have_count(0)
    page.goto(page.url.partition("m/")[0])
    expect(page.locator("#question")).to_have_value("What is a\nmonad?\nAnd a comonad?")
    assert not Message.objects.exists()
    assert not Charge.objects.exists()


def test_what_somebody_else_asked_is_not_offered_to_be_taken_back(
    visit: Visit, alice: User, bob: User, upstream: Upstream
) -> None:
    hers = visit(alice).tab()
    send_later(hers, "What is a monad?")
    expect(answer(hers)).to_have_attribute("data-state", "waiting")
    conversation = Conversation.objects.get()
    joining.invite(conversation, bob, Role.OWNER)
    his = visit(bob).tab(f"/c/{conversation.pk}/")
    send_later(his, "And a comonad?")
    for page, own in ((hers, 0), (his, 1)):
        expect(page.locator("article.assistant")).to_have_count(2)
        for at, message in enumerate(page.locator("article.assistant").all()):
            expect(message.get_by_role("button", name="Send now")).to_have_count(1)
            expect(message.get_by_role("button", name="Take back")).to_have_count(int(at == own))


def test_without_script_it_can_be_sent_later_and_taken_back(visit: Visit, alice: User, upstream: Upstream) -> None:
    page = visit(alice, java_script_enabled=False).tab()
    send_later(page, "What is a monad?")
    expect(answer(page).locator(".status")).to_contain_text("Waits for the cheap hours")
    answer(page).get_by_role("button", name="Take back").click()
    expect(page.locator("#question")).to_have_value("What is a monad?")
    assert not Generation.objects.exists()


def test_when_the_peak_is_over_the_page_says_no_more_of_it(visit: Visit, alice: User, peak: Band) -> None:
    window = visit(alice)
    page = window.context.new_page()
    page.clock.install()
    page.goto(window.address)
    expect(page.locator("#peak button")).to_be_visible()
    Price.objects.filter(band=peak).delete()  # as at its end
    page.clock.fast_forward("03:00:00")
    expect(page.locator("#peak button")).to_have_count(0)
    assert [it for it in window.asked if "/parameters/" in it] != []


def test_it_speaks_chinese_of_that_too(visit: Visit, alice: User, upstream: Upstream) -> None:
    page = visit(alice, locale="zh-CN", **NARROW).tab()
    expect(page.locator("#peak")).to_contain_text("北京时间")
    page.locator("#question").fill("单子是什么？")
    page.get_by_role("button", name="低价时段发送").click()
    expect(answer(page).locator(".status")).to_contain_text("等待低价时段")
    look(page, "peak-chinese")
