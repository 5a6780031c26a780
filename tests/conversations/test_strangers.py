"""Every route of conversations/urls.py: strangers find nothing, and looking changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone

from accounts.models import User
from catalog.models import Route
from conversations import asking
from conversations.attachments import prepare
from conversations.models import Conversation, Membership, Message, Role, Share
from conversations.shared import LinkFace
from conversations.urls import urlpatterns
from tests.images import upload

VERBS = ("get", "head", "post", "put", "patch", "delete", "options")


@dataclass(frozen=True)
class Row:
    """What a route is for: its verbs, and what a POST to it needs to do its deed."""

    gets: bool
    posts: bool
    data: dict[str, str] | None = None


TOMORROW = (timezone.localdate() + timedelta(days=1)).isoformat()

# A route without a row here fails `test_every_route_has_a_row`.
MATRIX = {
    "index": Row(gets=True, posts=False),
    "older": Row(gets=True, posts=False),
    "listed": Row(gets=True, posts=False),
    "preferences": Row(gets=True, posts=True, data={"name": "Somebody"}),
    "parameters": Row(gets=True, posts=False),
    "dismiss": Row(gets=False, posts=True),
    "usage": Row(gets=True, posts=False),
    "left": Row(gets=True, posts=False),
    "charges": Row(gets=True, posts=False),
    "raise": Row(gets=False, posts=True, data={"limit": "money this_month"}),
    "start": Row(gets=False, posts=True, data={"text": "Hello"}),
    "conversation": Row(gets=True, posts=False),
    "news": Row(gets=True, posts=False),
    "cost": Row(gets=True, posts=False),
    "ask": Row(gets=False, posts=True, data={"text": "Hello"}),
    "image": Row(gets=True, posts=False),
    "stop": Row(gets=False, posts=True),
    "rename": Row(gets=True, posts=True, data={"title": "Mine now"}),
    "delete": Row(gets=True, posts=True),
    "seen": Row(gets=False, posts=True, data={"seq": "1"}),
    "people": Row(gets=True, posts=True, data={"who": "m-nobody", "role": "1"}),
    "person": Row(gets=False, posts=True, data={"remove": "yes"}),
    "names": Row(gets=True, posts=False),
    "leave": Row(gets=True, posts=True),
    "message": Row(gets=True, posts=False),
    "earlier": Row(gets=True, posts=False),
    "later": Row(gets=True, posts=False),
    "edit": Row(gets=True, posts=True, data={"text": "Hello"}),
    "send_now": Row(gets=False, posts=True),
    "take_back": Row(gets=False, posts=True),
    "again": Row(gets=False, posts=True),
    "continue": Row(gets=False, posts=True),
    "show": Row(gets=False, posts=True),
    "source": Row(gets=True, posts=False),
    "delete_message": Row(gets=True, posts=True),
    "share": Row(gets=True, posts=True, data={"kind": "live", "audience": "members", "expires_on": TOMORROW}),
    "shares": Row(gets=True, posts=False),
    "link": Row(gets=True, posts=True, data={"kind": "live", "audience": "members", "expires_on": TOMORROW}),
    "close_link": Row(gets=False, posts=True),
    "renew_link": Row(gets=False, posts=True),
    "shared": Row(gets=True, posts=True),
    "shared_image": Row(gets=True, posts=False),
    "fork": Row(gets=True, posts=True),
}
ROUTES: dict[str, URLPattern] = {str(pattern.name): pattern for pattern in urlpatterns}
OURS = ("accounts", "catalog", "conversations", "usage")


def address(name: str, conversation: UUID, message: UUID) -> str:
    path = "/" + str(ROUTES[name].pattern)
    for it in ("attachment_id", "membership_id", "notice_id", "share_id"):  # see `image`; the others are nobody's
        path = path.replace(f"<uuid:{it}>", str(message))
    share = Share(pk=message)
    path = path.replace("<link_token>", share.token).replace("<hidden>", LinkFace.of(share).disguised(message))
    return path.replace("<uuid:conversation_id>", str(conversation)).replace("<uuid:message_id>", str(message))


def about_a_conversation() -> list[str]:
    return [name for name, pattern in ROUTES.items() if "conversation_id" in str(pattern.pattern)]


def about_a_message() -> list[str]:
    return [name for name, pattern in ROUTES.items() if "message_id" in str(pattern.pattern)]


def everything() -> list[Any]:
    """Every row of every table of ours, as it is."""
    return [
        (model.__name__, sorted(model._default_manager.values_list(), key=str))
        for label in OURS
        for model in apps.get_app_config(label).get_models()
    ]


def send(browser: Client, verb: str, to: str, name: str, **headers: str) -> Any:
    data = {"key": str(uuid4()), **(MATRIX[name].data or {})} if verb == "post" else None
    return getattr(browser, verb)(to, data, headers=headers) if data else getattr(browser, verb)(to, headers=headers)


@pytest.fixture(autouse=True)
def image(question: Message) -> None:
    """Alice's question has an image, a link, and Rita a right to read it, of the same id: addresses are written so."""
    (made,) = prepare([upload()])
    image = made.copy_for(question, 1)
    image.pk = question.pk
    image.save()
    rita = User.objects.create_user("rita@example.org", name="Rita")
    Membership.objects.create(
        pk=question.pk, conversation=question.conversation, member=rita, role=Role.READER, asked_at=timezone.now()
    )
    Share.objects.create(
        pk=question.pk,
        conversation=question.conversation,
        maker=question.conversation.owner,
        kind=Share.Kind.LIVE,
        audience=Share.Audience.MEMBERS,
        may_fork=True,
    )


@pytest.fixture
def browser_of_charlie(charlie: User) -> Client:
    browser = Client()
    browser.force_login(charlie)
    return browser


@pytest.fixture
def of_charlie(charlie: User, route: Route) -> Message:
    """A question of Charlie's own."""
    return asking.start(charlie, "My own question", uuid4(), route)


def test_every_route_has_a_row() -> None:
    assert set(MATRIX) == set(ROUTES)


@pytest.mark.parametrize("name", ROUTES)
def test_a_route_answers_to_its_own_verbs_only(
    browser_of_alice: Client, conversation: Conversation, question: Message, name: str
) -> None:
    for verb in VERBS:
        response = send(browser_of_alice, verb, address(name, conversation.pk, question.pk), name)
        allowed = MATRIX[name].posts if verb == "post" else MATRIX[name].gets if verb in ("get", "head") else False
        if allowed:
            # Asked of a question, of nobody's name, as the only owner, before there is an answer; and older than what?
            can_refuse = (verb == "post" and name in {"again", "fork", "people", "leave", "raise"}) or name == "older"
            assert response.status_code < 400 or can_refuse, f"{verb} {name}"
        else:
            assert response.status_code == 405, f"{verb} {name}"


@pytest.mark.parametrize("name", about_a_conversation())
def test_to_a_stranger_a_conversation_looks_like_one_that_never_was(
    browser_of_charlie: Client, conversation: Conversation, question: Message, name: str
) -> None:
    before = everything()
    for message in (question.pk, conversation.leaf_id):
        assert message
        for verb in VERBS:
            for headers in ({}, {"HX-Request": "true"}):
                his = send(browser_of_charlie, verb, address(name, conversation.pk, message), name, **headers)
                none = send(browser_of_charlie, verb, address(name, uuid4(), uuid4()), name, **headers)
                assert his.status_code == none.status_code
                assert his.status_code in (404, 405)
                assert his.content == none.content
                assert dict(his.headers) == dict(none.headers)
                if verb == "post" and MATRIX[name].posts:
                    assert his.status_code == 404
    assert everything() == before


@pytest.mark.parametrize("name", about_a_message())
def test_anothers_message_is_not_found_under_ones_own_conversation(
    browser_of_charlie: Client, of_charlie: Message, question: Message, name: str
) -> None:
    before = everything()
    for verb, is_answered in (("get", MATRIX[name].gets), ("post", MATRIX[name].posts)):
        response = send(browser_of_charlie, verb, address(name, of_charlie.conversation_id, question.pk), name)
        assert response.status_code == (404 if is_answered else 405)
        # And his own under hers.
        response = send(browser_of_charlie, verb, address(name, question.conversation_id, of_charlie.pk), name)
        assert response.status_code == (404 if is_answered else 405)
    assert everything() == before


@pytest.mark.parametrize("name", about_a_conversation())
def test_a_deleted_conversation_is_as_if_it_had_never_been(
    browser_of_alice: Client, conversation: Conversation, question: Message, name: str
) -> None:
    asking.delete(conversation)
    for verb in ("get", "post"):
        gone = send(browser_of_alice, verb, address(name, conversation.pk, question.pk), name)
        none = send(browser_of_alice, verb, address(name, uuid4(), uuid4()), name)
        assert (gone.status_code, gone.content) == (none.status_code, none.content)
        assert gone.status_code in (404, 405)


@pytest.mark.parametrize("name", ROUTES)
def test_without_signing_in_nothing_is_shown_and_nothing_done(
    client: Client, conversation: Conversation, question: Message, name: str
) -> None:
    before = everything()
    for verb in ("get", "post"):
        response = send(client, verb, address(name, conversation.pk, question.pk), name)
        assert response.status_code in (302, 401, 405)
        assert "monad" not in response.content.decode()
    assert everything() == before


@pytest.mark.parametrize("name", ROUTES)
def test_looking_changes_nothing(
    browser_of_alice: Client, conversation: Conversation, question: Message, name: str
) -> None:
    browser_of_alice.get("/")  # whatever a first visit writes is written
    before = everything()
    for verb in ("get", "head", "options"):
        for query in ("", "?seq=0", "?title=x&text=x&_method=POST"):
            to = address(name, conversation.pk, question.pk) + query
            send(browser_of_alice, verb, to, name)
            send(browser_of_alice, verb, to, name, **{"HX-Request": "true", "X-HTTP-Method-Override": "POST"})
    assert everything() == before


def test_the_list_holds_nobody_elses_conversations(
    browser_of_alice: Client, conversation: Conversation, of_charlie: Message
) -> None:
    html = browser_of_alice.get("/").content.decode()
    assert str(conversation.pk) in html
    assert str(of_charlie.conversation_id) not in html
    assert "My own question" not in html
