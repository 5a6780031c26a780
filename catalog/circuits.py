"""The breaker: which providers are worth asking, as all processes have seen it. On the database's clock.

closed ── 5 failures in a minute without a success, or one that no patience mends ──▶ open
open ── when its pause is over, one caller may try ──▶ it succeeds: closed · it fails: open for twice as long
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from contextlib import suppress
from enum import IntEnum
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from catalog.models import Circuit

FAILURES = 5
WITHIN = 60.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 30, 600  # seconds
PROBE = dt.timedelta(seconds=60)  # a process that tries and is not heard of for so long is taken for dead

CLOSED: dict[str, Any] = {
    "failures": [],
    "opened_at": None,
    "retry_at": None,
    "pause": 0,
    "probed_until": None,
    "reason": "",
}

_open = Q(opened_at__isnull=False)
_due = _open & Q(retry_at__lte=Now()) & (Q(probed_until=None) | Q(probed_until__lte=Now()))


class Leave(IntEnum):
    """Whether a provider may be asked; as a truth value, yes or no."""

    REFUSED = 0
    FREE = 1
    WATCHED = 2  # it is the probe, or others have failed: tell `succeeded` at its first word


def may_call(provider_id: int) -> Leave:
    """Whether to ask this provider now. Of all who ask an open circuit, one at a time has leave: it is the probe.

    One query, and a second one once an open circuit's pause is over. Who has leave tells `failed` if it does not go
    well, and who is WATCHED `let_go` if it has nothing to tell.
    """
    rows = Circuit.objects.filter(pk=provider_id).values_list("opened_at", "failures", "retry_at", Now())
    opened_at, failures, retry_at, now = next(iter(rows), (None, [], None, None))
    if opened_at is None:
        return Leave.WATCHED if failures else Leave.FREE
    if retry_at and retry_at <= now and Circuit.objects.filter(_due, pk=provider_id).update(probed_until=Now() + PROBE):
        return Leave.WATCHED
    return Leave.REFUSED


def succeeded(provider_id: int) -> None:
    """Close the circuit after its probe, and forget failures. Changes no row where there is nothing to forget.

    An answer that began before the circuit opened says nothing about now: without a probe it stays open.
    """
    to_close = Q(probed_until__isnull=False) | (Q(opened_at=None) & ~Q(failures=[]))
    Circuit.objects.filter(to_close, pk=provider_id).update(**CLOSED)


def let_go(provider_id: int) -> None:
    """The probe told nothing: it was stopped, or its question was refused. Another may try at once."""
    Circuit.objects.filter(_open, pk=provider_id, probed_until__isnull=False).update(probed_until=None)


def failed(provider_id: int, code: str, *, at_once: bool) -> None:
    """Count a failure that `code` names; open the circuit when there were too many, or `at_once`."""
    with suppress(IntegrityError), transaction.atomic():  # the provider was deleted meanwhile
        Circuit.objects.bulk_create([Circuit(provider_id=provider_id)], ignore_conflicts=True)
        # Read once the lock is ours: a statement's clock stands still while it waits.
        circuit = Circuit.objects.select_for_update().get(pk=provider_id)
        now = Circuit.objects.filter(pk=provider_id).values_list(Now(), flat=True).get()
        if circuit.opened_at is None:
            _count(circuit, now, code, at_once=at_once)
        elif circuit.probed_until is not None:
            _pause(circuit, now, min(circuit.pause * 2, LONGEST_PAUSE), code)
        circuit.save(update_fields=[*CLOSED])


def _count(circuit: Circuit, now: dt.datetime, code: str, *, at_once: bool) -> None:
    recent = [when for when in circuit.failures if when > now.timestamp() - WITHIN]
    circuit.failures = [*recent, now.timestamp()]
    if at_once or len(circuit.failures) >= FAILURES:
        circuit.opened_at, circuit.failures = now, []
        _pause(circuit, now, FIRST_PAUSE, code)


def _pause(circuit: Circuit, now: dt.datetime, seconds: int, code: str) -> None:
    circuit.pause, circuit.reason, circuit.probed_until = seconds, code[:60], None
    circuit.retry_at = now + dt.timedelta(seconds=seconds)


def reset(provider_ids: Iterable[int]) -> int:
    """Close these circuits now, whatever happened; how many were open."""
    circuits = Circuit.objects.filter(pk__in=provider_ids)
    were_open = circuits.filter(_open).count()
    circuits.update(**CLOSED)
    return were_open
