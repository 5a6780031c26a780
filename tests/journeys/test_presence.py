"""Three people in one conversation: who is here, who is typing, and what each of them may do."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, WebSocket, expect

from accounts.models import User
from catalog.models import Route
from conversations import joining
from conversations.models import Conversation, Membership, Role
from tests.journeys.conftest import Visit, answer, ask, until, wait_for_end
from tests.journeys.looking import NARROW, SIZES, look
from tests.upstream import Gate, Script, Upstream


@dataclass
class Heard:
    """What a page's sockets have carried to it."""

    frames: list[str] = field(default_factory=list)
    sockets: list[WebSocket] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("websocket", self._follow)

    def _follow(self, socket: WebSocket) -> None:
        self.sockets.append(socket)
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))


def started(page: Page) -> Conversation:
    page.locator("#question").fill("Where shall we eat?")
    page.locator("#composer .primary").click()
    wait_for_end(page)
    return Conversation.objects.get()


def sees(page: Page, who: str) -> None:
    if who:
        expect(page.locator("#crowd")).to_have_attribute("title", who)
    else:
        expect(page.locator("#crowd")).to_be_empty()


def types(page: Page, who: str) -> None:
    """Who is typing, as this page shows it."""
    expect(page.locator("#typing")).to_have_text(who)


def questions(page: Page) -> list[str]:
    return page.locator("article.message.user .typed").all_inner_texts()


@dataclass
class Three:
    """Alice's page, Bob's, who may write, and Carol's, who may read; and what hers has heard."""

    hers: Page
    his: Page
    carols: Page
    heard: Heard

    @property
    def pages(self) -> tuple[Page, ...]:
        return self.hers, self.his, self.carols


@pytest.fixture
def three(visit: Visit, alice: User, bob: User, carol: User, route: Route, upstream: Upstream) -> Three:
    hers = visit(alice).tab()
    conversation = started(hers)
    here = f"/c/{conversation.pk}/"
    joining.invite(conversation, bob, Role.WRITER)
    joining.invite(conversation, carol, Role.READER)
    his = visit(bob).tab(here)
    window_of_carol = visit(carol)
    window_of_carol.expected.append("status of 404")  # how far she has seen it, her page may say when she is out
    heard = Heard()
    window_of_carol.context.on("page", heard.listen)
    three = Three(hers, his, window_of_carol.tab(here), heard)
    sees(three.hers, "Bob and Carol are here")
    sees(three.his, "Alice and Carol are here")
    sees(three.carols, "Alice and Bob are here")
    return three


def test_three_see_each_other_type_and_ask_and_read_the_same_in_one_order(three: Three, upstream: Upstream) -> None:
    hers, his, carols = three.pages
    his.locator("#question").press_sequentially("Somewhere with")
    for page, who in ((hers, "Bob is typing…"), (carols, "Bob is typing…"), (his, "")):
        types(page, who)
    hers.locator("#question").press_sequentially("Perhaps")
    types(carols, "Alice and Bob are typing…")
    types(his, "Alice is typing…")
    hers.locator("#question").fill("")
    types(carols, "Bob is typing…")

    gate = Gate()
    upstream.answer_with(
        lambda _: Script().role().tokens(["First words. "], 0).gate(gate).tokens(["Last."], 0).finish().done()
    )
    ask(his, "Somewhere with noodles?")
    for page in three.pages:
        types(page, "")
        expect(page.locator("article.message")).to_have_count(4)
        expect(answer(page)).to_contain_text("First words.")
        expect(answer(page)).to_have_attribute("data-state", "writing")

    ask(hers, "Or dumplings?")
    ask(his, "Or rice?")
    for page in three.pages:
        expect(page.locator("article.message")).to_have_count(8)
        expect(answer(page)).to_have_attribute("data-state", "queued")
    order = questions(hers)
    assert set(order[2:]) == {"Or dumplings?", "Or rice?"}
    gate.open()
    for page in three.pages:
        wait_for_end(page)
        assert questions(page) == order
        expect(answer(page)).to_contain_text("Last.")

    offered = ["Edit" in it for it in edits(his)]
    assert offered == [author == "Bob" for author in his.locator("article.message.user .who").all_inner_texts()]
    assert all("Edit" in it for it in edits(hers))
    assert not carols.locator(".edit:visible").count()


def test_who_is_removed_is_seen_no_more_and_is_told_nothing_more_and_who_closes_their_tab_is_gone(
    three: Three, carol: User
) -> None:
    hers, his, carols = three.pages
    joining.remove(Membership.objects.get(member=carol))
    expect(carols.locator(".notice")).to_contain_text("That conversation is gone")
    sees(hers, "Bob is here")
    sees(his, "Alice is here")
    told = len(three.heard.frames)
    his.locator("#question").press_sequentially("Secret")
    types(hers, "Bob is typing…")
    ask(his, "Only for us two")
    expect(hers.locator("article.message")).to_have_count(4)
    wait_for_end(hers)
    assert len(three.heard.frames) == told
    assert all(socket.is_closed() for socket in three.heard.sockets)

    his.close()
    sees(hers, "")


def edits(page: Page) -> list[str]:
    """The names of what each question offers."""
    rows: list[str] = page.locator("article.message.user .actions").evaluate_all(
        "(rows) => rows.map((row) => [...row.children].map((it) => it.ariaLabel).join(' '))"
    )
    return rows


def test_who_loads_their_page_anew_or_closes_one_of_two_tabs_is_still_here(
    visit: Visit, alice: User, bob: User, route: Route, upstream: Upstream
) -> None:
    hers = visit(alice).tab()
    conversation = started(hers)
    joining.invite(conversation, bob, Role.WRITER)
    window = visit(bob)
    his, again = window.tab(f"/c/{conversation.pk}/"), window.tab(f"/c/{conversation.pk}/")
    sees(hers, "Bob is here")
    again.close()
    his.reload()
    sees(his, "Alice is here")
    sees(hers, "Bob is here")


@pytest.mark.parametrize("size", [*SIZES, "chinese"])
def test_who_is_here_and_who_types_shuts_nobody_out_and_moves_nothing(
    visit: Visit, alice: User, bob: User, carol: User, route: Route, upstream: Upstream, size: str
) -> None:
    members = [bob, carol, *(User.objects.create_user(f"{name}@example.org", name=name) for name in ("Dora", "Émile"))]
    options = SIZES.get(size) or {"locale": "zh-CN", **NARROW}
    hers = visit(alice, **options).tab()
    conversation = started(hers)
    for member in members:
        joining.invite(conversation, member, Role.WRITER)
    expect(hers.locator("#cursor[data-shared]")).to_have_count(1)
    before = hers.locator("#composer").bounding_box()
    pages = [visit(member).tab(f"/c/{conversation.pk}/") for member in members]
    for page in pages[: 1 if size == "wide" else 3]:
        page.locator("#question").press_sequentially("I think")
    expect(hers.locator("#typing")).to_contain_text("Bob" if size == "wide" else "Carol")
    expect(hers.locator("#crowd [aria-hidden]")).to_have_count(4)
    until(lambda: hers.locator("#composer").bounding_box() == before, lambda: "the composer moved")
    look(hers, f"{size}-presence")
