"""A reading: what a provider said was left of our money."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from catalog.models import Provider


class ReadingQuerySet(models.QuerySet["Reading"]):
    def of(self, provider: Provider) -> ReadingQuerySet:
        return self.filter(provider=provider.name)


class Reading(models.Model):
    """One currency of one account, at one moment. By name: it outlives the provider's row, as a Charge does."""

    provider = models.CharField(_("provider"), max_length=40)
    currency = models.CharField(_("currency"), max_length=3)
    total = models.DecimalField(_("left"), max_digits=20, decimal_places=6)
    granted = models.DecimalField(_("of that, granted"), max_digits=20, decimal_places=6)
    topped_up = models.DecimalField(_("of that, topped up"), max_digits=20, decimal_places=6)
    is_available = models.BooleanField(_("can be spent"))
    taken_at = models.DateTimeField(_("read at"), db_default=Now())

    objects: ClassVar[ReadingQuerySet] = ReadingQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    if TYPE_CHECKING:
        pk: int

    class Meta:
        verbose_name, verbose_name_plural = _("reading of a balance"), _("readings of balances")
        indexes = [models.Index(fields=["provider", "currency", "taken_at"], name="readings_of_an_account")]

    def __str__(self) -> str:
        return f"{self.total.normalize():f} {self.currency}"
