"""A worker's sign of life, for those who look at the house from outside."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class PulseQuerySet(models.QuerySet["Pulse"]):
    def beat(self, name: str) -> None:
        """This worker lives, as of now."""
        self.bulk_create(
            [Pulse(name=name, seen_at=Now())], update_conflicts=True, unique_fields=["name"], update_fields=["seen_at"]
        )

    def alive(self) -> PulseQuerySet:
        """Workers that were heard of within their lease, on the database's clock."""
        return self.filter(seen_at__gt=Now() - timedelta(seconds=settings.LEASE_SECONDS))


class Pulse(models.Model):
    """One worker that claims questions. The row goes when it is told to go; of one that died, a while later."""

    name = models.CharField(max_length=80, primary_key=True)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[PulseQuerySet] = PulseQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    class Meta:
        verbose_name, verbose_name_plural = _("pulse of a worker"), _("pulses of workers")

    def __str__(self) -> str:
        return self.name
