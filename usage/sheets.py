"""Rows as CSV, for programs that calculate."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

MARK = "\ufeff"  # before the first line: without it Excel takes UTF-8 for something else
# With these a cell begins that a spreadsheet reckons with instead of showing it.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # full width ones, too


def lines(rows: Iterable[Iterable[Any]]) -> str:
    """These rows, each ended. What somebody typed never becomes a formula; numbers stay numbers."""
    file = io.StringIO()
    csv.writer(file).writerows([_cell(it) for it in row] for row in rows)
    return file.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds")
        case str():
            return f"'{value}" if value.lstrip(" ").startswith(FORMULAS) or value.startswith(FORMULAS) else value
        case _:
            return str(value)
