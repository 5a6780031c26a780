"""Links in a real browser: made in the dialog, opened by somebody who is not signed in, followed live, closed."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from accounts.models import User
from catalog.models import Route
from conversations import asking, joining, sharing
from conversations.attachments import prepare
from conversations.models import Conversation, Message, Role, Share
from tests.images import upload
from tests.journeys import scenes
from tests.journeys.conftest import House, Visit, answer, ask, thread, until, wait_for_end
from tests.journeys.looking import NARROW, SIZES, WIDE, barriers, look, sideways
from tests.shares import answered, live, make, snapshot
from tests.upstream import Gate, Script, Upstream

WHOLE = scenes.BEFORE_CODE + scenes.CODE + scenes.TABLE + scenes.FORMULA
CHINESE = {"locale": "zh-CN"}


@pytest.fixture
def said(alice: User, route: Route, settings: Settings) -> Message:
    """What Alice asked and was answered; nobody but this process has to be asked for it."""
    settings.DEEPSEEK_API_KEY = "sk-0123456789abcdef"
    settings.PRIVATE_PROVIDERS = frozenset({"127.0.0.1"})
    question = asking.start(alice, scenes.QUESTION, uuid4(), route, images=prepare([upload()]))
    asking.rename(question.conversation, scenes.TITLE)
    return answered(question, WHOLE, reasoning=scenes.THOUGHTS)


@pytest.fixture
def conversation(said: Message) -> Conversation:
    return Conversation.objects.get(pk=said.conversation_id)


def open_dialog(page: Page) -> None:
    page.get_by_role("button", name=re.compile("This conversation|此对话")).click()
    page.get_by_role("link", name=re.compile("Share…|分享…")).click()
    expect(page.locator("#dialog #preview article").first).to_be_visible()


def test_a_link_is_made_in_the_dialog_and_opened_by_a_stranger(visit: Visit, alice: User, said: Message) -> None:
    page = visit(alice).tab(f"/c/{said.conversation_id}/")
    open_dialog(page)
    dialog = page.locator("#dialog")
    expect(dialog.locator("#preview")).not_to_contain_text("Alice")
    dialog.get_by_label("Who asked").check()
    expect(dialog.locator("#preview")).to_contain_text("Alice")
    dialog.get_by_label("Title").fill("How we retry")
    dialog.get_by_label("Note to the reader").fill("For the meeting")
    expect(dialog.locator("#preview")).to_contain_text("How we retry")
    dialog.get_by_label("Who may open it").select_option("anyone")
    dialog.get_by_role("button", name="Make the link").click()
    address = dialog.get_by_label("The link", exact=True)
    expect(address).to_have_value(re.compile("/s/[\\w-]{43}/$"))
    dialog.get_by_role("button", name="Copy the link").click()
    stranger = visit().tab(re.sub(r"^http://[^/]+", "", address.input_value()))
    expect(stranger.get_by_role("heading", name="How we retry")).to_be_visible()
    expect(stranger.locator("body")).to_contain_text("For the meeting")
    expect(stranger.locator("article")).to_have_count(2)
    expect(stranger.locator("article img")).to_have_js_property("complete", True)
    assert stranger.locator("article img").evaluate("(it) => it.naturalWidth") > 0


@pytest.mark.parametrize("size", SIZES)
def test_how_links_look(visit: Visit, alice: User, said: Message, conversation: Conversation, size: str) -> None:
    link = make(conversation, snapshot(said, title="How we retry", note="For the meeting.", may_fork=True))
    sharing.count_visit(link, None)
    sharing.count_visit(link, alice)
    sharing.close([make(conversation, live())])
    owner, stranger = visit(alice, **SIZES[size]), visit(**SIZES[size])
    page = owner.tab(conversation.get_absolute_url())
    open_dialog(page)
    look(page, f"share-dialog-{size}", "#dialog")
    page.locator("#dialog").get_by_role("button", name="Make the link").click()
    expect(page.get_by_label("The link", exact=True)).to_be_visible()
    page.get_by_text("QR code").click()
    look(page, f"share-made-{size}", "#dialog")
    for path, what in (
        (f"/c/{conversation.pk}/share/", "page"),
        (f"/shares/{link.pk}/", "link"),
        ("/shares/", "list"),
        (f"{link.get_absolute_url()}continue/", "continue"),
    ):
        look(owner.tab(path), f"share-{what}-{size}")
    make(conversation, live())
    joining.invite(conversation, User.objects.create_user("bob@example.org", name="Bob"), Role.WRITER)
    for path, what in (
        (f"/c/{conversation.pk}/", "signs"),
        (f"/shares/?of={conversation.pk}", "of-one"),
        (f"/c/{conversation.pk}/delete/", "delete"),
    ):
        look(owner.tab(path), f"share-{what}-{size}")
    locked = make(conversation, snapshot(said, password="a green harbour"))
    for path, what in ((link.get_absolute_url(), "shared"), (locked.get_absolute_url(), "locked")):
        look(stranger.tab(path), f"share-{what}-{size}")
    stranger.expected.append("404")
    look(stranger.tab("/s/nothing/"), f"share-nothing-{size}")


def test_in_chinese_too(visit: Visit, alice: User, said: Message, conversation: Conversation) -> None:
    link = make(conversation, snapshot(said))
    page = visit(alice, **WIDE, **CHINESE).tab(conversation.get_absolute_url())
    open_dialog(page)
    look(page, "share-dialog-chinese", "#dialog")
    look(visit(**NARROW, **CHINESE).tab(link.get_absolute_url()), "share-shared-chinese")


def test_the_page_of_a_link_is_printed_as_it_is_read(visit: Visit, said: Message, conversation: Conversation) -> None:
    link = make(conversation, snapshot(said, title="How we retry"))
    page = visit(viewport={"width": 794, "height": 1123}).tab(link.get_absolute_url())
    page.emulate_media(media="print")
    page.screenshot(path="tests/screenshots/share-print.png", full_page=True)
    assert sideways(page) == 0
    expect(page.locator(".copy").first).to_be_hidden()
    expect(page.get_by_role("heading", name="How we retry")).to_be_visible()


def test_a_live_link_streams_and_is_cut_when_it_is_closed(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    begun, gate = Gate(), Gate()
    script = Script().role().tokens(["First words. "], 0).gate(begun).tokens(["**Later** words."], 0)
    script = script.gate(gate).finish().done()
    upstream.answer_with(lambda _: script)
    owner = visit(alice).tab()
    ask(owner, "What is a monad?")
    expect(answer(owner)).to_contain_text("First words.")
    conversation = Conversation.objects.get()
    link = make(conversation, live())
    window = visit()
    reader = window.tab(link.get_absolute_url())
    expect(answer(reader)).to_contain_text("First words.")
    begun.open()
    expect(answer(reader).locator("strong")).to_have_text("Later")
    gate.open()
    wait_for_end(owner)
    wait_for_end(reader)
    fresh = window.tab(link.get_absolute_url())
    wanted = thread(fresh)
    until(lambda: thread(reader) == wanted, lambda: f"{thread(reader)}\n\n{wanted}")
    fresh.close()
    upstream.answer_with(lambda _: Script().role().text("A second answer.").finish().done())
    ask(owner, "And a functor?")
    expect(reader.locator("article")).to_have_count(4)
    expect(answer(reader)).to_contain_text("A second answer.")
    window.expected.append("404")
    sharing.close([link])
    expect(reader.get_by_role("heading", name="This link opens nothing")).to_be_visible(timeout=2_000)


def test_a_link_needs_no_script(visit: Visit, alice: User, said: Message, conversation: Conversation) -> None:
    """Making one, with its preview, and reading it."""
    owner = visit(alice, java_script_enabled=False).tab(f"/c/{conversation.pk}/share/")
    owner.get_by_label("Note to the reader").fill("Without script")
    owner.get_by_label("Who may open it").select_option("anyone")
    owner.get_by_label("As it goes on").check()
    owner.get_by_role("button", name="Show it anew").click()
    expect(owner.locator("#preview")).to_contain_text("Without script")
    owner.get_by_role("button", name="Make the link").click()
    address = owner.get_by_label("The link", exact=True).input_value()
    reader = visit(java_script_enabled=False).tab(re.sub(r"^http://[^/]+", "", address))
    expect(reader.locator("article")).to_have_count(2)
    expect(reader.locator("body")).to_contain_text("Without script")
    reader.get_by_role("link", name="Look for what is new").click()
    expect(reader.locator("article")).to_have_count(2)


def test_a_password_opens_the_page_and_its_stream(
    visit: Visit, alice: User, said: Message, conversation: Conversation, route: Route, house: House
) -> None:
    link = make(conversation, live(password="a green harbour", most_visits=2))
    window = visit()
    window.expected.append("422")
    reader = window.tab(link.get_absolute_url())
    reader.get_by_label("Password").fill("wrong")
    reader.get_by_role("button", name="Open").click()
    expect(reader.get_by_role("alert")).to_contain_text("not the password")
    reader.get_by_label("Password").fill("a green harbour")
    reader.get_by_role("button", name="Open").click()
    expect(reader.locator("article")).to_have_count(2)
    asking.ask(conversation, alice, "Is this followed?", uuid4(), route)
    expect(reader.locator("article").nth(2)).to_contain_text("Is this followed?")


def test_who_continues_has_a_copy_of_their_own(
    visit: Visit, alice: User, said: Message, conversation: Conversation
) -> None:
    link = make(conversation, snapshot(said, may_fork=True))
    bob = User.objects.create_user("bob@example.org", name="Bob")
    page = visit(bob).tab(link.get_absolute_url())
    page.get_by_role("link", name="Continue this conversation").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#messages article")).to_have_count(2)
    expect(page.locator("#question")).to_be_focused()
    assert Conversation.objects.get(owner=bob).messages.count() == 2
    assert Share.objects.get().visits.get().member == bob
    assert not barriers(page)
