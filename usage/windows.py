"""The windows that limits are counted in: the last so many hours or days, or those of the calendar. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext_lazy as _

EVER, NEVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


class Window(models.TextChoices):
    MINUTE = "minute", _("within a minute")
    HOUR = "hour", _("within an hour")
    DAY = "day", _("within 24 hours")
    WEEK = "week", _("within 7 days")
    MONTH = "month", _("within 30 days")
    TODAY = "today", _("a day")
    THIS_WEEK = "this_week", _("a week, from Monday")
    THIS_MONTH = "this_month", _("a month")


LENGTHS = {
    Window.MINUTE: timedelta(minutes=1),
    Window.HOUR: timedelta(hours=1),
    Window.DAY: timedelta(days=1),
    Window.WEEK: timedelta(days=7),
    Window.MONTH: timedelta(days=30),
}


def is_rolling(window: str) -> bool:
    """Whether it ends now and always; the others begin at midnight in the team's time zone."""
    return window in LENGTHS


def period(window: str, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when to when the window lasts that `at` lies in, its end left out. A rolling one: from back then to `at`."""
    if is_rolling(window):
        return at - LENGTHS[Window(window)], at
    today = at.astimezone(zone).date()
    match window:
        case Window.TODAY:
            first, after = today, today + timedelta(days=1)
        case Window.THIS_WEEK:
            first = today - timedelta(days=today.weekday())
            after = first + timedelta(days=7)
        case _:
            first = today.replace(day=1)
            after = (first + timedelta(days=31)).replace(day=1)
    begin, end = (datetime.combine(it, time.min, zone).astimezone(UTC) for it in (first, after))
    return begin, end
