"""The property of the house: replaying the log gives the same page as reloading it, wherever a reader was cut off."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from uuid import uuid4

import pytest
from django.template import Template
from django.test import Client, override_settings
from django.test.signals import template_rendered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from catalog.models import Route
from conversations import asking, naming
from conversations.errors import NotAnswerableError
from conversations.models import Chunk, Conversation, Generation, Message, path
from tests.conversations.replaying import (
    MARK,
    Follower,
    More,
    Piece,
    WebProcess,
    Writer,
    assert_same,
    assert_shows_a_prefix,
    finish_all,
    load,
)
from tests.page import Page

TEXT, REASONING = Chunk.Kind.TEXT, Chunk.Kind.REASONING
LANGUAGES = ("en", "zh-hans")

# Each # becomes the next mark.
BLOCKS = [
    "Some words # and **bold #** and *#* and `#`, ~~gone~~; https://example.org/#.\nA second line #.\n\n",
    "## A heading #\n\n",
    "```python\ndef f(x):\n    return '#'\n\n# #\n```\n\n",
    "- # one\n- two #\n  - nested #\n\n  loose #\n\n",
    "1. #\n2. #\n\n   ```\n   #\n   ```\n\n",
    "- [ ] # to do\n- [x] # done\n\n",
    "| a | b |\n|---|--:|\n| # | `#` |\n| **#** | # |\n\n",
    "$$x_1 = \\frac{a}{b}$$\n\nThe area is $A = \\pi r^2$ #.\n\n",
    "价格是 #,**流式输出**让回答逐字出现 #。标点「#」也要。\n\n",
    "🚀 # 👩🏽‍💻 # e\u0301 \u2028 #\r\n\r\n",
    "> a quote #\n> on two lines #\n\n",
    "<b>#</b> &amp; <hx-partial id=composer>#</hx-partial> <script>alert('#')</script>\n\n",
    "[#](https://example.org/x) ![an image](https://evil.example/i.png) #\n\n",
    "A note[^1] #.\n\n[^1]: Said last.\n\n",
    "---\n\n# #\n\n***\n\n",
    "An *open # star, a `tick # and a [bracket #\n\n",
]


def marked(blocks: list[str], number: int = 0) -> str:
    """The blocks, with every lone # a mark: q0z, q1z, …"""
    text = ""
    for character in "".join(blocks).replace("## A", "\x00 A").replace("# #", "\x01 #"):
        if character == "#":
            text, number = f"{text}q{number}z", number + 1
        else:
            text += character
    return text.replace("\x00", "##").replace("\x01", "#")


def cut(kind: Chunk.Kind, text: str, chance: random.Random, longest: int) -> Iterator[Piece]:
    while text:
        size = chance.randint(1, longest)
        yield kind, text[:size]
        text = text[size:]


def script(chance: random.Random, blocks: int = 5, longest: int = 25, after: tuple[str, str] = ("", "")) -> list[Piece]:
    """An answer in random cuts: it thinks first or not at all, and sometimes again in the middle.

    `after` are the words and thoughts that it goes on from.
    """
    said, thought = (len(MARK.findall(it)) for it in after)
    thoughts = list(cut(REASONING, marked(chance.choices(BLOCKS, k=chance.choice((0, 2))), thought), chance, longest))
    words = list(cut(TEXT, marked(chance.choices(BLOCKS, k=blocks), said), chance, longest))
    if thoughts and chance.random() < 0.3:  # the rest of its thoughts come between the words
        at, back = len(thoughts) // 2, chance.randrange(len(words))
        return [*thoughts[:at], *words[:back], *thoughts[at:], *words[back:]]
    return [*thoughts, *words]


class House:
    """One conversation, two web processes, some pages, and everything that can happen to them."""

    def __init__(self, member: User, route: Route, client: Client, chance: random.Random) -> None:
        self.member, self.route, self.client, self.chance = member, route, client, chance
        self.conversation = asking.start(member, "First?", uuid4(), route).conversation
        self.processes = [WebProcess(self.conversation), WebProcess(self.conversation)]
        self.followers: list[tuple[Follower, WebProcess]] = []
        self.writers: list[Writer] = []
        self.awaited: list[tuple[Follower, More]] = []

    # What workers do

    def claim(self) -> None:
        for writer in Writer.claim([]):
            message = Message.objects.get(generation=writer.generation)
            writer.pieces = script(self.chance, after=(message.text, message.reasoning))
            self.writers.append(writer)

    def write(self) -> None:
        for writer in self.writers:
            writer.write(self.chance.choice((1, 1, 1, 2, 5)))

    def end(self) -> None:
        if self.writers:
            self.writers.pop(0).end()

    def fail(self) -> None:
        if self.writers:
            self.writers.pop().end(self.chance.choice((Generation.State.FAILED, Generation.State.INTERRUPTED)))

    def leave(self) -> None:
        if self.writers:
            self.writers.pop().leave()

    def name(self) -> None:
        naming.give_title(self.conversation.pk, f"Title <{self.chance.randint(1, 99)}> & more")

    # What people do

    def ask(self) -> None:
        asking.ask(self.conversation, self.member, "And <then>?\n\n  indented", uuid4(), self.route)

    def edit(self) -> None:
        asking.edit(self._any(Message.Role.USER), self.member, "Other words?", uuid4(), self.route)

    def again(self) -> None:
        asking.ask_again(self._any(Message.Role.ASSISTANT), self.member)

    def carry_on(self) -> None:
        """Let what was broken off go on, if it stands at the end."""
        leaf = Conversation.objects.get(pk=self.conversation.pk).leaf
        assert leaf is not None
        with suppress(NotAnswerableError):
            asking.carry_on(leaf, self.member)

    def switch(self) -> None:
        rows = Message.objects.filter(conversation=self.conversation).select_related("conversation")
        asking.switch(self.chance.choice(list(rows)))

    def rename(self) -> None:
        asking.rename(self.conversation, f"Named {self.chance.randint(1, 99)}")

    def stop(self) -> None:
        asking.stop(self.conversation)

    def _any(self, role: Message.Role) -> Message:
        shown = path.newest(Conversation.objects.get(pk=self.conversation.pk)).ids
        rows = Message.objects.filter(pk__in=shown, role=role).select_related("conversation", "parent", "generation")
        return self.chance.choice(list(rows))

    # What pages do

    def open(self) -> None:
        page = load(self.client, self.conversation, self.chance.choice(LANGUAGES))
        self.followers.append((Follower(page), self.chance.choice(self.processes)))

    def open_at(self) -> None:
        """By a link to one message."""
        at = self.chance.choice(list(Message.objects.filter(conversation=self.conversation)))
        page = load(self.client, self.conversation, self.chance.choice(LANGUAGES), at)
        self.followers.append((Follower(page), self.chance.choice(self.processes)))

    def look(self) -> None:
        """Somebody scrolls beyond what their page shows, and has to wait for it."""
        if looking := [it for it, _ in self.followers if it.page.links_to_more]:
            follower = self.chance.choice(looking)
            link = self.chance.choice(follower.page.links_to_more)
            self.awaited.append((follower, More.ask(self.client, link, follower.page.language)))

    def find(self) -> None:
        if self.awaited:
            follower, more = self.awaited.pop(self.chance.randrange(len(self.awaited)))
            follower.take_more(more)
            assert_shows_a_prefix(follower.page)

    def connect(self) -> None:
        if away := [it for it, _ in self.followers if it.position is None]:
            self.chance.choice(away).connect()

    def move(self) -> None:
        """The socket is cut; the page comes back to either process."""
        if self.followers:
            at = self.chance.randrange(len(self.followers))
            follower = self.followers[at][0]
            follower.disconnect()
            self.followers[at] = follower, self.chance.choice(self.processes)

    def turn(self) -> None:
        """Some are ready and some lag; of some the frame is lost with their socket."""
        for process in self.processes:
            there = [it for it, its in self.followers if its is process and it.position is not None]
            ready = [it for it in there if self.chance.random() < 0.7]
            for follower, told in zip(ready, process.turn(ready, hinted=self.chance.random() < 0.7), strict=True):
                if self.chance.random() < 0.1:
                    follower.disconnect()
                else:
                    follower.take(told)
                    assert_shows_a_prefix(follower.page)
            if not there:
                process.room = type(process.room)()  # the last reader left, the room is given up

    def compare(self) -> None:
        """Whoever keeps up has the same title and the same Stop button as a page loaded now."""
        for process in self.processes:
            there = [it for it, its in self.followers if its is process and it.position is not None]
            process.catch_up(there)
            fresh = self.fresh()
            for follower in there:
                assert_same(follower.page, fresh[follower.page.language], identities=("title", "live", "cursor"))

    def fresh(self) -> dict[str, Page]:
        """A page loaded now, in each language."""
        return {language: load(self.client, self.conversation, language) for language in LANGUAGES}

    def come_to_rest(self) -> None:
        for writer in self.writers:
            writer.pieces = writer.pieces or script(self.chance, blocks=1)
        finish_all(self.writers, script(self.chance, blocks=1))
        while self.awaited:
            self.find()
        for process in self.processes:
            followers = [it for it, its in self.followers if its is process]
            for follower in followers:
                if follower.position is None:
                    follower.connect()
            process.catch_up(followers)


STEPS: dict[str, tuple[Callable[[House], None], int]] = {
    "write": (House.write, 30),
    "turn": (House.turn, 30),
    "claim": (House.claim, 8),
    "open": (House.open, 4),
    "connect": (House.connect, 10),
    "move": (House.move, 4),
    "end": (House.end, 4),
    "fail": (House.fail, 3),
    "leave": (House.leave, 6),
    "name": (House.name, 1),
    "ask": (House.ask, 3),
    "edit": (House.edit, 2),
    "again": (House.again, 2),
    "switch": (House.switch, 3),
    "rename": (House.rename, 2),
    "stop": (House.stop, 2),
    "carry_on": (House.carry_on, 4),
    "compare": (House.compare, 3),
    # Nobody looks further where all is shown.
    "open_at": (House.open_at, 0),
    "look": (House.look, 0),
    "find": (House.find, 0),
}
WEIGHTED = [name for name, (_, weight) in STEPS.items() for _ in range(weight)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(WEIGHTED), min_size=20, max_size=80), seed=st.integers(0, 2**32))
def test_every_reader_ends_with_the_page_that_a_reload_gives(
    alice: User, route: Route, client: Client, steps: list[str], seed: int
) -> None:
    client.force_login(alice)
    house = House(alice, route, client, random.Random(seed))
    for step in ["open", "connect", "turn", *steps]:
        STEPS[step][0](house)
    house.come_to_rest()
    fresh = house.fresh()
    for follower, _ in house.followers:
        assert_same(follower.page, fresh[follower.page.language])


LOOKS = [*WEIGHTED, *5 * ["open_at"], *12 * ["look"], *12 * ["find"], *6 * ["ask"]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(LOOKS), min_size=20, max_size=80), seed=st.integers(0, 2**32))
def test_wherever_a_reader_looked_in_a_long_conversation_they_end_with_the_page_that_a_reload_gives(
    alice: User, route: Route, client: Client, steps: list[str], seed: int
) -> None:
    """Pages hold three messages. In the end all are scrolled up to the first and down to the last one."""
    client.force_login(alice)
    with override_settings(PAGE_MESSAGES=3):
        house = House(alice, route, client, random.Random(seed))
        for step in ["ask", "ask", "open", "connect", "turn", *steps]:
            STEPS[step][0](house)
        house.come_to_rest()
        fresh = {language: Follower(page) for language, page in house.fresh().items()}
        for follower in (*fresh.values(), *(it for it, _ in house.followers)):
            follower.take_all(client)
            assert_same(follower.page, fresh[follower.page.language].page)


@pytest.mark.parametrize("seed", range(3))
def test_a_reader_cut_off_at_any_event_ends_with_the_page_that_a_reload_gives(
    alice: User, route: Route, browser_of_alice: Client, seed: int
) -> None:
    """At every event one socket is lost with the frame on its way, and a fresh page joins."""
    chance = random.Random(seed)
    conversation = asking.start(alice, "First?", uuid4(), route).conversation
    process, always = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    always.connect()
    [writer] = Writer.claim(script(chance, blocks=7, longest=30))
    cut_off: list[Follower] = []
    while writer.write():
        joins = Follower(load(browser_of_alice, conversation))
        joins.connect()
        there = [always, joins, *(it for it in cut_off if it.position)]
        told = process.turn(there)
        always.take(told[0])
        assert_shows_a_prefix(always.page)
        for follower, its in zip(there[2:], told[2:], strict=True):  # last turn's, back for a single frame
            follower.take(its)
            assert_shows_a_prefix(follower.page)
            follower.disconnect()
        joins.connect()  # its first frame was lost; it comes back from where its page stands
        cut_off.append(joins)
    for follower in cut_off:
        follower.connect()
    process.serve([always, *cut_off])
    writer.end()
    process.catch_up([always, *cut_off])
    fresh = load(browser_of_alice, conversation)
    for follower in [always, *cut_off]:
        assert_same(follower.page, fresh)


@pytest.mark.parametrize("seed", range(3))
def test_a_reader_cut_off_at_any_event_of_an_answer_that_goes_on_ends_with_the_page_that_a_reload_gives(
    alice: User, route: Route, browser_of_alice: Client, seed: int
) -> None:
    """Its worker goes in the middle. Some follow, one at each event is cut off, and nobody is told of an end."""
    chance = random.Random(seed)
    conversation = asking.start(alice, "First?", uuid4(), route).conversation
    process, always = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    always.connect()
    pieces = script(chance, blocks=7, longest=30)
    half = len(pieces) // 2
    cut_off: list[Follower] = []
    for part, leave in ((pieces[:half], Writer.leave), (pieces[half:], Writer.end)):
        [writer] = Writer.claim(part)
        while writer.write():
            joins = Follower(load(browser_of_alice, conversation))
            joins.connect()
            process.serve([always, joins], hinted=chance.random() < 0.5)
            assert_shows_a_prefix(always.page)
            joins.disconnect()
            cut_off.append(joins)
        assert leave(writer)
    for follower in cut_off:
        follower.connect()
    process.catch_up([always, *cut_off])
    fresh = load(browser_of_alice, conversation)
    for follower in [always, *cut_off]:
        assert_same(follower.page, fresh)
    assert 'data-state="interrupted"' not in "".join(frame for it in [always, *cut_off] for frame in it.frames)


def test_a_message_is_rendered_once_for_all_readers_of_one_language(
    browser_of_alice: Client, conversation: Conversation
) -> None:
    process = WebProcess(conversation)
    followers = [Follower(load(browser_of_alice, conversation, it)) for it in LANGUAGES for _ in range(3)]
    for follower in followers:
        follower.connect()
    process.serve(followers)  # all of them stand at one place now, but for their languages
    [writer] = Writer.claim([(TEXT, "Look:\n\n```python\nprint()\n```\n"), (TEXT, "\nThat is all.")])
    rendered: list[str] = []
    listener = partial(_note, rendered)
    template_rendered.connect(listener)
    while writer.write():
        process.serve(followers)
    template_rendered.disconnect(listener)
    assert rendered.count("conversations/_message.html") == len(LANGUAGES)  # as it begins
    assert [follower.page.element("messages").html().count(">复制<") for follower in followers] == [0, 0, 0, 1, 1, 1]
    for follower in followers:
        assert_same(follower.page, load(browser_of_alice, conversation, follower.page.language))


def _note(rendered: list[str], template: Template, **_: object) -> None:
    rendered.append(str(template.name))


@pytest.mark.parametrize("seed", range(3))
def test_a_page_in_step_is_given_small_patches_and_a_turn_later_shows_all_that_a_page_loaded_now_shows(
    alice: User, route: Route, browser_of_alice: Client, seed: int
) -> None:
    chance = random.Random(seed)
    conversation = asking.start(alice, "First?", uuid4(), route).conversation
    process, follower = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    follower.connect()
    [writer] = Writer.claim(script(chance, blocks=5))
    while writer.write():
        process.serve([follower])
        process.serve([follower])  # what the first one held back
        fresh = load(browser_of_alice, conversation)
        assert [it.text for it in follower.page.articles] == [it.text for it in fresh.articles]
    assert sum("<article" in frame for frame in follower.frames) <= 6, "the whole message, again and again"
