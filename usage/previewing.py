"""What a price would do: last month's requests, had they been charged by it. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncMinute
from django.utils import timezone

from catalog.models import LanguageModel, Rate
from catalog.prices import PER_MILLION, Price, billed_as
from usage.models import Charge
from usage.models.charge import ChargeQuerySet
from usage.periods import Period

SUMS = {
    "spent": ChargeQuerySet.SUMS["spent"],
    "asked": Count("pk", filter=Q(kind="charge") & ~Q(cache_hit_tokens=0, cache_miss_tokens=0, output_tokens=0)),
    "hit": Sum("cache_hit_tokens"),
    "miss": Sum("cache_miss_tokens"),
    "output": Sum("output_tokens"),
}


@dataclass(frozen=True)
class Preview:
    """Of a model's requests in a period: those in the hours of the price, and all of them. In the reporting currency;
    None: there is no exchange rate for it.
    """

    period: Period
    requests: int
    was: Decimal
    would_be: Decimal | None
    all_requests: int
    all_was: Decimal

    @property
    def all_would_be(self) -> Decimal | None:
        return None if self.would_be is None else self.all_was - self.was + self.would_be

    @property
    def percent(self) -> int | None:
        """By how much all of it changes."""
        if self.all_would_be is None or not self.all_was:
            return None
        return round(100 * (self.all_would_be - self.all_was) / self.all_was)


def preview(price: Price, period: Period | None = None) -> Preview:
    """Minute by minute, as hours of the week begin and end: a query, and at most 44,640 looks at the calendar."""
    period = period or Period.last_month()
    rate = Rate.objects.at(price.currency, settings.CURRENCY, timezone.now())
    concerns = _concerns(price)
    minutes = list(_charges(price.model, period).values(minute=TruncMinute("sent_at")).annotate(**SUMS))
    mine = [it for it in minutes if concerns(it["minute"])]
    would_be = None if rate is None else rate * sum((_cost(price, it) for it in mine), Decimal(0))
    return Preview(period, *_sum(mine), would_be, *_sum(minutes))


def _sum(rows: Iterable[dict[str, Any]]) -> tuple[int, Decimal]:
    rows = list(rows)
    return sum(it["asked"] for it in rows), sum((it["spent"] for it in rows), Decimal(0))


def _cost(price: Price, row: dict[str, Any]) -> Decimal:
    amount: Decimal = row["hit"] * price.cache_hit + row["miss"] * price.cache_miss + row["output"] * price.output
    calls: Decimal = row["asked"] * price.per_call
    return amount / PER_MILLION + calls


def _concerns(price: Price) -> Callable[[datetime], bool]:
    """Whether it would count at an instant: in the hours of its band; without one, in all that no other's band has."""
    if price.band:
        return price.band.calendar.holds
    others = [
        (it, it.band.calendar)
        for it in price.model.prices.exclude(pk=price.pk).filter(currency=price.currency)
        if it.band
    ]
    return lambda at: not any(it.covers(at) and calendar.holds(at) for it, calendar in others)


def _charges(model: LanguageModel, period: Period) -> Any:
    """Those that were billed as this model, whatever was asked for. Any: the stubs know no keys of sums."""
    charges = Charge.objects.sent_within(period.begin, period.end).filter(provider=model.provider.name)
    known = {it.name: it for it in model.provider.models.select_related("provider")}
    pairs = [
        Q(model=asked, returned_model=returned)
        for asked, returned in charges.order_by("model").values_list("model", "returned_model").distinct()
        if asked in known and billed_as(known[asked], returned, period.end) == model
    ]
    return charges.filter(reduce(or_, pairs)) if pairs else charges.none()
