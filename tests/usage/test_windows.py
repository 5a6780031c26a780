"""When a window begins and ends, by the team's clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.windows import LENGTHS, Window, is_rolling, period

BERLIN = ZoneInfo("Europe/Berlin")
CALENDAR = [it for it in Window if not is_rolling(it)]


def berlin(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("window", "moment", "begin", "end"),
    [
        ("today", "2026-11-26 10:00", "2026-11-26", "2026-11-27"),
        ("today", "2026-11-26 00:00", "2026-11-26", "2026-11-27"),
        ("today", "2026-03-29 12:00", "2026-03-29", "2026-03-30"),  # 23 hours
        ("today", "2026-10-25 02:30", "2026-10-25", "2026-10-26"),  # 25 hours
        ("this_week", "2026-11-26 10:00", "2026-11-23", "2026-11-30"),
        ("this_week", "2026-11-23 00:00", "2026-11-23", "2026-11-30"),
        ("this_month", "2026-11-30 23:59", "2026-11-01", "2026-12-01"),
        ("this_month", "2026-12-31 23:59", "2026-12-01", "2027-01-01"),
        ("this_month", "2028-02-29 12:00", "2028-02-01", "2028-03-01"),
    ],
)
def test_a_calendar_window_begins_and_ends_at_midnight(window: str, moment: str, begin: str, end: str) -> None:
    assert period(window, berlin(moment), BERLIN) == (berlin(begin), berlin(end))


def test_the_longest_and_the_shortest_day_are_days() -> None:
    days = (period("today", berlin(it), BERLIN) for it in ("2026-03-29", "2026-10-25"))
    lengths = [end - begin for begin, end in days]
    assert lengths == [timedelta(hours=23), timedelta(hours=25)]


ZONES = [ZoneInfo(it) for it in ("UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia")]


@given(
    st.sampled_from(CALENDAR),
    st.datetimes(datetime(2009, 1, 1), datetime(2039, 1, 1)).map(lambda it: it.replace(tzinfo=UTC)),
    st.sampled_from(ZONES),
)
def test_every_instant_lies_in_one_window_and_the_next_one_begins_where_it_ends(
    window: str, at: datetime, zone: ZoneInfo
) -> None:
    begin, end = period(window, at, zone)
    assert begin <= at < end
    assert period(window, begin, zone) == period(window, end - timedelta(microseconds=1), zone) == (begin, end)
    assert period(window, end, zone)[0] == end


def test_a_rolling_window_ends_now() -> None:
    at = berlin("2026-03-29 04:00")
    assert {window: at - period(window, at, BERLIN)[0] for window in LENGTHS} == LENGTHS
