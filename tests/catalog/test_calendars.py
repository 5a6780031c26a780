"""Hours of the week, by the clocks of a place, without its holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.calendars import DAYS, NotAWindowError, WeekCalendar, Window, is_holiday
from catalog.price_list import BEIJING, PEAK

BEIJINGS_PEAK = WeekCalendar.read(PEAK["hours"], PEAK["zone"], PEAK["holidays"])


def beijing(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=BEIJING)


EDGES = [
    # around each edge of each window, on a Monday
    ("2026-11-23 08:59", False),
    ("2026-11-23 08:59:59.999999", False),
    ("2026-11-23 09:00", True),
    ("2026-11-23 11:59:59.999999", True),
    ("2026-11-23 12:00", False),
    ("2026-11-23 13:59", False),
    ("2026-11-23 14:00", True),
    ("2026-11-23 17:59", True),
    ("2026-11-23 18:00", False),
    # the weekend, and the days beside it
    ("2026-11-20 17:59", True),
    ("2026-11-21 10:00", False),
    ("2026-11-22 15:00", False),
    # National Day week 2026: 1 to 7 October are free, Sunday 20 September and Saturday 10 October are worked
    ("2026-09-30 10:00", True),
    ("2026-10-01 10:00", False),
    ("2026-10-05 10:00", False),
    ("2026-10-07 15:00", False),
    ("2026-10-08 10:00", True),
    ("2026-09-20 10:00", False),  # worked, but no day from Monday to Friday
    ("2026-10-10 10:00", False),
    # Spring Festival, and a free Friday before a free weekend
    ("2026-02-13 10:00", True),
    ("2026-02-14 10:00", False),
    ("2026-02-16 10:00", False),
    ("2026-02-23 10:00", False),
    ("2026-02-24 10:00", True),
    ("2026-01-02 10:00", False),
]


@pytest.mark.parametrize(("moment", "is_peak"), EDGES)
def test_deepseeks_peak_hours(moment: str, is_peak: bool) -> None:
    assert BEIJINGS_PEAK.holds(beijing(moment)) is is_peak
    assert BEIJINGS_PEAK.holds(beijing(moment).astimezone(UTC)) is is_peak


def test_the_free_working_days_of_2026_are_those_that_the_state_council_announced() -> None:
    weekdays = (date(2026, 1, 1) + timedelta(days=n) for n in range(365))
    free = [f"{day:%m-%d}" for day in weekdays if day.weekday() < 5 and is_holiday("CN", day)]
    assert " ".join(free) == (
        "01-01 01-02 02-16 02-17 02-18 02-19 02-20 02-23 04-06 05-01 05-04 05-05 06-19 09-25 "
        "10-01 10-02 10-05 10-06 10-07"
    )


def test_about_four_fifths_of_a_week_are_off_peak() -> None:
    monday = beijing("2026-11-23 00:00")
    minutes = [BEIJINGS_PEAK.holds(monday + timedelta(minutes=n)) for n in range(7 * 24 * 60)]
    assert sum(minutes) == 35 * 60


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-23 09:00", "2026-11-23 12:00"),
        ("2026-11-23 12:30", "2026-11-23 14:00"),
        ("2026-11-27 18:00", "2026-11-30 09:00"),  # over a weekend
        ("2026-09-30 18:00", "2026-10-08 09:00"),  # over National Day week
    ],
)
def test_it_says_until_when(now: str, until: str) -> None:
    assert BEIJINGS_PEAK.until(beijing(now)) == beijing(until)


def test_what_always_holds_has_no_end() -> None:
    always = WeekCalendar.read("Mon-Sun 00:00-24:00", "UTC")
    assert always.holds(beijing("2026-11-23 00:00"))
    assert always.until(beijing("2026-11-23 00:00")) is None


@pytest.mark.parametrize(
    "line",
    ["", "9-12", "Mon 12:00-09:00", "Mon 09:00-24:01", "Mon 09:60-10:00", "Mox 09:00-10:00", "Mon 9-12", "09:00-12:00"],
)
def test_a_line_that_says_no_hours_is_refused(line: str) -> None:
    with pytest.raises(NotAWindowError):
        Window.read(line)


def test_days_may_go_over_the_weekend() -> None:
    assert Window.read("Sat-Mon 22:00-24:00") == Window(frozenset({5, 6, 0}), 22 * 60, 24 * 60)


windows = st.builds(
    lambda first, last, minutes: (
        f"{DAYS[first]}-{DAYS[last]} {min(minutes) // 60}:{min(minutes) % 60:02}"
        f"-{max(minutes) // 60}:{max(minutes) % 60:02}"
    ),
    st.integers(0, 6),
    st.integers(0, 6),
    st.sets(st.integers(0, 24 * 60), min_size=2, max_size=2),
)
# Where clocks are put forward and back, by half an hour too; and where a whole day was left out.
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "Pacific/Apia"]
CHANGES = [
    datetime(2026, 3, 8, 6),
    datetime(2026, 3, 29),
    datetime(2026, 4, 4, 14),
    datetime(2026, 10, 25),
    datetime(2026, 11, 1, 5),
]
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)) | st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-300, 300)
)


@given(st.lists(windows, min_size=1, max_size=4), st.sampled_from(ZONES), moments)
def test_nothing_changes_before_the_moment_that_it_says_and_then_it_does(
    hours: list[str], zone: str, moment: datetime
) -> None:
    calendar, at = WeekCalendar.read("\n".join(hours), zone), moment.replace(tzinfo=UTC)
    now, until = calendar.holds(at), calendar.until(at)
    end = until or at + timedelta(days=8)
    assert until is None or (at < until and calendar.holds(until) != now)
    step = max((end - at) / 300, timedelta(minutes=1))
    steps = (at + n * step for n in range(int((end - at) / step)))
    assert all(calendar.holds(it) == now for it in steps if it < end)
    assert until is None or calendar.holds(until - timedelta(microseconds=1)) == now
