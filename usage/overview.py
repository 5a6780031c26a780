"""Who spent what, on what, and when; what is wrong; and who is about to reach a limit.

A bounded number of queries. What was spent is read from the totals of its days, so a month of 100,000 charges takes
some 50 ms of the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Count, F, Func, IntegerField, Max, Min, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from catalog.amounts import money
from catalog.models import Price, Provider
from usage import nearing, reconciling
from usage.charts import Chart, Point, stacked
from usage.models import Hold, Of, RaiseRequest, Reading, Reply, Total
from usage.nearing import Near
from usage.periods import Period

MOST = 10  # rows of a table that has no end
OLD = timedelta(hours=2)  # no answer takes so long: a hold of that age is somebody's mistake


@dataclass(frozen=True)
class Spending:
    """One line: of a day, a model, a member. `key` is its id, where there is one."""

    name: str
    key: str
    spent: Decimal
    calls: int
    tokens: int
    estimated: int
    unpriced: int

    @property
    def said(self) -> str:
        return money(self.spent)


@dataclass(frozen=True)
class Conversation:
    """Of whose words nothing is known here."""

    id: str
    owner: str
    spent: Decimal

    @property
    def said(self) -> str:
        return money(self.spent)


@dataclass(frozen=True)
class Trouble:
    code: str
    count: int
    latest: datetime


@dataclass(frozen=True)
class Holds:
    count: int
    cost: Decimal
    oldest: datetime | None

    @property
    def said(self) -> str:
        return money(self.cost)

    @property
    def is_old(self) -> bool:
        return self.oldest is not None and timezone.now() - self.oldest > OLD


@dataclass(frozen=True)
class Account:
    """What a provider says is left, what it took day by day against what we charged, and what should be known of it."""

    reading: Reading
    days: list[reconciling.Day]
    warnings: list[str]


@dataclass(frozen=True)
class Overview:
    period: Period
    total: Spending
    chart: Chart
    models: list[Spending]
    members: list[Spending]
    groups: list[Spending]
    conversations: list[Conversation]
    hit_percent: int | None
    off_peak_percent: int | None
    troubles: list[Trouble]
    holds: Holds
    near: list[Near]
    requests: list[RaiseRequest]
    accounts: list[Account]


def over(period: Period) -> Overview:
    """Everything that an administrator sees at a glance."""
    rows = _by_day(period)
    members, conversations = _by_member(period), _by_conversation(period)
    names = _names({it["member_id"] for it in (*members, *conversations)})
    return Overview(
        period,
        _together("", "", rows),
        _chart(period, rows),
        _by(rows, "model"),
        [_spending(names.get(it["member_id"], str(it["member_id"])), str(it["member_id"]), it) for it in members],
        _by_group(period),
        [_conversation(it, names) for it in conversations],
        _percent(sum(it["hit"] for it in rows), sum(it["hit"] + it["miss"] for it in rows)),
        _off_peak(rows),
        _troubles(period),
        _holds(),
        [it for it in nearing.everybody() if it.is_near][:MOST],
        list(RaiseRequest.objects.open().select_related("member").order_by("created_at")[:MOST]),
        list(_accounts()),
    )


# What was spent -----------------------------------------------------------------------------------------------------


def _by_day(period: Period) -> list[dict[str, Any]]:
    """By model and price, too: of all that is told of models and hours, one question."""
    return list(Total.objects.of_days(Of.MODEL, period).summed_by("day", "model", "price_id"))


def _by_member(period: Period) -> list[dict[str, Any]]:
    return list(Total.objects.of_days(Of.MEMBER, period).summed_by("member_id")[:MOST])


def _by_conversation(period: Period) -> list[dict[str, Any]]:
    totals: Any = Total.objects.of_days(Of.CONVERSATION, period)  # the stubs know no keys of sums
    sums = totals.values("conversation_id", "member_id").annotate(spent=Sum("cost"))
    return list(sums.order_by("-spent")[:MOST])


def _by_group(period: Period) -> list[Spending]:
    """By the groups that members were in at that moment. Who is in two counts in both."""
    group = Func(F("group_ids"), function="unnest", output_field=IntegerField())
    rows = list(Total.objects.of_days(Of.MEMBER, period).annotate(group=group).summed_by("group")[:MOST])
    names = dict(Group.objects.filter(pk__in=[it["group"] for it in rows]).values_list("pk", "name"))
    gone = _("a group that is gone")
    return [_spending(names.get(it["group"], gone), str(it["group"]), it) for it in rows]


def _spending(name: str, key: str, row: dict[str, Any]) -> Spending:
    return Spending(name, key, *(row[it] for it in ("spent", "calls", "tokens", "estimated", "unpriced")))


def _together(name: str, key: str, rows: Iterable[dict[str, Any]]) -> Spending:
    rows = list(rows)
    sums = (sum(row[it] for row in rows) for it in ("calls", "tokens", "estimated", "unpriced"))
    return Spending(name, key, sum((row["spent"] for row in rows), Decimal(0)), *sums)


def _by(rows: list[dict[str, Any]], column: str) -> list[Spending]:
    values = {row[column] for row in rows}
    found = [_together(it, it, (row for row in rows if row[column] == it)) for it in values]
    return sorted(found, key=lambda it: (-it.spent, it.name))


def _conversation(row: dict[str, Any], names: dict[Any, str]) -> Conversation:
    owner = names.get(row["member_id"], str(row["member_id"]))
    return Conversation(str(row["conversation_id"]), owner, row["spent"])


def _names(ids: set[Any]) -> dict[Any, str]:
    return {it.pk: str(it) for it in User.objects.filter(pk__in=ids).only("name", "email")}


def _chart(period: Period, rows: Iterable[dict[str, Any]]) -> Chart:
    points = (Point(row["day"], row["model"], row["spent"]) for row in rows)
    return stacked("spent", _("Spent by day and model"), period.days, points)


def _off_peak(rows: list[dict[str, Any]]) -> int | None:
    """Of what models with peak hours cost, the part outside of them; None if none has any."""
    bands = dict(Price.objects.filter(pk__in={it["price_id"] for it in rows}).values_list("pk", "band_id"))
    peaked = {it["model"] for it in rows if bands.get(it["price_id"])}
    concerned = [it for it in rows if it["model"] in peaked]
    cheap = sum(it["spent"] for it in concerned if not bands.get(it["price_id"]))
    return _percent(cheap, sum(it["spent"] for it in concerned))


def _percent(part: Any, whole: Any) -> int | None:
    return round(100 * part / whole) if whole else None


# What is wrong, and what is under way -------------------------------------------------------------------------------


def _troubles(period: Period) -> list[Trouble]:
    failed = Reply.objects.exclude(error_code="").filter(ended_at__gte=period.begin, ended_at__lt=period.end)
    counts = failed.values_list("error_code").annotate(count=Count("pk"), latest=Max("ended_at"))
    return [Trouble(*row) for row in counts.order_by("-count")[:MOST]]


def _holds() -> Holds:
    found = Hold.objects.aggregate(count=Count("pk"), cost=Sum("cost"), oldest=Min("created_at"))
    return Holds(found["count"], found["cost"] or Decimal(0), found["oldest"])


def _accounts() -> Iterable[Account]:
    latest = Reading.objects.order_by("provider", "currency", "-taken_at").distinct("provider", "currency")
    providers = {it.name: it for it in Provider.objects.all()}
    compared: dict[str, tuple[list[reconciling.Day], list[str]]] = {}
    for reading in latest:
        if provider := providers.get(reading.provider):
            if reading.provider not in compared:
                days = reconciling.days(provider)
                compared[reading.provider] = days, reconciling.warnings(provider)
            days, warnings = compared[reading.provider]
            mine = [it for it in days if it.currency == reading.currency]
            yield Account(reading, mine, warnings if provider.currency == reading.currency else [])


def waiting() -> int:
    """Requests for raises that nobody has decided."""
    return RaiseRequest.objects.open().count()
