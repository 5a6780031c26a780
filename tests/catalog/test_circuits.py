"""The breaker, shared by all processes. The clock is the database's, so a test moves the rows' times instead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog import circuits
from catalog.circuits import Leave
from catalog.models import Circuit, Provider
from tests.workers import at_once, in_thread, wait_for_waiters

type Queries = Callable[[int], object]


def fail(provider: Provider, times: int = 1, *, at_once: bool = False) -> None:
    for _ in range(times):
        circuits.failed(provider.pk, "overloaded", at_once=at_once)


def pass_time(provider: Provider, seconds: float) -> None:
    """As if so much time had passed since everything that the row tells."""
    circuit, span = Circuit.objects.get(pk=provider.pk), dt.timedelta(seconds=seconds)
    circuit.failures = [when - seconds for when in circuit.failures]
    circuit.save(update_fields=["failures"])
    moved = {name: F(name) - span for name in ("opened_at", "retry_at", "probed_until")}
    Circuit.objects.filter(pk=provider.pk).update(**moved)


def test_a_provider_that_nothing_happened_to_may_be_called(
    provider: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        assert circuits.may_call(provider.pk)
    assert not Circuit.objects.exists()


def test_four_failures_do_not_open_it_and_five_do(provider: Provider) -> None:
    fail(provider, 4)
    assert circuits.may_call(provider.pk)
    fail(provider)
    assert not circuits.may_call(provider.pk)
    circuit = Circuit.objects.get()
    assert (circuit.reason, circuit.pause) == ("overloaded", 30)
    assert circuit.opened_at
    assert abs(timezone.now() - circuit.opened_at) < dt.timedelta(seconds=30)


def test_five_failures_within_more_than_a_minute_do_not_open_it(provider: Provider) -> None:
    fail(provider, 2)
    pass_time(provider, 61)
    fail(provider, 4)
    assert circuits.may_call(provider.pk)
    assert len(Circuit.objects.get().failures) == 4


def test_a_success_forgets_the_failures_before_it(provider: Provider) -> None:
    fail(provider, 4)
    circuits.succeeded(provider.pk)
    fail(provider, 4)
    assert circuits.may_call(provider.pk)


def test_only_who_has_something_to_tell_is_asked_for_its_success(provider: Provider) -> None:
    assert circuits.may_call(provider.pk) is Leave.FREE
    fail(provider)
    assert circuits.may_call(provider.pk) is Leave.WATCHED
    circuits.succeeded(provider.pk)
    assert circuits.may_call(provider.pk) is Leave.FREE
    fail(provider, at_once=True)
    assert circuits.may_call(provider.pk) is Leave.REFUSED
    pass_time(provider, 31)
    assert circuits.may_call(provider.pk) is Leave.WATCHED


def test_what_no_patience_mends_opens_it_at_once(provider: Provider) -> None:
    circuits.failed(provider.pk, "balance_empty", at_once=True)
    assert not circuits.may_call(provider.pk)
    assert Circuit.objects.get().reason == "balance_empty"


def test_an_open_circuit_costs_a_request_one_query_and_no_waiting(
    provider: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    fail(provider, at_once=True)
    with django_assert_num_queries(1):
        assert not circuits.may_call(provider.pk)


def test_a_success_of_a_closed_circuit_changes_no_row(
    provider: Provider, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    fail(provider)
    circuits.succeeded(provider.pk)
    before = row_version(provider)
    with django_assert_num_queries(1):
        circuits.succeeded(provider.pk)
    assert row_version(provider) == before


def row_version(provider: Provider) -> str:
    """The transaction that wrote the row last."""
    rows = Circuit.objects.filter(pk=provider.pk).extra(select={"written_by": "xmin::text"})
    return str(rows.values_list("written_by", flat=True).get())


def test_after_its_pause_one_may_try_and_the_others_still_not(provider: Provider) -> None:
    fail(provider, at_once=True)
    pass_time(provider, 29)
    assert not circuits.may_call(provider.pk)
    pass_time(provider, 2)
    assert circuits.may_call(provider.pk)
    assert not circuits.may_call(provider.pk)


def test_a_probe_that_succeeds_closes_it_for_all(provider: Provider) -> None:
    fail(provider, at_once=True)
    pass_time(provider, 31)
    assert circuits.may_call(provider.pk)
    circuits.succeeded(provider.pk)
    assert circuits.may_call(provider.pk)
    assert circuits.may_call(provider.pk)
    fail(provider, at_once=True)
    assert Circuit.objects.get().pause == 30


def test_every_failed_probe_doubles_the_pause_up_to_ten_minutes(provider: Provider) -> None:
    fail(provider, at_once=True)
    pauses = []
    for _ in range(7):
        pauses.append(Circuit.objects.get().pause)
        pass_time(provider, pauses[-1] - 1)
        assert not circuits.may_call(provider.pk)
        pass_time(provider, 2)
        assert circuits.may_call(provider.pk)
        fail(provider)
    assert pauses == [30, 60, 120, 240, 480, 600, 600]


def test_requests_that_began_before_it_opened_neither_close_nor_prolong_it(provider: Provider) -> None:
    fail(provider, at_once=True)
    before = Circuit.objects.values().get()
    fail(provider, 6)
    circuits.succeeded(provider.pk)
    assert Circuit.objects.values().get() == before


def test_a_probe_whose_process_died_is_taken_again(provider: Provider) -> None:
    fail(provider, at_once=True)
    pass_time(provider, 31)
    assert circuits.may_call(provider.pk)
    pass_time(provider, 59)
    assert not circuits.may_call(provider.pk)
    pass_time(provider, 2)
    assert circuits.may_call(provider.pk)
    assert not circuits.may_call(provider.pk)


def test_an_administrator_closes_it_now(provider: Provider) -> None:
    other = Provider.objects.create(name="other")
    fail(provider, at_once=True)
    fail(other, at_once=True)
    assert circuits.reset([provider.pk]) == 1
    assert circuits.may_call(provider.pk)
    assert not circuits.may_call(other.pk)
    assert circuits.reset([provider.pk]) == 0


@pytest.mark.parametrize("broken", [0, 1])
def test_one_providers_failures_are_not_anothers(provider: Provider, broken: int) -> None:
    both = [provider, Provider.objects.create(name="other")]
    fail(both[broken], 5)
    assert [bool(circuits.may_call(it.pk)) for it in both] == [broken != 0, broken != 1]


def test_what_administrators_read(provider: Provider) -> None:
    assert provider.circuit_state == "closed"
    fail(provider)
    assert str(Circuit.objects.get()) == "somewhere: closed, 1 failed lately"
    fail(provider, at_once=True)
    assert Circuit.objects.get().state.startswith("open (overloaded); tries again after ")
    pass_time(provider, 31)
    circuits.may_call(provider.pk)
    assert Circuit.objects.get().state == "open (overloaded); one request is trying"


# Several processes --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_all_that_ask_at_once_one_is_the_probe(provider: Provider) -> None:
    """All of them have read that it is time, and stand before the row."""
    fail(provider, at_once=True)
    pass_time(provider, 31)
    with ThreadPoolExecutor(6) as pool:
        with transaction.atomic():
            Circuit.objects.select_for_update().get()
            asked = [in_thread(pool, lambda: circuits.may_call(provider.pk)) for _ in range(6)]
            wait_for_waiters(6)
        assert [bool(each.result(20)) for each in asked].count(True) == 1


@pytest.mark.django_db(transaction=True)
def test_failures_at_once_are_all_counted(provider: Provider) -> None:
    at_once(4, lambda _: fail(provider))
    assert len(Circuit.objects.get().failures) == 4
    assert circuits.may_call(provider.pk)
    at_once(4, lambda _: fail(provider))
    assert Circuit.objects.get().pause == 30
    assert not circuits.may_call(provider.pk)


@pytest.mark.django_db(transaction=True)
def test_failures_at_once_of_one_probe_double_the_pause_once(provider: Provider) -> None:
    fail(provider, at_once=True)
    pass_time(provider, 31)
    assert circuits.may_call(provider.pk)
    at_once(6, lambda _: fail(provider))
    assert Circuit.objects.get().pause == 60


@pytest.mark.django_db(transaction=True)
def test_closing_it_by_hand_may_cross_failures(provider: Provider) -> None:
    fail(provider)
    at_once(6, lambda n: circuits.reset([provider.pk]) if n % 2 else fail(provider))
    assert circuits.may_call(provider.pk)


@pytest.mark.django_db(transaction=True)
def test_a_provider_that_is_gone_fails_without_a_trace(provider: Provider) -> None:
    gone = provider.pk
    provider.delete()
    circuits.failed(gone, "overloaded", at_once=True)
    assert not Circuit.objects.exists()
    assert circuits.may_call(gone)
