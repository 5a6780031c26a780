"""Whatever a model writes, however it is cut: every state is within the allow list, and the last one is a reload's.

make fuzz                        a hundred thousand examples, in rounds, on all cores
make fuzz FUZZ_EXAMPLES=5000
"""

from __future__ import annotations

import os
import random
from functools import cache
from uuid import UUID, uuid4

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from catalog.models import Route
from conversations import asking, markdown, showing
from conversations.events import Event
from conversations.models import Chunk, Generation, Message
from conversations.models.message import Place
from tests.attacks.pages import around_messages, assert_words_are_safe
from tests.conversations.markdown.safety import assert_safe
from tests.conversations.markdown.samples import ATTACKS, SAMPLES
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load
from tests.page import Page, parsed

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))
# Each round begins anew: Hypothesis remembers all that it has tried, and a round is soon over, or else it hangs.
ROUND = 500
ROUNDS = range(-(-EXAMPLES // ROUND))
EACH = min(EXAMPLES, ROUND)
TEXT, REASONING = Chunk.Kind.TEXT, Chunk.Kind.REASONING

MARKS = (
    "* ** _ ~~ ` ``` ~~~~ [ ] ( ) ]( ![ [^1] [^1]: [a]: | |--|--| > - 1. # ## --- === \\ \\( \\) \\[ \\] $ $$ & &amp; "
    "< </ <! <? /> > \" ' = : :// http:// https://evil.tld/ www.evil.tld mailto:a@b.c javascript: data:text/html, "
    "<script> </script> <img <svg <hx-partial <template> </div> </article> <var>0</var> onerror=x 中文 👩🏽‍💻 e\u0301"
)
SPACES = [
    "\n",
    "\n\n",
    " ",
    "  \n",
    "\t",
    "    ",
    "\n- ",
    "\n> ",
    "\n| a |\n|---|\n| ",
    "\n```html\n",
    "\n$$\n",
    "\r",
    "\r\n",
]
UNSEEN = ["\u202e", "\u2066", "\U000e0041", "\ufdd0", "\u200d", "\ufeff", "\u2028", "\x01", "\x0c", "\x85"]
WHOLE = [*ATTACKS, *SAMPLES.values()]


@st.composite
def splinters(draw: st.DrawFn) -> str:
    """A part of an attack or of an answer, cut out anywhere."""
    text = draw(st.sampled_from(WHOLE))
    start = draw(st.integers(0, len(text) - 1))
    return text[start : start + draw(st.integers(1, 60))]


texts = st.lists(
    st.one_of(splinters(), st.sampled_from([*MARKS.split(), *SPACES, *UNSEEN]), st.text(max_size=6)), max_size=16
).map(lambda pieces: "".join(pieces).replace("\0", "").encode(errors="replace").decode())


def cut(text: str, chance: random.Random) -> list[str]:
    longest = chance.choice((1, 4, 15, 60))
    pieces = []
    while text:
        size = chance.randint(1, longest)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def an_answer() -> Message:
    """One that was just begun, and is in no database."""
    message = Message(id=UUID(int=5), conversation_id=uuid4(), role=Message.Role.ASSISTANT)
    message.place = Place(1, 1, None, None)
    message.generation = Generation(message=message, route=Route(label="Quick"), state=Generation.State.RUNNING)
    return message


def page_of(shown: str) -> Page:
    """What is around an answer, as far as it could be hurt."""
    return Page(
        f'<html><title>Title</title><body><main id="chat"><section id="thread"><div id="messages">{shown}</div>'
        '<data id="cursor" value="1"></data></section><form id="composer"><textarea id="question"></textarea></form>'
        "</main></body></html>"
    )


@cache
def around_plain_words(kinds: tuple[Chunk.Kind, ...]) -> list[str]:
    """The markup around an answer of plain words and thoughts that began in this order."""
    growing = showing.GrowingAnswer(an_answer())
    for seq, kind in enumerate(kinds, 1):
        growing.take(Event(UUID(int=7), seq, 1, kind, "x"))
    return around_messages(page_of(growing.html()))


@pytest.mark.parametrize("turn", ROUNDS)
@settings(max_examples=EACH, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts, seed=st.integers(0, 2**32))
def test_every_state_of_any_text_in_any_cut_is_safe_and_stays_in_its_message(turn: int, text: str, seed: int) -> None:
    """XS25. One page is told everything, another only some of it; both come to what a page is shown that joins then."""
    chance = random.Random(seed + turn)  # also where Hypothesis takes the same examples in every round
    kinds: tuple[Chunk.Kind, ...] = ()
    growing = showing.GrowingAnswer(an_answer())
    pages = [(page_of(growing.html()), growing.standing, eagerness) for eagerness in (1, 0.2)]
    for seq, piece in enumerate(cut(text, chance), 1):
        kind = chance.choice((TEXT, TEXT, TEXT, REASONING))
        growing.take(Event(UUID(int=7), seq, 1, kind, piece))
        kinds = (*kinds, kind) if kind not in kinds else kinds
        now = page_of(growing.html())
        wanted = now.html("chat")
        assert around_messages(now) == around_plain_words(kinds)
        assert_words_are_safe(now)
        for number, (page, standing, eagerness) in enumerate(pages):
            if chance.random() < eagerness:
                page.apply(showing.patch_frame(growing.patches(standing)))
                pages[number] = page, growing.standing, eagerness
                assert page.html("chat") == wanted
    assert_safe(markdown.render(text))


@settings(max_examples=EACH // 20, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=texts, seed=st.integers(0, 2**32))
def test_the_last_state_that_was_streamed_is_what_a_reload_shows(
    alice: User, route: Route, browser_of_alice: Client, text: str, seed: int
) -> None:
    """Through the log, the feed and its frames, byte for byte."""
    conversation = asking.start(alice, text.strip() or "?", uuid4(), route).conversation
    process, follower = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    follower.connect()
    [writer] = Writer.claim([(TEXT, piece) for piece in cut(text, random.Random(seed))])
    while writer.write():
        process.serve([follower])
        assert_words_are_safe(follower.page)
    writer.end()
    process.catch_up([follower])
    fresh = load(browser_of_alice, conversation)
    assert_same(follower.page, fresh)
    assert_words_are_safe(fresh)
    assert fresh.articles[-1].of_class("md")[-1].html() == f'<div class="md" hx-ignore="">{_shown(text)}</div>'


def _shown(text: str) -> str:
    return "".join(it if isinstance(it, str) else it.html() for it in parsed(markdown.render(text)).children)
