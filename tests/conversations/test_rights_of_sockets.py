"""WS3 with several people: what becomes of an open socket when its member may do less here, or nothing any more."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.test import Client
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from accounts.sessions import digest
from catalog.models import Route
from conversations import asking, joining
from conversations.attachments import prepare
from conversations.feed import Feed
from conversations.feed.admission import Admission
from conversations.feed.feed import CHANGED, GONE
from conversations.models import Conversation, Membership, Role
from tests.conversations.replaying import Writer, words
from tests.feeding import SELDOM, Desk, Socket, feeding, until_listening
from tests.images import upload
from tests.serving import Web
from tests.sockets import Tab, closed, opened


@pytest.fixture
def browser_of_bob(bob: User) -> Client:
    browser = Client()
    browser.force_login(bob)
    return browser


# Through the door ----------------------------------------------------------------------------------------------------


DEEDS: dict[str, tuple[Callable[[Membership], object], int]] = {
    "removed": (joining.remove, GONE),
    "made a reader": (lambda membership: joining.change_role(membership, Role.READER), CHANGED),
    "made an owner": (lambda membership: joining.change_role(membership, Role.OWNER), CHANGED),
    "removed behind our back": (lambda membership: Membership.objects.filter(pk=membership.pk).delete(), GONE),
}


@pytest.mark.parametrize("how", DEEDS)
def test_an_open_socket_is_closed_within_two_seconds_and_the_others_read_on(
    server: Web,
    conversation: Conversation,
    browser_of_bob: Client,
    browser_of_alice: Client,
    membership: Membership,
    how: str,
) -> None:
    [writer] = Writer.claim(words(2))
    his, hers = Tab(server, browser_of_bob, conversation), Tab(server, browser_of_alice, conversation)
    writer.write()
    for tab in (his, hers):
        tab.until_shown("word0.")
    deed, code = DEEDS[how]
    deed(membership)
    assert his.code(2) == code
    writer.write()
    hers.until_shown("word1.")
    hers.socket.close()
    again = opened(server, conversation.pk, browser_of_bob)  # a page that was made for another role is loaded anew
    with suppress(ConnectionClosed):  # it may be closed before
        again.send(json.dumps({"seq": 0, "role": "writer"}))
    assert closed(again, 2) == code


def test_leaving_ends_ones_own_sockets(
    server: Web, conversation: Conversation, browser_of_bob: Client, membership: Membership, bob: User
) -> None:
    tab = Tab(server, browser_of_bob, conversation)
    joining.leave(conversation, bob)
    assert tab.code(2) == GONE


def test_leaving_a_group_ends_its_sockets(
    server: Web, conversation: Conversation, browser_of_bob: Client, bob: User
) -> None:
    """In the admin, say: there nobody tells the bus."""
    group = Group.objects.create(name="Writers")
    group.user_set.add(bob)
    joining.invite(conversation, group, Role.WRITER)
    tab = Tab(server, browser_of_bob, conversation)
    group.user_set.remove(bob)
    assert tab.code(2) == GONE


# In the feed ---------------------------------------------------------------------------------------------------------


type Both = Callable[[Feed], tuple[Socket, Socket]]


@pytest.fixture
def both(desk: Desk, bob: User, browser_of_bob: Client) -> Both:
    """Alice's socket and Bob's."""
    his = Admission(bob.pk, digest(browser_of_bob.session.session_key or ""), bob.get_session_auth_hash())

    def open_both(feed: Feed) -> tuple[Socket, Socket]:
        hers = desk.open(feed)
        desk.admission = his
        return hers, desk.open(feed, role=Role.WRITER)

    return open_both


async def test_by_the_bus_alone_nothing_that_is_said_afterwards_reaches_who_was_removed(
    desk: Desk, both: Both, membership: Membership
) -> None:
    async with feeding(poll_seconds=SELDOM) as feed:
        hers, his = both(feed)
        await until_listening()
        await desk.write(words(1))
        await his.until_shown("word0.")
        await sync_to_async(joining.remove)(membership)
        await desk.write(words(1, 1))
        await his.until_closed()
        await hers.until_shown("word1.")
        assert his.closed == GONE
        assert "word1." not in "".join(his.frames)


async def test_by_the_poll_alone_within_two_seconds(both: Both, membership: Membership) -> None:
    async with feeding() as feed:
        hers, his = both(feed)
        await his.until_told()
        await sync_to_async(Membership.objects.filter(pk=membership.pk).delete)()  # nobody is told
        await his.until_closed(2)
        assert (his.closed, hers.closed) == (GONE, None)


async def test_who_joins_as_their_right_ends_does_not_stay(both: Both, membership: Membership) -> None:
    """Admitted before, joined after."""
    await sync_to_async(joining.remove)(membership)
    async with feeding() as feed:
        _, his = both(feed)
        await his.until_closed(2)
        assert his.closed == GONE


def test_a_removed_member_is_shown_no_image_any_more(
    conversation: Conversation, browser_of_bob: Client, membership: Membership, alice: User, route: Route
) -> None:
    """ID12: the right is looked at with every GET, whatever the address was good for before."""
    asked = asking.ask(conversation, alice, "And this?", uuid4(), route, images=prepare([upload()]))
    address = asked.attachments.get().get_absolute_url()
    assert browser_of_bob.get(address).status_code == 200
    joining.remove(membership)
    assert browser_of_bob.get(address).status_code == 404
