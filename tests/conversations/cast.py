"""Everybody who may come to a conversation or to one of its links, and everything that they may try there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Route
from conversations import asking, joining, sharing
from conversations.attachments import prepare
from conversations.models import Conversation, Generation, Membership, Message, Role, Share
from conversations.shared import LinkFace
from tests.attacks.routes import share_form
from tests.images import upload
from tests.shares import live, make

PASSWORD = "a green harbour"
WORDS = ("monad", "functor")  # of every question and answer

# Whom a link is for. Some hold the address of one that is no more, or that asks them for a password.
AUDIENCES = {"named members": Share.Audience.NAMED, "members": Share.Audience.MEMBERS, "anyone": Share.Audience.ANYONE}
OF_THEIR_OWN = ("revoked link", "expired link", "used-up link", "wrong password")

INVITED = {
    "another owner": Role.OWNER,
    "writer": Role.WRITER,
    "reader": Role.READER,
    "removed while connected": Role.OWNER,
}
IN_THE_GROUP = ("of a group", "left the group")
NOT_IN_IT = ("named", "member", *OF_THEIR_OWN)

# Who had it open when their right ended.
ENDED = ("revoked link", "expired link", "removed while connected", "left the group")


@dataclass(frozen=True)
class Act:
    """One request through one door. A browser that was given a token for forms sends that along."""

    verb: str
    address: str
    data: dict[str, Any] = field(default_factory=dict)

    def by(self, browser: Client, headers: dict[str, str]) -> Any:
        token = browser.cookies.get(settings.CSRF_COOKIE_NAME)
        token_too = {"X-CSRFToken": token.value} if token and self.verb != "get" else {}
        return getattr(browser, self.verb)(self.address, dict(self.data), headers=headers | token_too)


def _get(address: str) -> Act:
    return Act("get", address)


def _post(address: str, **data: Any) -> Act:
    return Act("post", address, data)


def _ask(address: str) -> Act:
    return _post(address, text="And now?", key=str(uuid4()))


@dataclass
class Cast:
    """The conversation, who is in it, and what there is to ask for."""

    conversation: Conversation
    group: Group
    question: Message  # the owner's
    written: Message  # the writer's
    answer: Message  # the last one; it can go on
    waiting: Message  # the writer's, on another branch: it waits for the cheap hours
    members: dict[str, User] = field(default_factory=dict)
    browsers: dict[str, Client] = field(default_factory=dict)
    links: dict[tuple[str, str], Share] = field(
        default_factory=dict
    )  # by audience and whose they are; "" is all others'

    @classmethod
    def gathered(cls, owner: User, route: Route) -> Self:
        question = asking.start(owner, "What is a monad?", uuid4(), route, images=prepare([upload()]))
        conversation = question.conversation
        members = {who: _member(who) for who in (*INVITED, *IN_THE_GROUP, *NOT_IN_IT)}
        for who, role in INVITED.items():
            joining.invite(conversation, members[who], role)
        group = Group.objects.create(name="Writers")
        group.user_set.add(*(members[who] for who in IN_THE_GROUP))
        joining.invite(conversation, group, Role.WRITER)
        _answer(question, "A monad is a monoid.", "done")
        written = asking.ask(conversation, members["writer"], "And a functor?", uuid4(), route)
        answer = _answer(written, "A functor is", "stopped")
        waiting = asking.edit(written, members["writer"], "And a functor, cheaply?", uuid4(), route)
        tomorrow = timezone.now() + timedelta(days=1)
        Generation.objects.filter(message__parent=waiting).update(not_before=tomorrow, off_peak_zone="UTC")
        asking.switch(answer)
        cast = cls(conversation, group, question, written, answer, waiting, {"owner": owner, **members})
        cast._make_links()
        # The cookie of a page is sent with what is posted from it, as a real page does.
        cast.browsers = {who: Client(enforce_csrf_checks=True) for who in ("stranger", *cast.members)}
        for who, member in cast.members.items():
            cast.browsers[who].force_login(member)
        cast._load_pages()
        return cast

    def _make_links(self) -> None:
        for audience, kind in AUDIENCES.items():
            for whose in ("", *OF_THEIR_OWN):
                named = [self.members[whose or "named"]] if kind == Share.Audience.NAMED else []
                password = PASSWORD if whose == "wrong password" else None
                most = 1 if whose == "used-up link" else None
                terms = live(audience=kind, members=named, password=password, most_visits=most, may_fork=True)
                self.links[audience, whose] = link = make(self.conversation, terms)
                if most:
                    sharing.count_visit(link, None)  # by another

    def _load_pages(self) -> None:
        """Everybody has everything open that they may open."""
        for who, browser in self.browsers.items():
            browser.get(self.conversation.get_absolute_url())
            for page in ("/settings/", "/accounts/login/"):  # for the token of who sees no other form
                browser.get(page)
            for audience in AUDIENCES:
                browser.get(self.link(audience, who).get_absolute_url())

    def end(self) -> None:
        """Behind those pages rights end. And somebody has typed a wrong password."""
        owner = self.members["owner"]
        joining.remove(self._membership("removed while connected"), owner)
        self.group.user_set.remove(self.members["left the group"])
        sharing.close([self.links[audience, "revoked link"] for audience in AUDIENCES])
        expired = [self.links[audience, "expired link"].pk for audience in AUDIENCES]
        Share.objects.filter(pk__in=expired).update(expires_at=timezone.now())

    def _membership(self, who: str) -> Membership:
        return Membership.objects.get(conversation=self.conversation, member=self.members[who])

    def link(self, audience: str, who: str) -> Share:
        return self.links[audience, who if who in OF_THEIR_OWN else ""]

    def sockets(self, who: str) -> dict[str, str]:
        return {"follow it by its socket": f"/ws/c/{self.conversation.pk}/"} | {
            f"follow a link for {audience}": f"{self.link(audience, who).get_absolute_url()}live/"
            for audience in AUDIENCES
        }

    def acts(self, who: str) -> dict[str, Act]:
        of_links = [self._acts_of_a_link(audience, who) for audience in AUDIENCES]
        return self._acts_of_readers() | self._acts_of_writers() | self._acts_of_owners() | _together(of_links)

    def _acts_of_readers(self) -> dict[str, Act]:
        at = self.conversation.get_absolute_url()
        answer, question = f"{at}m/{self.answer.pk}/", f"{at}m/{self.question.pk}/"
        return {
            "read the page": _get(at),
            "read what is new": _get(f"{at}news/?seq=0"),
            "read one message": _get(answer),
            "read earlier messages": _get(f"{answer}earlier/"),
            "read later messages": _get(f"{question}later/"),
            "copy a message": _get(f"{answer}source/"),
            "see an image": _get(f"{at}i/{self.question.attachments.get().pk}/"),
            "see what it cost": _get(f"{at}cost/"),
            "see who may be named": _get(f"{at}names/"),
            "see who is there": _get(f"{at}people/"),
            "say how far one has seen it": _post(f"{at}seen/", seq="1"),
            "open the form to leave": _get(f"{at}leave/"),
            "leave": _post(f"{at}leave/"),
        }

    def _acts_of_writers(self) -> dict[str, Act]:
        at = self.conversation.get_absolute_url()
        answer, question, written = (f"{at}m/{it.pk}/" for it in (self.answer, self.question, self.written))
        waiting = f"{at}m/{self.waiting.children.get().pk}/"
        return {
            "ask": _ask(f"{at}ask/"),
            "ask again": _post(f"{answer}again/"),
            "let an answer go on": _post(f"{answer}continue/"),
            "stop": _post(f"{at}stop/"),
            "show another branch": _post(f"{question}show/"),
            "send what waits at once": _post(f"{waiting}now/"),
            "take back what waits": _post(f"{waiting}back/"),
            "open the form to edit the owner's": _get(f"{question}edit/"),
            "edit the owner's question": _ask(f"{question}edit/"),
            "edit the writer's question": _ask(f"{written}edit/"),
        }

    def _acts_of_owners(self) -> dict[str, Act]:
        at = self.conversation.get_absolute_url()
        question, reader = f"{at}m/{self.question.pk}/", f"{at}people/{self._membership('reader').pk}/"
        link = f"/shares/{self.links['anyone', ''].pk}/"
        return {
            "open the form to rename": _get(f"{at}rename/"),
            "rename": _post(f"{at}rename/", title="Mine now"),
            "open the form to delete a message": _get(f"{question}delete/"),
            "delete a message": _post(f"{question}delete/"),
            "open the form to delete": _get(f"{at}delete/"),
            "delete": _post(f"{at}delete/"),
            "invite": _post(f"{at}people/", who=f"m-{self.members['member'].pk}", role="1"),
            "change a role": _post(reader, role="2"),
            "remove somebody": _post(reader, remove="yes"),
            "open the form to share": _get(f"{at}share/"),
            "preview a link": _post(f"{at}share/", look="1", **share_form()),
            "make a link": _post(f"{at}share/", **share_form()),
            "open the page about a link": _get(link),
            "change a link": _post(link, **share_form()),
            "give a link another address": _post(f"{link}renew/"),
            "close a link": _post(f"{link}close/"),
        }

    def _acts_of_a_link(self, audience: str, who: str) -> dict[str, Act]:
        share = self.link(audience, who)
        at, face, name = share.get_absolute_url(), LinkFace.of(share), f"a link for {audience}"
        return {
            f"read {name}": _get(at),
            f"read what is above in {name}": _get(f"{at}?before={face.disguised(self.answer.pk)}"),
            f"see an image of {name}": _get(f"{at}i/{face.disguised(self.question.attachments.get().pk)}/"),
            f"give {name} a password": _post(at, password="wrong"),
            f"open the form to continue {name}": _get(f"{at}continue/"),
            f"continue {name}": _post(f"{at}continue/", key=str(uuid4())),
        }


def _together(acts: list[dict[str, Act]]) -> dict[str, Act]:
    return {name: act for some in acts for name, act in some.items()}


def _member(who: str) -> User:
    return User.objects.create_user(f"{who.replace(' ', '')}@example.org", name=who.title())


def _answer(question: Message, text: str, state: str) -> Message:
    answer = Message.objects.get(parent=question)
    Message.objects.filter(pk=answer.pk).update(text=text)
    Generation.objects.filter(message=answer).update(state=state, ended_at="2026-01-01T00:00Z")
    return answer
