"""Following a live link: by a real socket of a real web process, and by turns of the feed."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, RequestFactory
from django.test.signals import template_rendered
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from accounts.models import User
from catalog.models import Route
from conversations import asking, consumers, sharing, visiting
from conversations.consumers import LinkConsumer
from conversations.feed import Feed, Reader
from conversations.feed.admission import Admission, Passage, withdrawn
from conversations.feed.feed import MOST_FOLLOWERS, MOST_FROM_ONE_PLACE, TOO_MANY
from conversations.feed.reader import NOWHERE, Key, Position
from conversations.feed.turn import Asked, Room, take_turn
from conversations.models import Chunk, Conversation, Message, Share, SharingRules
from conversations.shared import LinkFace
from conversations.showing import MEMBERS
from tests.conversations.replaying import Follower, Writer, assert_same, finish, load, words
from tests.feeding import SELDOM, feeding, until_listening
from tests.page import Page
from tests.serving import Web
from tests.shares import live, make, snapshot
from tests.sockets import closed, opened_at

GONE, NOT_FOR_YOU = 4404, 4403
FROM = "192.0.2.1"


def page_of(share: Share, client: Client) -> Page:
    reply = client.get(share.get_absolute_url())
    assert reply.status_code == 200
    return Page(reply.content.decode())


class Reading:
    """The page of a link, and its socket."""

    def __init__(self, at: Web, share: Share, client: Client) -> None:
        self.page = page_of(share, client)
        self.socket: ClientConnection = opened_at(at, f"{share.get_absolute_url()}live/", client)
        self.socket.send(json.dumps({"seq": self.page.cursor, "language": self.page.language}))

    def until(self, look: Callable[[Page], object]) -> None:
        while not look(self.page):
            self.page.apply(str(self.socket.recv(5)))
            with suppress(ConnectionClosed):
                self.socket.send("1")

    def until_shown(self, said: str) -> None:
        self.until(lambda page: said in page.element("messages").text)


def test_a_stranger_follows_what_is_written_and_ends_with_what_a_reload_shows(
    server: Web,
    conversation: Conversation,
    writer: Writer,
    client: Client,
) -> None:
    share = make(conversation, live())
    reading = Reading(server, share, client)
    writer.write(5)
    reading.until_shown("word4.")
    writer.write(5)
    reading.until_shown("word9.")
    writer.end()
    fresh = page_of(share, client)
    reading.until(lambda page: page.cursor == fresh.cursor)
    assert_same(reading.page, fresh, ["thread"])
    assert str(conversation.pk) not in reading.page.html("thread")


def test_who_may_not_look_may_not_follow(
    server: Web,
    conversation: Conversation,
    said: Message,
    charlie: User,
) -> None:
    stranger, member = Client(), Client()
    member.force_login(charlie)
    links = {
        "a snapshot": (make(conversation, snapshot(said)), stranger),
        "for members": (make(conversation, live(audience=Share.Audience.MEMBERS)), stranger),
        "for others": (make(conversation, live(audience=Share.Audience.NAMED)), member),
        "with a password": (make(conversation, live(password="a green harbour")), stranger),
        "for counted visits": (make(conversation, live(most_visits=5)), stranger),
        "closed": (make(conversation, live()), stranger),
        "never made": (Share(), stranger),
    }
    sharing.close([links["closed"][0]])
    for what, (share, client) in links.items():
        with opened_at(server, f"/s/{share.token}/live/", client) as socket:
            assert closed(socket) == NOT_FOR_YOU, what


NAMED = {"audience": Share.Audience.NAMED}
ENDINGS: dict[str, Callable[[Share], object]] = {
    "closed": lambda share: sharing.close([share]),
    "closed by an administrator": lambda share: Share.objects.filter(pk=share.pk).update(closed_at=timezone.now()),
    "another address": sharing.renew,
    "another password": lambda share: sharing.change(share, live(password="another harbour")),
    "no longer for anyone": lambda share: sharing.change(share, live(audience=Share.Audience.MEMBERS)),
    "less is shown": lambda share: sharing.change(share, live(shows_images=False)),
    "its end": lambda share: Share.objects.update(expires_at=timezone.now()),
    "its end, which nobody brings about": lambda share: None,
    "the switch": lambda share: SharingRules.objects.create(anonymous_allowed=False),
    "its maker": lambda share: User.objects.filter(pk=share.maker_id).update(is_active=False),
    "its maker's ownership": lambda share: Conversation.objects.update(
        owner=User.objects.create_user("eve@example.org")
    ),
    "the conversation": lambda share: asking.delete(share.conversation),
    "no longer named": lambda share: sharing.change(share, live(**NAMED, groups=[])),
    "no longer in its group": lambda share: Group.objects.get().user_set.clear(),
}


@pytest.mark.parametrize("ended_by", ENDINGS)
def test_a_page_that_is_open_is_cut_within_two_seconds(
    server: Web,
    conversation: Conversation,
    writer: Writer,
    charlie: User,
    client: Client,
    ended_by: str,
) -> None:
    terms: dict[str, Any] = {}
    if ended_by.startswith("no longer") and ended_by != "no longer for anyone":
        group = Group.objects.create(name="Writers")
        charlie.groups.add(group)
        client.force_login(charlie)
        terms = {**NAMED, "groups": [group]}
    if ended_by == "another password":
        terms = {"password": "a green harbour"}
    if ended_by == "its end, which nobody brings about":
        terms = {"expires_at": timezone.now() + timedelta(seconds=3)}
    share = make(conversation, live(**terms))
    if share.password:
        client.post(share.get_absolute_url(), {"password": "a green harbour"})
    reading = Reading(server, share, client)
    writer.write()
    reading.until_shown("word0.")
    ENDINGS[ended_by](share)
    if share.expires_at:
        assert closed(reading.socket, (share.expires_at - timezone.now()).total_seconds() + 2) == GONE
        assert timezone.now() >= share.expires_at
    else:
        assert closed(reading.socket, 2) == GONE


@pytest.mark.parametrize("ended_by", ["closed", "another address", "less is shown"])
async def test_what_its_maker_does_is_looked_at_at_once(conversation: Conversation, ended_by: str) -> None:
    share = await sync_to_async(make)(conversation, live())
    codes: asyncio.Queue[int] = asyncio.Queue()
    async with feeding(poll_seconds=SELDOM) as feed:
        passage = Passage(share.pk, share.edition, False, None)
        feed.join(Reader(conversation.pk, passage, NOWHERE, nothing, codes.put, LinkFace.of(share)))
        await until_listening()
        await asyncio.sleep(0.5)  # until it has looked everywhere, as it does once it listens
        await sync_to_async(ENDINGS[ended_by])(share)
        async with asyncio.timeout(2):
            assert await codes.get() == GONE


def test_another_sites_page_follows_no_link(server: Web, conversation: Conversation, client: Client) -> None:
    share = make(conversation, live())
    for origin in ("https://evil.example", "null", f"{server.origin}0", None):
        with (
            pytest.raises(InvalidStatus) as refused,
            opened_at(server, f"{share.get_absolute_url()}live/", client, origin=origin),
        ):
            pass
        assert refused.value.response.status_code in {400, 403}, origin


@pytest.mark.parametrize("spoiled", ["expired", "deleted", "deactivated", "another password"])
def test_a_session_that_is_none_any_more_follows_no_link_for_members(
    server: Web,
    conversation: Conversation,
    charlie: User,
    client: Client,
    spoiled: str,
) -> None:
    client.force_login(charlie)
    share = make(conversation, live(audience=Share.Audience.MEMBERS))
    match spoiled:
        case "expired":
            Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
        case "deleted":
            Session.objects.all().delete()
        case "deactivated":
            User.objects.filter(pk=charlie.pk).update(is_active=False)
        case _:
            charlie.set_password("another horse battery")
            charlie.save()
    with opened_at(server, f"{share.get_absolute_url()}live/", client) as socket:
        assert closed(socket) == NOT_FOR_YOU


async def nothing(_: object) -> None: ...


def follow(feed: Feed, share: UUID, whence: bytes) -> None:
    feed.join(Reader(uuid4(), Passage(share, 1, False, None), NOWHERE, nothing, nothing, whence=whence))


async def test_so_many_follow_a_link_and_no_more_and_other_links_are_free() -> None:
    one, other = uuid4(), uuid4()
    async with feeding(poll_seconds=60) as feed:
        for number in range(MOST_FOLLOWERS):
            assert not feed.is_full(one, b"%d" % number)
            follow(feed, one, b"%d" % number)
        assert feed.is_full(one, b"another")
        assert not feed.is_full(other, b"another")


async def test_from_one_place_a_fifth_of_them_follow_and_there_are_places_for_others() -> None:
    one, other = uuid4(), uuid4()
    async with feeding(poll_seconds=60) as feed:
        for _ in range(MOST_FROM_ONE_PLACE):
            assert not feed.is_full(one, b"here")
            follow(feed, one, b"here")
        assert feed.is_full(one, b"here")
        assert not feed.is_full(one, b"there")
        assert not feed.is_full(other, b"here")


@pytest.fixture
def feed_of_consumers() -> Iterator[Feed]:
    """One of this test's own, which serves nobody."""
    before, consumers.feed = consumers.feed, Feed(poll_seconds=60)
    yield consumers.feed
    consumers.feed = before


async def test_who_comes_beyond_them_is_told_to_reload_and_an_ipv6_network_is_one_place(
    conversation: Conversation, feed_of_consumers: Feed
) -> None:
    share = await sync_to_async(make)(conversation, live())
    for _ in range(MOST_FROM_ONE_PLACE):
        follow(feed_of_consumers, share.pk, whence("2001:db8::1"))

    async def knock(address: str) -> bool:
        """Whether there is a place."""
        socket = WebsocketCommunicator(LinkConsumer.as_asgi(), f"{share.get_absolute_url()}live/")
        args = {"kwargs": {"link_token": share.token}}
        socket.scope |= {"client": [address, 1], "server": ["127.0.0.1", 1], "url_route": args}
        assert (await socket.connect())[0]
        is_let_in = bool(await socket.receive_nothing())
        assert is_let_in or (await socket.receive_output())["code"] == TOO_MANY
        await socket.disconnect()
        return is_let_in

    assert not await knock("2001:db8::ffff")
    assert await knock("2001:db8:0:1::1")
    await feed_of_consumers.close()


def whence(address: str) -> bytes:
    return visiting.whence(RequestFactory(REMOTE_ADDR=address).get("/"))


def test_of_addresses_an_ipv6_network_is_one_and_one_that_is_written_as_ipv6_is_itself() -> None:
    assert whence("2001:db8::1") == whence("2001:db8::ffff:1") != whence("2001:db8:0:1::1")
    assert whence("192.0.2.1") == whence("::ffff:192.0.2.1") != whence("::ffff:192.0.2.2")
    assert whence("192.0.2.1") != whence("192.0.2.2")


def test_a_member_who_signs_out_follows_no_more(
    server: Web,
    conversation: Conversation,
    writer: Writer,
    charlie: User,
    client: Client,
) -> None:
    client.force_login(charlie)
    reading = Reading(server, make(conversation, live(audience=Share.Audience.MEMBERS)), client)
    writer.write()
    reading.until_shown("word0.")
    Session.objects.all().delete()
    assert closed(reading.socket, 2) == GONE


def test_thoughts_that_are_not_shown_are_not_sent(
    server: Web,
    conversation: Conversation,
    client: Client,
) -> None:
    [thinking] = Writer.claim([(Chunk.Kind.REASONING, "secret thoughts "), (Chunk.Kind.TEXT, "words ")])
    share = make(conversation, live())
    reading = Reading(server, share, client)
    frames: list[str] = []
    for _ in range(2):
        thinking.write()
    while "words" not in reading.page.element("messages").text:
        frames.append(str(reading.socket.recv(5)))
        reading.page.apply(frames[-1])
        reading.socket.send("1")
    assert not [frame for frame in frames if "secret" in frame]


# By turns of the feed


class LinkProcess:
    """The room of a link in one process, beside its members'."""

    def __init__(self, conversation: Conversation, share: Share) -> None:
        self.pk, self.face = conversation.pk, LinkFace.of(share)
        self.rooms = {MEMBERS: Room(), self.face: Room(self.face)}

    def turn(self, members: list[Follower], readers: list[Follower]) -> None:
        groups = [(MEMBERS, members), (self.face, readers)]
        asked = {
            (self.pk, face): Asked(self.rooms[face], [it.position for it in group if it.position is not None], True)
            for face, group in groups
        }
        take_turn(asked, seconds=60)
        for face, group in groups:
            for follower, told in zip(
                [it for it in group if it.position is not None], asked[self.pk, face].told, strict=True
            ):
                follower.take(told)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_the_page_of_a_link_ends_as_a_reload_shows_it(
    conversation: Conversation,
    question: Message,
    alice: User,
    route: Route,
    browser_of_alice: Client,
    client: Client,
    seed: int,
) -> None:
    """Members' pages beside it, too: two faces of one conversation are shown from one reading of it."""
    chance = random.Random(seed)
    share = make(conversation, live(shows_names=True, shows_thinking=True))
    stranger = Client(REMOTE_ADDR=FROM)
    process = LinkProcess(conversation, share)
    member, reader = Follower(load(browser_of_alice, conversation)), Follower(page_of(share, stranger))
    writers = Writer.claim(words(12))

    def step() -> None:
        match chance.randrange(8):
            case 0:
                asking.ask(Conversation.objects.get(pk=conversation.pk), alice, f"Next {uuid4()}?", uuid4(), route)
            case 1:
                asking.edit(question, alice, f"Else {uuid4()}?", uuid4(), route)
            case 2:
                asking.switch(Message.objects.get(pk=question.pk))
            case 3:
                asking.stop(conversation)
                finish(writers)
                writers[:] = Writer.claim(words(12))
            case 4:
                reader.disconnect()
            case 5:
                reader.connect()
            case _:
                for it in writers:
                    it.write(chance.randrange(4))

    for follower in (member, reader):
        follower.connect()
    for _ in range(30):
        step()
        process.turn([member], [reader])
    finish(writers)
    for follower in (member, reader):
        if follower.position is None:
            follower.connect()
    for _ in range(4):
        process.turn([member], [reader])
    assert_same(reader.page, page_of(share, stranger), ["messages"])
    assert_same(member.page, load(browser_of_alice, conversation))


def test_two_hundred_readers_of_a_link_share_one_rendering(conversation: Conversation) -> None:
    share = make(conversation, live())
    [it] = Writer.claim(words(3))
    face = LinkFace.of(share)
    rendered: list[Any] = []

    def note(sender: Any, **_: Any) -> None:
        rendered.append(sender)

    counts = {}
    for readers in (1, 200):
        asked: dict[Key, Asked] = {(conversation.pk, face): Asked(Room(face), [Position(0)] * readers, True)}
        template_rendered.connect(note)
        with CaptureQueriesContext(connection) as queries:
            take_turn(asked, seconds=60)
        template_rendered.disconnect(note)
        told = asked[conversation.pk, face].told
        assert len({id(each.frame) for each in told}) == 1
        counts[readers] = (len(rendered), len(queries))
        rendered.clear()
    assert counts[1] == counts[200]
    it.end()


def test_members_and_readers_of_links_are_read_for_together(conversation: Conversation) -> None:
    """A room more of the same conversation is not a query more."""
    Writer.claim(words(3))
    faces = [LinkFace.of(make(conversation, live())) for _ in range(5)]
    counts = set()
    for shown in ([], faces[:1], faces):
        asked = {(conversation.pk, face): Asked(Room(face), [Position(0)], True) for face in [MEMBERS, *shown]}
        with CaptureQueriesContext(connection) as queries:
            take_turn(asked, seconds=60)
        counts.add(len(queries))
        assert all(told.frame for part in asked.values() for told in part.told)
    assert len(counts) == 1


def test_the_rights_of_all_readers_of_links_cost_a_query_or_three(
    conversation: Conversation, alice: User, charlie: User
) -> None:
    shares = [make(conversation, live()) for _ in range(3)]
    passages = [Passage(it.pk, it.edition, False, None) for it in shares for _ in range(50)]
    with CaptureQueriesContext(connection) as queries:
        assert not withdrawn(passages)
    assert len(queries) == 1
    named = make(conversation, live(audience=Share.Audience.NAMED, members=[charlie]))
    client = Client()
    client.force_login(charlie)
    session = Session.objects.get()
    his = Admission(charlie.pk, session.session_key, charlie.get_session_auth_hash())
    followed = Passage(named.pk, named.edition, True, his)
    with CaptureQueriesContext(connection) as queries:
        assert not withdrawn([*passages, followed])
    assert len(queries) == 5
    named.members.clear()
    assert withdrawn([*passages, followed]) == {followed}
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    named.members.set([charlie])
    assert withdrawn([followed]) == {followed}
