"""A text while it grows: every state is safe, every reader comes to the same page, and the cost does not grow."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conversations.markdown import GrowingText, Place
from tests.conversations.markdown.page import Page, assert_safe
from tests.conversations.markdown.samples import ATTACKS, SAMPLES

PIECES = [
    *[
        "a",
        "bc",
        "def",
        "中文",
        "。",
        "word",
        "7",
        "$",
        "$$",
        "`",
        "``",
        "```",
        "*",
        "**",
        "_",
        "~~",
        "[",
        "]",
        "(",
        ")",
        "![",
        "](",
        "http://x.y/",
        "www.",
        "<",
        ">",
        "<b>",
        "&",
        "&amp;",
        "\\",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "|",
        ":",
        "-",
        "+",
        "#",
    ],
    *[
        " ",
        "  ",
        "    ",
        "\n",
        "\n\n",
        "\n- ",
        "\n  - ",
        "\n1. ",
        "\n> ",
        "\n# ",
        "\n```py\n",
        "\n```\n",
        "\n---\n",
        "\n===\n",
    ],
    *[
        "\n| a | b |\n|---|---|\n",
        "| 1 | 2 |\n",
        "\n$$\n",
        "- [ ] x",
        "**bold** ",
        "`code` ",
        "[l](http://x) ",
        "$x^2$ ",
        "\r\n",
        "\t",
    ],
]
texts = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


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
@settings(max_examples=400, deadline=None)
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
