"""Hours of the week in a time zone, without a country's public holidays. Pure: knows no database and no clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import holidays
from django.utils.formats import date_format
from django.utils.translation import gettext

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LINE = re.compile(
    r"(?P<first>[A-Za-z]{3})(?:\s*[-–]\s*(?P<last>[A-Za-z]{3}))?\s+"
    r"(?P<begin>\d{1,2}:\d{2})\s*[-–]\s*(?P<end>\d{1,2}:\d{2})"
)
MIDNIGHT = 24 * 60  # minutes
LOOK_AHEAD = 40  # days; the longest holidays are shorter, and a week has all its windows in seven


class NotAWindowError(ValueError):
    """A line that says no hours; `sentence` is for whoever typed it."""

    def __init__(self, line: str) -> None:
        sentence = gettext(
            "“%(line)s” is no window. Write one a line, like “Mon-Fri 09:00-12:00”; a day ends at 24:00."
        )
        self.sentence = sentence % {"line": line}
        super().__init__(self.sentence)


@dataclass(frozen=True, slots=True)
class Window:
    """On some days of the week, from a minute of the day to another, that one left out."""

    days: frozenset[int]  # 0 is Monday
    begin: int
    end: int

    @classmethod
    def read(cls, line: str) -> Window:
        """Out of a line like “Mon-Fri 09:00-12:00”. Raises NotAWindowError."""
        found = _LINE.fullmatch(line.strip())
        try:
            if not found:
                raise ValueError
            first = DAYS.index(found["first"].capitalize())
            last = DAYS.index((found["last"] or found["first"]).capitalize())
            begin, end = _minute(found["begin"]), _minute(found["end"])
            if begin >= end:
                raise ValueError
        except ValueError:
            raise NotAWindowError(line.strip()) from None
        count = (last - first) % 7 + 1  # Fri-Mon goes over the weekend
        return cls(frozenset((first + n) % 7 for n in range(count)), begin, end)


def _minute(clock: str) -> int:
    hours, minutes = map(int, clock.split(":"))
    if minutes >= 60 or hours * 60 + minutes > MIDNIGHT:
        raise ValueError
    return hours * 60 + minutes


@dataclass(frozen=True, slots=True)
class WeekCalendar:
    """When a band of prices holds. On a public holiday of `country`, a code like CN, it never does; "" has none."""

    windows: tuple[Window, ...]
    zone: ZoneInfo
    country: str = ""

    @classmethod
    def read(cls, hours: str, zone: str, country: str = "") -> WeekCalendar:
        """Raises NotAWindowError, and ZoneInfoNotFoundError."""
        lines = [line for line in hours.splitlines() if line.strip()]
        return cls(tuple(map(Window.read, lines)), ZoneInfo(zone), country)

    def holds(self, at: datetime) -> bool:
        """Whether this instant lies in it, by what the clocks there show."""
        there = at.astimezone(self.zone)
        minute, day = there.hour * 60 + there.minute, there.weekday()
        if not any(day in it.days and it.begin <= minute < it.end for it in self.windows):
            return False
        return not is_holiday(self.country, there.date())

    def until(self, at: datetime) -> datetime | None:
        """When it next begins or ceases to hold; None if it does not within weeks."""
        now = self.holds(at)
        return next((edge for edge in self._edges_after(at) if self.holds(edge) != now), None)

    def _edges_after(self, at: datetime) -> Iterator[datetime]:
        """Every instant at which it might change, in order."""
        first = at.astimezone(self.zone).date()
        for day in (first + timedelta(days=n) for n in range(-1, LOOK_AHEAD)):
            yield from sorted(edge for edge in self._edges_of(day) if edge > at)

    def _edges_of(self, day: date) -> set[datetime]:
        minutes = {0, *(minute for it in self.windows for minute in (it.begin, it.end) if minute < MIDNIGHT)}
        begin, end = (_instant(it, 0, self.zone, 0) for it in (day, day + timedelta(days=1)))
        if end - begin != timedelta(days=1):  # clocks are put forward or back: at a quarter of an hour, wherever it is
            minutes |= set(range(0, MIDNIGHT, 15))
        return {_instant(day, minute, self.zone, fold) for minute in minutes for fold in (0, 1)}


def _instant(day: date, minute: int, zone: ZoneInfo, fold: int) -> datetime:
    there = datetime(day.year, day.month, day.day, minute // 60, minute % 60, fold=fold, tzinfo=zone)
    return there.astimezone(UTC)


def clock(at: datetime, zone: str) -> str:
    """What the clocks there show, and where: “12:00 Beijing time”."""
    city = zone.rpartition("/")[2].replace("_", " ")
    place = gettext("Beijing time") if zone == "Asia/Shanghai" else gettext("%(city)s time") % {"city": city}
    values = {"time": date_format(at.astimezone(ZoneInfo(zone)), "TIME_FORMAT"), "place": place}
    return gettext("%(time)s %(place)s") % values


def is_holiday(country: str, day: date) -> bool:
    """Whether nobody works there that day by law: days that are given in exchange for a working weekend too."""
    return bool(country) and day in _holidays(country, day.year)


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(country, years=year, expand=False)


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """Codes of the countries whose holidays are known."""
    return frozenset(holidays.list_supported_countries(include_aliases=False))
