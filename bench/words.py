"""Numbered words, so that a reader can tell when which token came, and whether one is missing or there twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

WORD = re.compile(rb"\bw(\d+)e\b")  # of a whole word: form tokens in a page are random letters


def numbers(html: bytes) -> list[int]:
    return [int(number) for number in WORD.findall(html)]


def _prose(word: str, number: int) -> str:
    return f"{word}.\n\n" if number % 60 == 59 else f"{word} "


def _paragraph(word: str, number: int) -> str:
    return f"{word}. " if number % 15 == 14 else f"{word} "


def _code(word: str, number: int) -> str:
    return f"{'```python\n' if number == 0 else ''}{word}{' = 1\n' if number % 8 == 7 else ' '}"


def _list(word: str, number: int) -> str:
    return f"{'- ' if number % 12 == 0 else ''}{word}{'\n' if number % 12 == 11 else ' '}"


def _table(word: str, number: int) -> str:
    head = "| one | two | three |\n|---|---|---|\n" if number == 0 else ""
    return f"{head}{'| ' if number % 12 == 0 else ''}{word}{_end_of_cell(number)}"


def _end_of_cell(number: int) -> str:
    return " |\n" if number % 12 == 11 else " | " if number % 4 == 3 else " "


SHAPES: dict[str, Callable[[str, int], str]] = {
    "prose": _prose,  # of paragraphs
    "paragraph": _paragraph,  # a single one
    "code": _code,
    "list": _list,
    "table": _table,
}


def tokens(shape: str, first: int, count: int) -> Iterator[str]:
    """The tokens from number `first` up to `count`, as one text of that shape."""
    written = SHAPES[shape]
    return (written(f"w{number}e", number) for number in range(first, count))
