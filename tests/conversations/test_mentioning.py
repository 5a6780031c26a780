"""Who is named in a question is mailed, if they don't look: once, whatever breaks, and in words that carry nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from email import message_from_bytes
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.locmem import EmailBackend
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from accounts import mailing
from accounts.models import User
from catalog.models import Route
from conversations import asking, joining, mentioning
from conversations.models import Conversation, Membership, Mention, Message, Role, Seen
from tests.workers import at_once


@pytest.fixture(autouse=True)
def mails(settings: Settings) -> None:
    settings.CAN_MAIL = True


type Ask = Callable[[str], Message]


@pytest.fixture
def ask(membership: Membership, alice: User, route: Route) -> Ask:
    """Alice asks where Bob may write."""

    def ask(text: str) -> Message:
        conversation = Conversation.objects.get(pk=membership.conversation_id)
        return asking.ask(conversation, alice, text, uuid4(), route)

    return ask


def later() -> None:
    """Five minutes go by."""
    Mention.objects.update(mail_at=F("mail_at") - mentioning.WAIT)


def look(member: User, conversation: Conversation) -> None:
    seq = Conversation.objects.get(pk=conversation.pk).seq
    Seen.objects.mark(conversation.pk, member.pk, seq)


def waiting() -> int:
    return Mention.objects.exclude(mail_at=None).count()


def test_who_is_named_is_found_at_once_however_much_is_said(ask: Ask, alice: User, bob: User) -> None:
    """The conversation's lock is held: each sign is looked at, and not each name in all of the words."""
    conversation = ask("Hello?").conversation
    group = Group.objects.create(name="Everybody")
    joining.invite(conversation, group, Role.READER)
    crowd = [User(email=f"m{number}@example.org", name=f"Member {number}", password="!") for number in range(300)]
    group.user_set.add(*User.objects.bulk_create(crowd))
    ask("@Member 7, " + "word " * 30_000 + "@Member 29 and @Member 299, @member 1? @BOB! no@Member 3")
    named = Mention.objects.order_by("pk").values_list("member__name", flat=True)
    assert list(named) == ["Member 7", "Member 29", "Member 299", "Member 1", "Bob"]
    ask("@" * 100_000)
    ask("@Bob" * 30_000)
    assert Mention.objects.count() == 6  # once more Bob, by the first of them


def test_names_that_begin_so_are_suggested_of_those_who_may_be_named(ask: Ask, alice: User, bob: User) -> None:
    conversation = ask("Hello?").conversation
    group = Group.objects.create(name="Bookkeepers")
    joining.invite(conversation, group, Role.READER)
    for address, name in (("zoe", "Zoë Bodden"), ("boris", ""), ("bobby", "Bob"), ("gone", "Bonnie")):
        member = User.objects.create_user(f"{address}@example.org", name=name, is_active=name != "Bonnie")
        group.user_set.add(member)
    User.objects.create_user("boas@example.org", name="Boas")  # not in it

    def suggested(words: str, asker: User = alice) -> list[str]:
        return mentioning.suggested(conversation, words, asker)

    assert suggested("bo") == ["boris", "Bob", "Zoë Bodden"]  # two Bobs are named by one name
    assert suggested("BOB") == ["Bob"]
    assert suggested("bodd") == ["Zoë Bodden"]
    assert suggested("odd") == []
    assert suggested("%") == suggested("_") == suggested("boris@") == suggested("x" * 100) == []
    assert suggested("", bob) == ["boris", "Alice", "Bob", "Zoë Bodden"]  # the other Bob
    group.user_set.add(*(User.objects.create_user(f"a{n}@example.org", name=f"Ann {n}") for n in range(20)))
    assert suggested("ann") == [f"Ann {n}" for n in (0, 1, 10, 11, 12, 13)]


def test_who_does_not_look_is_told_by_whom_and_where_and_not_what(ask: Ask, conversation: Conversation) -> None:
    question = ask("@Bob, the password is swordfish")
    assert mentioning.mail() == 0  # he may be reading it
    later()
    assert mentioning.mail() == 1
    [sent] = mail.outbox
    assert (sent.to, sent.subject) == (["bob@example.org"], "Alice names you in “What is a monad?”")
    assert f"/c/{conversation.pk}/m/{question.pk}/\n" in sent.body
    assert "/settings/" in sent.body
    assert "swordfish" not in sent.body
    assert sent.content_subtype == "plain"
    assert (mentioning.mail(), waiting()) == (0, 0)


def test_who_has_looked_meanwhile_is_not(ask: Ask, bob: User, conversation: Conversation) -> None:
    ask("@Bob?")
    look(bob, conversation)
    later()
    assert (mentioning.mail(), waiting()) == (0, 0)


def test_once_until_they_have_looked(ask: Ask, bob: User, conversation: Conversation) -> None:
    for _ in range(50):
        ask("@Bob!")
    later()
    assert mentioning.mail() == 1
    ask("@Bob!")
    later()
    assert (mentioning.mail(), waiting()) == (0, 0)
    look(bob, conversation)
    ask("@Bob, once more")
    later()
    assert mentioning.mail() == 1
    assert len(mail.outbox) == 2


def test_each_conversation_for_itself(ask: Ask, alice: User, bob: User, route: Route) -> None:
    ask("@Bob!")
    other = asking.start(alice, "Something else", uuid4(), route).conversation
    joining.invite(other, bob, Role.READER)
    asking.ask(Conversation.objects.get(pk=other.pk), alice, "@Bob!", uuid4(), route)
    later()
    assert mentioning.mail() == 2


def test_in_their_language(ask: Ask, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(preferences={"language": "zh-hans"})
    ask("@Bob?")
    later()
    mentioning.mail()
    assert "Alice" in mail.outbox[0].subject
    assert "names you" not in mail.outbox[0].subject


def test_the_settings_turn_them_off_and_on(browser_of_alice: Client, alice: User) -> None:
    form = {"name": "Alice", "language": "", "theme": "", "route": "", "send_key": ""}
    assert 'name="mentions" id="id_mentions" checked' in browser_of_alice.get("/settings/").content.decode()
    for ticked, stored in (({}, "no"), ({"mentions": "on"}, "")):
        assert browser_of_alice.post("/settings/", form | ticked).status_code == 302
        alice.refresh_from_db()
        assert alice.prefers.mentions == stored


def test_who_wants_none_gets_none(ask: Ask, bob: User) -> None:
    ask("@Bob?")
    User.objects.filter(pk=bob.pk).update(preferences={"mentions": "no"})
    ask("@Bob?")
    assert waiting() == 1  # the one from before
    later()
    assert (mentioning.mail(), waiting()) == (0, 0)


def test_without_a_mail_server_there_is_nothing_to_mail(ask: Ask, settings: Settings) -> None:
    settings.CAN_MAIL = False
    ask("@Bob?")
    assert (Mention.objects.count(), waiting()) == (1, 0)


def _take_back(question: Message) -> None:
    asking.stop(question.conversation)
    asking.remove(question)


GONE: dict[str, Callable[[Membership, User, Message], object]] = {
    "removed": lambda membership, bob, question: joining.remove(membership),
    "inactive": lambda membership, bob, question: User.objects.filter(pk=bob.pk).update(is_active=False),
    "deleted": lambda membership, bob, question: asking.delete(membership.conversation),
    "unasked": lambda membership, bob, question: _take_back(question),
}


@pytest.mark.parametrize("how", GONE)
def test_nobody_is_mailed_of_what_they_may_not_read_by_then(
    ask: Ask, membership: Membership, bob: User, how: str
) -> None:
    question = ask("@Bob?")
    GONE[how](membership, bob, question)
    later()
    assert (mentioning.mail(), waiting()) == (0, 0)


def test_an_answer_of_bobs_own_group_is_his_to_read(ask: Ask, membership: Membership, bob: User) -> None:
    group = Group.objects.create(name="Writers")
    group.user_set.add(bob)
    joining.invite(membership.conversation, group, Role.READER)
    joining.remove(membership)
    ask("@Bob?")
    later()
    assert mentioning.mail() == 1


# Attacks ------------------------------------------------------------------------------------------------------------


HEADERS = {"Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Message-ID", "Subject", "From", "To", "Date"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\x0b", "\x85"])
def test_neither_a_title_nor_a_name_makes_a_header_or_a_line(
    ask: Ask, alice: User, conversation: Conversation, end: str
) -> None:
    User.objects.filter(pk=alice.pk).update(name=f"Alice{end}Bcc: all@example.org")
    ask("@Bob?")
    Conversation.objects.update(title=f"Lunch{end}{end}You owe us money\u202e{end}X-Evil: yes")
    later()
    assert mentioning.mail() == 1
    wire = message_from_bytes(mail.outbox[0].message().as_bytes())
    assert set(wire.keys()) == HEADERS
    first, *_ = mail.outbox[0].body.splitlines()
    assert first == "Alice Bcc: all@example.org names you in “Lunch You owe us money X-Evil: yes”:"


def test_what_is_no_name_names_nobody_and_twenty_are_named_at_most(
    ask: Ask, conversation: Conversation, alice: User
) -> None:
    crowd = User.objects.bulk_create(User(email=f"m{it}@example.org", name=f"Member {it}x") for it in range(60))
    Membership.objects.bulk_create(
        Membership(conversation=conversation, member=it, role=Role.READER, asked_at=conversation.created_at)
        for it in crowd
    )
    ask("@everyone @all @channel @here @Alice")
    assert not Mention.objects.exists()
    ask(" ".join(f"@Member {it % 60}x" for it in range(10_000)))
    assert waiting() == mentioning.MOST == Mention.objects.count()


def test_a_stranger_is_never_mailed(ask: Ask, charlie: User) -> None:
    ask("@Charlie?")
    later()
    assert (mentioning.mail(), Mention.objects.count()) == (0, 0)


# The bad day --------------------------------------------------------------------------------------------------------


def test_two_workers_at_once_send_it_once(ask: Ask) -> None:
    for _ in range(5):
        ask("@Bob!")
    later()
    assert sum(at_once(4, lambda _: mentioning.mail())) == 1
    assert len(mail.outbox) == 1


class Away(BaseEmailBackend):
    """A mail server that does not answer."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        raise ConnectionRefusedError


def test_a_server_that_is_away_is_tried_again_and_it_stays_one_mail(ask: Ask, settings: Settings) -> None:
    here = settings.EMAIL_BACKEND
    ask("@Bob?")
    later()
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    for _ in range(3):
        assert mentioning.mail() == 0
        assert waiting() == 1
        Mention.objects.update(mail_at=Now())
    ask("@Bob? Are you there?")
    later()
    settings.EMAIL_BACKEND = here
    assert (mentioning.mail(), waiting()) == (1, 0)


def test_nor_is_it_tried_for_ever(ask: Ask, settings: Settings) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    ask("@Bob?")
    for _ in range(mailing.MOST_TRIES):
        assert waiting() == 1
        Mention.objects.update(mail_at=Now())
        assert mentioning.mail() == 0
    assert waiting() == 0


class Dying(EmailBackend):
    """The worker dies when the mail has left, and before it can say so."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        super().send_messages(messages)
        raise KeyboardInterrupt


def test_a_worker_that_dies_between_sending_and_saying_so_may_send_it_twice_and_says_that_it_is_the_same(
    ask: Ask, settings: Settings
) -> None:
    here = settings.EMAIL_BACKEND
    ask("@Bob?")
    later()
    settings.EMAIL_BACKEND = f"{__name__}.Dying"
    with pytest.raises(KeyboardInterrupt):
        mentioning.mail()
    settings.EMAIL_BACKEND = here
    assert mentioning.mail() == 0  # not at once: another worker may be at it
    Mention.objects.update(mail_at=Now())
    assert mentioning.mail() == 1
    assert len({it.extra_headers["Message-ID"] for it in mail.outbox}) == 1


class Choosy(EmailBackend):
    """A server, or a library, that can't take one of them."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        if messages[0].to == ["bob@example.org"]:
            raise ValueError
        return super().send_messages(messages)


def test_one_that_can_not_be_written_holds_up_no_other_and_is_given_up(
    ask: Ask, charlie: User, membership: Membership, settings: Settings
) -> None:
    joining.invite(membership.conversation, charlie, Role.READER)
    settings.EMAIL_BACKEND = f"{__name__}.Choosy"
    ask("@Bob and @Charlie")
    later()
    Mention.objects.filter(member=charlie).update(mail_at=F("mail_at") + timedelta(microseconds=1))  # after Bob
    assert mentioning.mail() == 1
    for _ in range(mailing.MOST_TRIES):
        Mention.objects.exclude(mail_at=None).update(mail_at=Now())
        mentioning.mail()
    assert waiting() == 0
