"""ID7: who may do what in a conversation, through every door.

One row an act, one column a person. The letters are what a page without script is answered; one with script is refused
the same. A column more is a person more: add them to `Cast`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from conversations import asking, joining
from conversations.attachments import prepare
from conversations.errors import NotAllowedError
from conversations.feed import admission
from conversations.models import Conversation, Generation, Membership, Message, Role
from tests.attacks.routes import HTMX, digests, undone
from tests.images import upload

WHO = ("owner", "another owner", "writer", "of a group", "reader", "stranger", "removed", "left the group")

# o: it is done or shown. -: 403 in words. .: 404, as if nothing were there. !: 422, in words.
TABLE = """
read the page                       o o o o o . . .
read what is new                    o o o o o . . .
read one message                    o o o o o . . .
read earlier messages               o o o o o . . .
read later messages                 o o o o o . . .
copy a message                      o o o o o . . .
see an image                        o o o o o . . .
see what it cost                    o o o o o . . .
see who is there                    o o o o o . . .
open the socket                     o o o o o . . .
say how far one has seen it         o o o o o . . .
ask                                 o o o o - . . .
ask again                           o o o o - . . .
let an answer go on                 o o o o - . . .
stop                                o o o o - . . .
show another branch                 o o o o - . . .
open the form to edit the owner's   o o - - - . . .
edit the owner's question           o o - - - . . .
edit the writer's question          o o o - - . . .
open the form to rename             o o - - - . . .
rename                              o o - - - . . .
open the form to delete a message   o o - - - . . .
delete a message                    o o - - - . . .
open the form to delete             o o - - - . . .
delete                              o o - - - . . .
invite                              o o - - - . . .
change a role                       o o - - - . . .
remove somebody                     o o - - - . . .
open the form to leave              o o o o o . . .
leave                               o o o ! o . . .
"""
SAYS = {200: "o", 204: "o", 302: "o", 303: "o", 403: "-", 404: ".", 422: "!"}


def rows() -> dict[str, dict[str, str]]:
    lines = [line.rsplit(maxsplit=len(WHO)) for line in TABLE.strip().splitlines()]
    return {act: dict(zip(WHO, letters, strict=True)) for act, *letters in lines}


@dataclass
class Cast:
    """Everybody in the table, and the conversation that it is about."""

    conversation: Conversation
    question: Message  # the owner's
    written: Message  # the writer's
    answer: Message  # the last one; it can go on
    membership: Membership  # the reader's
    members: dict[str, User] = field(default_factory=dict)
    browsers: dict[str, Client] = field(default_factory=dict)

    def acts(self) -> dict[str, Callable[[Client, dict[str, str]], Any]]:
        at = f"/c/{self.conversation.pk}/"
        answer, question = f"{at}m/{self.answer.pk}/", f"{at}m/{self.question.pk}/"
        image = self.question.attachments.get().pk
        stranger = self.members["stranger"]
        return {
            "read the page": _get(at),
            "read what is new": _get(f"{at}news/?seq=0"),
            "read one message": _get(answer),
            "read earlier messages": _get(f"{answer}earlier/"),
            "read later messages": _get(f"{question}later/"),
            "copy a message": _get(f"{answer}source/"),
            "see an image": _get(f"{at}i/{image}/"),
            "see what it cost": _get(f"{at}cost/"),
            "see who is there": _get(f"{at}people/"),
            "say how far one has seen it": _post(f"{at}seen/", seq="1"),
            "ask": _ask(f"{at}ask/"),
            "ask again": _post(f"{answer}again/"),
            "let an answer go on": _post(f"{answer}continue/"),
            "stop": _post(f"{at}stop/"),
            "show another branch": _post(f"{question}show/"),
            "open the form to edit the owner's": _get(f"{question}edit/"),
            "edit the owner's question": _ask(f"{question}edit/"),
            "edit the writer's question": _ask(f"{at}m/{self.written.pk}/edit/"),
            "open the form to rename": _get(f"{at}rename/"),
            "rename": _post(f"{at}rename/", title="Mine now"),
            "open the form to delete a message": _get(f"{question}delete/"),
            "delete a message": _post(f"{question}delete/"),
            "open the form to delete": _get(f"{at}delete/"),
            "delete": _post(f"{at}delete/"),
            "invite": _post(f"{at}people/", who=f"m-{stranger.pk}", role="1"),
            "change a role": _post(f"{at}people/{self.membership.pk}/", role="2"),
            "remove somebody": _post(f"{at}people/{self.membership.pk}/", remove="yes"),
            "open the form to leave": _get(f"{at}leave/"),
            "leave": _post(f"{at}leave/"),
        }


type Act = Callable[[Client, dict[str, str]], Any]


def _get(address: str) -> Act:
    return lambda browser, headers: browser.get(address, headers=headers)


def _post(address: str, **data: str) -> Act:
    return lambda browser, headers: browser.post(address, data, headers=headers)


def _ask(address: str) -> Act:
    return lambda browser, headers: browser.post(address, {"text": "And now?", "key": str(uuid4())}, headers=headers)


@pytest.fixture
def cast(alice: User, route: Any) -> Cast:
    question = asking.start(alice, "What is a monad?", uuid4(), route, images=prepare([upload()]))
    conversation = question.conversation
    Generation.objects.update(state="done", ended_at="2026-01-01T00:00Z")
    members = {who: _member(who) for who in WHO if who != "owner"}
    for who, role in (("another owner", Role.OWNER), ("writer", Role.WRITER), ("reader", Role.READER)):
        joining.invite(conversation, members[who], role)
    members["owner"] = alice
    group = Group.objects.create(name="Writers")
    group.user_set.add(members["of a group"], members["left the group"])
    joining.invite(conversation, group, Role.WRITER)
    group.user_set.remove(members["left the group"])
    gone = joining.invite(conversation, members["removed"], Role.OWNER)
    assert gone
    joining.remove(gone, alice)
    written = asking.ask(conversation, members["writer"], "And a functor?", uuid4(), route)
    answer = Message.objects.get(parent=written)
    Message.objects.filter(pk=answer.pk).update(text="A functor is")
    Generation.objects.filter(message=answer).update(state="stopped", ended_at="2026-01-01T00:00Z")
    membership = Membership.objects.get(conversation=conversation, member=members["reader"])
    cast = Cast(conversation, question, written, answer, membership, members)
    for who, member in members.items():
        cast.browsers[who] = Client()
        cast.browsers[who].force_login(member)
    return cast


def _member(who: str) -> User:
    return User.objects.create_user(f"{who.replace(' ', '')}@example.org", name=who.title())


def test_everybody_may_do_what_the_table_says_and_a_refusal_changes_nothing(cast: Cast) -> None:
    """In words, whoever may read; to others as if nothing were there. With script and without."""
    table, found = rows(), {}
    before = digests(frozenset({"django_session"}))
    for act, deed in cast.acts().items():
        for who in WHO:
            for headers in ({}, HTMX):
                with undone():
                    reply = deed(cast.browsers[who], headers)
                    said = SAYS[reply.status_code]
                    found[act, who, bool(headers)] = said
                    if said in "-.":
                        assert digests(frozenset({"django_session"})) == before, (act, who)
                    if said == "-":
                        assert str(NotAllowedError.sentence) in reply.content.decode(), (act, who)
                        assert bool(headers) == ("In-Words" in reply.headers)
    wanted = {(act, who, script): table[act][who] for act in cast.acts() for who in WHO for script in (False, True)}
    assert found == wanted


def test_every_row_is_an_act_and_every_act_a_row(cast: Cast) -> None:
    assert set(rows()) == {*cast.acts(), "open the socket"}


def test_the_socket_lets_in_who_may_read(cast: Cast) -> None:
    for who, browser in cast.browsers.items():
        found = admission.caller(browser.cookies.output(header="").strip(), cast.conversation.pk)
        assert found.admission
        assert (found.role is not None) == (rows()["open the socket"][who] == "o"), who


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


def test_another_conversations_membership_is_not_found_under_ones_own(cast: Cast, route: Any) -> None:
    mine = asking.start(cast.members["stranger"], "Mine", uuid4(), route).conversation
    for data in ({"remove": "yes"}, {"role": "3"}):
        reply = cast.browsers["stranger"].post(f"/c/{mine.pk}/people/{cast.membership.pk}/", data)
        assert reply.status_code == 404
    assert cast.membership.role == Membership.objects.get(pk=cast.membership.pk).role


def test_a_deed_asks_for_the_right_once_more_under_the_lock(cast: Cast, route: Any) -> None:
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
        lambda: joining.invite(cast.conversation, cast.members["stranger"], Role.READER, writer),
    ):
        with pytest.raises(Conversation.DoesNotExist):
            deed()
    assert Message.objects.count() == count
