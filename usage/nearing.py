"""Who is about to reach a limit: how everybody's limits stand, in a number of queries that does not hang on how many
members there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import F, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from usage import holding
from usage.holding import UNITS, Standing, in_force
from usage.models import Balance, Charge, Limit, Of, Raise, RaiseRequest, Total
from usage.models.limit import said
from usage.windows import NEVER, is_rolling, period

Sums = dict[str, Decimal]  # by unit
NOTHING: Sums = dict.fromkeys(UNITS, Decimal(0))


@dataclass(frozen=True)
class Near:
    """How one limit stands for one member, or for those who share it: then there is no `member_id`."""

    who: str
    member_id: UUID | None
    standing: Standing

    @property
    def is_near(self) -> bool:
        return self.percent >= self.standing.limit.soft_percent

    @property
    def percent(self) -> int:
        return self.standing.percent

    @property
    def limit(self) -> str:
        return str(self.standing.limit)

    @property
    def set_for(self) -> str:
        """Whose row it is that counts."""
        limit = self.standing.limit
        if limit.member_id:
            return _("this member")
        whom = limit.group.name if limit.group else _("everybody")
        return _("%(whom)s together") % {"whom": whom} if limit.shared else whom

    @property
    def spent(self) -> str:
        return self._said(self.standing.spent)

    @property
    def promised(self) -> str:
        return self._said(self.standing.held)

    @property
    def left(self) -> str:
        return self._said(max(self.standing.room, Decimal(0)))

    @property
    def raised(self) -> str:
        """More than the limit says, for a while; "" without."""
        return self._said(self.standing.raised) if self.standing.raised else ""

    def _said(self, amount: Decimal) -> str:
        return said(self.standing.limit.unit, amount)


@dataclass(frozen=True)
class Moment:
    """What was spent and is promised right now, by subject: see Balance."""

    at: datetime
    spent: dict[tuple[str, str], Sums]  # by window and subject
    balances: dict[tuple[str, str], Balance]
    raised: dict[tuple[UUID, str, str], Decimal]  # by member, unit and window

    @classmethod
    def now(cls, limits: Iterable[Limit]) -> Moment:
        at, windows = timezone.now(), {it.window for it in limits}
        raises = Raise.objects.at(at).values_list("member_id", "unit", "window").annotate(more=Sum("amount"))
        return cls(
            at,
            {(window, subject): sums for window in windows for subject, sums in _spent(window, at)},
            {(it.window, it.subject): it for it in Balance.objects.at(at)},
            {(member, unit, window): more for member, unit, window, more in raises},
        )

    def standing(self, limit: Limit, subject: str, raised: Decimal = Decimal(0)) -> Standing:
        begin, end = period(limit.window, self.at, settings.TEAM_ZONE)
        key = limit.window, subject
        balance = self.balances.get(key) or Balance(subject=subject, window=limit.window)
        spent = self.spent.get(key, NOTHING)[limit.unit]
        resets_at = None if is_rolling(limit.window) else end
        return Standing(
            limit, balance, limit.amount + raised, raised, spent, balance.held(limit.unit), begin, resets_at
        )


def everybody() -> list[Near]:
    """Whoever is nearest to the end comes first."""
    limits = list(Limit.objects.select_related("group"))
    if not limits:
        return []
    now = Moment.now(limits)
    return sorted([*_each(limits, now), *_shared(limits, now)], key=lambda it: -it.standing.percent)


def _each(limits: Iterable[Limit], now: Moment) -> Iterator[Near]:
    """Every member with each of the limits that count for them alone."""
    single = [it for it in limits if not it.shared]
    for member in User.objects.filter(is_active=True).only("name", "email").prefetch_related("groups"):
        groups = {it.pk for it in member.groups.all()}
        theirs = [it for it in single if it.member_id == member.pk or (it.member_id is None and _counts(it, groups))]
        for limit in in_force(theirs):
            raised = now.raised.get((member.pk, *limit.kind), Decimal(0))
            yield Near(str(member), member.pk, now.standing(limit, limit.subject(member.pk), raised))


def _counts(limit: Limit, groups: set[int]) -> bool:
    return limit.group_id is None or limit.group_id in groups


def _shared(limits: Iterable[Limit], now: Moment) -> Iterator[Near]:
    for limit in limits:
        if limit.shared:
            who = limit.group.name if limit.group else _("the whole team")
            yield Near(who, None, now.standing(limit, f"group:{limit.group_id}" if limit.group_id else "team"))


def _spent(window: str, at: datetime) -> Iterator[tuple[str, Sums]]:
    """Of every member, of every group, and of all."""
    sums: dict[str, Sums] = {}
    for row in _by_ledger(window, at) if is_rolling(window) else _by_totals(window, at):
        for subject in ("team", f"member:{row['member_id']}", *(f"group:{it}" for it in row["group_ids"])):
            so_far = sums.setdefault(subject, dict(NOTHING))
            for unit in so_far:
                so_far[unit] += row[unit] or 0
    yield from sums.items()


def _by_ledger(window: str, at: datetime) -> Any:
    """Any: the stubs know no keys of a sum."""
    begin, _end = period(window, at, settings.TEAM_ZONE)
    return Charge.objects.sent_within(begin, NEVER).values("member_id", "group_ids").annotate(**UNITS)


def _by_totals(window: str, at: datetime) -> Any:
    """The same, of whole days of the team's calendar."""
    begin, _end = period(window, at, settings.TEAM_ZONE)
    totals: Any = Total.objects.filter(of=Of.MEMBER, day__gte=begin.astimezone(settings.TEAM_ZONE).date())
    return totals.values("member_id", "group_ids").annotate(
        money=Sum("cost"),
        tokens=Sum(F("cache_hit_tokens") + F("cache_miss_tokens") + F("output_tokens")),
        requests=Sum("answers"),
    )


def of_member(member: User) -> list[Near]:
    """Each limit that counts for them; those that others share in, too."""
    standings = holding.standings(member.pk)
    return [Near(str(member), member.pk, it) for it in sorted(standings, key=lambda it: -it.percent)]


def of_group(group: Group) -> list[Near]:
    """How the limits of a group stand: what is shared, and of each other one those who are nearest to its end."""
    theirs = [it for it in everybody() if it.standing.limit.group_id == group.pk]
    shared = [it for it in theirs if it.member_id is None]
    return [*shared, *[it for it in theirs if it.member_id is not None][:8]]


def of_requests(asked: Iterable[RaiseRequest]) -> dict[int, Standing]:
    """How the limits stand that more is asked of, by the requests' ids; without those that count no more."""
    stands = {(it.member_id, it.standing.limit.kind): it.standing for it in everybody()}
    kinds = {it.pk: (it.member_id, (it.unit, it.window)) for it in asked}
    return {pk: stands[kind] for pk, kind in kinds.items() if kind in stands}


def of_request(asked: RaiseRequest) -> Standing | None:
    standings = holding.standings(asked.member_id)
    return next((it for it in standings if it.limit.kind == (asked.unit, asked.window) and not it.limit.shared), None)


def in_words(standing: Standing) -> str:
    """“8.40 USD of 10.00 USD a month”."""
    limit = standing.limit
    values = {"spent": said(limit.unit, standing.spent), "limit": said(limit.unit, standing.amount)}
    return f"{_('%(spent)s of %(limit)s') % values} {limit.get_window_display()}"
