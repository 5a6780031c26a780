"""“@” and the beginning of a name: whom it may mean is offered, by keys and by mouse; who is named hears of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from accounts.preferences import Preferences
from catalog.models import Route
from conversations import joining
from conversations.models import Conversation, Mention, Role
from tests.journeys.conftest import House, Visit, ask, until, until_it_shares, wait_for_end
from tests.journeys.looking import SIZES, look
from tests.journeys.test_installed import CONTROLLED, NOTICES, hide
from tests.journeys.test_together import started
from tests.upstream import Upstream


@pytest.fixture
def team(alice: User, bob: User, carol: User) -> list[User]:
    User.objects.create_user("bo@example.org", name="Bo Lindqvist-Featherstonehaugh of the Far North")
    return [bob, carol, User.objects.get(email="bo@example.org")]


def with_the(team: list[User], page: Page) -> Conversation:
    """Alice's conversation with all of them."""
    conversation = started(page)
    for member in team:
        joining.invite(conversation, member, Role.WRITER)
    expect(page.locator("#cursor[data-shared]")).to_have_count(1)
    until_it_shares(page)
    return conversation


@pytest.fixture
def hers(visit: Visit, alice: User, team: list[User], route: Route, upstream: Upstream) -> Page:
    """Alice's page of it."""
    page = visit(alice).tab()
    with_the(team, page)
    return page


def offered(page: Page) -> Locator:
    return page.locator("#names > li")


def names(page: Page, *expected: str) -> None:
    expect(offered(page)).to_have_text([*expected])


@pytest.mark.parametrize("size", SIZES)
def test_whom_it_may_mean_is_offered_and_chosen_by_keys(
    visit: Visit, alice: User, team: list[User], route: Route, upstream: Upstream, size: str
) -> None:
    page = visit(alice, **SIZES[size]).tab()
    conversation = with_the(team, page)
    question = page.locator("#question")
    question.press_sequentially("Hi @")
    names(page, "Bo Lindqvist-Featherstonehaugh of the Far North", "Bob", "Carol")  # not herself
    look(page, f"{size}-naming")
    question.press_sequentially("BO")
    names(page, "Bo Lindqvist-Featherstonehaugh of the Far North", "Bob")
    expect(question).to_have_attribute("aria-activedescendant", "name-1")
    question.press("ArrowDown")
    expect(question).to_have_attribute("aria-activedescendant", "name-2")
    question.press("Enter")
    expect(question).to_have_value("Hi @Bob ")
    names(page)
    question.press_sequentially("and @nor")
    names(page, "Bo Lindqvist-Featherstonehaugh of the Far North")
    question.press("Escape")
    names(page)
    question.press_sequentially("th")  # sent away, it stays away
    question.press_sequentially(", @ca")
    names(page, "Carol")
    question.press("Tab")
    expect(question).to_have_value("Hi @Bob and @north, @Carol ")
    question.fill("Hi @Bob and @Carol ")
    page.locator("#composer .primary").click()
    expect(page.locator("article.message")).to_have_count(4)
    wait_for_end(page)
    assert set(Mention.objects.values_list("member__name", flat=True)) == {"Bob", "Carol"}
    assert conversation.messages.filter(role="user").count() == 2


def test_by_mouse_and_only_where_a_name_begins(
    visit: Visit, alice: User, team: list[User], route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    page = window.tab()
    with_the(team, page)
    question = page.locator("#question")
    question.fill("Ask  of it")
    question.evaluate("(it) => it.setSelectionRange(4, 4)")
    question.press_sequentially("@b")
    offered(page).nth(1).click()
    expect(question).to_have_value("Ask @Bob  of it")
    expect(question).to_be_focused()
    assert question.evaluate("(it) => it.selectionStart") == 9
    question.press_sequentially("@c")
    names(page, "Carol")
    question.press("Home")  # elsewhere, there is nothing to complete
    names(page)
    question.fill("")
    asked = len([it for it in window.asked if "/names/" in it])
    question.press_sequentially("mail me@example.org, then @zed and all the rest of what I have to say")
    with page.expect_response("**/names/?find=c"):
        question.fill("")
        question.press_sequentially("@c")
    names(page, "Carol")
    later = [it.partition("find=")[2] for it in window.asked if "/names/" in it][asked:]
    assert not [it for it in later if it.startswith("example")]
    assert not [it for it in later if it.startswith("zed+")]  # nobody's name begins so, whatever follows
    page.locator("#title").click()
    names(page)


def test_enter_takes_nobody_who_is_not_meant_by_now(hers: Page) -> None:
    """Names that are looked for are late; those that are shown are weeded at once."""
    question = hers.locator("#question")
    question.press_sequentially("@bo")
    names(hers, "Bo Lindqvist-Featherstonehaugh of the Far North", "Bob")
    hers.route("**/names/**", lambda _: None)  # no answer comes
    question.press_sequentially("b")
    names(hers, "Bob")
    question.press("Enter")
    expect(question).to_have_value("@Bob ")


def test_who_was_pointed_at_stays_so_as_the_names_come(hers: Page) -> None:
    question = hers.locator("#question")
    question.press_sequentially("@b")
    names(hers, "Bo Lindqvist-Featherstonehaugh of the Far North", "Bob")
    question.press("ArrowDown")
    with hers.expect_response("**/names/?find=bo"):
        question.press_sequentially("o")
    question.press_sequentially("b")
    names(hers, "Bob")
    with hers.expect_response("**/names/?find=bo"):
        question.press("Backspace")
    names(hers, "Bo Lindqvist-Featherstonehaugh of the Far North", "Bob")
    expect(question).to_have_attribute("aria-activedescendant", "name-2")
    question.press("Enter")
    expect(question).to_have_value("@Bob ")


def test_alone_nobody_is_offered(visit: Visit, alice: User, bob: User, route: Route, upstream: Upstream) -> None:
    window = visit(alice)
    page = window.tab()
    started(page)
    page.locator("#question").press_sequentially("@b")
    page.locator("#question").press("Enter")
    wait_for_end(page)
    assert not [it for it in window.asked if "/names/" in it]


def test_who_looks_elsewhere_is_told_that_they_are_named(
    visit: Visit, house: House, alice: User, bob: User, route: Route, upstream: Upstream
) -> None:
    hers = visit(alice).tab()
    conversation = started(hers)
    joining.invite(conversation, bob, Role.WRITER)
    bob.preferences = Preferences(notify="yes").to_store()
    bob.save(update_fields=["preferences"])
    window = visit(bob)
    window.context.grant_permissions(["notifications"], origin=house.address)
    page = window.context.new_page()
    page.clock.install()
    page.goto(f"{window.address}/c/{conversation.pk}/")
    expect(page.locator("#connection")).to_be_empty()
    page.evaluate(CONTROLLED)
    hide(page, True)
    with page.expect_response("**/listed/*"):
        page.clock.fast_forward("01:01")
    assert page.evaluate(NOTICES) == []
    ask(hers, "@Bob, are you there?")
    expect(hers.locator("article.message")).to_have_count(4)
    page.clock.fast_forward("01:01")
    title = Conversation.objects.get(pk=conversation.pk).title
    until(
        lambda: page.evaluate(NOTICES) == [[title, "You are named here."]], lambda: f"{page.evaluate(NOTICES)} {title}"
    )
    page.evaluate(
        "navigator.serviceWorker.getRegistration().then((it) => it.getNotifications())"
        ".then((all) => all.forEach((it) => it.close()))"
    )
    with page.expect_response("**/listed/*"):
        page.clock.fast_forward("01:01")
    assert page.evaluate(NOTICES) == []  # once
