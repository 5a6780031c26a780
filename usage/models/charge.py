"""A charge: what one request cost. The ledger is the list of them, and it is only ever written on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, Q, Sum, Value
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from usage.models.call import Call

ZERO = Value(Decimal(0), models.DecimalField(max_digits=20, decimal_places=12))


class Totals(TypedDict):
    """spent: in the reporting currency, of those that have a price; unpriced: how many have none, and cost nobody knows
    what; calls: requests, corrections not among them."""

    spent: Decimal
    tokens: int
    calls: int
    estimated: int
    unpriced: int


class ChargeQuerySet(models.QuerySet["Charge"]):
    def everything(self) -> ChargeQuerySet:
        return self.filter()

    def of_member(self, member_id: UUID) -> ChargeQuerySet:
        return self.filter(member_id=member_id)

    def of_conversation(self, conversation_id: UUID) -> ChargeQuerySet:
        return self.filter(conversation_id=conversation_id)

    def of_generations(self, ids: Iterable[UUID]) -> ChargeQuerySet:
        return self.filter(generation_id__in=list(ids))

    def sent_within(self, begin: datetime, end: datetime) -> ChargeQuerySet:
        """By their start, which decides what they cost and to which day they belong."""
        return self.filter(sent_at__gte=begin, sent_at__lt=end)

    def totals(self) -> Totals:
        """Sums over all of them, corrections included."""
        return self.aggregate(**self.SUMS)  # type: ignore[return-value]  # the stubs know no keys of an aggregate

    def totals_by(self, *columns: str) -> Any:
        """The same for each value of these columns, dearest first."""
        return self.values(*columns).annotate(**self.SUMS).order_by("-spent")

    SUMS: ClassVar[dict[str, models.expressions.Combinable]] = {
        "spent": Coalesce(Sum("cost"), ZERO),
        "tokens": Coalesce(Sum("cache_hit_tokens") + Sum("cache_miss_tokens") + Sum("output_tokens"), 0),
        "calls": Count("pk", filter=Q(kind="charge")),
        "estimated": Count("pk", filter=Q(kind="charge", is_estimated=True)),
        "unpriced": Count("pk", filter=Q(kind="charge", cost=None)),
    }


class Charge(models.Model):
    """What a Call cost, with all that it was reckoned from. Never changed: what was wrong is set right by another row.

    Each Call has one of kind CHARGE. Nothing here hangs on a member, a conversation or a price that is still there.
    A model without a price: no amount, no cost. It is unknown, which is not nothing.
    """

    class Kind(models.TextChoices):
        CHARGE = "charge", _("charge")
        LATE = "late", _("what its provider counted, told after it had been estimated")
        CORRECTION = "correction", _("correction")

    call = models.ForeignKey(Call, models.PROTECT, related_name="charges", verbose_name=_("call"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.CHARGE)
    reason = models.CharField(_("reason"), max_length=200, blank=True, help_text=_("of a correction"))

    # Who, and what for: as on its Call.
    generation_id = models.UUIDField(_("generation id"))
    conversation_id = models.UUIDField(_("conversation id"))
    member_id = models.UUIDField(_("member id"))
    member_label = models.CharField(_("member label"), max_length=254, blank=True)
    group_ids = ArrayField(models.IntegerField(), default=list, verbose_name=_("group ids"))
    purpose = models.CharField(_("purpose"), max_length=10, choices=Call.Purpose)
    provider = models.CharField(_("provider"), max_length=40)
    model = models.CharField(_("model"), max_length=120)
    returned_model = models.CharField(_("returned model"), max_length=120, blank=True)

    # When. The start decides which price counts, and to which day it belongs.
    sent_at = models.DateTimeField(_("sent at"))
    finished_at = models.DateTimeField(_("finished at"), db_default=Now())
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    # How much. Tokens and amounts of a correction are differences, with their sign. Reasoning is part of the output.
    cache_hit_tokens = models.BigIntegerField(_("cache hit tokens"), default=0)
    cache_miss_tokens = models.BigIntegerField(_("cache miss tokens"), default=0)
    output_tokens = models.BigIntegerField(_("output tokens"), default=0)
    reasoning_tokens = models.BigIntegerField(_("reasoning tokens"), default=0)
    is_estimated = models.BooleanField(
        _("is estimated"), default=False, help_text=_("its provider did not count, or nobody heard it")
    )

    # At which price: the row, and what stood in it.
    price_id = models.BigIntegerField(_("price id"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    cache_hit_price = models.DecimalField(_("cache hit price"), max_digits=12, decimal_places=6, null=True)
    cache_miss_price = models.DecimalField(_("cache miss price"), max_digits=12, decimal_places=6, null=True)
    output_price = models.DecimalField(_("output price"), max_digits=12, decimal_places=6, null=True)
    call_price = models.DecimalField(_("call price"), max_digits=12, decimal_places=6, null=True)
    amount = models.DecimalField(
        _("amount"), max_digits=20, decimal_places=12, null=True, help_text=_("in the price's currency")
    )
    rate = models.DecimalField(_("rate"), max_digits=16, decimal_places=8, null=True)
    cost = models.DecimalField(
        _("cost"), max_digits=20, decimal_places=12, null=True, help_text=_("in the reporting currency")
    )
    reported_in = models.CharField(_("reported in"), max_length=3)

    objects: ClassVar[ChargeQuerySet] = ChargeQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    if TYPE_CHECKING:
        call_id: UUID

    class Meta:
        verbose_name, verbose_name_plural = _("charge"), _("charges")
        constraints = [
            models.UniqueConstraint(
                fields=["call", "kind"], condition=~Q(kind="correction"), name="a_call_is_charged_once"
            ),
            models.CheckConstraint(
                condition=Q(amount__isnull=True, cost__isnull=True) | Q(amount__isnull=False, currency__gt=""),
                name="what_has_no_price_has_no_amount",
            ),
            models.CheckConstraint(
                condition=~Q(kind="charge")
                | Q(
                    cache_hit_tokens__gte=0,
                    cache_miss_tokens__gte=0,
                    output_tokens__gte=0,
                    reasoning_tokens__gte=0,
                )
                & (Q(amount=None) | Q(amount__gte=0, amount__lt=10**8)),
                name="only_a_correction_takes_away",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="charges_by_time"),
            models.Index(fields=["member_id", "created_at"], name="charges_of_a_member_by_time"),
            models.Index(fields=["sent_at"], name="charges_by_start"),
            models.Index(fields=["sent_at"], name="charges_without_a_price", condition=Q(cost=None)),
            models.Index(fields=["member_id", "sent_at"], name="charges_of_a_member"),
            models.Index(fields=["conversation_id"], name="charges_of_a_conversation"),
            models.Index(fields=["generation_id"], name="charges_of_an_answer"),
        ]

    def __str__(self) -> str:
        amount = f"{self.amount:f} {self.currency}" if self.amount is not None else "no price"
        return f"{amount}{', estimated' if self.is_estimated else ''}"

    @property
    def tokens(self) -> int:
        return self.cache_hit_tokens + self.cache_miss_tokens + self.output_tokens
