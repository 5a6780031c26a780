"""A text while it grows: every state is safe, every reader comes to the same page, and the cost does not grow."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conversations.markdown import GrowingText, Patch, Place, render
from tests.conversations.markdown.page import Page
from tests.conversations.markdown.safety import assert_safe
from tests.conversations.markdown.samples import ATTACKS, SAMPLES

CHARACTERS = (
    "a bc def 中文 。 word 7 $ $$ ` `` ``` * ** _ ~~ [ ] ( ) ![ ]( http://x.y/ www. < > <b> & &amp;"
    r" \ \( \) \[ \] | : - + #"
)
PIECES = [
    *CHARACTERS.split(),
    *[" ", "  ", "    ", "\t", "\n", "\r\n", "\n\n", "\n- ", "\n  - ", "\n1. ", "\n> ", "\n# ", "\n---\n", "\n===\n"],
    *["\n```py\n", "\n```\n", "\n| a | b |\n|---|---|\n", "| 1 | 2 |\n", "\n$$\n", "- [ ] x"],
    *["**bold** ", "`code` ", "[l](http://x) ", "$x^2$ ", "\\\n", "  \n"],
]
texts = st.lists(st.sampled_from([*PIECES, *ATTACKS]), max_size=12).map("".join)


def cut(text: str, sizes: random.Random, longest: int) -> list[str]:
    """The text in pieces of random length."""
    cuts, start = [], 0
    while start < len(text):
        size = sizes.randint(1, longest)
        cuts.append(text[start : start + size])
        start += size
    return cuts


def follow(text: str, seed: int, longest: int) -> None:
    """Grow the text before several readers: one in step, others who skip states, one who joins late."""
    sizes = random.Random(seed)
    growing = GrowingText("t1")
    readers: list[tuple[Page, Place, float]] = [(Page(growing.html()), growing.place, p) for p in (1, 0.5, 0.1)]
    for piece in cut(text, sizes, longest):
        growing.feed(piece)
        expected = Page(growing.html()).html()
        assert_safe(growing.html(), "t1")
        for number, (page, since, eagerness) in enumerate(readers):
            if sizes.random() < eagerness:
                page.apply(growing.patches(since))
                assert page.html() == expected, (text, piece, since)
                readers[number] = page, growing.place, eagerness
        if sizes.random() < 0.1:
            readers.append((Page(growing.html()), growing.place, 0.3))
        assert growing.patches(growing.place) == ()


@given(texts, st.integers(0, 1_000), st.sampled_from([1, 3, 12, 80]))
@example('[a](http://x/ "<hx-partial id=composer>")', 0, 1)
@settings(max_examples=60, deadline=None)  # tests/attacks/test_renderer_fuzz.py has many more
def test_every_reader_comes_to_the_same_page_from_wherever_he_stood(text: str, seed: int, longest: int) -> None:
    follow(text, seed, longest)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("longest", [1, 36])
def test_readers_of_a_usual_answer_come_to_the_same_page(name: str, longest: int) -> None:
    follow(SAMPLES[name], 1, longest)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_text_at_every_moment_one_character_at_a_time(attack: str) -> None:
    follow(attack, 1, 1)
    follow(f"before\n\n- {attack}", 1, 2)
    follow(f"| a |\n|---|\n| {attack} |\n\n> {attack}", 1, 3)


@pytest.mark.parametrize(
    "text", ["- \n  [ ] x\n", "- [ ] x\n- [x] y", "1. [ ] a\n\n   [ ] b", "> $$\n> x\n> + y\n> $$\n\nz"]
)
def test_an_element_that_has_been_seen_keeps_its_form(text: str) -> None:
    follow(text, 1, 1)


def test_a_feed_of_nothing_shows_what_was_held_back() -> None:
    growing = GrowingText("t1")
    growing.feed("- on")
    growing.feed("e\n- two")
    assert "two" not in growing.html()
    growing.feed("")
    assert "two" in growing.html()


def test_a_reader_in_step_gets_one_patch_at_a_time() -> None:
    growing = GrowingText("t1")
    for start in range(0, len(SAMPLES["everything"]), 9):
        since = growing.place
        growing.feed(SAMPLES["everything"][start : start + 9])
        assert len(growing.patches(since)) <= 1


def test_a_place_in_another_text_gets_the_whole_page() -> None:
    growing = GrowingText("t1")
    growing.feed("short")
    assert growing.patches(Place((7, 3))) == (Patch("t1", "outerHTML", growing.html()),)


def test_readers_at_the_same_place_share_one_answer() -> None:
    growing = GrowingText("t1")
    since = growing.place
    growing.feed("some words")
    assert growing.patches(since) is growing.patches(since)


def test_a_line_is_shown_as_soon_as_it_is_clear_what_it_is() -> None:
    for text, shown in [
        ("- a", "<li"),
        ("# a", "<h1"),
        ("`a", "<code>a</code>"),
        ("1. a", "<ol"),
        ("> a", "<blockquote"),
    ]:
        growing = GrowingText("t1")
        growing.feed(text)
        assert shown in growing.html()
    for text in ["#", "-", "1", "1.", "``", "```py", "=", "| a | b |", "[a]: http://x"]:
        growing = GrowingText("t1")
        growing.feed(text)
        assert growing.html() == '<div class="growing" id="t1"></div>'


def test_what_is_open_looks_as_if_it_were_closed() -> None:
    for text, shown in [
        ("some **bold te", "<strong>bold te</strong>"),
        ("some `cod", "<code>cod</code>"),
        ("a [link te", "link te"),
        ("a [link text](http://exam", "link text"),
        ("the formula $x^2 + y", "<code>$x^2 + y</code>"),
        ("see https://example.org/a", 'href="https://example.org/a"'),
    ]:
        growing = GrowingText("t1")
        growing.feed(text)
        assert shown in growing.html()
        assert "[" not in growing.html()
        assert "*" not in growing.html()


@pytest.mark.parametrize("head", ["|\n|-|", "text\n|\n:-:", "text\n2. |a|\n-|-", "text\n||\n|-|"])
def test_what_is_no_table_for_the_core_does_not_become_one(head: str) -> None:
    """Its paragraph stood inside a <table>, from where a browser moves it elsewhere."""
    follow(f"{head}\n| 1 | 2 |\n\nmore", 1, 1)


def test_a_block_that_turned_out_otherwise_is_put_right() -> None:
    for text, shown in [
        ("Title\n---\n\nmore", "<h2>Title</h2>"),
        ("text\na | b\n--|--\n1 | 2\n\nmore", "<p>text</p>"),
        ("```py\nx = 1\n```\n\nmore", '<span class="mi">1</span>'),
    ]:
        follow(text, 1, 1)
        growing = GrowingText("t1")
        for character in text:
            growing.feed(character)
        assert shown in growing.html()


@pytest.mark.parametrize("name", ["chinese", "unclosed", "no pipes", "quotes", "returns"])
def test_what_grew_reads_like_the_finished_message(name: str) -> None:
    growing = GrowingText("t1")
    for character in SAMPLES[name]:
        growing.feed(character)
    for _ in range(5):
        growing.feed("")
    grown, finished = Page(growing.html()).root.text, Page(render(SAMPLES[name])).root.text
    assert "".join(grown.split()) == "".join(finished.split())
