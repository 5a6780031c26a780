"""Who is here and who is typing: what a process knows, what its pages are given, and what the others hear of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from accounts.sessions import digest
from conversations import asking, bus, joining
from conversations.crowd import Crowd, View, draw
from conversations.feed import Feed
from conversations.feed.admission import Admission
from conversations.feed.feed import TYPING
from conversations.feed.presence import FORGOTTEN_SECONDS, LINGER_SECONDS, TOLD_SECONDS, TYPING_SECONDS, Presence
from conversations.models import Conversation, Membership, Role
from tests.conversations.replaying import load
from tests.conversations.test_bus import listening
from tests.feeding import Socket, feeding, until_listening
from tests.page import Page
from tests.serving import Web, environment, web
from tests.shares import live, make
from tests.sockets import Tab, closed, opened, opened_at
from tests.workers import eventually

# What one process knows ----------------------------------------------------------------------------------------------

PLACE, ALICE, BOB, CAROL = (uuid4() for _ in range(4))


class Processes:
    """Two that hear each other, and the clock's hand."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.first, self.second = (Presence(lambda: self.now) for _ in range(2))
        self.notices = 0

    def look(self, process: Presence, here: set[UUID], typing: frozenset[UUID] = frozenset()) -> None:
        """A process looks at its sockets, and the other one hears what it tells."""
        told = process.look({PLACE: Crowd(frozenset(here), typing)} if here else {})
        self.notices += bool(told)
        for it in (self.first, self.second):
            it.hear(process.process, json.loads(json.dumps(told)), asks=process.has_missed_some)

    def seen(self, process: Presence) -> set[UUID]:
        return set(process.crowd(PLACE).here)


def test_each_process_knows_whom_all_of_them_have_and_tells_it_once() -> None:
    both = Processes()
    both.look(both.first, {ALICE, BOB})
    both.look(both.second, {BOB, CAROL})
    assert both.seen(both.first) == both.seen(both.second) == {ALICE, BOB, CAROL}
    for _ in range(9):
        both.now += 1
        both.look(both.first, {ALICE, BOB})
        both.look(both.second, {BOB, CAROL})
    assert both.notices == 2
    both.now += 1
    both.look(both.first, {ALICE, BOB})
    assert both.notices == 3, "said again, lest it be forgotten"


def test_who_closes_their_last_page_is_gone_two_seconds_later_and_who_loads_it_anew_never_was() -> None:
    assert LINGER_SECONDS < 2
    both = Processes()
    both.look(both.first, {ALICE, BOB})
    both.look(both.first, {ALICE})
    both.now += LINGER_SECONDS - 0.1
    both.look(both.first, {ALICE, BOB})
    assert both.notices == 1
    both.look(both.first, {ALICE})
    both.now += LINGER_SECONDS
    both.look(both.first, {ALICE})
    assert both.seen(both.first) == both.seen(both.second) == {ALICE}


def test_whose_right_has_ended_does_not_linger() -> None:
    both = Processes()
    both.look(both.first, {ALICE, BOB})
    both.first.send_off(View(PLACE, BOB, "en"))
    both.look(both.first, {ALICE})
    assert both.seen(both.first) == both.seen(both.second) == {ALICE}


def test_the_people_of_a_process_that_died_are_forgotten() -> None:
    assert TOLD_SECONDS * 2 < FORGOTTEN_SECONDS < 30, "one notice may be lost"
    both = Processes()
    both.look(both.first, {ALICE})
    both.look(both.second, {BOB}, frozenset({BOB}))
    assert both.first.crowd(PLACE).typing == {BOB}
    both.now += TYPING_SECONDS
    assert both.first.crowd(PLACE).typing == set()
    assert both.seen(both.first) == {ALICE, BOB}
    both.now += FORGOTTEN_SECONDS - TYPING_SECONDS
    assert both.seen(both.first) == {ALICE}


def test_who_goes_on_typing_is_not_forgotten_and_is_told_every_three_seconds() -> None:
    both = Processes()
    both.look(both.second, {BOB})
    both.look(both.first, {ALICE}, frozenset({ALICE}))
    told = both.notices
    for _ in range(30):
        both.now += 1
        both.look(both.first, {ALICE}, frozenset({ALICE}))
        both.look(both.second, {BOB})
        assert both.second.crowd(PLACE).typing == {ALICE}
    assert both.notices - told == 30 / 3 + 30 / 10
    both.look(both.first, {ALICE})
    assert both.second.crowd(PLACE).typing == set()


def test_nobody_is_told_what_the_only_one_there_types() -> None:
    both = Processes()
    both.look(both.first, {ALICE})
    for typing in (frozenset({ALICE}), frozenset[UUID]()) * 5:
        both.look(both.first, {ALICE}, typing)
    assert both.notices == 1
    both.look(both.second, {BOB})
    both.look(both.first, {ALICE}, frozenset({ALICE}))
    assert both.second.crowd(PLACE).typing == {ALICE}


def test_a_process_that_has_missed_something_asks_and_is_told_everything_anew() -> None:
    both = Processes()
    both.first.look({PLACE: Crowd(frozenset({ALICE}))})  # nobody hears it
    both.second.has_missed_some = True
    both.look(both.second, {BOB})
    both.look(both.first, {ALICE})
    assert both.seen(both.second) == {ALICE, BOB}


def test_a_thousand_people_fit_into_notices_that_postgres_takes(transactional_db: None) -> None:
    presence = Presence()
    crowd = frozenset(uuid4() for _ in range(200))
    places = presence.look({uuid4(): Crowd(crowd) for _ in range(5)})
    assert {len(people) for _, people, _ in places} == {bus.MOST_PEOPLE}
    with CaptureQueriesContext(connection) as queries:
        bus.tell_presence(presence.process, places)
    assert len(queries) == 5


# What pages are given ------------------------------------------------------------------------------------------------


def browser(member: User) -> Client:
    client = Client()
    client.force_login(member)
    return client


def texts(conversation: Conversation, crowd: Crowd, viewer: User, language: str = "en") -> tuple[str, str]:
    """Both lines of this member's page."""
    view = View(conversation.pk, viewer.pk, language)
    page = Page(f"<title></title>{''.join(it.html for it in draw({view: crowd})[view])}")
    return here(page), typing(page)


def crowd_of(*here: User, typing: tuple[User, ...] = ()) -> Crowd:
    return Crowd(frozenset(it.pk for it in here), frozenset(it.pk for it in typing))


def test_one_two_and_more_are_named_and_nobody_to_themselves(
    conversation: Conversation, alice: User, bob: User, carol: User, charlie: User, membership: Membership
) -> None:
    for member in (carol, charlie):
        joining.invite(conversation, member, Role.WRITER)
    everyone = (alice, bob, carol, charlie)
    assert texts(conversation, crowd_of(alice), alice) == ("", "")
    assert texts(conversation, crowd_of(alice, typing=(alice,)), alice) == ("", "")
    assert texts(conversation, crowd_of(alice, bob, typing=(bob,)), alice) == ("Bob is here", "Bob is typing…")
    assert texts(conversation, crowd_of(*everyone[:3], typing=(bob, carol)), alice) == (
        "Bob and Carol are here",
        "Bob and Carol are typing…",
    )
    assert texts(conversation, crowd_of(*everyone, typing=everyone), alice) == (
        "Bob, Carol and 1 other are here",
        "Bob, Carol and 1 other are typing…",
    )
    assert texts(conversation, crowd_of(*everyone, typing=everyone), bob, "zh-hans") == (
        "Alice、Carol和另外 1 人在这里",
        "Alice、Carol和另外 1 人正在输入…",
    )


def test_nobody_is_named_who_may_not_read_by_now_and_none_types_who_may_not_write(
    conversation: Conversation, alice: User, bob: User, carol: User, charlie: User, membership: Membership
) -> None:
    """Whatever another process told: it may be dead, or late."""
    joining.invite(conversation, carol, Role.READER)
    everyone = crowd_of(alice, bob, carol, charlie, typing=(bob, carol, charlie))
    assert texts(conversation, everyone, alice) == ("Bob and Carol are here", "Bob is typing…")
    joining.remove(membership)
    assert texts(conversation, everyone, alice) == ("Carol is here", "")
    User.objects.filter(pk=carol.pk).update(is_active=False)
    assert texts(conversation, everyone, alice) == ("", "")


def test_a_name_is_text(conversation: Conversation, alice: User, membership: Membership, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(name='<img src=x onerror="alert(1)">')
    view = View(conversation.pk, alice.pk, "en")
    html = "".join(it.html for it in draw({view: crowd_of(alice, bob, typing=(bob,))})[view])
    assert "<img" not in html
    assert '"alert' not in html
    assert "&lt;img" in html


def test_a_crowd_costs_two_queries_however_many_look(
    conversation: Conversation, alice: User, bob: User, carol: User, membership: Membership
) -> None:
    group = Group.objects.create(name="All")
    group.user_set.set(User.objects.bulk_create(User(email=f"m{n}@example.org", name=f"M{n:03}") for n in range(100)))
    joining.invite(conversation, group, Role.WRITER)
    everyone = list(group.user_set.all())
    crowd = crowd_of(*everyone)
    with CaptureQueriesContext(connection) as queries:
        drawn = draw({View(conversation.pk, it.pk, "en"): crowd for it in everyone})
    assert len(queries) == 2
    assert len({id(it) for it in drawn.values()}) <= 4, "most see the same, so it is rendered once"


class Room:
    """Opens sockets in feeds of this process; each feed is what a web process has."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation

    async def open(self, feed: Feed, member: User, role: Role = Role.WRITER) -> Socket:
        socket = await sync_to_async(self._socket)(feed, member, role)
        feed.join(socket.reader)
        return socket

    def _socket(self, feed: Feed, member: User, role: Role) -> Socket:
        client = browser(member)
        admitted = Admission(member.pk, digest(client.session.session_key or ""), member.get_session_auth_hash())
        return Socket(feed, load(client, self.conversation), self.conversation, admitted, role=role)


@pytest.fixture
def room(conversation: Conversation) -> Room:
    return Room(conversation)


def here(page: Page) -> str:
    return str(page.element("crowd").attributes.get("title", ""))


def typing(page: Page) -> str:
    return page.element("typing").text


async def until_shown(socket: Socket, who: str, types: str = "") -> None:
    await socket.until(lambda: (here(socket.page), typing(socket.page)) == (who, types), 8)


async def until_named(socket: Socket, title: str) -> None:
    await socket.until(lambda: title in socket.page.html("title"))


@pytest.mark.parametrize("processes", [1, 2])
async def test_two_see_each_other_and_who_types_through_one_process_or_two(
    room: Room, alice: User, bob: User, membership: Membership, processes: int
) -> None:
    async with feeding() as first, feeding() as second:
        at = [first, second][:processes]
        hers = await room.open(at[0], alice, Role.OWNER)
        his = await room.open(at[-1], bob)
        again = await room.open(at[-1], bob)  # a second tab
        await until_shown(hers, "Bob is here")
        await until_shown(his, "Alice is here")
        at[-1].types(his.reader, is_typing=True)
        await until_shown(hers, "Bob is here", "Bob is typing…")
        at[-1].types(his.reader, is_typing=False)
        await until_shown(hers, "Bob is here")
        at[-1].types(his.reader, is_typing=True)
        await until_shown(hers, "Bob is here", "Bob is typing…")
        at[-1].leave(his.reader)  # the tab in which he typed
        await until_shown(hers, "Bob is here")
        at[-1].leave(again.reader)
        await until_shown(hers, "")
        assert "typing" not in "".join(typing(it.page) for it in (his, again))


async def test_who_says_nothing_more_is_typing_no_more(
    room: Room, alice: User, bob: User, membership: Membership
) -> None:
    async with feeding() as feed:
        hers = await room.open(feed, alice, Role.OWNER)
        his = await room.open(feed, bob)
        await until_shown(hers, "Bob is here")
        feed.types(his.reader, is_typing=True)
        await until_shown(hers, "Bob is here", "Bob is typing…")
        await until_shown(hers, "Bob is here")


async def test_a_page_that_connects_later_is_told_at_once_by_a_process_that_has_just_begun(
    room: Room, alice: User, bob: User, membership: Membership
) -> None:
    async with feeding() as first:
        hers = await room.open(first, alice, Role.OWNER)
        await hers.until_told()
        await until_listening()
        async with feeding() as second:
            began = time.monotonic()
            his = await room.open(second, bob)
            await until_shown(his, "Alice is here")
            assert time.monotonic() - began < TOLD_SECONDS - 2, "it was asked for, not waited for"


async def test_who_was_removed_is_gone_at_once_and_hears_nothing_more(
    room: Room, alice: User, bob: User, carol: User, membership: Membership
) -> None:
    def let_in() -> None:
        joining.invite(room.conversation, carol, Role.READER)

    await sync_to_async(let_in)()
    async with feeding() as first, feeding() as second:
        hers = await room.open(first, alice, Role.OWNER)
        his = await room.open(second, bob)
        await until_shown(hers, "Bob is here")
        await until_shown(his, "Alice is here")
        await sync_to_async(joining.remove)(membership)
        await his.until_closed()
        told = len(his.frames)
        await until_shown(hers, "")
        reader = await room.open(second, carol, Role.READER)
        await until_shown(hers, "Carol is here")
        await until_shown(reader, "Alice is here")
        assert len(his.frames) == told


async def test_a_reader_cannot_type(room: Room, alice: User, carol: User) -> None:
    await sync_to_async(joining.invite)(room.conversation, carol, Role.READER)
    async with feeding() as feed:
        hers = await room.open(feed, alice, Role.OWNER)
        reader = await room.open(feed, carol, Role.READER)
        await until_shown(hers, "Carol is here")
        feed.types(reader.reader, is_typing=True)
        feed.types(hers.reader, is_typing=True)
        await until_shown(reader, "Alice is here", "Alice is typing…")
        assert typing(hers.page) == ""


@pytest.mark.parametrize("shared", [False, True])
async def test_where_only_its_owner_is_in_it_nothing_is_told_on_the_bus_and_no_page_is_given_anything(
    room: Room, alice: User, bob: User, *, shared: bool
) -> None:
    if shared:  # what this test would see
        await sync_to_async(joining.invite)(room.conversation, bob, Role.WRITER)
    async with listening(bus.FEED) as ear, feeding(poll_seconds=0.05) as feed:
        sockets = [await room.open(feed, alice, Role.OWNER) for _ in range(2)]
        await until_listening()
        for number in range(5):
            feed.types(sockets[0].reader, is_typing=number % 2 == 0)
            await sync_to_async(asking.rename)(room.conversation, f"Title {number}")
            await until_named(sockets[0], f"Title {number}")
        await sync_to_async(bus.tell_conversation)(UUID(int=1), 1)
        await eventually(lambda: {"c": [str(UUID(int=1)), 1]} in ear.heard, "the last hint")
        assert any("p" in hint for hint in ear.heard) == shared
        assert any("id=crowd" in frame for frame in sockets[0].frames) == shared


async def test_an_unchanged_crowd_causes_no_frame(room: Room, alice: User, bob: User, membership: Membership) -> None:
    async with feeding(poll_seconds=0.05) as first, feeding(poll_seconds=0.05) as second:
        hers = await room.open(first, alice, Role.OWNER)
        his = await room.open(second, bob)
        await until_shown(hers, "Bob is here")
        await until_shown(his, "Alice is here")
        told = [len(it.frames) for it in (hers, his)]
        cursor = hers.page.cursor
        for number in range(5):
            first.types(hers.reader, is_typing=False)  # nothing new
            await sync_to_async(bus.tell_people)(room.conversation.pk)  # looked at anew: the same
            await sync_to_async(asking.rename)(room.conversation, f"Title {number}")
            for it in (hers, his):
                await until_named(it, f"Title {number}")
        assert [len(it.frames) for it in (hers, his)] == [it + 5 for it in told]
        assert hers.page.cursor == cursor + 5, "the log counts deeds alone"


async def test_presence_is_no_event_of_the_log(room: Room, alice: User, bob: User, membership: Membership) -> None:
    async with feeding() as feed:
        hers = await room.open(feed, alice, Role.OWNER)
        await hers.until_told()
        before = await sync_to_async(lambda: Conversation.objects.values_list("seq").get())()
        his = await room.open(feed, bob)
        await until_shown(hers, "Bob is here")
        feed.types(his.reader, is_typing=True)
        await until_shown(hers, "Bob is here", "Bob is typing…")
        assert await sync_to_async(lambda: Conversation.objects.values_list("seq").get())() == before
        assert not [frame for frame in hers.frames if "id=crowd" in frame and "cursor" in frame]


async def test_who_flickers_is_not_heard_more_often_than_anybody_types(
    room: Room, alice: User, bob: User, membership: Membership
) -> None:
    async with listening(bus.FEED) as ear, feeding() as feed:
        hers = await room.open(feed, alice, Role.OWNER)
        his = await room.open(feed, bob)
        await until_shown(hers, "Bob is here")
        told, changes = len(hers.frames), 0
        for number in range(1_000):
            before = his.reader.types_until
            feed.types(his.reader, is_typing=number % 2 == 0)
            changes += before != his.reader.types_until
        assert changes <= TYPING["burst"] + 1
        feed.types(hers.reader, is_typing=True)
        await his.until(lambda: typing(his.page))
        assert len(hers.frames) - told <= 2
        assert len([hint for hint in ear.heard if "p" in hint]) <= 5


async def test_a_conversation_that_is_shared_while_it_is_open_shows_who_comes(
    room: Room, alice: User, bob: User
) -> None:
    async with feeding() as feed:
        hers = await room.open(feed, alice, Role.OWNER)
        await hers.until_told()
        await sync_to_async(joining.invite)(room.conversation, bob, Role.WRITER)
        await hers.until(lambda: "data-shared" in hers.page.html("cursor"))
        his = await room.open(feed, bob)
        await until_shown(hers, "Bob is here")
        await until_shown(his, "Alice is here")


# Through the door ----------------------------------------------------------------------------------------------------


def shows(tab: Tab, who: str, types: str = "", seconds: float = 8) -> None:
    tab.until(lambda page: (here(page), typing(page)) == (who, types), seconds)


@pytest.fixture
def tabs() -> Iterator[Callable[[Web, User, Conversation], Tab]]:
    opened_here: list[Tab] = []

    def open_tab(at: Web, member: User, conversation: Conversation) -> Tab:
        opened_here.append(Tab(at, browser(member), conversation))
        return opened_here[-1]

    yield open_tab
    for it in opened_here:
        it.socket.close()


type Tabs = Callable[[Web, User, Conversation], Tab]


def test_two_processes_tell_each_other_whom_they_have(
    webs: list[Web], tabs: Tabs, conversation: Conversation, alice: User, bob: User, membership: Membership
) -> None:
    hers, his = tabs(webs[0], alice, conversation), tabs(webs[1], bob, conversation)
    shows(hers, "Bob is here")
    shows(his, "Alice is here")
    his.socket.send("typing")
    shows(hers, "Bob is here", "Bob is typing…")
    his.socket.send("paused")
    shows(hers, "Bob is here")
    his.socket.close()
    shows(hers, "", seconds=5)


def test_the_people_of_a_killed_process_disappear_within_thirty_seconds(
    server: Web,
    tabs: Tabs,
    server_url: str,
    tmp_path: Path,
    conversation: Conversation,
    alice: User,
    bob: User,
    membership: Membership,
) -> None:
    hers = tabs(server, alice, conversation)
    with web(environment(server_url, tmp_path), tmp_path) as other:
        his = tabs(other, bob, conversation)
        shows(his, "Alice is here")
        his.socket.send("typing")
        shows(hers, "Bob is here", "Bob is typing…")
        other.kill()
    shows(hers, "Bob is here", seconds=TYPING_SECONDS + 4)
    shows(hers, "", seconds=30)


@pytest.mark.parametrize("how", ["removed", "deactivated"])
def test_whose_right_ends_is_seen_no_more_within_two_seconds(
    server: Web, tabs: Tabs, conversation: Conversation, alice: User, bob: User, membership: Membership, how: str
) -> None:
    hers, his = tabs(server, alice, conversation), tabs(server, bob, conversation)
    shows(hers, "Bob is here")
    if how == "removed":
        joining.remove(membership)
    else:
        User.objects.filter(pk=bob.pk).update(is_active=False)
    shows(hers, "", seconds=3)
    assert his.code(2) in {4401, 4404}


def test_who_reads_by_a_link_sees_no_names_and_is_shown_to_nobody(
    server: Web, tabs: Tabs, conversation: Conversation, alice: User, bob: User, charlie: User, membership: Membership
) -> None:
    share = make(conversation, live())
    with opened_at(server, f"{share.get_absolute_url()}live/", browser(charlie)) as following:
        following.send(json.dumps({"seq": 0}))
        following.recv(5)
        hers, his = tabs(server, alice, conversation), tabs(server, bob, conversation)
        shows(hers, "Bob is here")
        following.send("typing")
        his.socket.send("typing")
        shows(hers, "Bob is here", "Bob is typing…")
        asking.rename(conversation, "The last word")
        with suppress(TimeoutError):
            while frame := str(following.recv(1.5)):
                assert "Bob" not in frame
                assert "crowd" not in frame
    assert "Charlie" not in hers.page.html("crowd")


def test_a_stranger_is_told_nothing(
    server: Web, tabs: Tabs, conversation: Conversation, alice: User, bob: User, charlie: User, membership: Membership
) -> None:
    hers, _ = tabs(server, alice, conversation), tabs(server, bob, conversation)
    shows(hers, "Bob is here")
    with opened(server, conversation.pk, browser(charlie)) as socket:
        with suppress(ConnectionClosed):
            socket.send('{"seq": 0}')
            socket.send("typing")
        assert closed(socket) == 4404
    asking.rename(conversation, "Still the two of them")
    hers.until(lambda page: "Still the two" in page.html("title"))
    assert here(hers.page) == "Bob is here"


@pytest.mark.parametrize(
    "said", ["", "0", "2", "Typing", "typing ", '["typing"]', "[" * 60_000, "x" * 60_000, b"typing", b"1"]
)
def test_what_is_neither_of_the_three_words_ends_the_socket(
    server: Web, tabs: Tabs, conversation: Conversation, alice: User, said: str | bytes
) -> None:
    hers = tabs(server, alice, conversation)
    hers.until(lambda page: page.cursor)
    hers.socket.send(said)
    assert hers.code() == 4400


def test_a_page_of_a_later_version_says_more_and_is_understood_as_far_as_it_can_be(
    server: Web, tabs: Tabs, conversation: Conversation, alice: User, bob: User, membership: Membership
) -> None:
    hers, his = tabs(server, alice, conversation), tabs(server, bob, conversation)
    shows(hers, "Bob is here")
    his.socket.send('{"v": 2, "typing": {"since": 7}}')
    asking.rename(conversation, "Read by both")
    for page in (hers, his):
        page.until(lambda page: "Read by both" in page.html("title"))
    assert typing(hers.page) == ""


def test_who_floods_with_typing_is_sent_away(
    server: Web, tabs: Tabs, conversation: Conversation, alice: User, bob: User, membership: Membership
) -> None:
    hers, his = tabs(server, alice, conversation), tabs(server, bob, conversation)
    shows(hers, "Bob is here")
    with suppress(ConnectionClosed):
        for number in range(5_000):
            his.socket.send("paused" if number % 2 else "typing")
    assert his.code() == 4429
    shows(hers, "", seconds=8)
