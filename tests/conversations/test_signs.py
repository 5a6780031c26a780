"""Who sees in the bar that others see a conversation, and what deleting says of the links that go with it."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Route
from conversations import asking, joining, sharing
from conversations.models import Conversation, Message, Role, Share
from tests.attacks.routes import HTMX, share_form
from tests.conversations.replaying import Follower, WebProcess, load
from tests.page import Page
from tests.shares import live, make, snapshot


def signs(client: Client, conversation: Conversation) -> set[str]:
    return shown(load(client, conversation))


def shown(page: Page) -> set[str]:
    found = {it: page.find(it) for it in ("together", "live-links")}
    return {name for name, it in found.items() if it and "hidden" not in it.attributes}


def signed_in(member: User) -> Client:
    client = Client()
    client.force_login(member)
    return client


# The bar


def test_a_conversation_of_ones_own_has_no_sign(browser_of_alice: Client, conversation: Conversation) -> None:
    assert signs(browser_of_alice, conversation) == set()


def test_everybody_in_it_sees_that_others_are_and_open_pages_learn_it(
    browser_of_alice: Client, conversation: Conversation, charlie: User
) -> None:
    process, follower = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    follower.connect()
    membership = joining.invite(conversation, charlie, Role.READER)
    assert membership
    process.serve([follower])
    for page in (follower.page, load(browser_of_alice, conversation), load(signed_in(charlie), conversation)):
        assert shown(page) == {"together"}
        assert page.element("together").attributes["href"] == f"/c/{conversation.pk}/people/"
    joining.remove(membership)
    process.serve([follower])
    assert shown(follower.page) == set()


def test_only_who_made_a_link_that_goes_on_sees_its_sign(
    browser_of_alice: Client, conversation: Conversation, said: Message, charlie: User
) -> None:
    dora = User.objects.create_user("dora@example.org")
    joining.invite(conversation, charlie, Role.OWNER)
    joining.invite(conversation, dora, Role.READER)
    closed, gone = make(conversation, live()), make(conversation, live())
    make(conversation, snapshot(said))
    sharing.close([closed])
    Share.objects.filter(pk=gone.pk).update(expires_at=timezone.now())
    assert signs(browser_of_alice, conversation) == {"together"}
    make(conversation, live())
    assert signs(browser_of_alice, conversation) == {"together", "live-links"}
    assert signs(signed_in(charlie), conversation) == {"together"}
    assert load(signed_in(dora), conversation).find("live-links") is None


def test_the_sign_leads_to_ones_links_of_this_conversation(
    browser_of_alice: Client, conversation: Conversation, alice: User, route: Route, charlie: User
) -> None:
    here, there = make(conversation, live()), make(asking.start(alice, "Else?", uuid4(), route).conversation, live())
    where = load(browser_of_alice, conversation).element("live-links").attributes["href"]
    html = browser_of_alice.get(where).content.decode()
    assert f"/shares/{here.pk}/" in html
    assert f"/shares/{there.pk}/" not in html
    for strange in ("x", "", "0"):
        assert str(there.pk) in browser_of_alice.get(f"/shares/?of={strange}").content.decode()
    assert signed_in(charlie).get(where).status_code == 404


def test_a_link_that_was_just_made_has_its_sign_at_once(
    browser_of_alice: Client, conversation: Conversation, said: Message
) -> None:
    to = f"/c/{conversation.pk}/share/"
    frozen = browser_of_alice.post(to, share_form() | {"kind": "snapshot"}, headers=HTMX).content.decode()
    assert "live-links" not in frozen
    followed = browser_of_alice.post(to, share_form(), headers=HTMX).content.decode()
    assert followed.startswith('<hx-partial id="live-links"')
    assert " hidden " not in followed.partition("</hx-partial>")[0]


# Deleting


def said_of_links(client: Client, address: str) -> str:
    found = re.findall(r"\d+ links? to it will open nothing\.", client.get(address).content.decode())
    return found[0] if found else ""


def test_deleting_a_conversation_says_how_many_links_close(
    browser_of_alice: Client, conversation: Conversation, said: Message, charlie: User
) -> None:
    where = f"/c/{conversation.pk}/delete/"
    sharing.close([make(conversation, live())])
    assert said_of_links(browser_of_alice, where) == ""
    make(conversation, live())
    assert said_of_links(browser_of_alice, where) == "1 link to it will open nothing."
    joining.invite(conversation, charlie, Role.OWNER)  # another owner's go as well
    sharing.make(Conversation.objects.get(), charlie, snapshot(said), uuid4())
    assert said_of_links(browser_of_alice, where) == "2 links to it will open nothing."
    assert Share.objects.open().count() == 2
    asking.delete(conversation)
    assert not Share.objects.open().exists()


@pytest.mark.parametrize("which", ["first question", "its answer", "last question", "its other words"])
def test_deleting_a_message_says_how_many_links_close_and_they_do(
    browser_of_alice: Client, conversation: Conversation, question: Message, said: Message, route: Route, which: str
) -> None:
    """A snapshot goes with any message that it shows, a live link with the last one that there is."""
    make(conversation, live())
    make(conversation, snapshot(said))
    last = asking.ask(conversation, conversation.owner, "And a functor?", uuid4(), route)
    asking.stop(conversation)
    for _ in range(2):
        make(conversation, snapshot(last))
    other = asking.edit(last, conversation.owner, "Or an applicative?", uuid4(), route)
    asking.stop(conversation)
    meant = {"first question": question, "its answer": said, "last question": last, "its other words": other}[which]
    closing = {"first question": 4, "its answer": 3, "last question": 2, "its other words": 0}[which]
    words = f"{closing} links to it will open nothing." if closing else ""
    assert said_of_links(browser_of_alice, f"/c/{conversation.pk}/m/{meant.pk}/delete/") == words
    asking.remove(meant)
    assert Share.objects.open().count() == 4 - closing
