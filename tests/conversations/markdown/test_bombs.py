"""Texts that would take for ever, or fill the page, or end the process, if nothing bounded them.

What one may cost is told by plain words of the same length, in the same run and on the same CPU clock.
"""

from __future__ import annotations

import subprocess
import sys
from time import thread_time

import pytest

from conversations.markdown import GrowingText, code, core, render
from tests.conversations.markdown.page import Parser
from tests.conversations.markdown.samples import BOMBS

LENGTH = 400_000
TIMES = 400  # the worst that is allowed takes 80 times as long as plain words; what grows with the square takes 1,000
PLAIN = "Some plain words of an answer, nothing else. " * 20 + "\n\n"


def of_length(text: str, length: int = LENGTH) -> str:
    return (text * (length // len(text) + 1))[:length]


def seconds(text: str) -> tuple[float, str]:
    started = thread_time()
    shown = render(text)
    return thread_time() - started, shown


@pytest.fixture(scope="module")
def plain() -> float:
    """What plain words cost, in seconds."""
    return min(seconds(of_length(PLAIN))[0] for _ in range(3))


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_and_fills_no_more_than_a_multiple_of_plain_words(bomb: str, plain: float) -> None:
    """XS12, RD2, RD3, RD5."""
    spent, shown = seconds(of_length(BOMBS[bomb]))
    assert spent < TIMES * plain
    assert len(shown) < 30 * LENGTH


def test_a_bomb_nests_no_deeper_than_a_browser_can_show() -> None:
    depth = deepest = 0
    for node in Parser(render(BOMBS["quotes"])).root.walk():
        depth = 0
        around = node.parent
        while around:
            depth, around = depth + 1, around.parent
        deepest = max(deepest, depth)
    assert deepest < 100


@pytest.mark.parametrize(
    "piece", ["a@b.c ", "mailto:a@b.c ", "a@b.c, ", "<a@b.c> ", "![a](", "*a **b ", "[^1]: [^1]\n\n"]
)
def test_no_text_ends_the_process(piece: str) -> None:
    """A stack that overflows is no exception: the web process was gone, and the next one with the next reload."""
    program = (
        f"from conversations.markdown import render; print(len(render({piece!r} * {4_000_000 // len(piece) // 4})))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert int(ran.stdout) > 10_000


def test_many_or_endless_addresses_are_text_and_some_are_links() -> None:
    few, many = (render("a@b.example " * count) for count in (1_000, 1_001))
    assert few.count('href="mailto:') == 1_000
    assert "href=" not in many
    assert 'href="http' in render("(http://a.example/" + ")" * (core.LONGEST_ADDRESS - 20))
    assert "href=" not in render("http://a.example/" + ")" * core.LONGEST_ADDRESS)
    assert 'href="http' in render("http://a.example/ and data " + "QUJD" * core.LONGEST_ADDRESS)


def test_so_much_code_of_a_text_is_coloured_and_so_many_formulas_are_converted() -> None:
    """4,000,000 characters of either took half a minute, with every reload."""
    block = "```py\n" + "x = 1\n" * 3_000 + "```\n"
    shown = render(block * 20)
    assert shown.count("<figure") == 20
    coloured = [figure for figure in shown.split("<figure")[1:] if '<span class="mi">' in figure]
    assert len(coloured) == code.MOST_COLOURED // (3_000 * 6)
    formula = "$x^{" + "1" * 900 + "}$\n\n"
    shown = render(formula * 400)
    assert shown.count("<math>") == core.MOST_CONVERTED // 904
    assert shown.count("math-source") == 400 - core.MOST_CONVERTED // 904


def test_after_a_block_that_takes_too_long_the_rest_of_the_text_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "SECONDS_TO_COLOUR", 0)
    shown = render("```py\nx = 1\n```\n" * 50)
    assert shown.count("<figure") == 50
    assert '<span class="' not in shown


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_growing_bomb_stays_cheap(bomb: str) -> None:
    text = BOMBS[bomb]
    growing = GrowingText("t1")
    sent = 0
    for start in range(0, len(text), 36):
        since = growing.place
        growing.feed(text[start : start + 36])
        sent += sum(len(patch.html) for patch in growing.patches(since))
    assert growing.parsed <= 12 * len(text)
    assert sent <= 12 * max(len(text), len(growing.html()))
