"""What is drawn is what stands in the table, whatever the amounts are, and it needs no style of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as Xml

from django.template.loader import render_to_string
from hypothesis import given, settings
from hypothesis import strategies as some

from usage.charts import COLOURS, HEIGHT, Chart, Point, stacked

DAYS = [date(2026, 11, 1) + timedelta(days=number) for number in range(30)]


def point(day: int, series: str, amount: str) -> Point:
    return Point(DAYS[day], series, Decimal(amount))


def chart(*points: Point, days: Sequence[date] = DAYS, **options: Any) -> Chart:
    return stacked("spent", "Spent by day", days, points, **options)


def drawn(it: Chart) -> Xml.Element:
    html = render_to_string("usage/_chart.html", {"chart": it})
    return Xml.fromstring(html.strip())


def test_a_days_bar_is_its_series_on_top_of_each_other() -> None:
    it = chart(point(0, "flash", "1"), point(0, "pro", "3"), point(1, "flash", "2"))
    assert [(line.said, line.y) for line in it.lines] == [
        ("4.00", "0.00"),
        ("3.00", "50.00"),
        ("2.00", "100.00"),
        ("1.00", "150.00"),
        ("0.00", "200.00"),
    ]
    flash, pro, next_day = it.bars
    assert (pro.y, pro.height, pro.series, pro.said) == ("0.00", "150.00", 2, "1 Nov, pro: 3.00 USD")
    assert (flash.y, flash.height, flash.series) == ("150.00", "50.00", 1)
    assert (next_day.y, next_day.height) == ("100.00", "100.00")
    assert next_day.x > flash.x


def test_the_largest_series_is_at_the_bottom_and_what_is_beyond_the_colours_is_told_together() -> None:
    it = chart(*(point(0, f"model {number:02}", str(number)) for number in range(1, 12)))
    assert [series.name for series in it.series] == [*(f"model {number:02}" for number in range(11, 4, -1)), "others"]
    assert it.series[-1].said == "10.00 USD"  # 1 + 2 + 3 + 4
    assert [bar.series for bar in it.bars] == [*range(1, COLOURS + 2)]
    assert it.total == "66.00 USD"


def test_as_many_as_there_are_colours_and_one_need_not_be_put_together() -> None:
    it = chart(*(point(0, f"model {number}", "1") for number in range(COLOURS + 1)))
    assert [series.name for series in it.series] == [f"model {number}" for number in range(COLOURS + 1)]


def test_what_was_taken_back_hangs_below_the_line() -> None:
    it = chart(point(0, "flash", "2"), point(1, "flash", "-1"))
    [zero] = [line for line in it.lines if line.is_zero]
    up, down = it.bars
    assert float(up.y) + float(up.height) == float(down.y) == float(zero.y)
    assert down.said == "2 Nov, flash: -1.00 USD"


def test_of_other_days_nothing_is_shown() -> None:
    it = chart(point(0, "flash", "1"), Point(date(2026, 10, 31), "flash", Decimal(5)))
    assert it.total == "1.00 USD"


def test_no_more_days_are_named_than_there_is_room_for() -> None:
    for count in (1, 2, 6, 7, 30, 365):
        it = chart(point(0, "flash", "1"), days=[DAYS[0] + timedelta(days=number) for number in range(count)])
        assert 1 <= len(it.labels) <= 6


def test_where_nothing_was_spent_that_is_said() -> None:
    assert "There is nothing to show." in "".join(drawn(chart()).itertext())


def test_who_sees_no_bars_is_told_the_same() -> None:
    """The picture has a name and a summary, and beside it is a table with heads for its rows and columns."""
    figure = drawn(chart(point(0, "flash", "1"), point(2, "pro", "3")))
    [picture] = figure.iterfind(".//svg[@role='img']")
    told = {it.get("id"): it.text for it in picture if it.get("id")}
    assert [told[key] for key in (picture.get("aria-labelledby") or "").split()] == [
        "Spent by day",
        "4.00 USD from 1 Nov to 30 Nov, most on 3 Nov: 3.00 USD.",
    ]
    heads = [it.text for it in figure.iterfind(".//table/thead/tr/th[@scope='col']")]
    assert heads == ["Day", "pro", "flash", "Together"]
    rows = ["|".join(cell.text or "" for cell in row) for row in figure.iterfind(".//tbody/tr")]
    assert len(rows) == len(DAYS)
    assert rows[2] == "3 Nov|3.00 USD|0.00 USD|3.00 USD"


def test_names_stay_words_and_nothing_needs_a_style_or_a_script() -> None:
    figure = drawn(chart(point(0, '<b onclick=alert(1)>"flash"</b>', "1")))
    assert not [it for it in figure.iter() if it.tag in {"b", "script", "style"} or {"style", "onclick"} & {*it.attrib}]
    assert "<b onclick" in "".join(figure.itertext())


amounts = some.decimals(min_value=-1000, max_value=1000, places=6)
points = some.builds(Point, some.sampled_from(DAYS), some.sampled_from("abcdefghijkl"), amounts)


@given(some.lists(points, max_size=40))
@settings(deadline=None)
def test_whatever_the_amounts_are_bars_are_as_high_as_they_say_and_within_the_picture(
    given_points: list[Point],
) -> None:
    it = chart(*given_points, say=str)
    ups, downs = defaultdict[str, float](float), defaultdict[str, float](float)
    [zero] = [float(line.y) for line in it.lines if line.is_zero]
    highest, lowest = (float(it.lines[place].said.replace(",", "").strip("<> ")) for place in (0, -1))
    for bar in it.bars:
        top, bottom = float(bar.y), float(bar.y) + float(bar.height)
        assert -0.02 <= top <= bottom <= HEIGHT + 0.02
        (ups if bottom <= zero + 0.02 else downs)[bar.x] += float(bar.height)
    assert all(zero - up >= -0.1 for up in ups.values())
    assert all(zero + down <= HEIGHT + 0.1 for down in downs.values())
    assert highest >= 0 >= lowest
    total = sum((given.amount for given in given_points), Decimal(0))
    assert sum(Decimal(row.total) for row in it.rows) == total == Decimal(it.total)
