"""What an answer costs on its way: the characters of all frames, from the log to the socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import batched
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Route
from conversations import asking, events
from conversations.events import Event
from conversations.feed.reader import Position
from conversations.feed.turn import Asked, Room, take_turn
from conversations.models import Chunk, Conversation
from conversations.showing import MEMBERS
from tests.conversations.replaying import Writer, load

TOKENS_A_FLUSH = 8
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "wizards",
    "brew",
    "potent",
    "tea",
]


def tokens(shape: str, count: int) -> list[str]:
    """Words of about 4.5 characters a token, as one paragraph, one code block, one list or one table."""
    words = [f"{WORDS[number % len(WORDS)]} " for number in range(count)]
    match shape:
        case "paragraph":
            return [f"{word[:-1]}. " if number % 15 == 14 else word for number, word in enumerate(words)]
        case "code":
            return ["```python\n", *(f"{word}= 1\n" if number % 8 == 7 else word for number, word in enumerate(words))]
        case "list":
            return ["- ", *(f"{word}\n- " if number % 12 == 11 else word for number, word in enumerate(words))]
        case "table":
            head = "| one | two | three |\n|---|---|---|\n| "
            return [head, *(_cell(word, number) for number, word in enumerate(words))]
    raise ValueError(shape)


def _cell(word: str, number: int) -> str:
    return f"{word}|\n| " if number % 12 == 11 else f"{word}| " if number % 4 == 3 else word


@dataclass
class Answer:
    """One conversation's answer on its way: what each flush made of it."""

    conversation: Conversation
    writer: Writer
    flushes: list[str]
    room: Room = field(default_factory=Room)
    position: Position = field(default_factory=lambda: Position(0))
    sizes: list[int] = field(default_factory=list)

    def next_event(self) -> Event | None:
        if self.writer.seq == len(self.flushes):
            return None
        self.writer.seq += 1
        generation = self.writer.generation
        text = self.flushes[self.writer.seq - 1]
        return Event(generation.pk, self.writer.seq, generation.epoch, Chunk.Kind.TEXT, text)


def tick(answers: list[Answer]) -> None:
    """One turn for all of them, as in a process with as many readers."""
    asked = {(it.conversation.pk, MEMBERS): Asked(it.room, [it.position], True) for it in answers}
    take_turn(asked)
    for answer in answers:
        [told] = asked[answer.conversation.pk, MEMBERS].told
        answer.position = told.position
        answer.sizes.append(len(told.frame))


@pytest.mark.parametrize("count", [2_000, 20_000])
def test_the_frames_of_an_answer_grow_with_its_text_not_with_its_square(
    alice: User,
    route: Route,
    browser_of_alice: Client,
    record_property: Callable[[str, object], None],
    count: int,
) -> None:
    answers = {}
    for shape in ("paragraph", "code", "list", "table"):
        conversation = asking.start(alice, shape, uuid4(), route).conversation
        [writer] = Writer.claim([])
        flushes = ["".join(batch) for batch in batched(tokens(shape, count), TOKENS_A_FLUSH)]
        answers[shape] = Answer(conversation, writer, flushes)
    everyone = list(answers.values())
    tick(everyone)  # the page as it joins: the question, and an empty answer
    for answer in everyone:
        answer.sizes.clear()
    while flush := [event for answer in everyone if (event := answer.next_event())]:
        assert not events.append(flush)
        tick(everyone)
    growing = {shape: list(answer.sizes) for shape, answer in answers.items()}
    for answer in everyone:
        answer.writer.end()
    tick(everyone)
    for shape, answer in answers.items():
        html = load(browser_of_alice, answer.conversation).articles[-1].html()
        flushes_of_1000 = 1_000 // TOKENS_A_FLUSH
        first, last = sum(growing[shape][1 : flushes_of_1000 + 1]), sum(growing[shape][-flushes_of_1000:])
        record_property(shape, f"{sum(answer.sizes) / len(html):.2f} times the HTML, last/first {last / first:.2f}")
        assert sum(answer.sizes) <= 4 * len(html), shape
        assert last <= 1.5 * first, shape
