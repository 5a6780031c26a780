"""What a member has not seen of what they share with others, and where they are named."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from catalog.models import Route
from conversations import asking, joining
from conversations.models import Conversation, Mention, Role, Seen
from conversations.models.seen import Marks


@pytest.fixture
def bob(transactional_db: None) -> User:
    return User.objects.create_user("bob@example.org", name="Bob Brown")


@pytest.fixture
def browser_of_bob(bob: User) -> Client:
    browser = Client()
    browser.force_login(bob)
    return browser


@pytest.fixture
def shared(conversation: Conversation, bob: User) -> Conversation:
    joining.invite(conversation, bob, Role.WRITER)
    return Conversation.objects.get(pk=conversation.pk)


def marks(member: User, conversation: Conversation) -> Marks:
    return Seen.objects.marks(member.pk, [conversation.pk])[conversation.pk]


def see(browser: Client, conversation: Conversation, seq: object = None) -> None:
    data = {"seq": str(Conversation.objects.get(pk=conversation.pk).seq if seq is None else seq), "quietly": "1"}
    assert browser.post(f"/c/{conversation.pk}/seen/", data).status_code == 204


def test_what_others_say_is_unread_until_it_is_looked_at(
    shared: Conversation, alice: User, bob: User, browser_of_bob: Client, route: Route
) -> None:
    assert marks(bob, shared).is_unread
    assert 'class="unread"' in browser_of_bob.get("/").content.decode()
    see(browser_of_bob, shared)
    assert not marks(bob, shared).is_unread
    assert 'class="unread"' not in browser_of_bob.get("/").content.decode()
    asking.ask(shared, alice, "More", uuid4(), route)
    assert marks(bob, shared).is_unread
    assert 'class="unread"' not in browser_of_bob.get(shared.get_absolute_url()).content.decode()  # it is being read


def test_another_title_is_nothing_that_was_said(shared: Conversation, browser_of_bob: Client, bob: User) -> None:
    see(browser_of_bob, shared)
    asking.rename(shared, "Another title")
    assert not marks(bob, shared).is_unread


def test_ones_own_conversations_alone_have_no_marks(
    browser_of_alice: Client, conversation: Conversation, alice: User
) -> None:
    assert 'class="unread"' not in browser_of_alice.get("/").content.decode()


def test_it_never_goes_back_nor_beyond_what_there_is(
    shared: Conversation, browser_of_bob: Client, bob: User, alice: User, route: Route
) -> None:
    see(browser_of_bob, shared, 10**16)
    asking.ask(shared, alice, "More", uuid4(), route)
    assert marks(bob, shared).is_unread
    see(browser_of_bob, shared)
    for nonsense in (0, -1, "x", "", "9" * 40, "²"):
        see(browser_of_bob, shared, nonsense)
    assert not marks(bob, shared).is_unread


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("@Bob Brown, what do you think?", True),
        ("ask @bob  brown", True),
        ("(@BOB BROWN)", True),
        ("@Bob Browning", False),
        ("bob@Bob Brown", False),
        ("@Bob", False),
        ("Bob Brown", False),
        ("@", False),
    ],
)
def test_a_name_after_an_at_marks_it_for_who_is_called_that(
    shared: Conversation, alice: User, bob: User, route: Route, browser_of_bob: Client, text: str, is_named: bool
) -> None:
    asking.ask(shared, alice, text, uuid4(), route)
    assert marks(bob, shared).is_named == is_named
    assert ("You are named here" in browser_of_bob.get("/").content.decode()) == is_named
    see(browser_of_bob, shared)
    assert not marks(bob, shared).is_named


def test_nobody_is_named_who_may_not_read_nor_oneself(
    shared: Conversation, alice: User, bob: User, charlie: User, route: Route
) -> None:
    asking.ask(shared, bob, "@Charlie and @Bob Brown and @Alice", uuid4(), route)
    assert [it.member for it in Mention.objects.all()] == [alice]


def test_members_of_a_group_that_is_in_are_named_once(
    shared: Conversation, alice: User, bob: User, charlie: User, route: Route
) -> None:
    for name in ("Writers", "Readers"):
        group = Group.objects.create(name=name)
        group.user_set.add(charlie, bob)
        joining.invite(shared, group, Role.READER)
    question = asking.ask(Conversation.objects.get(pk=shared.pk), alice, "@Charlie! @Charlie!", uuid4(), route)
    assert [it.member for it in question.mentions.all()] == [charlie]


def test_a_mention_goes_with_its_question(shared: Conversation, alice: User, bob: User, route: Route) -> None:
    question = asking.ask(shared, alice, "@Bob Brown", uuid4(), route)
    asking.stop(shared)
    asking.remove(question)
    assert not Mention.objects.exists()


def test_a_removed_member_has_no_marks_of_what_is_said_without_them(
    shared: Conversation, alice: User, bob: User, browser_of_bob: Client, route: Route
) -> None:
    """ID13: no counts of what is others'."""
    joining.remove(shared.memberships.get(member=bob))
    asking.ask(shared, alice, "@Bob Brown is gone", uuid4(), route)
    html = browser_of_bob.get("/").content.decode()
    assert "You are named here" not in html
    assert 'class="unread"' not in html
