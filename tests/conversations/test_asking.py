"""What people do: one transaction each, under the conversation's lock, and never twice for one click."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import DataError, IntegrityError

from accounts.models import User
from catalog.models import NoRouteError, Provider, Route
from conversations import asking
from conversations.errors import KeyReusedError, NotAnswerableError
from conversations.models import Conversation, Generation, Message, path
from tests.workers import at_once


def answer_to(question: Message) -> Message:
    return Message.objects.select_related("generation", "conversation", "parent").get(parent=question)


def anew(conversation: Conversation) -> Conversation:
    return Conversation.objects.get(pk=conversation.pk)


def shown(conversation: Conversation) -> list[tuple[str, str]]:
    """The path as a reader sees it: each text with its place among its siblings."""
    return [(m.text, f"{m.place.number}/{m.place.count}") for m in path.newest(anew(conversation)).messages()]


def rows() -> tuple[int, int, int]:
    return Conversation.objects.count(), Message.objects.count(), Generation.objects.count()


def finish(generation: Generation) -> None:
    """End it without a worker."""
    asking.stop(generation.conversation)


def test_the_first_question_makes_a_conversation_with_a_queued_answer(alice: User, route: Route) -> None:
    key = uuid4()
    question = asking.start(alice, "What is\na   monad?", key, route)
    answer, conversation = answer_to(question), anew(question.conversation)
    assert (question.pk, question.role, question.author, question.parent) == (key, "user", alice, None)
    assert (answer.role, answer.text, answer.author) == ("assistant", "", None)
    assert (answer.generation.state, answer.generation.member, answer.generation.route) == ("queued", alice, route)
    assert (conversation.owner, conversation.title, conversation.named_by) == (alice, "What is a monad?", "excerpt")
    assert (conversation.leaf, conversation.seq, conversation.path_seq, conversation.route) == (answer, 1, 0, route)
    assert question.changed_seq == answer.changed_seq == 1


def test_the_next_question_stands_below_the_last_answer_and_steps_the_log_once(
    conversation: Conversation, question: Message, alice: User, route: Route
) -> None:
    first = answer_to(question)
    second = asking.ask(conversation, alice, "And a functor?", uuid4(), route)
    assert second.parent == first
    assert (anew(conversation).seq, anew(conversation).path_seq) == (2, 0)
    assert second.changed_seq == answer_to(second).changed_seq == 2
    assert [text for text, _ in shown(conversation)] == ["What is a monad?", "", "And a functor?", ""]


def test_other_words_make_a_sibling_and_the_old_branch_stays(
    conversation: Conversation, question: Message, alice: User, route: Route
) -> None:
    edited = asking.edit(question, alice, "What is a monoid?", uuid4(), route)
    assert edited.parent is None
    assert shown(conversation) == [("What is a monoid?", "2/2"), ("", "1/1")]
    now = anew(conversation)
    assert now.path_seq == now.seq == 2  # the path changed elsewhere than at its end: pages show it anew
    assert Message.objects.filter(text="What is a monad?").exists()


def test_editing_a_later_question_keeps_what_came_before_it(
    conversation: Conversation, question: Message, alice: User, route: Route
) -> None:
    second = asking.ask(conversation, alice, "Why?", uuid4(), route)
    edited = asking.edit(second, alice, "How?", uuid4(), route)
    assert edited.parent == answer_to(question)
    assert shown(conversation) == [("What is a monad?", "1/1"), ("", "1/1"), ("How?", "2/2"), ("", "1/1")]


def test_asking_again_puts_another_answer_beside_the_first(
    conversation: Conversation, question: Message, generation: Generation, alice: User
) -> None:
    finish(generation)
    first = answer_to(question)
    again = asking.ask_again(first, alice)
    assert (again.parent, again.generation.state, again.generation.route) == (question, "queued", generation.route)
    assert shown(conversation) == [("What is a monad?", "1/1"), ("", "2/2")]
    now = anew(conversation)
    assert now.path_seq == now.seq == again.changed_seq


def test_asking_again_twice_while_one_waits_queues_one(question: Message, generation: Generation, alice: User) -> None:
    finish(generation)
    first = answer_to(question)
    assert len({answer.pk for answer in at_once(8, lambda _: asking.ask_again(first, alice))}) == 1
    assert Generation.objects.live().count() == 1
    assert Message.objects.filter(parent=question).count() == 2


def test_a_question_cannot_be_answered_again_as_if_it_were_an_answer(question: Message, alice: User) -> None:
    with pytest.raises(NotAnswerableError):
        asking.ask_again(question, alice)


def test_asking_again_without_any_model_leaves_nothing_behind(
    conversation: Conversation, question: Message, generation: Generation, alice: User
) -> None:
    finish(generation)
    Provider.objects.update(enabled=False)
    before = rows(), anew(conversation).seq
    with pytest.raises(NoRouteError):
        asking.ask_again(answer_to(question), alice)
    assert (rows(), anew(conversation).seq) == before


def test_switching_shows_the_other_branch_down_to_its_newest_end(
    conversation: Conversation, question: Message, alice: User, route: Route
) -> None:
    asking.ask(conversation, alice, "Why?", uuid4(), route)
    asking.edit(question, alice, "What is a monoid?", uuid4(), route)
    asking.switch(question)
    assert [text for text, _ in shown(conversation)] == ["What is a monad?", "", "Why?", ""]
    assert shown(conversation)[0] == ("What is a monad?", "1/2")
    now = anew(conversation)
    assert now.path_seq == now.seq == 4


def test_every_version_knows_its_neighbours(question: Message, alice: User, route: Route) -> None:
    versions = [question, *(asking.edit(question, alice, f"Version {n}", uuid4(), route) for n in (2, 3))]
    asking.switch(versions[1])
    place = path.newest(anew(question.conversation)).messages()[0].place
    assert (place.number, place.count) == (2, 3)
    assert (place.previous, place.next) == (versions[0].pk, versions[2].pk)


def test_a_renamed_conversation_carries_the_members_words(conversation: Conversation) -> None:
    asking.rename(conversation, "x" * 500)
    now = anew(conversation)
    assert (now.title, now.named_by, now.seq, now.path_seq) == ("x" * 120, "member", 2, 0)


def test_a_deleted_conversation_is_gone_at_once_and_its_answers_end(
    conversation: Conversation, generation: Generation, alice: User, route: Route
) -> None:
    asking.delete(conversation)
    assert not Conversation.objects.visible_to(alice).exists()
    generation.refresh_from_db()
    assert generation.state == "stopped"
    with pytest.raises(Conversation.DoesNotExist):
        asking.ask(conversation, alice, "Still there?", uuid4(), route)


def test_a_deleted_conversation_asks_its_worker_to_stop(conversation: Conversation, generation: Generation) -> None:
    Generation.objects.claim("a worker", 1)
    asking.delete(conversation)
    generation.refresh_from_db()
    assert (generation.state, generation.stop_requested) == ("running", True)


def test_a_queued_answer_that_is_stopped_ends_at_once_and_is_never_claimed(
    conversation: Conversation, generation: Generation
) -> None:
    asking.stop(conversation)
    generation.refresh_from_db()
    assert (generation.state, generation.ended_at is not None, generation.epoch) == ("stopped", True, 1)
    assert Generation.objects.claim("a worker", 10) == []
    assert anew(conversation).seq == generation.message.changed_seq == 2


def test_stopping_reaches_every_answer_of_the_conversation_and_no_other(
    conversation: Conversation, alice: User, route: Route
) -> None:
    Generation.objects.claim("a worker", 1)
    asking.ask(conversation, alice, "Why?", uuid4(), route)
    other = asking.start(alice, "Something else", uuid4(), route)
    asking.stop(conversation)
    here = Generation.objects.filter(conversation=conversation).order_by("created_at")
    assert list(here.values_list("state", "stop_requested")) == [("running", True), ("stopped", False)]
    assert Generation.objects.get(conversation=other.conversation).state == "queued"


def test_stopping_when_nothing_runs_changes_nothing(conversation: Conversation) -> None:
    asking.stop(conversation)
    before = anew(conversation).seq
    asking.stop(conversation)
    assert anew(conversation).seq == before


# One transaction: a failure leaves nothing.


def test_a_question_that_fails_leaves_no_row_and_no_step(
    conversation: Conversation, question: Message, alice: User, route: Route
) -> None:
    before = rows(), anew(conversation).seq
    # The route's row goes while its form is open; the database says so only when the deed commits.
    route = Route.objects.whole().get(pk=route.pk)
    Generation.objects.update(route=None)
    Conversation.objects.update(route=None)
    Route.objects.filter(pk=route.pk).delete()
    route.pk = 999_999
    with pytest.raises(IntegrityError):
        asking.start(alice, "Lost", uuid4(), route)
    with pytest.raises(IntegrityError):
        asking.ask(conversation, alice, "Lost", uuid4(), route)
    with pytest.raises(IntegrityError):
        asking.edit(question, alice, "Lost", uuid4(), route)
    assert (rows(), anew(conversation).seq) == before


def test_words_that_the_database_refuses_leave_nothing(conversation: Conversation, alice: User, route: Route) -> None:
    before = rows(), anew(conversation).seq
    with pytest.raises((DataError, ValueError)):
        asking.ask(conversation, alice, "a\0b", uuid4(), route)
    assert (rows(), anew(conversation).seq) == before


# A second click asks once.


def test_the_same_form_sent_twice_asks_once(conversation: Conversation, alice: User, route: Route) -> None:
    key = uuid4()
    first = asking.ask(conversation, alice, "Why?", key, route)
    before = rows(), anew(conversation).seq
    assert asking.ask(conversation, alice, "Why?", key, route) == first
    assert (rows(), anew(conversation).seq) == before


def test_twenty_clicks_at_once_ask_once(conversation: Conversation, alice: User, route: Route) -> None:
    key = uuid4()
    asked = at_once(20, lambda _: asking.ask(conversation, alice, "Why?", key, route))
    assert {question.pk for question in asked} == {key}
    assert rows() == (1, 4, 2)
    assert anew(conversation).seq == 2


def test_twenty_first_clicks_at_once_make_one_conversation(alice: User, route: Route) -> None:
    key = uuid4()
    asked = at_once(20, lambda _: asking.start(alice, "What is a monad?", key, route))
    assert len({question.conversation_id for question in asked}) == 1
    assert rows() == (1, 2, 1)


def test_a_form_that_asked_once_does_not_ask_something_else(
    conversation: Conversation, alice: User, route: Route
) -> None:
    key = uuid4()
    asking.ask(conversation, alice, "Why?", key, route)
    before = rows()
    with pytest.raises(KeyReusedError):
        asking.ask(conversation, alice, "Why not?", key, route)
    assert rows() == before


@pytest.mark.parametrize("text", ["What is a monad?", "Something else"])
def test_another_members_key_is_refused_whatever_it_says(
    question: Message, charlie: User, route: Route, text: str
) -> None:
    before = rows()
    with pytest.raises(KeyReusedError):
        asking.start(charlie, text, question.pk, route)
    assert rows() == before


def test_the_key_of_a_question_in_a_deleted_conversation_is_refused(
    conversation: Conversation, question: Message, alice: User, route: Route
) -> None:
    asking.delete(conversation)
    with pytest.raises(KeyReusedError):
        asking.start(alice, question.text, question.pk, route)


def test_different_questions_at_once_are_all_asked_one_below_the_other(
    conversation: Conversation, alice: User, route: Route
) -> None:
    at_once(8, lambda n: asking.ask(conversation, alice, f"Question {n}", uuid4(), route))
    assert len(shown(conversation)) == 2 + 2 * 8
    assert anew(conversation).seq == 1 + 8
    stamps = Message.objects.filter(role="user", conversation=conversation).values_list("changed_seq", flat=True)
    assert sorted(stamps) == list(range(1, 10))
