"""What a day came to: sums of the ledger, so that a page about a month needs not read all of the month's charges."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Sum

from usage.models.charge import Charge
from usage.periods import Period


class Of(models.TextChoices):
    """By what a day's charges are summed up: each of them is part of one sum of each kind."""

    MODEL = "model"  # and price
    MEMBER = "member"  # with the groups that they were in
    CONVERSATION = "conversation"  # and member


class Sums(models.Model):
    """The columns that DayTotal keeps and Total shows. Those by which a kind does not sum up are empty."""

    of = models.CharField(max_length=12, choices=Of)
    day = models.DateField()  # of the team's calendar, on which it was sent
    model = models.CharField(max_length=120, blank=True)
    price_id = models.BigIntegerField(null=True)
    member_id = models.UUIDField(null=True)
    group_ids = ArrayField(models.IntegerField(), null=True)
    conversation_id = models.UUIDField(null=True)
    cost = models.DecimalField(max_digits=30, decimal_places=12)  # in the reporting currency, of what has a price
    cache_hit_tokens = models.BigIntegerField()
    cache_miss_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    charges = models.BigIntegerField()  # corrections not among them
    estimates = models.BigIntegerField()  # … whose tokens nobody counted
    priceless = models.BigIntegerField()  # … that cost nobody knows what
    answers = models.BigIntegerField()  # … as limits count them: see holding.COUNTED

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.day}, by {self.of}: {self.cost.normalize():f}"


class DayTotal(Sums):
    """A sum of those charges that are not in Unsummed any more. Written by `totalling` alone."""

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["of", "day", "model", "price_id", "member_id", "group_ids", "conversation_id"],
                nulls_distinct=False,
                name="one_total_of_a_day",
            )
        ]


class Unsummed(models.Model):
    """A charge that is in no DayTotal yet: a trigger adds every one, a worker takes them out. There are few.

    So nobody who is charged waits for a row that all others are waiting for as well.
    """

    charge = models.OneToOneField(Charge, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="+")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)


class TotalsCalendar(models.Model):
    """One row: at whose midnight the days of DayTotal begin. When TEAM_ZONE is another, all is added up anew."""

    zone = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="there_is_one_calendar")]

    def __str__(self) -> str:
        return self.zone


class TotalQuerySet(models.QuerySet["Total"]):
    def of_days(self, kind: Of, period: Period) -> TotalQuerySet:
        return self.filter(of=kind, day__gte=period.first, day__lte=period.last)

    def summed_by(self, *columns: str) -> Any:
        """As ChargeQuerySet.totals_by, and the input by where it came from. Any: the stubs know no keys of sums."""
        return self.values(*columns).annotate(**self.SUMS).order_by("-spent")

    SUMS: ClassVar[dict[str, models.expressions.Combinable]] = {
        "spent": Sum("cost"),
        "tokens": Sum(F("cache_hit_tokens") + F("cache_miss_tokens") + F("output_tokens")),
        "calls": Sum("charges"),
        "estimated": Sum("estimates"),
        "unpriced": Sum("priceless"),
        "hit": Sum("cache_hit_tokens"),
        "miss": Sum("cache_miss_tokens"),
    }


class Total(Sums):
    """A view: the rows of DayTotal, and those charges that are in none yet. At every moment the sum of the ledger.

    Its ids are no key. A migration that changes the type of a column that it shows has to drop it, and make it again.
    """

    objects: ClassVar[TotalQuerySet] = TotalQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    class Meta:
        managed = False
        db_table = "usage_total"
        default_permissions = ()
