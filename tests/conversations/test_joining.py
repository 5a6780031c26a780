"""Several people in one conversation: who comes and goes, whose question is whose, and what is left of whom."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connections

from accounts.models import User
from catalog.models import Route
from conversations import asking, joining
from conversations.errors import InByGroupError, LastOwnerError, NotAllowedError, TooManyPeopleError
from conversations.models import Conversation, Generation, Membership, Message, Role, path
from tests.conversations.replaying import Writer

State = Generation.State


def invited(conversation: Conversation, member: User, role: Role = Role.WRITER) -> Membership:
    membership = joining.invite(conversation, member, role)
    assert membership
    return membership


def states(conversation: Conversation) -> dict[str, str]:
    """Of each member's latest answer."""
    rows = Generation.objects.filter(conversation=conversation).order_by("created_at")
    return dict(rows.values_list("member__name", "state"))


# Coming --------------------------------------------------------------------------------------------------------------


def test_who_is_invited_twice_is_in_once_with_the_later_role(conversation: Conversation, bob: User) -> None:
    invited(conversation, bob, Role.READER)
    invited(conversation, bob, Role.WRITER)
    assert conversation.memberships.get().role == Role.WRITER
    assert Conversation.objects.get(pk=conversation.pk).is_shared


def test_whose_it_is_can_be_made_nothing_less(conversation: Conversation, alice: User) -> None:
    assert joining.invite(conversation, alice, Role.READER) is None
    assert conversation.role_of(alice) == Role.OWNER
    assert not conversation.memberships.exists()


def test_of_several_roles_the_highest_counts(conversation: Conversation, bob: User) -> None:
    group = Group.objects.create(name="Writers")
    group.user_set.add(bob)
    joining.invite(conversation, group, Role.WRITER)
    invited(conversation, bob, Role.READER)
    assert conversation.role_of(bob) == Role.WRITER
    group.user_set.remove(bob)
    assert conversation.role_of(bob) == Role.READER


def test_no_more_are_invited_than_a_question_can_step(conversation: Conversation, bob: User) -> None:
    groups = Group.objects.bulk_create(Group(name=f"Group {number}") for number in range(joining.MOST_INVITED))
    for group in groups:
        joining.invite(conversation, group, Role.READER)
    with pytest.raises(TooManyPeopleError):
        joining.invite(conversation, bob, Role.READER)
    joining.invite(conversation, groups[0], Role.WRITER)  # who is in may still be made something else


def test_invited_by_twenty_at_once_somebody_is_in_once(conversation: Conversation, bob: User) -> None:
    def invite(_: int) -> None:
        try:
            joining.invite(conversation, bob, Role.WRITER)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(invite, range(20)))
    assert conversation.memberships.count() == 1


# Going ---------------------------------------------------------------------------------------------------------------


def test_the_last_owner_stays(conversation: Conversation, alice: User, bob: User) -> None:
    invited(conversation, bob, Role.WRITER)
    with pytest.raises(LastOwnerError):
        joining.leave(conversation, alice)
    assert conversation.role_of(alice) == Role.OWNER


def test_an_owner_who_leaves_is_followed_by_the_one_who_was_there_first(
    conversation: Conversation, alice: User, bob: User, charlie: User
) -> None:
    invited(conversation, charlie, Role.OWNER)
    invited(conversation, bob, Role.OWNER)
    joining.leave(conversation, alice)
    now = Conversation.objects.get(pk=conversation.pk)
    assert (now.owner, now.role_of(alice), now.role_of(bob)) == (charlie, None, Role.OWNER)
    joining.leave(now, bob)
    assert not Conversation.objects.get(pk=conversation.pk).is_shared
    with pytest.raises(LastOwnerError):
        joining.leave(now, charlie)


def test_two_owners_who_leave_at_once_do_not_leave_it_to_nobody(
    conversation: Conversation, alice: User, bob: User
) -> None:
    invited(conversation, bob, Role.OWNER)

    def leave(member: User) -> str:
        try:
            joining.leave(conversation, member)
        except LastOwnerError:
            return "stays"
        finally:
            connections.close_all()
        return "gone"

    with ThreadPoolExecutor(2) as pool:
        fates = sorted(pool.map(leave, [alice, bob]))
    assert fates == ["gone", "stays"]


def test_who_is_in_by_a_group_leaves_with_it(conversation: Conversation, bob: User) -> None:
    group = Group.objects.create(name="Writers")
    group.user_set.add(bob)
    joining.invite(conversation, group, Role.WRITER)
    with pytest.raises(InByGroupError):
        joining.leave(conversation, bob)


@pytest.mark.parametrize("how", ["removed", "gone", "deactivated", "group removed", "out of the group"])
def test_what_somebody_waits_for_ends_with_their_right_and_what_others_wait_for_does_not(
    conversation: Conversation, alice: User, bob: User, route: Route, how: str
) -> None:
    if "group" in how:
        group = Group.objects.create(name="Writers")
        group.user_set.add(bob)
        membership = joining.invite(conversation, group, Role.WRITER)
    else:
        membership = invited(conversation, bob)
    assert membership
    asking.ask(conversation, bob, "And a functor?", uuid4(), route)
    match how:
        case "removed" | "group removed":
            joining.remove(membership, alice)
        case "gone":
            joining.leave(conversation, bob)
        case "deactivated":
            bob.is_active = False
            bob.save()
        case "out of the group":  # in the admin, which tells nobody: each worker looks every five seconds
            bob.groups.clear()
            asking.stop_unseen()
    assert states(conversation) == {"Alice": State.QUEUED, "Bob": State.STOPPED}
    assert Message.objects.filter(author=bob, text="And a functor?").exists()


def test_a_role_that_is_taken_while_its_owner_is_at_work_counts_at_once(
    conversation: Conversation, alice: User, bob: User, route: Route
) -> None:
    membership = invited(conversation, bob)
    joining.change_role(membership, Role.READER, alice)
    with pytest.raises(NotAllowedError):
        asking.ask(conversation, bob, "And now?", uuid4(), route)
    joining.remove(membership, alice)
    joining.remove(membership, alice)  # the second click
    with pytest.raises(Membership.DoesNotExist):
        joining.change_role(membership, Role.OWNER, alice)
    assert conversation.role_of(bob) is None


# Together ------------------------------------------------------------------------------------------------------------


def test_of_two_who_ask_at_once_the_second_stands_below_the_firsts_answer(
    conversation: Conversation, alice: User, bob: User, route: Route
) -> None:
    """Neither is lost, both are on the one path that everybody sees, and the second is told the first's answer."""
    invited(conversation, bob)
    first_leaf = conversation.leaf_id

    def ask(member: User) -> None:
        try:
            asking.ask(conversation, member, f"{member} asks", uuid4(), route)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, [alice, bob]))
    now = Conversation.objects.get(pk=conversation.pk)
    shown = [it.text for it in path.newest(now).messages() if it.author_id and it.parent_id]
    assert sorted(shown) == ["Alice asks", "Bob asks"]
    second = Message.objects.get(text=shown[1])
    first = Message.objects.get(text=shown[0])
    assert (first.parent_id, second.parent.parent_id if second.parent else None) == (first_leaf, first.pk)
    assert first.parent_id in path.down_to(second, 10_000)


def test_questions_of_several_are_answered_one_after_the_other_as_they_came(
    conversation: Conversation, alice: User, bob: User, route: Route
) -> None:
    invited(conversation, bob)
    for member, text in ((bob, "Second"), (alice, "Third"), (bob, "Fourth")):
        asking.ask(conversation, member, text, uuid4(), route)
    order = []
    while writers := Writer.claim([]):
        [writer] = writers
        order.append(str(Message.objects.get(children=writer.generation.message_id).text))
        writer.end()
    assert order == ["What is a monad?", "Second", "Third", "Fourth"]


@pytest.fixture
def presses(alice: User, bob: User, route: Route) -> dict[str, Callable[[Message], Message]]:
    """What Bob may press at an answer of Alice's."""
    return {
        "again": lambda answer: asking.ask_again(answer, bob),
        "continue": lambda answer: asking.carry_on(answer, bob),
        "ask": lambda answer: Message.objects.get(parent=asking.ask(answer.conversation, bob, "More", uuid4(), route)),
    }


@pytest.mark.parametrize("deed", ["again", "continue", "ask"])
def test_who_presses_pays(
    conversation: Conversation,
    generation: Generation,
    bob: User,
    presses: dict[str, Callable[[Message], Message]],
    deed: str,
) -> None:
    invited(conversation, bob)
    asking.stop(conversation)
    Message.objects.filter(pk=generation.message_id).update(text="A monad is")
    answer = presses[deed](Message.objects.get(pk=generation.message_id))
    assert Generation.objects.get(message=answer).member == bob


def test_a_member_stops_what_is_written_and_their_own_questions_not_those_of_others(
    conversation: Conversation, alice: User, bob: User, charlie: User, route: Route
) -> None:
    for member in (bob, charlie):
        invited(conversation, member)
        asking.ask(conversation, member, "More", uuid4(), route)
    [writer] = Writer.claim([])  # Alice's
    asking.stop(conversation, charlie)
    writer.end()
    assert states(conversation) == {"Alice": State.STOPPED, "Bob": State.QUEUED, "Charlie": State.STOPPED}


# What is left of whom ------------------------------------------------------------------------------------------------


def test_what_a_deactivated_owner_began_lives_on_for_the_others(
    conversation: Conversation, alice: User, bob: User, route: Route
) -> None:
    invited(conversation, bob, Role.OWNER)
    alice.is_active = False
    alice.save()
    asking.ask(conversation, bob, "And now?", uuid4(), route)
    asking.rename(conversation, "Bob's now", bob)
    assert Conversation.objects.owned_by(bob).get().title == "Bob's now"


def test_what_a_deleted_owner_began_goes_to_the_next_and_what_was_theirs_alone_goes(
    conversation: Conversation, alice: User, bob: User, route: Route
) -> None:
    alone = asking.start(alice, "Alone", uuid4(), route).conversation
    invited(conversation, bob, Role.OWNER)
    asking.ask(conversation, bob, "And now?", uuid4(), route)
    alice.delete()
    assert not Conversation.objects.filter(pk=alone.pk).exists()
    now = Conversation.objects.get(pk=conversation.pk)
    assert (now.owner, now.memberships.count()) == (bob, 0)
    messages = path.newest(now).messages()
    assert [(it.text, it.author) for it in messages if not it.is_answer] == [
        ("What is a monad?", None),
        ("And now?", bob),
    ]
    assert {it.generation.member for it in messages if it.is_answer} == {bob}


def test_a_deleted_writers_answers_stay_in_what_is_anothers(
    conversation: Conversation, alice: User, bob: User, route: Route
) -> None:
    invited(conversation, bob)
    asking.ask(conversation, bob, "And now?", uuid4(), route)
    bob.delete()
    messages = path.newest(Conversation.objects.get(pk=conversation.pk)).messages()
    assert [it.generation.member for it in messages if it.is_answer] == [alice, alice]
