"""Balance: what was spent and is promised in one window. Hold: what one answer may still cost."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from usage.models.limit import Unit
from usage.windows import Window


class BalanceQuerySet(models.QuerySet["Balance"]):
    def at(self, moment: datetime) -> BalanceQuerySet:
        return self.filter(starts_at__lte=moment, ends_at__gt=moment)

    def of_member(self, member_id: UUID) -> BalanceQuerySet:
        return self.filter(subject=f"member:{member_id}")


class Balance(models.Model):
    """Kept for those windows alone that a limit is counted in, from the first question on that the limit is asked for.

    subject: “member:<id>”, “group:<id>” or “team”. A calendar window has a row for each of its periods, and in it the
    sum of the ledger: a trigger adds every Charge to it. A rolling window has one row, with nothing but what is
    promised: what was spent in the last hour is a sum of the ledger as of now.
    """

    subject = models.CharField(_("whose"), max_length=50)
    window = models.CharField(_("window"), max_length=12, choices=Window)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    is_rolling = models.BooleanField(_("rolling"), default=False)
    cost = models.DecimalField(_("spent"), max_digits=20, decimal_places=12, default=Decimal(0))
    tokens = models.BigIntegerField(_("tokens spent"), default=0)
    requests = models.BigIntegerField(_("answers"), default=0)
    held_cost = models.DecimalField(_("promised"), max_digits=20, decimal_places=12, default=Decimal(0))
    held_tokens = models.BigIntegerField(_("tokens promised"), default=0)
    held_requests = models.BigIntegerField(_("answers promised"), default=0)

    objects: ClassVar[BalanceQuerySet] = BalanceQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    class Meta:
        verbose_name, verbose_name_plural = _("balance"), _("balances")
        constraints = [
            models.UniqueConstraint(fields=["subject", "window", "starts_at"], name="one_balance_of_a_window"),
            models.CheckConstraint(
                condition=Q(held_cost__gte=0, held_tokens__gte=0, held_requests__gte=0),
                name="no_hold_is_freed_twice",
            ),
        ]
        indexes = [models.Index(fields=["subject", "ends_at"], name="balances_of_a_subject")]

    def __str__(self) -> str:
        whose = gettext("the whole team") if self.subject == "team" else self.subject
        return f"{whose}, {self.get_window_display()}"

    def spent(self, unit: str) -> Decimal:
        sums = (self.cost, Decimal(self.tokens), Decimal(self.requests))
        return dict(zip(Unit, sums, strict=True))[Unit(unit)]

    def held(self, unit: str) -> Decimal:
        sums = (self.held_cost, Decimal(self.held_tokens), Decimal(self.held_requests))
        return dict(zip(Unit, sums, strict=True))[Unit(unit)]


class Hold(models.Model):
    """What an answer, or a title, may still cost. It is counted in each of its balances until it is charged or freed.

    Its id is that of the generation; of a title, that of its call.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    member_id = models.UUIDField(_("member id"))
    balances = ArrayField(models.BigIntegerField(), verbose_name=_("balances"))
    cost = models.DecimalField(_("promised"), max_digits=20, decimal_places=12)
    tokens = models.BigIntegerField(_("tokens promised"))
    requests = models.BigIntegerField(_("answers promised"))
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("hold"), _("holds")
        constraints = [
            models.CheckConstraint(
                condition=Q(cost__gte=0, tokens__gte=0, requests__gte=0), name="a_hold_is_not_negative"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="holds_by_time")]

    def __str__(self) -> str:
        return f"{self.cost.normalize():f}, {self.tokens} tokens"
