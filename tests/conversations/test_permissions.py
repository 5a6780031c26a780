"""ID7, ID15: who may do what with a conversation and its links, through every door.

One row an act, one column a person. The letters are what a page without script is answered; one with script is answered
the same. Who is refused has changed nothing and is told nothing. A column more is a person more: add them to the Cast.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from django.urls import resolve
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from accounts.models import User
from catalog.models import Route
from conversations import asking, joining, urls
from conversations.errors import NotAllowedError
from conversations.feed.flooding import Buckets
from conversations.models import Conversation, Membership, Message, Role
from conversations.routing import websocket_urlpatterns
from conversations.views import shared
from tests.attacks.routes import HTMX, digests, undone, walk
from tests.conversations.cast import ENDED, WORDS, Act, Cast
from tests.serving import Web
from tests.sockets import closed, opened_at

# o: it is done or shown. -: 403 in words. .: 404, as if nothing were there. !: 422 in words.
# i: to be signed in for. k: a password is asked for.
TABLE = """
                                                    owner
                                                    | another owner
                                                    | | writer
                                                    | | | of a group
                                                    | | | | reader
                                                    | | | | | named
                                                    | | | | | | member
                                                    | | | | | | | stranger
                                                    | | | | | | | | revoked link
                                                    | | | | | | | | | expired link
                                                    | | | | | | | | | | used-up link
                                                    | | | | | | | | | | | wrong password
                                                    | | | | | | | | | | | | removed while connected
                                                    | | | | | | | | | | | | | left the group
By its pages
read the page                                       o o o o o . . i . . . . . .
read what is new                                    o o o o o . . i . . . . . .
read one message                                    o o o o o . . i . . . . . .
read earlier messages                               o o o o o . . i . . . . . .
read later messages                                 o o o o o . . i . . . . . .
copy a message                                      o o o o o . . i . . . . . .
see an image                                        o o o o o . . i . . . . . .
see what it cost                                    o o o o o . . i . . . . . .
see who may be named                                o o o o - . . i . . . . . .
see who is there                                    o o o o o . . i . . . . . .
open the form to edit the owner's                   o o - - - . . i . . . . . .
open the form to rename                             o o - - - . . i . . . . . .
open the form to delete a message                   o o - - - . . i . . . . . .
open the form to delete                             o o - - - . . i . . . . . .
open the form to leave                              o o o o o . . i . . . . . .
open the form to share                              o o - - - . . i . . . . . .
By a POST
say how far one has seen it                         o o o o o . . i . . . . . .
ask                                                 o o o o - . . i . . . . . .
ask again                                           o o o o - . . i . . . . . .
let an answer go on                                 o o o o - . . i . . . . . .
stop                                                o o o o - . . i . . . . . .
show another branch                                 o o o o - . . i . . . . . .
send what waits at once                             o o o o - . . i . . . . . .
take back what waits                                ! ! o ! - . . i . . . . . .
edit the owner's question                           o o - - - . . i . . . . . .
edit the writer's question                          o o o - - . . i . . . . . .
rename                                              o o - - - . . i . . . . . .
delete a message                                    o o - - - . . i . . . . . .
delete                                              o o - - - . . i . . . . . .
invite                                              o o - - - . . i . . . . . .
change a role                                       o o - - - . . i . . . . . .
remove somebody                                     o o - - - . . i . . . . . .
leave                                               o o o ! o . . i . . . . . .
preview a link                                      o o - - - . . i . . . . . .
make a link                                         o o - - - . . i . . . . . .
By its socket
follow it by its socket                             o o o o o . . i . . . . . .
By its maker's page about a link
open the page about a link                          o . . . . . . i . . . . . .
change a link                                       o . . . . . . i . . . . . .
give a link another address                         o . . . . . . i . . . . . .
close a link                                        o . . . . . . i . . . . . .
By a link's page
read a link for named members                       o . . . . o . i . . . k . .
read a link for members                             o o o o o o o i . . . k o o
read a link for anyone                              o o o o o o o o . . . k o o
read what is above in a link for named members      o . . . . o . i . . . k . .
read what is above in a link for members            o o o o o o o i . . . k o o
read what is above in a link for anyone             o o o o o o o o . . . k o o
see an image of a link for named members            o . . . . o . i . . . . . .
see an image of a link for members                  o o o o o o o i . . . . o o
see an image of a link for anyone                   o o o o o o o o . . . . o o
give a link for named members a password            o . . . . o . i . . . ! . .
give a link for members a password                  o o o o o o o i . . . ! o o
give a link for anyone a password                   o o o o o o o o . . . ! o o
By a link's socket
follow a link for named members                     o . . . . o . . . . . . . .
follow a link for members                           o o o o o o o . . . . . o o
follow a link for anyone                            o o o o o o o o . . . . o o
By a fork
open the form to continue a link for named members  o . . . . o . i . . . . . .
open the form to continue a link for members        o o o o o o o i . . . . o o
open the form to continue a link for anyone         o o o o o o o i . . . . o o
continue a link for named members                   o . . . . o . i . . . . . .
continue a link for members                         o o o o o o o i . . . . o o
continue a link for anyone                          o o o o o o o i . . . . o o
"""
LINES = TABLE.strip("\n").splitlines()
WHO = [line.strip(" |") for line in LINES if line.startswith("  ")]
ROWS = {
    act: dict(zip(WHO, letters, strict=True))
    for line in LINES
    if not line.startswith((" ", "By "))
    for act, *letters in [line.rsplit(maxsplit=len(WHO))]
}
SAYS = {200: "o", 204: "o", 302: "o", 303: "o", 401: "i", 403: "-", 404: ".", 422: "!"}
SHOWING = {act for act in ROWS if act.startswith("read ") and act != "read one message"}  # that leads to its place
NOT_LOOKED_AT = frozenset({"django_session"})


@pytest.fixture(autouse=True)
def nobody_missed_before() -> None:
    shared.misses = Buckets(rate=1, burst=100_000)


@pytest.fixture
def gathered(alice: User, route: Route) -> Cast:
    return Cast.gathered(alice, route)


@pytest.fixture
def cast(gathered: Cast) -> Cast:
    gathered.end()
    return gathered


def letter(reply: Any) -> str:
    if reply.status_code == 302 and reply["Location"].startswith("/accounts/login/"):
        return "i"
    if reply.status_code == 303 and reply.cookies.get("messages"):
        return "!"  # said on the page that it leads to
    if reply.status_code == 200 and "conversations/unlock.html" in [it.name for it in reply.templates]:
        return "k"
    return SAYS[reply.status_code]


def body(reply: Any) -> bytes:
    return bytes(reply.getvalue() if reply.streaming else reply.content)


def test_everybody_may_do_what_the_table_says_and_a_refusal_tells_and_changes_nothing(cast: Cast) -> None:
    """With script and without."""
    before = digests(NOT_LOOKED_AT)
    found = {}
    for who in WHO:
        for name, act in cast.acts(who).items():
            for headers in ({}, HTMX):
                with undone():
                    reply = act.by(cast.browsers[who], headers)
                    found[name, who, bool(headers)] = said = letter(reply)
                    shown = [word for word in WORDS if word.encode() in body(reply)]
                    if said in "-.ik":
                        assert digests(NOT_LOOKED_AT) == before, (name, who)
                        assert not shown or said == "-", (name, who)
                    elif said == "o" and name in SHOWING:
                        assert shown, (name, who)
                    if said == "-":
                        assert str(NotAllowedError.sentence) in reply.content.decode(), (name, who)
                        assert bool(headers) == ("In-Words" in reply.headers)
    wanted = {cell: ROWS[cell[0]][cell[1]] for cell in found}
    assert found == wanted


# No act without a row, no row without an act, no door without an act


def test_every_row_is_an_act_and_every_act_a_row(gathered: Cast) -> None:
    for who in WHO:
        assert set(ROWS) == {*gathered.acts(who), *gathered.sockets(who)}


def doors(acts: dict[str, Act]) -> set[tuple[str, str]]:
    return {(act.verb, resolve(act.address.partition("?")[0]).route) for act in acts.values()}


def test_every_door_has_an_act(gathered: Cast) -> None:
    """Each address below a conversation or a link, by each verb that it takes; and each socket."""
    acts = gathered.acts("owner")
    addresses = {resolve(it.address.partition("?")[0]).route: it.address for it in acts.values()}
    below = {it for it in walk(urls.urlpatterns) if re.search(r"<(uuid:conversation_id|uuid:share_id|link_token)>", it)}
    assert set(addresses) == below
    taken = set()
    for route, address in addresses.items():
        for verb in ("get", "post", "put", "patch", "delete"):
            with undone():
                reply = Act(verb, address).by(gathered.browsers["owner"], {})
            taken |= {(verb, route)} if reply.status_code != 405 else set()
    assert doors(acts) == taken
    paths = [it.removeprefix("/") for it in gathered.sockets("owner").values()]
    for pattern in [it for it in websocket_urlpatterns if str(it.pattern)]:
        assert any(pattern.resolve(path) for path in paths), pattern


# The sockets, for real


def said_first(socket: ClientConnection) -> str:
    with suppress(ConnectionClosed):  # it may be closed before
        socket.send(json.dumps({"seq": 0}))
    return str(socket.recv(5))


@pytest.fixture
def opened(gathered: Cast, server: Web) -> Iterator[list[tuple[str, str, ClientConnection]]]:
    """The sockets of those whose right will end: all that they may open."""
    found = []
    for who in ENDED:
        for act, path in gathered.sockets(who).items():
            socket = opened_at(server, path, gathered.browsers[who])
            with suppress(ConnectionClosed):
                assert "functor" in said_first(socket)
                found.append((act, who, socket))
    yield found
    for _, _, socket in found:
        socket.close()


CODES = {"follow it by its socket": {".": 4404, "i": 4401}}  # of a refusal; of a link's there is one for all


def test_sockets_let_in_who_may_read_and_let_go_whose_right_ends(
    gathered: Cast,
    server: Web,
    opened: list[tuple[str, str, ClientConnection]],
) -> None:
    cut = {(act, who) for act, who, _ in opened if ROWS[act][who] != "o"}
    assert len(cut) == 2 + 2 * 3  # of the conversation, and of three links each
    gathered.end()
    for act, who, socket in opened:
        if ROWS[act][who] != "o":
            assert closed(socket, 2) == 4404, (act, who)
    for who in WHO:
        for act, path in gathered.sockets(who).items():
            with opened_at(server, path, gathered.browsers[who]) as socket:
                if ROWS[act][who] == "o":
                    assert "functor" in said_first(socket), (act, who)
                else:
                    assert closed(socket) == CODES.get(act, {}).get(ROWS[act][who], 4403), (act, who)


def test_the_three_ways_to_ask_for_conversations_say_what_the_roles_say(cast: Cast) -> None:
    """Lists are read by these; one conversation, and the feed's sockets, by their roles."""
    pairs = {who: (cast.conversation.pk, member.pk) for who, member in cast.members.items()}
    roles = Membership.objects.roles(pairs.values())
    for who, member in cast.members.items():
        role = roles.get(pairs[who])
        everything = Conversation.objects
        assert everything.visible_to(member).exists() == (role is not None), who
        assert everything.writable_by(member).exists() == (role is not None and role >= Role.WRITER), who
        assert everything.owned_by(member).exists() == (role == Role.OWNER), who
        assert cast.conversation.role_of(member) == role, who
        assert [it.pk for it in everything.listed_for(member, 10)] == [cast.conversation.pk] * (role is not None), who


def test_another_conversations_membership_is_not_found_under_ones_own(cast: Cast, route: Route) -> None:
    mine = asking.start(cast.members["member"], "Mine", uuid4(), route).conversation
    membership = Membership.objects.get(conversation=cast.conversation, member=cast.members["reader"])
    for data in ({"remove": "yes"}, {"role": "3"}):
        act = Act("post", f"/c/{mine.pk}/people/{membership.pk}/", data)
        assert act.by(cast.browsers["member"], {}).status_code == 404
    membership.refresh_from_db()
    assert membership.role == Role.READER


def test_a_deed_asks_for_the_right_once_more_under_the_lock(cast: Cast, route: Route) -> None:
    """Who was removed between the view's look and the deed has done nothing."""
    writer = cast.members["writer"]
    joining.remove(Membership.objects.get(conversation=cast.conversation, member=writer))
    count = Message.objects.count()
    for deed in (
        lambda: asking.ask(cast.conversation, writer, "Late", uuid4(), route),
        lambda: asking.edit(cast.written, writer, "Late", uuid4(), route),
        lambda: asking.ask_again(cast.answer, writer),
        lambda: asking.carry_on(cast.answer, writer),
        lambda: asking.switch(cast.question, writer),
        lambda: asking.rename(cast.conversation, "Late", writer),
        lambda: asking.delete(cast.conversation, writer),
        lambda: asking.remove(cast.question, writer),
        lambda: joining.invite(cast.conversation, cast.members["member"], Role.READER, writer),
    ):
        with pytest.raises(Conversation.DoesNotExist):
            deed()
    assert Message.objects.count() == count
