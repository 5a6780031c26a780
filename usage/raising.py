"""Asking for more, and what comes of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.acting import in_the_name_of
from accounts.models import User
from usage.models import Raise, RaiseRequest


def ask_for_more(member: User, unit: str, window: str, words: str = "") -> RaiseRequest:
    """Ask for a raise of one kind of limit. Who has asked already, and is waiting, asks in other words."""
    wanted = {"unit": unit, "window": window, "words": words}
    with in_the_name_of(member):
        request, is_new = RaiseRequest.objects.open().get_or_create(member=member, defaults=wanted)
        if not is_new:
            RaiseRequest.objects.open().filter(pk=request.pk).update(**wanted)
            request.refresh_from_db()
        return request


def grant(request: RaiseRequest, by: User, amount: Decimal, until: datetime, answer: str = "") -> Raise | None:
    """Give so much more until then. None: it is decided already, by somebody else or a first click."""
    with in_the_name_of(by):
        if not _decide(request, by, RaiseRequest.State.GRANTED, answer):
            return None
        more = Raise.objects.create(
            member_id=request.member_id, unit=request.unit, window=request.window, amount=amount, until=until, by=by
        )
        RaiseRequest.objects.filter(pk=request.pk).update(granted=more)
        return more


def refuse(request: RaiseRequest, by: User, answer: str = "") -> bool:
    """Whether it was for us to decide."""
    with in_the_name_of(by):
        return _decide(request, by, RaiseRequest.State.REFUSED, answer)


def _decide(request: RaiseRequest, by: User, state: str, answer: str) -> bool:
    waiting = RaiseRequest.objects.open().filter(pk=request.pk)
    return waiting.update(state=state, decided_by=by, decided_at=Now(), answer=answer) == 1


def end(raises: QuerySet[Raise]) -> list[Raise]:
    """From now on they count no more. Those that were still in force."""
    ids = list(raises.filter(until__gt=Now()).values_list("pk", flat=True))
    Raise.objects.filter(pk__in=ids, until__gt=Now()).update(until=Now())
    return list(Raise.objects.filter(pk__in=ids))
