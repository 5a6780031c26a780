"""Journeys of a member who comes to the end of a limit, and asks for more."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import LanguageModel, Price, Route
from conversations.models import Conversation
from tests.journeys.conftest import Visit, answer, ask, wait_for_end
from tests.journeys.looking import SIZES, look
from tests.upstream import Script, Upstream
from tests.usage.conftest import opened
from usage.models import Charge, Limit, RaiseRequest
from usage.spending import close_call
from usage.tokens import Tokens

REFUSED = "422"


@pytest.fixture(autouse=True)
def price(route: Route) -> Price:
    prices = {"cache_hit": Decimal("0.003"), "cache_miss": Decimal("0.15"), "output": Decimal("0.60")}
    return Price.objects.create(
        model=LanguageModel.objects.get(), valid_from=datetime(2026, 1, 1, tzinfo=UTC), **prices
    )


def spent(member: User, tokens: Tokens, conversation: UUID | None = None, model: str = "deepseek-flash") -> None:
    row, _ = LanguageModel.objects.get_or_create(
        name=model, defaults={"provider": LanguageModel.objects.get(name="deepseek-flash").provider}
    )
    call = opened(row, member.pk, conversation_id=conversation or uuid4())
    close_call(call, tokens, LanguageModel.objects.get(name="deepseek-flash"))


def send(page: Page, text: str) -> None:
    page.locator("#question").fill(text)
    page.locator("#composer .tools .primary").click()


@pytest.mark.parametrize("size", SIZES)
def test_a_member_sees_what_they_spent_and_what_is_left(
    visit: Visit, alice: User, upstream: Upstream, size: str
) -> None:
    writers = Group.objects.create(name="Writers")
    alice.groups.add(writers)
    Limit.objects.create(member=alice, amount=10, soft_percent=80)
    Limit.objects.create(unit="requests", window="hour", amount=20)
    Limit.objects.create(group=writers, shared=True, unit="tokens", window="this_week", amount=50_000_000)
    titled = Conversation.objects.create(owner=alice, title="Retries that survive a crash")
    spent(alice, Tokens(miss=9_000_000, output=11_600_000, hit=400_000), titled.pk)
    spent(alice, Tokens(miss=1_000_000, output=200_000, is_estimated=True), model="deepseek-pro")
    window = visit(alice, **SIZES[size])
    window.expected.append(REFUSED)
    page = window.tab("/usage/")
    expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
    expect(page.locator(".limits li").first).to_contain_text("This month 8.58 of 10.00 USD")
    look(page, f"usage-{size}-1")
    page.screenshot(path=f"tests/screenshots/usage-{size}-1-whole.png", full_page=True)
    page.get_by_role("link", name="Last month").click()
    expect(page.locator(".chart-empty")).to_be_visible()
    page.get_by_label("From").fill("2026-12-31")
    page.get_by_label("To", exact=True).fill("2026-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".period .errors")).to_have_text("It ends before it begins.")
    look(page, f"usage-{size}-2-unfit")
    page.get_by_role("link", name="Back to the chat").click()
    if size == "narrow":
        page.get_by_role("button", name="Conversations").click()
    expect(page.locator("#left")).to_contain_text("This month 8.58 of 10.00 USD")
    look(page, f"usage-{size}-3-sidebar", "#sidebar")


@pytest.mark.parametrize("size", SIZES)
def test_an_administrator_sets_a_limit_a_member_comes_to_its_end_asks_for_more_and_goes_on(
    visit: Visit, alice: User, upstream: Upstream, size: str
) -> None:
    upstream.answer_with(lambda _: Script.text("A monad is a burrito."))
    root = User.objects.create_superuser("root@example.org", "correct horse battery", name="Root")
    spent(alice, Tokens(output=16_666_600))
    office = visit(root)
    office.expected.append("404")  # an icon that the admin has not
    desk = office.tab(f"/admin/accounts/user/{alice.pk}/change/")
    desk.get_by_role("button", name="Add another Limit").click()
    desk.locator("#id_limits-0-amount").fill("10")
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.locator(".messagelist .success")).to_be_visible()
    window = visit(alice, **SIZES[size])
    window.expected.append(REFUSED)
    page = window.tab()
    send(page, "What is a monad?")
    expect(page.locator("#refusal")).to_contain_text("This would go beyond the limit of 10.00 USD a month.")
    expect(page.locator("#question")).to_have_value("What is a monad?")
    look(page, f"raise-{size}-1-refused")
    page.get_by_text("Please raise my limit").click()
    page.get_by_label("What for").fill("The release on Friday")
    look(page, f"raise-{size}-2-asking")
    page.get_by_role("button", name="Ask an administrator").click()
    expect(page.locator("#raise")).to_contain_text("waits for an administrator")
    expect(page.locator("#question")).to_have_value("What is a monad?")
    look(page, f"raise-{size}-3-asked")
    desk.goto(f"{window.address}/admin/usage/raiserequest/")
    desk.get_by_role("link", name="Alice").click()
    expect(desk.locator("#content")).to_contain_text("The release on Friday")
    desk.locator("#id_amount").fill("1")
    desk.get_by_label("Answer").fill("Good luck with it!")
    desk.get_by_role("button", name="Grant").click()
    expect(desk.locator(".messagelist .success")).to_contain_text("Alice gets")
    page.locator("#composer .tools .primary").click()
    wait_for_end(page)
    expect(answer(page)).to_contain_text("A monad is a burrito.")
    expect(answer(page).locator(".why")).to_contain_text("% of the limit of 10.00 USD a month is used.")
    look(page, f"raise-{size}-4-answered")
    page.goto(f"{window.address}/usage/")
    expect(page.locator(".requests")).to_contain_text("granted")
    expect(page.locator(".requests")).to_contain_text("Good luck with it!")
    look(page, f"raise-{size}-5-granted")
    assert RaiseRequest.objects.get().decided_by == root


def test_the_line_below_the_conversations_is_up_to_date_after_each_answer(
    visit: Visit, alice: User, upstream: Upstream
) -> None:
    upstream.answer_with(lambda _: Script.text("A monad is a burrito."))
    Limit.objects.create(member=alice, unit="requests", window="this_month", amount=20)
    page = visit(alice).tab()
    for number in range(1, 3):
        ask(page, "What is a monad?")
        expect(page.locator("article.message.assistant")).to_have_count(number)
        wait_for_end(page)
        expect(page.locator("#left")).to_contain_text(f"{number} of 20 answers")
    assert Charge.objects.filter(purpose="answer").count() == 2
