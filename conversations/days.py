"""The days of the sidebar: today, yesterday, the last week, the last month, and by month before that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import formats, timezone
from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Day:
    name: str
    is_today: bool = False


def day_of(at: datetime, today: date | None = None) -> Day:
    """Where something of this moment is listed, in the reader's time zone."""
    today, day = today or timezone.localdate(), timezone.localdate(at)
    if day >= today:  # the database's clock may be ahead of ours
        return Day(_("Today"), is_today=True)
    if day == today - timedelta(days=1):
        return Day(_("Yesterday"))
    for days in (7, 30):
        if day >= today - timedelta(days=days):
            return Day(_("Previous %(days)d days") % {"days": days})
    return Day(formats.date_format(day, "YEAR_MONTH_FORMAT"))
