"""What a model reads: the path down to the question, whole turns, nothing of anybody's name."""

from __future__ import annotations

from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from accounts.models import User
from catalog.choosing import estimated_tokens
from catalog.models import LanguageModel, Route
from conversations import asking, ending, events
from conversations.events import Event
from conversations.models import Chunk, Conversation, Generation, Message
from conversations.prompting import NAMING, SYSTEM, Told, naming_prompt, prompt, shortened
from providers.messages import ChatMessage, Role
from tests.conversations.conftest import working
from tests.upstream import Script, Upstream
from tests.workers import has_ended

State = Generation.State


def answered(question: Message, text: str, state: Generation.State = State.DONE, reasoning: str = "") -> Message:
    """Let a question's answer say this and end."""
    (generation,) = Generation.objects.claim("a worker", 1)
    said = [(Chunk.Kind.REASONING, reasoning), (Chunk.Kind.TEXT, text)]
    pieces = [Event(generation.pk, n, 1, kind, piece) for n, (kind, piece) in enumerate(said, 1) if piece]
    events.append(pieces)
    assert ending.end(generation, ending.Outcome(state), may=lambda _: True)
    answer = Message.objects.select_related("conversation", "parent").get(parent=question)
    assert answer.text == text
    return answer


def read(question: Message, context: int = 100_000, output: int = 2048) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in prompt(Told(question, context), context, output)]


@pytest.fixture
def talk(conversation: Conversation, question: Message, alice: User, route: Route) -> list[Message]:
    """Three questions; the first two are answered."""
    answered(question, "A burrito.", reasoning="Let me think.")
    second = asking.ask(conversation, alice, "Why?", uuid4(), route)
    answered(second, "Because.")
    return [question, second, asking.ask(conversation, alice, "Really?", uuid4(), route)]


def test_a_question_is_read_with_everything_before_it_in_order(talk: list[Message]) -> None:
    assert read(talk[2]) == [
        ("system", SYSTEM),
        ("user", "What is a monad?"),
        ("assistant", "A burrito."),
        ("user", "Why?"),
        ("assistant", "Because."),
        ("user", "Really?"),
    ]


def test_nothing_behind_the_question_and_no_other_branch_is_read(
    talk: list[Message], alice: User, route: Route
) -> None:
    edited = asking.edit(talk[1], alice, "How?", uuid4(), route)
    assert read(talk[1])[1:] == [("user", "What is a monad?"), ("assistant", "A burrito."), ("user", "Why?")]
    assert read(edited)[1:] == [("user", "What is a monad?"), ("assistant", "A burrito."), ("user", "How?")]


@pytest.mark.parametrize("state", [State.FAILED, State.STOPPED, State.INTERRUPTED])
@pytest.mark.parametrize(("text", "said"), [("Half an ans", "Half an ans"), ("", "(no answer)")])
def test_an_answer_that_broke_off_is_read_as_far_as_it_came(
    conversation: Conversation,
    question: Message,
    alice: User,
    route: Route,
    state: Generation.State,
    text: str,
    said: str,
) -> None:
    answered(question, text, state)
    second = asking.ask(conversation, alice, "Go on", uuid4(), route)
    assert read(second)[1:] == [("user", "What is a monad?"), ("assistant", said), ("user", "Go on")]


@pytest.mark.parametrize("context", range(100, 1000, 37))
def test_the_oldest_turns_go_when_the_window_is_too_small_and_a_question_comes_first(
    conversation: Conversation, question: Message, alice: User, route: Route, context: int
) -> None:
    answered(question, "a" * 500)
    for number in range(3):
        question = asking.ask(conversation, alice, f"{number}" * 300, uuid4(), route)
        answered(question, "a" * 200)
    question = asking.ask(conversation, alice, "The last one", uuid4(), route)
    turns = read(question, context, output=50)
    assert turns[0] == ("system", SYSTEM)
    assert turns[-1] == ("user", "The last one")
    assert [role for role, _ in turns[1::2]] == ["user"] * (len(turns) // 2)
    assert [role for role, _ in turns[2::2]] == ["assistant"] * (len(turns) // 2 - 1)
    assert turns[1:] == read(question)[1:][-(len(turns) - 1) :]  # what is left is the end of the whole
    assert sum(estimated_tokens(text) for _, text in turns[:-1]) <= max(context - 50, estimated_tokens(SYSTEM))


def test_a_question_that_fills_the_window_alone_is_still_asked(talk: list[Message]) -> None:
    assert read(talk[2], context=1, output=1)[1:] == [("user", "Really?")]


def test_an_output_as_large_as_the_window_leaves_a_quarter_for_the_question(talk: list[Message]) -> None:
    assert len(read(talk[2], context=1000, output=100_000)) == 6


@pytest.mark.parametrize(
    ("turns", "left"),
    [("SUAUAU", "SUAU"), ("SUAUAUA", "SUAUA"), ("SUAU", "SU"), ("SUAUAUAU", "SUAU"), ("SU", ""), ("SUA", "")],
)
def test_what_is_too_long_loses_the_older_half_before_the_question(turns: str, left: str) -> None:
    roles: dict[str, Role] = {"S": "system", "U": "user", "A": "assistant"}
    messages = tuple(ChatMessage(roles[turn], str(n)) for n, turn in enumerate(turns))
    fewer = shortened(messages)
    assert "".join(it.role[0].upper() for it in fewer) == left
    assert fewer[1:] == messages[len(messages) - len(fewer) + 1 :]


def test_a_title_is_asked_for_with_the_beginning_of_what_was_said() -> None:
    system, said = naming_prompt("q" * 5000, "a" * 5000)
    assert (system.content, len(said.content)) == (NAMING, len("Question:\n\n\nAnswer:\n") + 4000)


# As it is sent.


async def test_who_asks_is_a_keyed_hash_and_past_thoughts_stay_home(
    talk: list[Message], upstream: Upstream, alice: User, charlie: User, route: Route
) -> None:
    upstream.answer_with(lambda request: Script.text("Yes."))
    other = await sync_to_async(asking.start)(charlie, "Hello", uuid4(), route)
    async with working():
        for question in (talk[2], other):
            await has_ended(await Generation.objects.aget(message__parent=question))
    sent = {request.says("user"): request for request in upstream.requests if "title" not in request.says("system")}
    hers, his = sent["Really?"], sent["Hello"]
    assert hers.body["user_id"] != his.body["user_id"]
    for request, member in ((hers, alice), (his, charlie)):
        assert len(request.body["user_id"]) == 32
        raw = request.raw.decode().lower()
        assert member.email not in raw
        assert member.name.lower() not in raw
        assert str(member.pk) != request.body["user_id"]
    assert "Let me think." not in hers.raw.decode()
    assert [message["role"] for message in hers.body["messages"]] == [
        "system", "user", "assistant", "user", "assistant", "user"
    ]  # fmt: skip


async def test_the_same_member_is_the_same_hash_and_another_site_has_another(
    upstream: Upstream, alice: User, route: Route, settings: Settings
) -> None:
    for number, secret in enumerate(("s" * 50, "s" * 50, "t" * 50)):
        settings.SECRET_KEY = secret
        question = await sync_to_async(asking.start)(alice, f"Question {number}", uuid4(), route)
        async with working():
            await has_ended(await Generation.objects.aget(message__parent=question))
    hashes = {request.says("user"): request.body["user_id"] for request in upstream.requests}
    assert hashes["Question 0"] == hashes["Question 1"] != hashes["Question 2"]


async def test_limits_and_effort_are_the_routes(upstream: Upstream, generation: Generation, route: Route) -> None:
    await LanguageModel.objects.aupdate(output_tokens=321)
    await Route.objects.aupdate(effort="high")
    async with working():
        await has_ended(generation)
    body = upstream.requests[0].body
    assert (body["model"], body["max_tokens"], body["reasoning_effort"]) == ("deepseek-flash", 321, "high")
