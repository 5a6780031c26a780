"""Thinking left inside the text, cut at every character."""

import pytest

from providers.deltas import Reasoning, Text
from providers.think_tags import ThinkTags

CASES = [
    pytest.param("<think>\nhm\n</think>\n\nyes", False, "hm\n", "yes", id="the usual form"),
    pytest.param("\n <think>hm</think>yes", False, "hm", "yes", id="white space before the tag"),
    pytest.param("just an answer", False, "", "just an answer", id="no thinking at all"),
    pytest.param("<thin air", False, "", "<thin air", id="almost a tag"),
    pytest.param("<", False, "", "<", id="the beginning of a tag and nothing else"),
    pytest.param("<think></think>yes", False, "", "yes", id="an empty thought"),
    pytest.param("<think>a < b </thin and </thi", False, "a < b </thin and </thi", "", id="never closed"),
    pytest.param("<think>a</think>b</think>c", False, "a", "b</think>c", id="closed twice"),
    pytest.param("`<think>` and </think>", False, "", "`<think>` and </think>", id="an answer about tags"),
    pytest.param("yes\n```\n<think>x</think>\n```", False, "", "yes\n```\n<think>x</think>\n```", id="in a code block"),
    pytest.param("hm</think>\n\nyes", True, "hm", "yes", id="the opener is missing"),
    pytest.param("<think>hm</think>yes", True, "hm", "yes", id="the opener may be missing and is not"),
    pytest.param("hm <", True, "hm <", "", id="the opener is missing and nothing is closed"),
    pytest.param("<think>hm</think>\n\n    code", False, "hm", "    code", id="indentation stays"),
    pytest.param(" " * 200 + "<think>", False, "", " " * 200 + "<think>", id="white space without end"),
    pytest.param(
        "a\n</think>\n```\n</think>\n```", True, "a\n", "```\n</think>\n```", id="closed, then in a code block"
    ),
]


@pytest.mark.parametrize(("text", "starts_thinking", "reasoning", "answer"), CASES)
def test_thinking_is_told_from_the_answer_wherever_the_text_is_cut(
    text: str, starts_thinking: bool, reasoning: str, answer: str
) -> None:
    whole = [[text[:cut], text[cut:]] for cut in range(len(text) + 1)]
    for pieces in [*whole, list(text)]:
        assert split(pieces, starts_thinking) == (reasoning, answer), pieces


def split(pieces: list[str], starts_thinking: bool) -> tuple[str, str]:
    tags = ThinkTags(starts_thinking=starts_thinking)
    found = [part for piece in pieces for part in tags.split(piece)] + tags.flush()
    assert all(part.text for part in found)
    reasoning = "".join(part.text for part in found if isinstance(part, Reasoning))
    return reasoning, "".join(part.text for part in found if isinstance(part, Text))


def test_an_answer_is_not_held_back() -> None:
    tags = ThinkTags()
    assert tags.split("Hello") == [Text("Hello")]
    assert tags.split(" <") == [Text(" <")]


def test_tags_are_over_once_the_answer_has_begun() -> None:
    tags = ThinkTags()
    seen = []
    for piece in ("<think>", "hm", "</think>", "\n\n", "yes"):
        tags.split(piece)
        seen.append(tags.are_over)
    assert seen == [False, False, False, False, True]
