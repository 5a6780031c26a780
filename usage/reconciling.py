"""Our ledger against the provider's balance: read often, kept, compared day by day.

Between two readings the balance sinks by what the provider charged us. Where it rose somebody topped it up, and how
much was spent meanwhile can't be told: such a stretch is left out, on both sides.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from catalog.models import Provider
from providers.balance import Balance, read_balance
from providers.connections import Clients
from providers.dialects import DIALECTS
from providers.errors import ProviderError
from usage.models import Reading

logger = logging.getLogger(__name__)

EVERY = timedelta(minutes=15)
DRIFT, LEAST = Decimal("0.05"), Decimal("0.05")  # of theirs, and of their currency: less is rounding, and late booking
DAYS_LEFT, LOOK_BACK = 3, timedelta(days=7)


def due() -> list[Provider]:
    """The providers that tell a balance and were not asked lately, whichever worker did."""
    latest = dict(Reading.objects.values_list("provider").annotate(Max("taken_at")))
    since = timezone.now() - EVERY
    return [
        provider
        for provider in Provider.objects.order_by("pk")
        if provider.is_ready and DIALECTS[provider.dialect].balance_path
        if provider.name not in latest or latest[provider.name] < since
    ]


async def read(provider: Provider, clients: Clients) -> list[Balance]:
    """What it says; nothing when it can't be asked: that is no news about money."""
    try:
        return await read_balance(provider.endpoint, clients=clients)
    except ProviderError as error:
        logger.info("the balance at %s can't be read: %s", provider.name, error.code)
        return []


def keep(provider: Provider, balances: list[Balance]) -> None:
    """Write the readings down, and warn of what they say."""
    Reading.objects.bulk_create(
        Reading(
            provider=provider.name,
            currency=it.currency,
            total=it.total,
            granted=it.granted,
            topped_up=it.topped_up,
            is_available=it.is_available,
        )
        for it in balances
    )
    for warning in warnings(provider):
        logger.warning("%s", warning)


@dataclass(frozen=True)
class Day:
    """What a provider took from the balance, and what we charged, over the same stretches of one day."""

    day: date
    currency: str
    theirs: Decimal
    ours: Decimal

    @property
    def drifts(self) -> bool:
        return abs(self.theirs - self.ours) > max(LEAST, DRIFT * max(self.theirs, self.ours))


def days(provider: Provider, back: timedelta = LOOK_BACK) -> list[Day]:
    """Day by day in the team's zone, oldest first."""
    sums: dict[tuple[date, str], tuple[Decimal, Decimal]] = {}
    stretches = list(_stretches(provider, back))
    for (before, after), charged in zip(stretches, _ours(provider, stretches), strict=True):
        key = (after.taken_at.astimezone(settings.TEAM_ZONE).date(), after.currency)
        theirs, ours = sums.get(key, (Decimal(0), Decimal(0)))
        sums[key] = (theirs + before.total - after.total, ours + charged)
    return [Day(*key, *amounts) for key, amounts in sorted(sums.items())]


def _stretches(provider: Provider, back: timedelta) -> Iterator[tuple[Reading, Reading]]:
    readings = Reading.objects.of(provider).filter(taken_at__gte=timezone.now() - back)
    rows = list(readings.order_by("currency", "taken_at", "pk"))
    for before, after in pairwise(rows):
        if before.currency == after.currency and after.total <= before.total:
            yield before, after


def _ours(provider: Provider, stretches: Sequence[tuple[Reading, Reading]]) -> list[Decimal]:
    """What we charged in each of these stretches. One query: a week has hundreds of them."""
    values: dict[str, Any] = {
        "provider": provider.name,
        "currencies": [before.currency for before, _after in stretches],
        "begins": [before.taken_at for before, _after in stretches],
        "ends": [after.taken_at for _before, after in stretches],
    }
    with connection.cursor() as cursor:
        cursor.execute(_CHARGED, values)
        return [Decimal(amount) for (amount,) in cursor.fetchall()]


# A charge is finished when it is written: an index leads by that. A sum for each stretch, and no join: the planner
# would take each of them for a third of the ledger, and read all of it.
_CHARGED = """
    SELECT (SELECT coalesce(sum(amount), 0) FROM usage_charge
             WHERE created_at >= begins AND created_at < ends
               AND provider = %(provider)s AND currency = stretch.currency)
      FROM unnest(%(currencies)s::text[], %(begins)s::timestamptz[], %(ends)s::timestamptz[])
           WITH ORDINALITY AS stretch(currency, begins, ends, place)
     ORDER BY place
"""


def warnings(provider: Provider) -> list[str]:
    """What an administrator should know, in words."""
    return [*_running_out(provider), *_drifting(provider)]


def _drifting(provider: Provider) -> Iterator[str]:
    for it in days(provider, timedelta(days=1)):
        if it.drifts:
            sentence = _("%(provider)s took %(theirs)s %(currency)s on %(day)s, and we charged %(ours)s.")
            amounts = {"theirs": f"{it.theirs:.2f}", "ours": f"{it.ours:.2f}", "currency": it.currency}
            yield sentence % {"provider": provider.name, "day": it.day.isoformat(), **amounts}


def _running_out(provider: Provider) -> Iterator[str]:
    spent = dict[str, Decimal]()
    for day in days(provider):
        spent[day.currency] = spent.get(day.currency, Decimal(0)) + day.theirs
    for currency in Reading.objects.of(provider).order_by("currency").values_list("currency", flat=True).distinct():
        latest = Reading.objects.of(provider).filter(currency=currency).latest("taken_at", "pk")
        values = {"provider": provider.name, "total": f"{latest.total:.2f}", "currency": currency}
        each_day = spent.get(currency, Decimal(0)) / max(_days_of_readings(provider, currency), Decimal(1))
        if currency == provider.currency and not latest.is_available:
            yield _("The balance at %(provider)s is used up: %(total)s %(currency)s.") % values
        elif each_day and latest.total / each_day < DAYS_LEFT:
            count = {"days": f"{latest.total / each_day:.1f}"}
            yield _("The balance at %(provider)s, %(total)s %(currency)s, lasts for %(days)s days.") % (values | count)


def _days_of_readings(provider: Provider, currency: str) -> Decimal:
    """How long we have looked, of the days that count."""
    readings = Reading.objects.of(provider).filter(currency=currency, taken_at__gte=timezone.now() - LOOK_BACK)
    first, last = readings.earliest("taken_at"), readings.latest("taken_at")
    return Decimal((last.taken_at - first.taken_at) / timedelta(days=1))
