"""Rows as CSV: whoever opens them in a spreadsheet sees what was typed, and nothing is reckoned with it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from usage import sheets


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize(
    "typed",
    [
        '=HYPERLINK("https://evil.example","look")',
        "+1+1",
        "-1+cmd|' /C calc'!A0",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "＝1",
        "－1",
    ],
)
def test_no_title_becomes_a_formula(typed: str) -> None:
    [[cell]] = read(sheets.lines([[typed]]))
    assert cell == f"'{typed}"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (Decimal("-0.000000012000"), "-0.000000012000"),
        (Decimal("1E+3"), "1000"),
        (-5, "-5"),
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (datetime(2026, 11, 26, 4, 5, 6, tzinfo=UTC), "2026-11-26T04:05:06+00:00"),
        ('a "quoted", title\nof two lines', 'a "quoted", title\nof two lines'),
        ("重试", "重试"),
        ("a = b", "a = b"),
    ],
)
def test_numbers_stay_numbers_and_words_words(value: object, cell: str) -> None:
    assert read(sheets.lines([[value, "next"]])) == [[cell, "next"]]
