"""Links: made and changed by a conversation's owner, counted, locked, closed; what readers do with them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from catalog.models import Route
from conversations import asking, chores, sharing
from conversations.errors import (
    GoneError,
    NothingToContinueError,
    NothingToShareError,
    TooManyGuessesError,
    TooManyLinksError,
    UnfinishedError,
)
from conversations.models import Attachment, Conversation, Generation, Guess, Message, Share, SharingRules, Visit
from tests.shares import answered, illustrate, live, make, snapshot
from tests.workers import in_thread, wait_for_waiters

# The address


def test_an_address_opens_its_share_and_no_other_opens_any(conversation: Conversation, said: Message) -> None:
    share, other = make(conversation, snapshot(said)), make(conversation, snapshot(said))
    assert Share.objects.of_token(share.token) == share
    assert Share.objects.of_token(other.token) == other
    token = share.token
    assert len(token) == 43  # 256 bits, of which 128 only we can make
    for at, letter in enumerate(token):
        neighbour = token[:at] + ("A" if letter != "A" else "B") + token[at + 1 :]
        assert Share.objects.of_token(neighbour) is None
    for strange in ("", "1", "é" * 43, token + "=", token[:-1], token + "A", "A" * 43, "\x00", "x" * 100_000):
        assert Share.objects.of_token(strange) is None
    # The id of one with the proof of the other.
    assert Share.objects.of_token(share.token[:21] + other.token[21:]) is None


def test_the_last_letter_of_an_address_has_one_spelling(conversation: Conversation, said: Message) -> None:
    """Its last six bits hold four of ours: the other two may not be chosen."""
    token = make(conversation, snapshot(said)).token
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    opened = [letter for letter in alphabet if Share.objects.of_token(token[:-1] + letter)]
    assert opened == [token[-1]]


def test_another_address_closes_the_one_before(conversation: Conversation, said: Message) -> None:
    share = make(conversation, snapshot(said))
    before = share.token
    sharing.renew(share)
    assert Share.objects.of_token(before) is None
    assert Share.objects.of_token(share.token) == share


def test_no_column_of_the_database_holds_an_address_or_what_it_is_made_of(
    conversation: Conversation, said: Message
) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(s)::text FROM conversations_share AS s")
        row = cursor.fetchone()[0]
    assert share.token not in row
    assert share.token[22:] not in row
    assert "a green harbour" not in row


def test_without_the_secret_key_a_copy_of_the_rows_opens_nothing(
    conversation: Conversation, said: Message, settings: Any
) -> None:
    share = make(conversation, snapshot(said))
    token = share.token
    settings.SECRET_KEY = "another key of another house, as long as it has to be"
    assert Share.objects.of_token(token) is None
    assert Share.objects.of_token(share.token) == share  # the maker copies the new one


# When it opens nothing


@pytest.mark.parametrize("how", ["closed", "expired", "conversation", "owner", "leaf", "switch", "another owner"])
def test_a_link_dies_with_what_it_stands_on(
    conversation: Conversation, said: Message, alice: User, charlie: User, how: str
) -> None:
    share = make(conversation, snapshot(said))
    assert Share.objects.open().get() == share
    match how:
        case "closed":
            assert sharing.close([share]) == 1
        case "expired":
            Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "conversation":
            asking.delete(conversation)
        case "owner":
            alice.is_active = False
            alice.save()
        case "leaf":
            asking.remove(said)
        case "switch":
            SharingRules.objects.create(anonymous_allowed=False)
        case _:
            Conversation.objects.update(owner=charlie)
    assert not Share.objects.open().exists()
    assert Share.objects.of_token(share.token) is None


def test_the_switch_closes_links_for_anyone_alone_and_opens_them_again(
    conversation: Conversation, said: Message
) -> None:
    for_anyone = make(conversation, snapshot(said))
    for_members = make(conversation, snapshot(said, audience=Share.Audience.MEMBERS))
    rules = SharingRules.objects.create(anonymous_allowed=False)
    assert set(Share.objects.open()) == {for_members}
    rules.anonymous_allowed = True
    rules.save()
    assert set(Share.objects.open()) == {for_anyone, for_members}


def test_there_is_one_row_of_rules(db: None) -> None:
    SharingRules.objects.create()
    with pytest.raises(IntegrityError), transaction.atomic():
        SharingRules.objects.create(id=2)


# For whom


def test_a_link_is_for_those_it_was_made_for(
    conversation: Conversation, said: Message, alice: User, charlie: User
) -> None:
    dora, erin = User.objects.create_user("dora@example.org"), User.objects.create_user("erin@example.org")
    group = Group.objects.create(name="Writers")
    erin.groups.add(group)
    named = make(conversation, snapshot(said, audience=Share.Audience.NAMED, members=[dora], groups=[group]))
    readers = [None, alice, charlie, dora, erin]

    def let_in(share: Share) -> list[bool]:
        return [bool((it := Share.objects.of_token(share.token, reader)) and it.is_for(reader)) for reader in readers]

    assert let_in(named) == [False, True, False, True, True]
    members = make(conversation, snapshot(said, audience=Share.Audience.MEMBERS))
    assert let_in(members) == [False, True, True, True, True]
    anyone = make(conversation, snapshot(said))
    assert let_in(anyone) == [True] * 5
    erin.groups.clear()
    assert let_in(named) == [False, True, False, True, False]


# A snapshot stays as it was


def test_a_snapshot_does_not_grow_with_its_last_answer(conversation: Conversation, question: Message) -> None:
    answer = answered(question, "A monoid", state=Generation.State.STOPPED)
    share = make(conversation, snapshot(answer))
    asking.carry_on(answer, answer.conversation.owner)
    answered(question, "A monoid in the category of endofunctors.")
    share = Share.objects.get(pk=share.pk)
    frozen = share.as_frozen(Message.objects.with_answers().get(pk=answer.pk))
    assert frozen.text == "A monoid"
    assert frozen.generation.state == Generation.State.STOPPED


def test_other_terms_leave_its_end_as_it_was_and_another_end_is_taken_as_it_is(
    conversation: Conversation, question: Message
) -> None:
    answer = answered(question, "A monoid", state=Generation.State.STOPPED)
    share = make(conversation, snapshot(answer))
    asking.carry_on(answer, answer.conversation.owner)
    sharing.change(share, snapshot(Message.objects.get(pk=answer.pk), note="Look"))  # while it is being written, too
    answered(question, "A monoid in the category of endofunctors.")
    assert share.ending["text"] == len("A monoid")
    sharing.change(share, snapshot(question))
    sharing.change(share, snapshot(Message.objects.get(pk=answer.pk)))
    assert share.ending["text"] == len("A monoid in the category of endofunctors.")


# What is refused


def test_a_snapshot_does_not_end_with_an_answer_that_is_being_written(
    conversation: Conversation, question: Message, generation: Generation
) -> None:
    with pytest.raises(UnfinishedError):
        make(conversation, snapshot(generation.message))
    assert not Share.objects.exists()
    assert make(conversation, snapshot(question)).leaf == question
    assert make(conversation, live()).is_live


def test_where_nothing_was_said_there_is_nothing_to_share(alice: User, route: Route) -> None:
    empty = Conversation.objects.create(owner=alice, title="Empty")
    for terms in (snapshot(None), live()):
        with pytest.raises(NothingToShareError):
            sharing.make(empty, alice, terms, uuid4())
    assert not Share.objects.exists()


def test_a_member_has_as_many_links_open_as_the_rules_say(conversation: Conversation, said: Message) -> None:
    SharingRules.objects.create(most_links=2)
    first, _ = make(conversation, snapshot(said)), make(conversation, live())
    with pytest.raises(TooManyLinksError):
        make(conversation, snapshot(said))
    sharing.close([first])
    make(conversation, snapshot(said))
    assert Share.objects.open().count() == 2


def at_once(deeds: list[Any]) -> list[Any]:
    """Each in a thread and a connection of its own; what they returned or raised."""
    found: list[Any] = []
    ready = threading.Barrier(len(deeds))

    def run(deed: Any) -> None:
        ready.wait()
        try:
            found.append(deed())
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[deed]) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_many_at_the_limit_as_many_are_made_as_there_may_be(conversation: Conversation, said: Message) -> None:
    SharingRules.objects.create(most_links=3)
    made = at_once([lambda: make(conversation, snapshot(said))] * 8)
    assert sum(isinstance(it, Share) for it in made) == 3
    assert sum(isinstance(it, TooManyLinksError) for it in made) == 5
    assert Share.objects.count() == 3


def test_a_second_click_makes_no_second_link(conversation: Conversation, said: Message) -> None:
    key = uuid4()
    made = at_once([lambda: make(conversation, snapshot(said), key)] * 4)
    assert {it.pk for it in made} == {key}
    assert Share.objects.count() == 1


def test_anothers_key_makes_a_link_of_ones_own(
    conversation: Conversation, said: Message, charlie: User, route: Route
) -> None:
    hers = make(conversation, snapshot(said))
    his = asking.start(charlie, "Mine?", uuid4(), route).conversation
    made = sharing.make(his, charlie, live(), hers.pk)
    assert made.pk != hers.pk
    hers.refresh_from_db()
    assert hers.conversation == conversation


def test_what_was_deleted_since_it_was_chosen_is_refused_in_words_and_nothing_is_made_or_changed(
    conversation: Conversation, question: Message, said: Message, alice: User, charlie: User
) -> None:
    group = Group.objects.create(name="Writers")
    whole, cut = make(conversation, snapshot(question)), {"audience": Share.Audience.NAMED}
    before = list(Share.objects.values())
    everybody = snapshot(question, **cut, members=[charlie]), live(**cut, groups=[group]), snapshot(said)
    asking.remove(said)
    User.objects.filter(pk=charlie.pk).delete()
    Group.objects.filter(pk=group.pk).delete()
    for terms in everybody:
        with pytest.raises(GoneError):
            sharing.make(conversation, alice, terms, uuid4())
        with pytest.raises(GoneError):
            sharing.change(Share.objects.get(pk=whole.pk), terms)
    asking.remove(question)
    with pytest.raises(NothingToShareError):
        sharing.make(conversation, alice, live(), uuid4())
    asking.delete(conversation)
    with pytest.raises(NothingToShareError):
        sharing.make(conversation, alice, live(), uuid4())
    assert list(Share.objects.values()) == [{**before[0], "leaf_id": None}]


def test_who_deletes_what_is_being_shared_waits_and_then_closes_the_link(
    conversation: Conversation, said: Message
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            share = make(conversation, snapshot(said))
            late = in_thread(pool, lambda: asking.remove(said))
            wait_for_waiters(1)
        late.result(10)
    share.refresh_from_db()
    assert share.leaf is None


# Visits


def test_visits_are_counted_by_member_and_hour(conversation: Conversation, said: Message, charlie: User) -> None:
    share = make(conversation, snapshot(said))
    for member in (None, None, charlie):
        assert sharing.count_visit(share, member)
    assert {(it.member, it.count) for it in Visit.objects.all()} == {(None, 2), (charlie, 1)}
    seen = Visit.objects.so_far([share])[share.pk]
    assert seen.count == 3
    assert seen.last_at is not None


def test_of_many_visits_at_once_as_many_are_let_in_as_may_be(conversation: Conversation, said: Message) -> None:
    share = make(conversation, snapshot(said, most_visits=3))
    let_in = at_once([lambda: sharing.count_visit(share, None)] * 10)
    assert sorted(let_in) == [False] * 7 + [True] * 3
    assert Visit.objects.get().count == 3


# The password


def test_a_password_opens_and_wrong_ones_are_slowed_by_address(conversation: Conversation, said: Message) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    assert sharing.unlock(share, "a green harbour", "192.0.2.1")
    for _ in range(sharing.GUESSES):
        assert not sharing.unlock(share, "wrong", "192.0.2.1")
    with pytest.raises(TooManyGuessesError):
        sharing.unlock(share, "a green harbour", "192.0.2.1")
    assert sharing.unlock(share, "a green harbour", "192.0.2.2")


def test_forty_guesses_at_once_are_five_at_most(conversation: Conversation, said: Message) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    tried = at_once([lambda: sharing.unlock(share, "wrong", "192.0.2.1")] * 8 * 5)
    assert tried.count(False) == sharing.GUESSES
    assert sum(isinstance(it, TooManyGuessesError) for it in tried) == 35


def test_guesses_from_everywhere_are_slowed_together(conversation: Conversation, said: Message) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    for number in range(sharing.GUESSES_OF_ALL):
        assert not sharing.unlock(share, "wrong", f"192.0.2.{number}")
    with pytest.raises(TooManyGuessesError):
        sharing.unlock(share, "wrong", "198.51.100.1")


def test_one_network_of_addresses_is_one_guesser(conversation: Conversation, said: Message) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    for number in range(sharing.GUESSES):
        assert not sharing.unlock(share, "wrong", f"2001:db8::{number}")
    with pytest.raises(TooManyGuessesError):
        sharing.unlock(share, "a green harbour", "2001:db8::ffff")


def test_of_an_address_nothing_is_kept_but_a_keyed_digest_for_a_while(
    conversation: Conversation, said: Message
) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    sharing.unlock(share, "wrong", "192.0.2.77")
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(g::text, ' ') FROM conversations_guess AS g")
        assert "192.0.2.77" not in cursor.fetchone()[0]
    Guess.objects.update(until=timezone.now() - timedelta(seconds=1))
    chores.sweep()
    assert not Guess.objects.exists()


def test_a_password_of_a_megabyte_is_not_even_hashed(conversation: Conversation, said: Message) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    assert not sharing.unlock(share, "x" * 1_000_000, "192.0.2.1")


# Continuing in one's own account


def fork(share: Share, reader: User) -> Conversation:
    return sharing.fork(Share.objects.get(pk=share.pk), reader, uuid4()).conversation


def test_a_copy_holds_what_the_link_shows_and_nothing_else(
    conversation: Conversation, question: Message, said: Message, charlie: User, route: Route
) -> None:
    illustrate(question)
    asking.edit(question, conversation.owner, "In other words?", uuid4(), route)
    plain = fork(make(conversation, snapshot(said, shows_images=False)), charlie)
    assert plain.owner == charlie
    texts: set[Any] = set(plain.messages.values_list("text", "reasoning", "author"))
    assert texts == {("What is a monad?", "", None), ("A monoid in the category of endofunctors.", "", None)}
    assert not plain.attachments.exists()
    whole = fork(make(conversation, snapshot(said, shows_names=True, shows_thinking=True)), charlie)
    answer = whole.messages.get(role="assistant")
    assert answer.reasoning == "Let me think."
    assert answer.parent and answer.parent.author == conversation.owner
    assert whole.leaf == answer
    assert bytes(whole.attachments.get().data) == bytes(Attachment.objects.filter(message=question).get().data)


def test_what_is_asked_in_the_copy_is_the_readers_own(
    conversation: Conversation, said: Message, charlie: User, route: Route, client: Client
) -> None:
    copy = fork(make(conversation, snapshot(said)), charlie)
    asked = asking.ask(copy, charlie, "And a functor?", uuid4(), route)
    assert Generation.objects.get(message__parent=asked).member == charlie
    client.force_login(charlie)
    html = client.get(copy.get_absolute_url()).content.decode()
    assert "A monoid in the category" in html
    assert not Conversation.objects.visible_to(conversation.owner).filter(pk=copy.pk).exists()
    conversation.refresh_from_db()
    assert conversation.messages.count() == 2


def test_a_second_click_makes_no_second_copy(conversation: Conversation, said: Message, charlie: User) -> None:
    share, key = make(conversation, snapshot(said)), uuid4()
    made = at_once([lambda: sharing.fork(Share.objects.get(pk=share.pk), charlie, key)] * 4)
    assert {it.conversation.pk for it in made} == {key}
    assert charlie.conversations.count() == 1


def test_anothers_key_makes_a_copy_of_ones_own_and_who_is_gone_has_none(
    conversation: Conversation, said: Message, charlie: User
) -> None:
    share = make(conversation, snapshot(said))
    assert sharing.fork(share, charlie, conversation.pk).conversation.owner == charlie
    User.objects.filter(pk=charlie.pk).delete()
    with pytest.raises(GoneError):
        sharing.fork(share, charlie, uuid4())
    assert Conversation.objects.get() == conversation


def test_what_is_being_written_is_not_copied(conversation: Conversation, question: Message, charlie: User) -> None:
    share = make(conversation, live())
    with pytest.raises(NothingToContinueError):
        fork(share, charlie)
    assert not charlie.conversations.exists()
