"""Two and three people in one conversation, each in a browser of their own."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from catalog.models import Route
from conversations import joining
from conversations.models import Conversation, Membership, Role
from tests.journeys.conftest import House, Visit, Window, answer, ask, until_it_shares, wait_for_end
from tests.journeys.looking import SIZES, look
from tests.upstream import Gate, Script, Upstream


def started(page: Page) -> Conversation:
    page.locator("#question").fill("Where shall we eat?")
    page.get_by_role("button", name="Send").click()
    wait_for_end(page)
    return Conversation.objects.get()


def listed(page: Page) -> Locator:
    """The conversations in the sidebar, whatever their titles are by now."""
    return page.locator("#conversations a[id^=c-]")


def open_people(page: Page) -> None:
    page.get_by_role("button", name="This conversation").click()
    page.get_by_role("link", name="People…").click()
    expect(page.locator("#dialog h1")).to_have_text("People")


def questions(page: Page) -> list[tuple[str, str]]:
    return [
        (it.locator(".who").inner_text(), it.locator(".typed").inner_text())
        for it in page.locator("article.message.user").all()
    ]


def test_two_ask_at_once_and_both_see_both_with_their_names_in_one_order(
    visit: Visit, alice: User, bob: User, route: Route, upstream: Upstream
) -> None:
    hers = visit(alice).tab()
    conversation = started(hers)
    open_people(hers)
    hers.locator("#find").fill("bo")
    hers.locator("#find").press("Enter")
    hers.get_by_label("Bob").check()
    hers.locator("#dialog").get_by_role("button", name="Invite").click()
    expect(hers.locator(".people li")).to_have_count(2)
    hers.locator("#dialog").get_by_role("link", name="Back").click()
    expect(hers.locator("#dialog")).to_be_hidden()

    his = visit(bob).tab()
    listed(his).click()
    expect(his.locator("article.message")).to_have_count(2)
    gate = Gate()
    upstream.answer_with(lambda _: Script().role().gate(gate).tokens(["Fine."], 0).finish().done())
    ask(hers, "Somewhere with noodles?")
    expect(his.locator("article.message")).to_have_count(4)
    ask(his, "Or dumplings?")
    for page in (hers, his):
        expect(page.locator("article.message")).to_have_count(6)
        expect(answer(page)).to_have_attribute("data-state", "queued")
        expect(answer(page).locator(".status")).to_contain_text("Waiting for its turn")
    gate.open()
    for page in (hers, his):
        wait_for_end(page)
        assert questions(page) == [
            ("Alice", "Where shall we eat?"),
            ("Alice", "Somewhere with noodles?"),
            ("Bob", "Or dumplings?"),
        ]
    assert conversation.messages.count() == 6


@pytest.fixture
def shared(visit: Visit, alice: User, bob: User, route: Route, upstream: Upstream) -> tuple[Page, Window, Membership]:
    """Alice's page of a conversation that Bob may write in, and a window of his."""
    page = visit(alice).tab()
    conversation = started(page)
    membership = joining.invite(conversation, bob, Role.WRITER)
    assert membership
    return page, visit(bob), membership


def test_who_may_only_read_by_now_has_no_form_and_is_shown_what_they_had_typed(
    shared: tuple[Page, Window, Membership],
) -> None:
    _, window, membership = shared
    his = window.tab(f"/c/{membership.conversation_id}/")
    his.locator("#question").fill("Typed with care")
    joining.change_role(membership, Role.READER)
    expect(his.locator("#reading")).to_contain_text("You may read here.")
    expect(his.locator("#unsent")).to_have_value("Typed with care")
    expect(his.locator("#composer")).to_have_count(0)
    expect(his.get_by_role("button", name="Try again")).to_have_count(0)
    joining.change_role(membership, Role.WRITER)
    expect(his.locator("#question")).to_have_value("Typed with care")


def test_who_is_removed_is_told_so_and_what_they_had_typed_waits_for_them(
    shared: tuple[Page, Window, Membership],
) -> None:
    hers, window, membership = shared
    window.expected.append("status of 404")  # how far he has seen it, his page may say when it is his no more
    his = window.tab(f"/c/{membership.conversation_id}/")
    his.locator("#question").fill("Typed with care")
    open_people(hers)
    hers.get_by_role("button", name="Remove Bob").click()
    expect(hers.locator(".people li")).to_have_count(1)
    expect(his.locator(".notice")).to_contain_text("That conversation is gone")
    expect(his.locator("#question")).to_have_value("Typed with care")
    expect(listed(his)).to_have_count(0)


def test_by_keys_each_persons_buttons_keep_the_focus_and_what_happened_is_said(
    visit: Visit, alice: User, bob: User, carol: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    window.expected.append("status of 404")  # of who is gone
    page = window.tab()
    conversation = started(page)
    for member in (bob, carol):
        joining.invite(conversation, member, Role.WRITER)
    open_people(page)
    row = page.locator(".people li", has_text="Bob")
    row.locator("select").select_option("reader")
    row.get_by_role("button", name="Save").press("Enter")
    expect(page.locator("#said")).to_contain_text("Saved.")
    expect(row.get_by_role("button", name="Save")).to_be_focused()
    page.get_by_role("button", name="Remove Bob").press("Enter")
    expect(page.locator(".people li")).to_have_count(2)
    expect(page.locator("#dialog h1")).to_be_focused()  # and on nobody else's role
    joining.remove(Membership.objects.get(member=carol))
    page.get_by_role("button", name="Remove Carol").press("Enter")
    expect(page.locator("#dialog")).to_be_hidden()  # the page, as it is now
    expect(page.locator("#question")).to_be_visible()


def test_without_script_one_invites_and_leaves_too(visit: Visit, alice: User, bob: User, route: Route) -> None:
    hers = visit(alice, java_script_enabled=False).tab()
    hers.locator("#question").fill("Where shall we eat?")
    hers.get_by_role("button", name="Send").click()
    hers.get_by_role("button", name="This conversation").click()
    hers.get_by_role("link", name="People…").click()
    hers.get_by_label("Bob").check()
    hers.get_by_label("As").select_option("reader")
    hers.get_by_role("button", name="Invite").click()
    expect(hers.locator(".people li")).to_have_count(2)
    his = visit(bob, java_script_enabled=False).tab()
    listed(his).click()
    expect(his.locator("#reading")).to_contain_text("You may read here.")
    his.get_by_role("button", name="This conversation").click()
    his.get_by_role("link", name="People…").click()
    his.get_by_role("link", name="Leave…").click()
    his.get_by_role("button", name="Leave").click()
    expect(listed(his)).to_have_count(0)


@pytest.mark.parametrize("size", SIZES)
def test_the_people_and_a_readers_page_shut_nobody_out(
    visit: Visit, alice: User, bob: User, carol: User, route: Route, upstream: Upstream, size: str
) -> None:
    window = visit(alice, **SIZES[size])
    page = window.tab()
    conversation = started(page)
    joining.invite(conversation, bob, Role.WRITER)
    open_people(page)
    page.locator("#dialog").evaluate("(it) => Promise.all(it.getAnimations().map(({ finished }) => finished))")
    look(page, f"{size}-together-1-people", "#dialog")
    page.goto(f"{window.address}/c/{conversation.pk}/people/")
    look(page, f"{size}-together-2-people-page")
    joining.invite(conversation, bob, Role.READER)
    reader = visit(bob, **SIZES[size]).tab(f"/c/{conversation.pk}/")
    look(reader, f"{size}-together-3-reader")
    reader.goto(f"{window.address}/c/{conversation.pk}/leave/")
    look(reader, f"{size}-together-4-leave")


@pytest.mark.parametrize("size", SIZES)
def test_what_is_begun_in_a_groups_space_stands_under_its_name_for_all_of_it(
    visit: Visit, alice: User, bob: User, route: Route, upstream: Upstream, size: str
) -> None:
    group = Group.objects.create(name="Night shift")
    group.user_set.add(alice, bob)
    hers = visit(alice, **SIZES[size]).tab(f"/?space={group.pk}")
    expect(hers.locator(".empty")).to_contain_text("In the space of Night shift")
    look(hers, f"{size}-together-5-space")
    conversation = started(hers)
    assert conversation.group == group
    expect(hers.locator(".space [data-asked]")).to_have_count(1)
    expect(listed(hers)).to_have_count(1)
    his = visit(bob, **SIZES[size]).tab(f"/c/{conversation.pk}/")
    expect(his.locator("#question")).to_be_visible()
    if size == "narrow":
        his.get_by_role("button", name="Conversations").click()
        expect(his.locator(".space")).to_contain_text("Night shift")
        look(his, f"{size}-together-6-space", "#sidebar")
    else:
        look(his, f"{size}-together-6-space")


def test_what_is_new_and_where_one_is_named_stands_in_the_list_until_one_has_looked(
    shared: tuple[Page, Window, Membership],
) -> None:
    hers, window, _ = shared
    his = window.tab()
    expect(his.locator("#conversations a.unread")).to_have_count(1)
    ask(his, "What is a functor?")  # a conversation of his own
    wait_for_end(his)
    second = window.tab(urlsplit(his.url).path)
    ask(hers, "@Bob, noodles?")
    for page in (his, second):
        expect(page.locator("#conversations [data-asked]").first.locator(".named")).to_have_count(1)  # without a reload
    expect(hers.locator("article.message")).to_have_count(4)
    wait_for_end(hers)
    look(his, "together-7-unread")
    with his.expect_response("**/seen/"):
        listed(his).first.click()
    expect(second.locator("#conversations a.unread, #conversations .named")).to_have_count(0)  # told by the first tab
    other = window.tab()
    expect(listed(other)).to_have_count(2)
    expect(other.locator("#conversations a.unread, #conversations .named")).to_have_count(0)


def test_a_page_that_was_without_a_socket_asks_for_its_list_as_it_comes_back(
    shared: tuple[Page, Window, Membership], house: House
) -> None:
    _, window, membership = shared
    window.expected += ["WebSocket connection", "Failed to load resource"]
    his = window.tab()
    ask(his, "What is a functor?")
    wait_for_end(his)
    expect(his.locator("#title")).to_have_text("A short title")  # which makes its line anew as well
    his.locator("#conversations [aria-current]").focus()
    with house.cable.unplugged():
        joining.remove(membership)
    expect(listed(his)).to_have_count(1)
    expect(his.locator("#conversations [aria-current]")).to_be_focused()


def test_nor_does_it_lose_what_somebody_had_scrolled_down_to(
    shared: tuple[Page, Window, Membership], house: House, bob: User
) -> None:
    _, window, _ = shared
    window.expected += ["WebSocket connection", "Failed to load resource"]
    Conversation.objects.bulk_create(Conversation(owner=bob, title=f"Number {it}") for it in range(60))
    his = window.tab()
    ask(his, "What is a functor?")
    wait_for_end(his)
    his.locator("#sidebar .older a").first.scroll_into_view_if_needed()
    expect(listed(his)).to_have_count(62)
    until_it_shares(his)
    with house.cable.unplugged():
        Conversation.objects.filter(title=listed(his).nth(1).inner_text()).update(title="Another name")
    expect(his.locator("#conversations")).to_contain_text("Another name")
    expect(listed(his)).to_have_count(62)
