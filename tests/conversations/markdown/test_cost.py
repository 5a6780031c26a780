"""What a growing answer costs: bytes sent and characters parsed grow with the text, not with its square."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from conversations.markdown import GrowingText, render

CHARACTERS_A_TOKEN = 4.5
TOKENS_A_TICK = 8
WRAPPER = 60
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
    "seven",
    "wizards",
    "brew",
    "potent",
    "tea",
    "for",
    "every",
    "guest",
    "in",
    "town",
]


@dataclass
class Cost:
    sent: list[int]
    parsed: list[int]
    final: int

    @property
    def ratio(self) -> float:
        return sum(self.sent) / self.final

    def growth(self, of: list[int]) -> float:
        """The last 1,000 tokens over the first 1,000."""
        ticks = 1_000 // TOKENS_A_TICK
        return sum(of[-ticks:]) / max(sum(of[:ticks]), 1)


def cost_of(text: str) -> Cost:
    growing = GrowingText("t3f2a9c1")
    size = int(CHARACTERS_A_TOKEN * TOKENS_A_TICK)
    sent, parsed = [], []
    for start in range(0, len(text), size):
        since, before = growing.place, growing.parsed
        growing.feed(text[start : start + size])
        sent.append(sum(len(patch.html) + WRAPPER for patch in growing.patches(since)))
        parsed.append(growing.parsed - before)
    return Cost(sent, parsed, len(render(text)))


type Maker = Callable[[int, random.Random], str]


def long(make: Maker, tokens: int) -> str:
    """A text of so many tokens, made of numbered parts."""
    characters = int(tokens * CHARACTERS_A_TOKEN)
    words = random.Random(5)
    parts: list[str] = []
    length = 0
    while length < characters:
        parts.append(make(len(parts), words))
        length += len(parts[-1])
    return "".join(parts)[:characters]


def sentence(words: random.Random, low: int = 5, high: int = 16) -> str:
    return " ".join(words.choices(WORDS, k=words.randint(low, high))).capitalize()


SHAPES = {
    "one paragraph": lambda n, w: sentence(w) + ". ",
    "one paragraph in lines": lambda n, w: sentence(w) + ".\n",
    "one block of code": lambda n, w: ("```text\n" if n == 0 else "") + f"    {sentence(w)}(x < {n})\n",
    "one block of python": lambda n, w: (
        ("```python\n" if n == 0 else "") + f'    value_{n} = call({n}, "{sentence(w, 2, 4)}")\n'
    ),
    "one list": lambda n, w: f"- {sentence(w)}\n",
    "one list of short items": lambda n, w: f"- {sentence(w, 2, 5)}\n",
    "one loose list": lambda n, w: f"- {sentence(w)}\n\n",
    "one numbered list with bullets in it": lambda n, w: (
        f"{n + 1}. **{sentence(w, 2, 3)}**: {sentence(w)}\n   - {sentence(w)}\n   - {sentence(w)}\n"
    ),
    "one huge item": lambda n, w: ("- " if n == 0 else "") + sentence(w) + ". ",
    "one huge item of paragraphs": lambda n, w: ("- " if n == 0 else "  ") + sentence(w) + ".\n\n",
    "one table": lambda n, w: (
        ("| a | b | c |\n|---|---|---|\n" if n == 0 else "") + f"| {n} | {sentence(w, 2, 4)} | {sentence(w, 3, 6)} |\n"
    ),
    "one table of small cells": lambda n, w: (
        ("| a | b | c | d |\n|---|---|---|---|\n" if n == 0 else "") + f"| {n} | {n * 7} | x{n} | {w.choice(WORDS)} |\n"
    ),
    "one quote": lambda n, w: f"> {sentence(w)}\n",
    "prose with markup": lambda n, w: (
        f"{sentence(w)} **{sentence(w, 2, 3)}** and `{w.choice(WORDS)}()`"
        f" [{sentence(w, 1, 3)}](https://example.org/{n}). "
    ),
    "prose with formulas": lambda n, w: f"{sentence(w)} $x_{{{n}}}^2 + y$ ",
    "chinese": lambda n, w: (
        "这是一个没有空格的很长的段落" + w.choice("的一是在不了有和人这中大为上个国我以要他") + "，"
    ),
    "chinese with bold": lambda n, w: (
        "这是一个没有空格的很长的段落**重点" + w.choice("的一是在不了有和人这中大为上个国") + "**，"
    ),
    "stray star": lambda n, w: ("*" if n == 0 else "") + sentence(w) + ". ",
    "stray backtick": lambda n, w: ("`" if n == 0 else "") + sentence(w) + ". ",
    "stray bracket": lambda n, w: ("[" if n == 0 else "") + sentence(w) + ". ",
    "stray dollar": lambda n, w: ("$" if n == 0 else "") + sentence(w) + ". ",
    "stray angle": lambda n, w: ("<" if n == 0 else "") + sentence(w) + ". ",
    "prices": lambda n, w: f"{sentence(w)} costs ${n} and ${n + 1}, ",
    "no spaces": lambda n, w: w.choice(WORDS),
    "paragraphs": lambda n, w: sentence(w, 30, 60) + ".\n\n",
}


@pytest.mark.parametrize("tokens", [2_000, 20_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_of_one_shape_costs_as_much_at_its_end_as_at_its_start(shape: str, tokens: int) -> None:
    cost = cost_of(long(SHAPES[shape], tokens))
    assert cost.ratio <= 3
    assert cost.growth(cost.sent) <= 1.5
    assert cost.growth(cost.parsed) <= 1.5
