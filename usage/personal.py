"""A member's own side of money: what they spent, and what is left. Asked by the id they signed in with, so that others'
numbers are out of reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import Q
from django.db.models.functions import Coalesce, TruncDate
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from usage import holding
from usage.charts import Point
from usage.holding import Standing
from usage.models import Charge, RaiseRequest
from usage.models.charge import ZERO, ChargeQuerySet, Totals
from usage.models.limit import said
from usage.periods import Period
from usage.windows import Window, is_rolling

WHEN = {
    Window.MINUTE: gettext_lazy("The last minute"),
    Window.HOUR: gettext_lazy("The last hour"),
    Window.DAY: gettext_lazy("The last 24 hours"),
    Window.WEEK: gettext_lazy("The last 7 days"),
    Window.MONTH: gettext_lazy("The last 30 days"),
    Window.TODAY: gettext_lazy("Today"),
    Window.THIS_WEEK: gettext_lazy("This week"),
    Window.THIS_MONTH: gettext_lazy("This month"),
}


# What was spent -----------------------------------------------------------------------------------------------------


def charges(member_id: UUID, period: Period) -> ChargeQuerySet:
    return Charge.objects.of_member(member_id).sent_within(period.begin, period.end)


def totals(member_id: UUID, period: Period) -> Totals:
    return charges(member_id, period).totals()


def by_day_and_model(member_id: UUID, period: Period) -> list[Point]:
    day = TruncDate("sent_at", tzinfo=settings.TEAM_ZONE)
    rows = charges(member_id, period).annotate(day=day).values_list("day", "model")
    return [Point(*row) for row in rows.annotate(spent=Coalesce(ChargeQuerySet.SUMS["spent"], ZERO))]


def by_conversation(member_id: UUID, period: Period, most: int) -> list[dict[str, object]]:
    """The dearest of them; of each only what this member asked there."""
    return list(charges(member_id, period).totals_by("conversation_id").order_by("-spent", "-tokens")[:most])


def lines_after(member_id: UUID, period: Period, last: Charge | None, most: int) -> list[Charge]:
    """The next charges in the order they were sent: a long list is read a piece at a time."""
    rows = charges(member_id, period).order_by("sent_at", "pk")
    if last:
        rows = rows.filter(Q(sent_at__gt=last.sent_at) | Q(sent_at=last.sent_at, pk__gt=last.pk))
    return list(rows[:most])


# What is left -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """How a limit stands, in words. whose: of a shared one, who has it together."""

    standing: Standing
    when: str
    whose: str = ""

    @property
    def used(self) -> str:
        """“1.84 of 10.00 USD”."""
        unit, spent = self.standing.limit.unit, self.standing.spent
        values = {"spent": said(unit, spent).partition(" ")[0], "amount": said(unit, self.standing.amount)}
        return _("%(spent)s of %(amount)s") % values

    @property
    def left(self) -> str:
        return said(self.standing.limit.unit, max(self.standing.amount - self.standing.spent, Decimal(0)))

    @property
    def held(self) -> str:
        """What answers under way may still cost; "" for nothing."""
        return said(self.standing.limit.unit, self.standing.held) if self.standing.held else ""

    @property
    def raised(self) -> str:
        return said(self.standing.limit.unit, self.standing.raised) if self.standing.raised else ""

    @property
    def percent(self) -> int:
        """Of it that is used, without what is promised; 100 at most."""
        amount = self.standing.amount
        return min(100, int(100 * self.standing.spent / amount)) if amount else 100

    @property
    def is_near(self) -> bool:
        return self.percent >= self.standing.limit.soft_percent

    @property
    def resets(self) -> str:
        """The day; "" of a rolling window."""
        if self.standing.resets_at is None:
            return ""
        return date_format(self.standing.resets_at.astimezone(settings.TEAM_ZONE), "MONTH_DAY_FORMAT")

    @property
    def is_rolling(self) -> bool:
        return is_rolling(self.standing.limit.window)


def left(member_id: UUID) -> list[Left]:
    """All their limits, the tightest first. One query without any, else four at most."""
    stands = holding.standings(member_id)
    names = _names([it.limit.group_id for it in stands if it.limit.shared and it.limit.group_id])
    found = [Left(it, str(WHEN[Window(it.limit.window)]), _whose(it, names)) for it in stands]
    return sorted(found, key=lambda it: -it.percent)


def tightest(member_id: UUID) -> Left | None:
    return next(iter(left(member_id)), None)


def _names(groups: Sequence[int]) -> dict[int, str]:
    return dict(Group.objects.filter(pk__in=groups).values_list("pk", "name")) if groups else {}


def _whose(standing: Standing, names: dict[int, str]) -> str:
    if not standing.limit.shared:
        return ""
    if standing.limit.group_id is None:
        return _("the whole team together")
    return _("all of “%(group)s” together") % {"group": names.get(standing.limit.group_id, "")}


def requests(member_id: UUID, most: int = 10) -> list[RaiseRequest]:
    """For more, the latest first, with what came of them."""
    found = RaiseRequest.objects.filter(member=member_id).select_related("granted")
    return list(found.order_by("-created_at", "-pk")[:most])
