"""Amounts by day and series → stacked bars, drawn here as SVG, and a table of the same numbers. Pure: asks no database.

What is drawn has no style and no script of its own, so that the strictest policy shows it: places are percentages of
whatever width there is, heights are pixels, colours are classes of static/css/charts.css.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from catalog.amounts import figure, money

HEIGHT = 200  # px of the bars
COLOURS = 7  # series with a colour of their own; what is beyond them is drawn and told together
TICKS = 4  # steps of the scale, about
LABELS = 6  # days that are named below the bars, at most: as many as a telephone has room for
ZERO = Decimal(0)


@dataclass(frozen=True)
class Point:
    """So much of one series on one day. Several of the same are added up."""

    day: date
    series: str
    amount: Decimal


@dataclass(frozen=True)
class Bar:
    """One piece of a day's bar. x and width in percent, y and height in px."""

    x: str
    width: str
    y: str
    height: str
    series: int
    said: str


@dataclass(frozen=True)
class Line:
    """A step of the scale: how far down it is, in px, and what it says."""

    y: str
    said: str
    is_zero: bool


@dataclass(frozen=True)
class Label:
    """A day below the bars: at its middle, in percent."""

    x: str
    said: str


@dataclass(frozen=True)
class Series:
    """number: of its colour, 1 to COLOURS + 1."""

    number: int
    name: str
    said: str


@dataclass(frozen=True)
class Row:
    day: str
    cells: list[str]
    total: str


@dataclass(frozen=True)
class Chart:
    """All that templates/usage/_chart.html shows. `name` makes its ids: another one for each chart of a page."""

    name: str
    title: str
    summary: str
    total: str
    series: list[Series]
    bars: list[Bar]
    lines: list[Line]  # from above
    labels: list[Label]
    rows: list[Row]
    height: int = HEIGHT


def stacked(
    name: str,
    title: str,
    days: Sequence[date],
    points: Iterable[Point],
    *,
    say: Callable[[Decimal], str] = money,
    mark: Callable[[Decimal], str] = figure,
    label: Callable[[date], str] | None = None,
) -> Chart:
    """A bar for each of these days, oldest first, of all its series, the largest at the bottom.

    Of other days nothing is shown. A correction may make an amount negative: it hangs below the line.
    say, mark: an amount in words, and on the scale. label: a day, or the month that it begins.
    """
    say_day = label or _short
    sums = _sums(days, points)
    names = _ranked(sums)
    table = [[sums[name].get(day, ZERO) for name in names] for day in days]
    marks = _marks(table)
    numbered = [(_number(name, place), name or _("others")) for place, name in enumerate(names, start=1)]
    total = sum((sum(row, ZERO) for row in table), ZERO)
    said = [say_day(day) for day in days]
    return Chart(
        name,
        title,
        _summary(said, table, total, say),
        say(total),
        [
            Series(number, it, say(sum(sums[key].values(), ZERO)))
            for (number, it), key in zip(numbered, names, strict=True)
        ],
        list(_bars(said, numbered, table, marks, say)),
        [Line(_px(_y(it, marks)), mark(it), it == 0) for it in reversed(marks)],
        list(_labels(said)),
        [Row(day, [say(it) for it in row], say(sum(row, ZERO))) for day, row in zip(said, table, strict=True)],
    )


def _short(day: date) -> str:
    return date_format(day, pgettext("the format of a day without its year", "j M"))


OTHERS = ""  # the name of all that have no colour of their own


def _sums(days: Sequence[date], points: Iterable[Point]) -> dict[str, dict[date, Decimal]]:
    shown, sums = {*days}, dict[str, dict[date, Decimal]]()
    for it in points:
        if it.day in shown:
            series = sums.setdefault(it.series, {})
            series[it.day] = series.get(it.day, ZERO) + it.amount
    return sums


def _ranked(sums: dict[str, dict[date, Decimal]]) -> list[str]:
    """Their names, largest first. Those that are too many are put together, in `sums` too."""
    names = sorted(sums, key=lambda name: (-sum(sums[name].values()), name))
    if len(names) <= COLOURS + 1:
        return names
    rest = dict[date, Decimal]()
    for name in names[COLOURS:]:
        for day, amount in sums.pop(name).items():
            rest[day] = rest.get(day, ZERO) + amount
    sums[OTHERS] = rest
    return [*names[:COLOURS], OTHERS]


def _number(name: str, place: int) -> int:
    return COLOURS + 1 if name == OTHERS else place


# The scale ----------------------------------------------------------------------------------------------------------


def _marks(table: list[list[Decimal]]) -> list[Decimal]:
    """The steps of the scale, from below: round numbers, 0 among them, from the deepest bar to the highest."""
    highest = max((sum((it for it in row if it > 0), ZERO) for row in table), default=ZERO)
    lowest = min((sum((it for it in row if it < 0), ZERO) for row in table), default=ZERO)
    step = _round_step((highest - lowest) / TICKS) if highest > lowest else Decimal(1)
    first, last = (lowest / step).to_integral_value(ROUND_FLOOR), (highest / step).to_integral_value(ROUND_CEILING)
    return [step * number for number in range(int(first), max(int(last), 1) + 1)]


def _round_step(least: Decimal) -> Decimal:
    """1, 2 or 5 of some power of ten: the smallest that is not below `least`."""
    power = Decimal(10) ** least.adjusted()
    return next(step for times in (1, 2, 5, 10) if (step := power * times) >= least)


def _y(amount: Decimal, marks: list[Decimal]) -> Decimal:
    """px from above."""
    return HEIGHT * (marks[-1] - amount) / (marks[-1] - marks[0])


# The drawing --------------------------------------------------------------------------------------------------------


def _bars(
    days: Sequence[str],
    numbered: Sequence[tuple[int, str]],
    table: list[list[Decimal]],
    marks: list[Decimal],
    say: Callable[[Decimal], str],
) -> Iterator[Bar]:
    for place, (day, row) in enumerate(zip(days, table, strict=True)):
        above = below = ZERO
        for (number, name), amount in zip(numbered, row, strict=True):
            if amount == 0:
                continue
            begin = above if amount > 0 else below
            above, below = above + max(amount, ZERO), below + min(amount, ZERO)
            top, bottom = (_y(it, marks) for it in sorted((begin, begin + amount), reverse=True))
            x, width = _place(place, len(days))
            yield Bar(x, width, _px(top), _px(bottom - top), number, f"{day}, {name}: {say(amount)}")


def _place(place: int, count: int) -> tuple[str, str]:
    """The x and width of a day's bar, with air around it unless there is none to spare."""
    room = Decimal(100) / count
    width = room * (Decimal("0.72") if count <= 120 else 1)
    return _percent(room * place + (room - width) / 2), _percent(width)


def _labels(days: Sequence[str]) -> Iterator[Label]:
    every = -(-len(days) // LABELS)
    for place in range(0, len(days), every or 1):
        yield Label(_percent(Decimal(100) * (2 * place + 1) / (2 * len(days))), days[place])


def _summary(days: Sequence[str], table: list[list[Decimal]], total: Decimal, say: Callable[[Decimal], str]) -> str:
    """What a reader who sees no bars should know first."""
    if not any(any(row) for row in table):
        return _("There is nothing to show.")
    amount, day = max((sum(row, ZERO), -place) for place, row in enumerate(table))
    sentence = _("%(total)s from %(first)s to %(last)s, most on %(day)s: %(most)s.")
    values = {"total": say(total), "first": days[0], "last": days[-1], "day": days[-day], "most": say(amount)}
    return sentence % values


def _percent(number: Decimal) -> str:
    return f"{number:.3f}%"


def _px(number: Decimal) -> str:
    return f"{number:.2f}"
