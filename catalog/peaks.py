"""When it is dear to ask: until when, by how much, and from when on it is cheaper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone

from catalog.calendars import clock
from catalog.models import LanguageModel, Price, Route
from catalog.prices import in_force

SOON = timedelta(days=1)  # cheap hours that are further away are not worth a question's waiting


@dataclass(frozen=True)
class Peak:
    """Now it costs `times` as much as from `until` on; None: then it is free. zone: whose clocks its hours go by."""

    until: datetime
    times: Decimal | None
    zone: str

    @property
    def until_there(self) -> str:
        return clock(self.until, self.zone)

    @property
    def until_here(self) -> str:
        """By the reader's clocks, if they show something else."""
        here = self.until.astimezone(get_current_timezone())
        there = self.until.astimezone(ZoneInfo(self.zone))
        return "" if here.utcoffset() == there.utcoffset() else date_format(here, "TIME_FORMAT")

    @property
    def factor(self) -> str:
        return f"{round(self.times, 1).normalize():f}" if self.times else ""


@dataclass(frozen=True)
class Hours:
    """Whether it is peak by now, and when that may be otherwise: the next edge of a band."""

    peak: Peak | None = None
    edge: datetime | None = None


def hours(route: Route, at: datetime) -> Hours:
    """Of the first of its models that is at its peak; for Auto, of all it may choose. No query for a recent route."""
    models = [route.model] if route.model else [it.model for it in route.choosable] if route.is_auto else []
    found = [_hours(model, at) for model in dict.fromkeys(filter(None, models))]
    peak = next((it.peak for it in found if it.peak), None)
    return Hours(peak, min((it.edge for it in found if it.edge), default=None))


def _hours(model: LanguageModel, at: datetime) -> Hours:
    prices = [it for it in model.prices.all() if it.currency == model.provider.currency]
    edges = sorted(_edges(prices, at))
    now = in_force(prices, model.provider.currency, at)
    for edge, zone in edges:
        then = in_force(prices, model.provider.currency, edge)
        if now and then and edge - at <= SOON and _weight(then) < _weight(now):
            times = _weight(now) / _weight(then) if _weight(then) else None
            return Hours(Peak(edge, times, zone), edges[0][0])
    return Hours(None, edges[0][0] if edges else None)


def _edges(prices: Iterable[Price], at: datetime) -> set[tuple[datetime, str]]:
    """When each band of today's prices next begins or ends."""
    bands = {it.band for it in prices if it.band and it.covers(at)}
    return {(edge, band.zone) for band in bands if (edge := band.calendar.until(at))}


def _weight(price: Price) -> Decimal:
    """How dear it is, in one number: bands change all amounts alike."""
    weight: Decimal = price.cache_miss + price.output + price.per_call
    return weight
