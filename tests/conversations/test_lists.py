"""What is new elsewhere comes into the list of a page that shows another conversation: to whom it concerns, cheaply."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.sessions import digest
from catalog.models import Route
from conversations import asking, joining
from conversations.crossing import Crossing
from conversations.feed.admission import Admission, Passage
from conversations.feed.feed import Feed
from conversations.feed.lists import Lists
from conversations.feed.reader import UNACKNOWLEDGED_FRAMES, Position, Reader
from conversations.listing import changed
from conversations.models import Conversation, Membership, Role, Seen
from tests.feeding import SELDOM, Socket, feeding, until_listening
from tests.page import Page

SECONDS = 10


def lines(page: Page) -> str:
    """The list, to the byte but for the white space between its lines."""
    return re.sub(r">\s+<", "><", page.html("conversations"))


class Desk:
    """Bob's: he reads a conversation of his own."""

    def __init__(self, bob: User, route: Route) -> None:
        self.bob = bob
        self.client = Client()
        self.client.force_login(bob)
        self.shown = asking.start(bob, "What is a functor?", uuid4(), route).conversation
        key = digest(self.client.session.session_key or "")
        self.admission = Admission(bob.pk, key, bob.get_session_auth_hash())

    def load(self) -> Page:
        return Page(self.client.get(self.shown.get_absolute_url()).content.decode())

    async def open(self, feed: Feed, **reader: Any) -> Socket:
        socket = Socket(feed, await sync_to_async(self.load)(), self.shown, self.admission, **reader)
        feed.join(socket.reader)
        await until_listening()
        return socket

    async def until_as_reloaded(self, socket: Socket, deed: Callable[[], object]) -> str:
        """What the deed does to his list comes by itself: the list is then the one that a reload shows."""
        before = lines(socket.page)
        await sync_to_async(deed)()
        wanted = lines(await sync_to_async(self.load)())
        assert wanted != before
        await socket.until(lambda: lines(socket.page) == wanted, SECONDS)
        return wanted


@pytest.fixture
def desk(bob: User, route: Route) -> Desk:
    return Desk(bob, route)


async def test_a_question_and_a_mention_elsewhere_stand_in_the_list_without_a_reload(
    membership: Membership, desk: Desk, alice: User, route: Route
) -> None:
    shared = await Conversation.objects.aget(pk=membership.conversation_id)
    await sync_to_async(Seen.objects.mark)(shared.pk, desk.bob.pk, shared.seq)
    async with feeding(poll_seconds=SELDOM) as feed:
        his = await desk.open(feed)
        html = await desk.until_as_reloaded(his, lambda: asking.ask(shared, alice, "More?", uuid4(), route))
        assert 'class="unread"' in html
        assert "You are named here" not in html
        html = await desk.until_as_reloaded(his, lambda: asking.ask(shared, alice, "@Bob?", uuid4(), route))
        assert "You are named here" in html
        html = await desk.until_as_reloaded(his, lambda: asking.rename(shared, "<b>Lunch</b>"))
        assert "&lt;b&gt;Lunch" in html


def _leave_group(conversation: Conversation) -> None:
    membership = conversation.memberships.exclude(group=None).get()
    joining.remove(membership)


GOES: dict[str, Callable[[Conversation, User], object]] = {
    "removed": lambda conversation, bob: joining.remove(conversation.memberships.get(member=bob)),
    "left": joining.leave,
    "deleted": lambda conversation, bob: asking.delete(conversation),
}


@pytest.mark.parametrize("how", GOES)
async def test_who_is_invited_sees_it_and_who_is_out_does_not(
    conversation: Conversation, desk: Desk, bob: User, how: str
) -> None:
    async with feeding(poll_seconds=SELDOM) as feed:
        his = await desk.open(feed)
        html = await desk.until_as_reloaded(his, lambda: joining.invite(conversation, bob, Role.READER))
        assert conversation.listed_id in html
        html = await desk.until_as_reloaded(his, lambda: GOES[how](conversation, bob))
        assert conversation.listed_id not in html


async def test_so_does_a_group_and_what_is_begun_in_its_space(
    conversation: Conversation, desk: Desk, alice: User, bob: User, route: Route
) -> None:
    group = await Group.objects.acreate(name="Writers")
    await group.user_set.aadd(alice, bob)
    async with feeding(poll_seconds=SELDOM) as feed:
        his = await desk.open(feed)
        await desk.until_as_reloaded(his, lambda: joining.invite(conversation, group, Role.READER))
        await desk.until_as_reloaded(his, lambda: _leave_group(conversation))
        html = await desk.until_as_reloaded(his, lambda: asking.start(alice, "Ours", uuid4(), route, space=group.pk))
        assert "Ours" in html


async def test_in_the_language_of_the_page(membership: Membership, desk: Desk, alice: User, route: Route) -> None:
    async with feeding(poll_seconds=SELDOM) as feed:
        his = await desk.open(feed)
        await his.until_told()
        his.reader.position = Position(his.page.cursor, language="zh-hans")
        shared = await Conversation.objects.aget(pk=membership.conversation_id)
        await sync_to_async(asking.ask)(shared, alice, "@Bob?", uuid4(), route)
        await his.until(lambda: "这里提到了你" in his.page.html("conversations"), SECONDS)


async def test_a_page_that_does_not_acknowledge_is_told_once_it_does(
    membership: Membership, desk: Desk, alice: User, route: Route
) -> None:
    async with feeding(poll_seconds=SELDOM) as feed:
        his, other = await desk.open(feed), await desk.open(feed)
        await his.until_told()
        his.acknowledges = False
        for _ in range(UNACKNOWLEDGED_FRAMES):
            await his.reader.give("{}")
        given = len(his.frames)
        shared = await Conversation.objects.aget(pk=membership.conversation_id)
        await sync_to_async(asking.ask)(shared, alice, "@Bob?", uuid4(), route)
        await other.until(lambda: "You are named here" in other.page.html("conversations"), SECONDS)
        assert len(his.frames) == given
        feed.acknowledged(his.reader)
        await his.until(lambda: "You are named here" in his.page.html("conversations"), SECONDS)


# Who is told, and what it costs ---------------------------------------------------------------------------------------


class Counting(Crossing):
    """Notes what crosses into the database."""

    def __init__(self) -> None:
        super().__init__(1, "counted")
        self.crossed: list[str] = []

    async def __call__(self, deed: Any, *args: Any, **options: Any) -> Any:
        self.crossed.append(deed.__name__)
        return await super().__call__(deed, *args, **options)


def reader(conversation: Conversation, member: User | None, frames: list[str]) -> Reader:
    async def send(frame: str) -> None:
        frames.append(frame)

    async def close(_code: int) -> None:
        raise AssertionError

    right = Admission(member.pk, "", "") if member else Passage(uuid4(), 1, False, None)
    return Reader(conversation.pk, right, Position(0), send, close)


def shared_hint(conversation: Conversation) -> dict[str, Any]:
    return {"c": [str(conversation.pk), 2], "l": 1}


async def test_what_concerns_nobody_elsewhere_costs_nothing(membership: Membership, desk: Desk, alice: User) -> None:
    shared, frames = membership.conversation, list[str]()
    readers = [reader(shared, alice, frames), reader(shared, desk.bob, frames), reader(desk.shown, None, frames)]
    cross = Counting()
    lists = Lists(cross, lambda: readers)
    lists.heard(shared_hint(shared))  # they all are there
    lists.heard({"c": [str(desk.shown.pk), 2]})  # nobody else's
    lists.heard({"g": [[str(uuid4()), 1]]})  # words
    await lists._tell()
    assert (cross.crossed, frames) == ([], [])


async def test_strangers_are_told_nothing_and_a_link_has_no_list(
    membership: Membership, desk: Desk, alice: User, charlie: User
) -> None:
    frames: dict[str, list[str]] = {"bob": [], "charlie": [], "link": []}
    readers = [reader(desk.shown, it, frames[name]) for name, it in {"bob": desk.bob, "charlie": charlie}.items()]
    readers.append(reader(desk.shown, None, frames["link"]))
    lists = Lists(Counting(), lambda: readers)
    lists.heard(shared_hint(membership.conversation))
    await lists._tell()
    assert [len(it) for it in frames.values()] == [1, 0, 0]
    await Membership.objects.all().adelete()  # behind our back
    lists.heard(shared_hint(membership.conversation))
    await lists._tell()
    assert [len(it) for it in frames.values()] == [1, 0, 0]


class Interrupted(Counting):
    """Something happens between what is read and what is told of it."""

    def __init__(self, deed: Callable[[], object]) -> None:
        super().__init__()
        self._happens = deed

    async def __call__(self, deed: Any, *args: Any, **options: Any) -> Any:
        found = await super().__call__(deed, *args, **options)
        if len(self.crossed) == 1:
            await sync_to_async(self._happens)()
        return found


async def test_what_happens_while_it_is_read_is_told_the_next_time(membership: Membership, desk: Desk) -> None:
    shared, frames = membership.conversation, list[str]()

    def removed() -> None:
        joining.remove(membership)
        lists.heard({"r": str(shared.pk), "out": str(desk.bob.pk)})

    lists = Lists(Interrupted(removed), lambda: readers)
    readers = [reader(desk.shown, desk.bob, frames)]
    lists.heard(shared_hint(shared))
    await lists._tell()
    await lists._tell()
    assert len(frames) == 2
    assert shared.title in frames[0]
    assert shared.title not in frames[1]
    assert shared.listed_id in frames[1]  # it is gone


@pytest.mark.parametrize("broken", ["in_group", "_lines"])
async def test_what_could_not_be_read_is_told_the_next_time(
    conversation: Conversation, desk: Desk, broken: str
) -> None:
    class Broken(Counting):
        async def __call__(self, deed: Any, *args: Any, **options: Any) -> Any:
            if deed.__name__ == broken and broken not in self.crossed:
                self.crossed.append(broken)
                raise OperationalError
            return await super().__call__(deed, *args, **options)

    group = await Group.objects.acreate(name="Readers")
    await group.user_set.aadd(desk.bob)
    frames = list[str]()
    readers = [reader(desk.shown, desk.bob, frames)]
    lists = Lists(Broken(), lambda: readers)
    lists.heard({"r": str(conversation.pk), "out": group.pk})
    with pytest.raises(OperationalError):
        await lists._tell()
    await lists._tell()
    assert len(frames) == 1
    assert conversation.listed_id in frames[0]


async def test_five_hundred_pages_and_twenty_conversations_cost_one_crossing(
    alice: User, bob: User, desk: Desk, route: Route
) -> None:
    def begin() -> list[Conversation]:
        begun = [asking.start(alice, f"Number {it}", uuid4(), route).conversation for it in range(20)]
        for it in begun:
            joining.invite(it, bob, Role.READER)
        return begun

    begun, frames = await sync_to_async(begin)(), list[str]()
    readers = [reader(desk.shown, bob, frames) for _ in range(500)]
    cross = Counting()
    lists = Lists(cross, lambda: readers)
    for _ in range(10):
        for it in begun:
            lists.heard(shared_hint(it))
    await lists._tell()
    assert cross.crossed == ["_lines"]
    assert len(frames) == 500
    assert frames[0].count("<hx-partial") == 20


def test_three_statements_for_all_of_them_and_one_if_it_concerns_none(
    membership: Membership, desk: Desk, alice: User, bob: User, charlie: User, route: Route
) -> None:
    others = [asking.start(alice, f"Number {it}", uuid4(), route).conversation for it in range(5)]
    for it in others:
        joining.invite(it, bob, Role.READER)
    asked = {membership.conversation_id, desk.shown.pk, *(it.pk for it in others)}
    with CaptureQueriesContext(
        connection,
    ) as statements:
        found = changed(asked, {alice.pk, bob.pk})
    assert len(statements) == 3
    assert len(found) == 6 * 2 + 1
    with CaptureQueriesContext(connection) as statements:
        assert changed(asked, {charlie.pk}) == {}
    assert len(statements) == 1


def test_who_may_read_is_as_roles_say(
    membership: Membership, desk: Desk, alice: User, bob: User, charlie: User
) -> None:
    group = Group.objects.create(name="Writers")
    group.user_set.add(charlie)
    joining.invite(desk.shown, group, Role.READER)
    pairs = {(it, who.pk) for it in (membership.conversation_id, desk.shown.pk) for who in (alice, bob, charlie)}
    readers = Membership.objects.readers({pk for pk, _ in pairs}, {pk for _, pk in pairs})
    assert readers == set(Membership.objects.roles(pairs))


# What was missed ------------------------------------------------------------------------------------------------------


def test_the_list_anew_is_that_of_the_page(membership: Membership, desk: Desk) -> None:
    page, wanted = desk.load(), desk.load().html("conversations")
    page.element("conversations").children = []
    html = desk.client.get(f"/listed/?shown={desk.shown.pk}").content.decode()
    assert "New:" in html
    page.apply(html)
    assert page.html("conversations") == wanted
    for nonsense in ("", "undefined", "x" * 999):
        assert desk.client.get("/listed/", {"shown": nonsense}).status_code == 200


def test_the_script_for_it_comes_to_who_shares_something(desk: Desk, conversation: Conversation, bob: User) -> None:
    address = desk.shown.get_absolute_url()

    def comes(address: str) -> bool:
        html = desk.client.get(address).content.decode()
        assert "js/lists" in html  # waiting in a template, or at work
        return 'id="for-sharing"' not in html

    assert not comes(address)
    joining.invite(conversation, bob, Role.READER)
    assert comes(address)
    Conversation.objects.bulk_create(Conversation(owner=bob, title=f"Number {it}") for it in range(60))
    assert not comes(address)  # it is far down the list
    assert comes(conversation.get_absolute_url())


def test_asking_where_nobody_else_is_tells_nobody_elsewhere(
    conversation: Conversation, alice: User, route: Route
) -> None:
    with CaptureQueriesContext(connection) as statements:
        asking.ask(conversation, alice, "More?", uuid4(), route)
    hints = [it["sql"] for it in statements if "pg_notify" in it["sql"] and "chat_feed" in it["sql"]]
    assert len(hints) == 1
    assert '"l"' not in hints[0]
