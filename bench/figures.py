"""Figures as data: what a measurement returns, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

# A measurement's line. Its names carry the unit; a number is kept as precise as it is, and rounded when it is shown.
type Record = dict[str, float | str]


def share(values: Iterable[float], part: float) -> float:
    """The value below which this part of the values lies; nan of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")


def table(records: Sequence[Record]) -> str:
    """A Markdown table, a line a record; records may differ in what they hold."""
    names = list(dict.fromkeys(name for record in records for name in record))
    lines = [[shown(record.get(name, "")) for name in names] for record in records]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [names, ["--"] * len(names), *lines])


def transposed(records: Sequence[Record]) -> str:
    """The same with a column a record: for a terminal, where few records have many figures."""
    names = list(dict.fromkeys(name for record in records for name in record))
    rows = [[name, *(shown(record.get(name, "")) for record in records)] for name in names]
    widths = [max(len(row[at]) for row in rows) for at in range(len(records) + 1)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def shown(value: float | str) -> str:
    """Three digits that count."""
    if isinstance(value, str):
        return value
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
