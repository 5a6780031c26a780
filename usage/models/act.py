"""An act: what somebody changed of what is paid and what may be spent. Written by the database itself."""

from __future__ import annotations

from django.apps import apps
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Act(models.Model):
    """One row that was added, changed or deleted: of limits, raises, requests for them, answers at once, rules, prices,
    bands, rates, billed-as names, and of a model that may answer without a price.

    A trigger on each of these tables writes it (migrations/0008), so that no way leads around it; nothing of it is ever
    changed or deleted, by anybody. Who did it stands there by id and name, and outlives them.
    """

    class Deed(models.TextChoices):
        ADDED = "insert", _("added")
        CHANGED = "update", _("changed")
        DELETED = "delete", _("deleted")

    created_at = models.DateTimeField(_("at"), db_default=Now())
    by_id = models.UUIDField(_("by whom (id)"), null=True)
    by_label = models.CharField(_("by whom"), max_length=254, blank=True)
    deed = models.CharField(_("deed"), max_length=6, choices=Deed)
    table = models.CharField(_("table"), max_length=63)
    row_id = models.BigIntegerField(_("row"))
    row = models.JSONField(_("as it is now"), help_text=_("of what was deleted: as it was"))
    before = models.JSONField(_("as it was before"), null=True, help_text=_("the columns that were changed"))

    class Meta:
        verbose_name, verbose_name_plural = _("act on money"), _("acts on money")
        indexes = [
            models.Index(fields=["created_at"], name="acts_by_time"),
            models.Index(fields=["by_id", "created_at"], name="acts_of_a_member"),
            models.Index(fields=["table", "row_id", "created_at"], name="acts_on_a_row"),
        ]

    def __str__(self) -> str:
        return f"{self.get_deed_display()}: {self.kind} {self.row_id}"

    @property
    def model(self) -> type[models.Model] | None:
        """Of the row; None if a later version has none such."""
        return next((it for it in apps.get_models() if it._meta.db_table == self.table), None)

    @property
    def kind(self) -> str:
        """Of the row, as people call it."""
        return str(self.model._meta.verbose_name) if self.model else self.table
