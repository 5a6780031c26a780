"""Limit: what people may spend. Raise: more for a while. RaiseRequest: somebody asks for it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Route
from usage.windows import LENGTHS, Window

MOST = 10**12
SHORT = (
    Window.MINUTE,
    Window.HOUR,
)  # of the rolling ones those that a crowd may share: they are added up at each question


class Unit(models.TextChoices):
    MONEY = "money", _("money")
    TOKENS = "tokens", _("tokens")
    REQUESTS = "requests", _("answers")


class LimitQuerySet(models.QuerySet["Limit"]):
    def that_concern(self, member_id: UUID) -> LimitQuerySet:
        """Everybody's, those of the member's groups, and their own: among these `in_force` chooses."""
        groups = Group.objects.filter(user=member_id)
        return self.filter(Q(member=member_id) | Q(group__in=groups) | Q(member=None, group=None))


class Limit(models.Model):
    """At most so much in a window: for one member, for each member of a group, for each of all, or for all together.

    For each unit and window a member's own row wins, else the tightest of their groups', else everybody's. What is
    `shared` counts beside these: all of the group, or of the team, have it together.
    """

    class Step(models.TextChoices):
        """What happens, and is said, before the end is reached."""

        NONE = "", _("nothing")
        NO_THINKING = "no_thinking", _("answers without thinking")
        ROUTE = "route", _("answers by another model")

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="limits", verbose_name=_("member")
    )
    group = models.ForeignKey(
        Group, models.CASCADE, null=True, blank=True, related_name="limits", verbose_name=_("group")
    )
    shared = models.BooleanField(
        _("for all of them together"), default=False, help_text=_("Otherwise each of them has so much.")
    )
    unit = models.CharField(_("of"), max_length=10, choices=Unit, default=Unit.MONEY)
    window = models.CharField(_("in"), max_length=12, choices=Window, default=Window.THIS_MONTH)
    amount = models.DecimalField(
        _("at most"), max_digits=20, decimal_places=6, validators=[MinValueValidator(0), MaxValueValidator(MOST - 1)]
    )
    soft_percent = models.PositiveSmallIntegerField(
        _("tell them at %"), default=80, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    step = models.CharField(_("before the end"), max_length=12, choices=Step, default=Step.NONE, blank=True)
    step_percent = models.PositiveSmallIntegerField(
        _("from % on"), default=90, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    step_route = models.ForeignKey(
        Route, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("that other model")
    )

    objects: ClassVar[LimitQuerySet] = LimitQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    if TYPE_CHECKING:
        member_id: UUID | None
        group_id: int | None
        step_route_id: int | None

    class Meta:
        verbose_name, verbose_name_plural = _("limit"), _("limits")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "group", "shared", "unit", "window"],
                nulls_distinct=False,
                name="one_limit_of_a_kind",
                violation_error_message=_("There is such a limit already. Change that one."),
            ),
            models.CheckConstraint(
                condition=Q(member=None) | Q(group=None, shared=False),
                name="a_limit_is_for_a_member_or_a_group",
                violation_error_message=_("Choose a member, or a group, or neither: then it is for everybody."),
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0, amount__lt=MOST),
                name="a_limit_is_a_number",
                violation_error_message=_("A limit is a number from 0 on."),
            ),
            models.CheckConstraint(
                condition=Q(shared=False) | ~Q(window__in=[it for it in LENGTHS if it not in SHORT]),
                name="a_shared_limit_goes_by_the_calendar",
                violation_error_message=_("What all have together goes by the calendar, a minute or an hour."),
            ),
            models.CheckConstraint(
                condition=~Q(step="route") | Q(step_route__isnull=False),
                name="a_step_to_another_model_names_it",
                violation_error_message=_("Choose that other model."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.said} {self.get_window_display()}"

    def clean(self) -> None:
        super().clean()
        if self.step_route and self.step_route.is_auto:
            raise ValidationError({"step_route": _("Auto chooses among all of them. Choose a model.")})

    @property
    def said(self) -> str:
        """The amount as people say it: “10.00 USD”, “20 answers”."""
        return said(self.unit, self.amount)

    @property
    def kind(self) -> tuple[str, str]:
        return self.unit, self.window

    def subject(self, member_id: UUID) -> str:
        """Whose sum counts, for a question of this member: see Balance."""
        if not self.shared:
            return f"member:{member_id}"
        return f"group:{self.group_id}" if self.group_id else "team"


def said(unit: str, amount: Decimal | int) -> str:
    match unit:
        case Unit.MONEY:
            return f"{amount:,.2f} {settings.CURRENCY}"
        case Unit.TOKENS:
            return gettext("%(count)s tokens") % {"count": f"{amount:,.0f}"}
        case _:
            return gettext("%(count)s answers") % {"count": f"{amount:,.0f}"}


class RaiseQuerySet(models.QuerySet["Raise"]):
    def at(self, moment: datetime) -> RaiseQuerySet:
        return self.filter(created_at__lte=moment, until__gt=moment)


class Raise(models.Model):
    """So much more for a member, until then: added to whichever limit of this unit and window holds for them."""

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="raises", verbose_name=_("member")
    )
    unit = models.CharField(_("of"), max_length=10, choices=Unit)
    window = models.CharField(_("in"), max_length=12, choices=Window)
    amount = models.DecimalField(
        _("more"), max_digits=20, decimal_places=6, validators=[MinValueValidator(Decimal("0.000001"))]
    )
    until = models.DateTimeField(_("until"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+", verbose_name=_("by")
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    objects: ClassVar[RaiseQuerySet] = RaiseQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    if TYPE_CHECKING:
        member_id: UUID

    class Meta:
        verbose_name, verbose_name_plural = _("raise"), _("raises")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lt=MOST),
                name="a_raise_is_more",
                violation_error_message=_("A raise is a number above 0."),
            )
        ]
        indexes = [models.Index(fields=["member", "until"], name="raises_of_a_member")]

    def __str__(self) -> str:
        return f"+ {said(self.unit, self.amount)} {self.get_window_display()}"


class RaiseRequestQuerySet(models.QuerySet["RaiseRequest"]):
    def open(self) -> RaiseRequestQuerySet:
        return self.filter(state=RaiseRequest.State.OPEN)


class RaiseRequest(models.Model):
    """A member came to the end of a limit and asks for more. One at a time."""

    class State(models.TextChoices):
        OPEN = "open", _("waits")
        GRANTED = "granted", _("granted")
        REFUSED = "refused", _("refused")

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="raise_requests", verbose_name=_("member")
    )
    unit = models.CharField(_("of"), max_length=10, choices=Unit)
    window = models.CharField(_("in"), max_length=12, choices=Window)
    words = models.CharField(_("what for"), max_length=500, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    created_at = models.DateTimeField(_("asked at"), db_default=Now())
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("decided by")
    )
    answer = models.CharField(
        _("answer"), max_length=500, blank=True, help_text=_("In your words. The member reads them.")
    )
    granted = models.OneToOneField(
        Raise, models.SET_NULL, null=True, related_name="request", verbose_name=_("what was granted")
    )

    objects: ClassVar[RaiseRequestQuerySet] = RaiseRequestQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    if TYPE_CHECKING:
        member_id: UUID

    class Meta:
        verbose_name, verbose_name_plural = _("request for a raise"), _("requests for raises")
        constraints = [
            models.UniqueConstraint(
                fields=["member"], condition=Q(state="open"), name="a_member_asks_for_one_raise_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state="open") | Q(decided_at__isnull=False), name="a_decision_has_its_time"
            ),
        ]
        indexes = [models.Index(fields=["state", "created_at"], name="raise_requests_by_state")]

    def __str__(self) -> str:
        return f"{self.member}: {self.get_unit_display()} {self.get_window_display()}"
