"""Hold, then settle: what an answer may cost is promised before it is queued, in every window that a limit counts.

Locks are taken in this order: the conversation, its generations, the ledger's (see `_make`), balances by id. Under the
locks of its balances a question sees all that is spent and all that is promised, so of two that come at once the
second one sees the first. A Charge takes from its Hold what it adds to the sums, in one trigger; what is left at the
end is freed (usage_free). Without any limit nothing here is locked or written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Aggregate, Count, F, Min, Q, Sum, prefetch_related_objects
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from catalog.amounts import grouped
from catalog.models import LanguageModel, NoRouteError, Rate, Route
from catalog.prices import PER_MILLION, Price
from catalog.rules import Permits
from usage.errors import LimitReachedError, UnpricedError
from usage.models import Balance, Charge, Hold, Limit, Raise, Unit
from usage.models.charge import ChargeQuerySet
from usage.windows import EVER, LENGTHS, NEVER, Window, is_rolling, period

USEFUL = 256  # tokens of an answer; for fewer nobody is asked
LEDGER = 0x6C6564676572  # the advisory lock that every Charge shares

NOBODY = UUID(int=0)

Kind = tuple[str, str]


@dataclass(frozen=True)
class Grant:
    """What a question got: by which route it is answered, with how many tokens at most, and what its asker is told."""

    route: Route
    without_thinking: bool
    output_cap: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Rates:
    """What the dearest of some models costs, for a million tokens and a call, in the reporting currency."""

    miss: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    per_call: Decimal = Decimal(0)

    def of(self, prompt: int, output: int) -> Decimal:
        return (prompt * self.miss + output * self.output) / PER_MILLION + self.per_call

    def most(self, prompt: int, room: Decimal) -> int | None:
        """Tokens of output that `room` is enough for; None: any number."""
        left = room - self.of(prompt, 0)
        if left < 0:
            return -1
        return int((left * PER_MILLION / self.output).to_integral_value(ROUND_FLOOR)) if self.output else None


@dataclass(frozen=True)
class Standing:
    """How a limit stands for a member. In its unit; `raised` is part of `amount`."""

    limit: Limit
    balance: Balance
    amount: Decimal
    raised: Decimal
    spent: Decimal
    held: Decimal
    begins_at: datetime
    resets_at: datetime | None  # None for a rolling window: it gives back little by little

    @property
    def room(self) -> Decimal:
        return self.amount - self.spent - self.held

    @property
    def percent(self) -> int:
        """Used, what is promised too; 100 of a limit of nothing."""
        return int(100 * (self.spent + self.held) / self.amount) if self.amount else 100


# Which limits, and how they stand -----------------------------------------------------------------------------------


def limits_of(member_id: UUID) -> list[Limit]:
    """Those that count for a member. One query."""
    return in_force(Limit.objects.that_concern(member_id))


def in_force(limits: Iterable[Limit]) -> list[Limit]:
    """Of each unit and window the member's own, else their groups' tightest, else everybody's; all shared ones."""
    kept, shared = dict[Kind, Limit](), list[Limit]()
    for limit in sorted(limits, key=lambda it: (it.member_id is None, it.group_id is None, it.amount)):
        if limit.shared:
            shared.append(limit)
        else:
            kept.setdefault(limit.kind, limit)
    return [*kept.values(), *shared]


def standings(member_id: UUID, at: datetime | None = None) -> list[Standing]:
    """How each of their limits stands, to be shown: nothing is locked, and nothing written."""
    at = at or timezone.now()
    limits = limits_of(member_id)
    kept = {(it.subject, it.window): it for it in _find(limits, member_id, at)}
    raises = _raises(member_id, limits, at)
    return [
        _standing(
            limit,
            kept.get((limit.subject(member_id), limit.window)) or _new(limit, member_id, at),
            at,
            raises.get(limit.kind, Decimal(0)),
        )
        for limit in limits
    ]


def most_spent(limit: Limit) -> Decimal:
    """What is spent by now of a limit in its window: of several members, by the one who spent most."""
    begin, _end = period(limit.window, timezone.now(), settings.TEAM_ZONE)
    if limit.shared or limit.member_id:
        return _sums(limit.subject(limit.member_id or NOBODY), begin, NEVER)[limit.unit]
    crowd = _charges(f"group:{limit.group_id}" if limit.group_id else "team").sent_within(begin, NEVER)
    sums = crowd.values("member_id").annotate(most=UNITS[limit.unit]).order_by(F("most").desc(nulls_last=True))
    return Decimal(sums.values_list("most", flat=True).first() or 0)


def _raises(member_id: UUID, limits: Sequence[Limit], at: datetime) -> dict[Kind, Decimal]:
    if not limits:
        return {}
    rows = Raise.objects.filter(member=member_id).at(at).values_list("unit", "window").annotate(more=Sum("amount"))
    return {(unit, window): more for unit, window, more in rows}


def _standing(limit: Limit, balance: Balance, at: datetime, raised: Decimal) -> Standing:
    begin, end = period(limit.window, at, settings.TEAM_ZONE)
    rolling = is_rolling(limit.window)
    raised = Decimal(0) if limit.shared else raised
    is_kept = not rolling and balance.pk is not None
    spent = balance.spent(limit.unit) if is_kept else _sums(balance.subject, begin, NEVER)[limit.unit]
    return Standing(
        limit, balance, limit.amount + raised, raised, spent, balance.held(limit.unit), begin, None if rolling else end
    )


def _sums(subject: str, begin: datetime, end: datetime) -> dict[str, Decimal]:
    """Of the ledger, by unit."""
    found = _charges(subject).sent_within(begin, end).aggregate(**UNITS)
    return {unit: Decimal(found[unit] or 0) for unit in Unit.values}


# An answer that was charged for tokens; a refusal, a title and a correction are none.
COUNTED = Q(kind="charge", purpose="answer") & (
    Q(cache_hit_tokens__gt=0) | Q(cache_miss_tokens__gt=0) | Q(output_tokens__gt=0)
)
UNITS: dict[str, Aggregate] = {
    Unit.MONEY.value: Sum("cost"),
    Unit.TOKENS.value: Sum(F("cache_hit_tokens") + F("cache_miss_tokens") + F("output_tokens")),
    Unit.REQUESTS.value: Count("pk", filter=COUNTED),
}


def _charges(subject: str) -> ChargeQuerySet:
    kind, _colon, key = subject.partition(":")
    match kind:
        case "member":
            return Charge.objects.filter(member_id=key)
        case "group":
            return Charge.objects.filter(group_ids__contains=[int(key)])
        case _:
            return Charge.objects.everything()


# Balances -----------------------------------------------------------------------------------------------------------


def _new(limit: Limit, member_id: UUID, at: datetime) -> Balance:
    rolling = is_rolling(limit.window)
    begin, end = (EVER, NEVER) if rolling else period(limit.window, at, settings.TEAM_ZONE)
    return Balance(
        subject=limit.subject(member_id), window=limit.window, starts_at=begin, ends_at=end, is_rolling=rolling
    )


def _find(limits: Sequence[Limit], member_id: UUID, at: datetime) -> list[Balance]:
    subjects = {limit.subject(member_id) for limit in limits}
    wanted = {(limit.subject(member_id), limit.window) for limit in limits}
    return [it for it in Balance.objects.at(at).filter(subject__in=subjects) if (it.subject, it.window) in wanted]


def _locked(limits: Sequence[Limit], member_id: UUID, at: datetime) -> dict[Kind, Balance]:
    """The balances of these limits, by subject and window, made where there are none, locked by id and read then."""
    found = _find(limits, member_id, at)
    there = {(it.subject, it.window) for it in found}
    missing = {(limit.subject(member_id), limit.window): limit for limit in limits}
    if missing := {key: limit for key, limit in missing.items() if key not in there}:
        _make([_new(limit, member_id, at) for limit in missing.values()])
        found = _find(limits, member_id, at)
    rows = Balance.objects.filter(pk__in=[it.pk for it in found]).order_by("pk").select_for_update(no_key=True)
    return {(it.subject, it.window): it for it in rows}


def _make(balances: list[Balance]) -> None:
    """Begin to keep them, with what the ledger holds by now.

    Every Charge shares this lock until its commit. So here, once the lock is ours alone, the sum sees all that were
    written without knowing of the new rows; and whoever writes afterwards knows of them.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LEDGER])
    for balance in balances:
        if not balance.is_rolling:
            sums = _sums(balance.subject, balance.starts_at, balance.ends_at)
            balance.cost = sums[Unit.MONEY]
            balance.tokens, balance.requests = int(sums[Unit.TOKENS]), int(sums[Unit.REQUESTS])
    Balance.objects.bulk_create(balances, ignore_conflicts=True)


# Taking a hold ------------------------------------------------------------------------------------------------------


def take(
    key: UUID,
    member_id: UUID,
    route: Route,
    prompt_tokens: Callable[[], int],
    *,
    wanted: int | None = None,
    thinks: bool = True,
) -> Grant | None:
    """Promise what an answer may cost, in the transaction that queues it. None: no limit counts for this member.

    One query when there is none. `wanted`: the tokens of output that were asked for, None for as many as the models
    can. Raises UnpricedError, and LimitReachedError when there is no room for an answer worth having.
    """
    at = timezone.now()
    models = _chargeable(route, at)
    limits = limits_of(member_id)
    if not limits:
        return None
    at = _database_now()
    stands = _stand(limits, member_id, at)
    step = _step(stands, route.permits)
    if step and step.step_route and step.step == Limit.Step.ROUTE:
        route = step.step_route
        models = _chargeable(route, at)
    without_thinking = bool(step and step.step == Limit.Step.NO_THINKING and thinks)
    most = max(model.output_tokens for model in models)
    cap = _hold(key, member_id, stands, models, prompt_tokens(), min(wanted or most, most), 1, at)
    notes = [*_told(stands), *([_lowered(cap)] if cap < min(wanted or most, most) else [])]
    return Grant(route, without_thinking, cap, (*([_stepped(step, route)] if step else []), *notes))


def _step(stands: Iterable[Standing], permits: Permits) -> Limit | None:
    """The limit of which a step is due; never one to a model that a rule refuses to this member."""
    for limit in (it.limit for it in stands if it.limit.step and it.percent >= it.limit.step_percent):
        if limit.step_route:
            limit.step_route.permits = permits
        if limit.step != Limit.Step.ROUTE or (limit.step_route and limit.step_route.is_permitted):
            return limit
    return None


def take_for(key: UUID, member_id: UUID, model: LanguageModel, prompt_tokens: int, output: int) -> None:
    """The same for a request beside an answer, whole or not at all. Raises LimitReachedError."""
    with transaction.atomic():
        if limits := limits_of(member_id):
            at = _database_now()
            stands = _stand(limits, member_id, at)
            _hold(key, member_id, stands, [model], prompt_tokens, output, 0, at, useful=output)


def cover(key: UUID, member_id: UUID, model: LanguageModel, prompt_tokens: int, wanted: int) -> int:
    """See to it that the Hold is enough for a request that is about to be sent: at today's prices, and in the windows
    of today. The tokens of output that it may have. Raises LimitReachedError; then the Hold stays as it was.
    """
    with transaction.atomic():
        hold = Hold.objects.select_for_update().filter(pk=key).first()
        limits = limits_of(member_id)
        if hold is None or not limits:
            return wanted
        at = _database_now()
        rates = _dearest([model], at)
        now = {it.pk for it in _find(limits, member_id, at)}
        is_enough = hold.cost >= rates.of(prompt_tokens, wanted) and hold.tokens >= prompt_tokens + wanted
        if is_enough and hold.requests and now <= set(hold.balances):
            return wanted
        free(key)
        return _hold(key, member_id, _stand(limits, member_id, at), [model], prompt_tokens, wanted, 1, at)


def free(key: UUID) -> bool:
    """Give back what a Hold still holds: once, however often it is told. Whether there was one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT usage_free(%s)", [key])
        return bool(cursor.fetchone()[0])


def _chargeable(route: Route, at: datetime) -> list[LanguageModel]:
    """The models of its chain that may be charged. Their prices are read if they were not yet: one query.

    Raises NoRouteError, UnpricedError.
    """
    if not (models := [step.model for step in route.ready_steps]):
        raise NoRouteError
    prefetch_related_objects(models, "prices")
    if chargeable := [model for model in models if model.may_be_charged(at)]:
        return chargeable
    sentence = _("“%(route)s” has no price, so it can't be used. An administrator can enter one, or allow it without.")
    raise UnpricedError(sentence % {"route": route.label})


def _database_now() -> datetime:
    """As the ledger's instants are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now


def _stand(limits: Sequence[Limit], member_id: UUID, at: datetime) -> list[Standing]:
    balances = _locked(limits, member_id, at)
    raises = _raises(member_id, limits, at)
    return [
        _standing(limit, balances[limit.subject(member_id), limit.window], at, raises.get(limit.kind, Decimal(0)))
        for limit in limits
    ]


def _hold(
    key: UUID,
    member_id: UUID,
    stands: Sequence[Standing],
    models: Sequence[LanguageModel],
    prompt: int,
    wanted: int,
    requests: int,
    at: datetime,
    useful: int = USEFUL,
) -> int:
    """Write it down. The tokens of output that there is room for, `wanted` at most. Raises LimitReachedError."""
    rates = _dearest(models, at)
    cap = wanted
    for it in stands:
        fits = _fits(it, rates, prompt, requests)
        if fits is not None and fits < min(useful, wanted):
            left = _fits(replace(it, held=Decimal(0)), rates, 0, requests)
            raise _reached(it, at, is_used_up=left is not None and left < min(useful, wanted))
        cap = cap if fits is None else min(cap, fits)
    cost, tokens = rates.of(prompt, cap), prompt + cap
    ids = sorted({it.balance.pk for it in stands})
    Balance.objects.filter(pk__in=ids).update(
        held_cost=F("held_cost") + cost,
        held_tokens=F("held_tokens") + tokens,
        held_requests=F("held_requests") + requests,
    )
    Hold.objects.create(id=key, member_id=member_id, balances=ids, cost=cost, tokens=tokens, requests=requests)
    return cap


def _fits(it: Standing, rates: Rates, prompt: int, requests: int) -> int | None:
    match it.limit.unit:
        case Unit.MONEY:
            return rates.most(prompt, it.room)
        case Unit.TOKENS:
            return int(it.room) - prompt
        case _:
            return None if it.room >= requests else -1


def _dearest(models: Iterable[LanguageModel], at: datetime) -> Rates:
    """Of all of them, at whatever hour: a question may wait into the peak. What has no price is not in it."""
    rates = [it for model in models for it in _rates(model, at)]
    return Rates(*(max(column) for column in zip(*rates, strict=True))) if rates else Rates()


def _rates(model: LanguageModel, at: datetime) -> list[tuple[Decimal, Decimal, Decimal]]:
    currency = model.provider.currency
    prices: list[Price] = [it for it in model.prices.all() if it.currency == currency and it.covers(at)]
    rate = Rate.objects.at(currency, settings.CURRENCY, at) if prices else None
    if rate is None:
        return []
    return [(max(it.cache_miss, it.cache_hit) * rate, it.output * rate, it.per_call * rate) for it in prices]


# What they are told -------------------------------------------------------------------------------------------------


def _reached(it: Standing, at: datetime, *, is_used_up: bool) -> LimitReachedError:
    resets_at = it.resets_at or _gives_back(it)
    sentence = _("This would go beyond the limit of %(limit)s.") % {"limit": it.limit}
    if resets_at:
        sentence += " " + _("There is room again from %(moment)s on.") % {"moment": _moment(resets_at)}
    else:
        sentence += " " + _("There is room again once an answer that is under way has ended.")
    used_up, shared = it if is_used_up else None, it.limit.shared
    return LimitReachedError(sentence, it.limit.unit, it.limit.window, resets_at, used_up, shared=shared)


def _gives_back(it: Standing) -> datetime | None:
    """When a rolling window begins to forget: its first charge is as old as the window is long."""
    first: datetime | None = (
        _charges(it.balance.subject).filter(sent_at__gte=it.begins_at).aggregate(first=Min("sent_at"))["first"]
    )
    return first + LENGTHS[Window(it.limit.window)] if first else None


def _told(stands: Iterable[Standing]) -> list[str]:
    sentence = _("%(percent)s %% of the limit of %(limit)s is used.")
    return [
        sentence % {"percent": it.percent, "limit": it.limit} for it in stands if it.percent >= it.limit.soft_percent
    ]


def _lowered(cap: int) -> str:
    return _("There is room for %(count)s tokens, so the answer may end early.") % {"count": grouped(cap)}


def _stepped(step: Limit, route: Route) -> str:
    values = {"limit": step, "route": route.label}
    if step.step == Limit.Step.ROUTE:
        return _("The limit of %(limit)s is nearly reached, so “%(route)s” answers.") % values
    return _("The limit of %(limit)s is nearly reached, so the answer comes without thinking.") % values


def _moment(at: datetime) -> str:
    return date_format(at.astimezone(settings.TEAM_ZONE), "DATETIME_FORMAT")


__all__ = ["Grant", "Standing", "cover", "free", "limits_of", "standings", "take", "take_for"]
