"""Alert: a budget has come to a threshold. Notice: an alert to one person, on their pages and by mail."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.mailing import Mailed
from usage.models.limit import Unit, said
from usage.windows import Window

PERCENTS = (50, 80, 100)


class Alert(models.Model):
    """Told once in a window, whoever finds out first: the database sees to it.

    subject: whose budget it is, as a Balance's; label: their name, of then. What was spent and what there was to spend
    stand as they were then.
    """

    subject = models.CharField(max_length=50)
    label = models.CharField(max_length=150, blank=True)
    unit = models.CharField(max_length=10, choices=Unit)
    window = models.CharField(max_length=12, choices=Window)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    percent = models.PositiveSmallIntegerField()
    spent = models.DecimalField(max_digits=20, decimal_places=6)
    amount = models.DecimalField(max_digits=20, decimal_places=6)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("alert"), gettext_lazy("alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "unit", "window", "starts_at", "percent"], name="an_alert_is_given_once"
            ),
            models.CheckConstraint(condition=Q(percent__in=PERCENTS), name="an_alert_is_at_a_threshold"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}, {self.window}: {self.percent} %"

    @property
    def member_id(self) -> UUID | None:
        """Whose own budget it is; None for those that many have together."""
        kind, _colon, key = self.subject.partition(":")
        return UUID(key) if kind == "member" else None

    @property
    def whose(self) -> str:
        """As others read it."""
        if self.member_id:
            return _("of %(member)s") % {"member": self.label}
        return _("of the group %(group)s") % {"group": self.label} if self.label else _("of the team")

    @property
    def sums(self) -> str:
        """“8.10 USD of 10.00 USD a month is used. The next window begins on 1 December.”"""
        sentence = _("%(spent)s of %(amount)s %(window)s is used. The next window begins on %(moment)s.")
        return sentence % {
            "spent": said(self.unit, self.spent),
            "amount": said(self.unit, self.amount),
            "window": self.get_window_display(),
            "moment": date_format(self.ends_at.astimezone(settings.TEAM_ZONE), "DATETIME_FORMAT"),
        }


class NoticeQuerySet(models.QuerySet["Notice"]):
    def shown_to(self, member_id: UUID) -> NoticeQuerySet:
        """What they have not dismissed, of windows that have not ended; the latest first."""
        now = timezone.now()
        unseen = self.filter(member=member_id, dismissed_at=None, alert__ends_at__gt=now)
        return unseen.select_related("alert").order_by("-alert_id")

    def dismiss(self) -> int:
        return self.filter(dismissed_at=None).update(dismissed_at=Now())


class Notice(Mailed):
    """One for each person, so each is told once, in their language, and each dismisses their own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    alert = models.ForeignKey(Alert, models.CASCADE, related_name="notices")
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    dismissed_at = models.DateTimeField(null=True)

    objects: ClassVar[NoticeQuerySet] = NoticeQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    if TYPE_CHECKING:
        member_id: UUID

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("notice"), gettext_lazy("notices")
        constraints = [models.UniqueConstraint(fields=["alert", "member"], name="everybody_is_told_once")]
        indexes = [
            models.Index(fields=["member"], name="notices_to_show", condition=Q(dismissed_at=None)),
            models.Index(fields=["mail_at"], name="notices_to_mail", condition=Q(mail_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.alert}"

    @property
    def headline(self) -> str:
        """In one sentence, to its reader."""
        if self.alert.member_id == self.member_id:
            return _("%(percent)s %% of your budget is used.") % {"percent": self.alert.percent}
        values = {"percent": self.alert.percent, "whose": self.alert.whose}
        return _("%(percent)s %% of the budget %(whose)s is used.") % values

    @property
    def until(self) -> datetime:
        return self.alert.ends_at
