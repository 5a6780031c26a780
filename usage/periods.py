"""Whole days of the team's calendar, that what was spent is told of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.utils import timezone


@dataclass(frozen=True)
class Period:
    """Whole days of the team's calendar, as limits count them; the last one is part of it."""

    first: date
    last: date

    @classmethod
    def this_month(cls) -> Period:
        today = timezone.now().astimezone(settings.TEAM_ZONE).date()
        return cls(today.replace(day=1), today)

    @classmethod
    def last_month(cls) -> Period:
        end = cls.this_month().first - timedelta(days=1)
        return cls(end.replace(day=1), end)

    @classmethod
    def of_days(cls, count: int) -> Period:
        today = cls.this_month().last
        return cls(today - timedelta(days=count - 1), today)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.first, time.min, settings.TEAM_ZONE)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time.min, settings.TEAM_ZONE)

    @property
    def query(self) -> str:
        """As an address names it."""
        return f"first={self.first.isoformat()}&last={self.last.isoformat()}"
