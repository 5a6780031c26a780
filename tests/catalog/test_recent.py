"""The catalogue is read once a second, however many ask, and nobody waits for what was changed just now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from catalog.models import LanguageModel, Price, Provider, Route, forget
from catalog.recent import Recent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def kept(settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Iterator[None]:
    settings.CATALOGUE_SECONDS = 1_000
    yield
    with django_capture_on_commit_callbacks(execute=True):
        forget()


@pytest.fixture
def model(settings: Settings) -> LanguageModel:
    settings.LOCAL_MODEL_URL = "http://127.0.0.1:1/v1"
    provider = Provider.objects.create(name="anybody", base_url="https://models.example.org/v1", dialect="openai")
    return LanguageModel.objects.create(
        provider=provider, name="small", context_tokens=8_000, output_tokens=1_000, unpriced_allowed=True
    )


@pytest.fixture
def route(model: LanguageModel) -> Route:
    Route.objects.all().delete()
    return Route.objects.through(model, name="quick", label="Quick")


def test_what_was_read_is_given_again_until_its_time_is_over() -> None:
    readings = iter(range(10))
    seconds = 1_000.0
    recent = Recent(lambda: next(readings), lambda: seconds)
    assert [recent(), recent()] == [0, 0]
    recent.forget()
    seconds = 0
    assert [recent(), recent()] == [1, 2]


def test_a_second_question_reads_nothing(route: Route, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    assert Route.objects.offered() == [route]
    with django_assert_num_queries(0):
        assert Route.objects.offered() == [route]
        assert Route.objects.found(route.pk) == route


def test_what_a_caller_does_to_its_routes_is_its_own_business(route: Route) -> None:
    Route.objects.offered()[0].label = "Mine"
    assert [it.label for it in Route.objects.offered()] == [route.label]


def test_who_changes_it_sees_it_at_once(
    route: Route, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    assert Route.objects.offered() == [route]
    with django_capture_on_commit_callbacks(execute=True):
        route.enabled = False
        route.save()
    assert Route.objects.offered() == []


def test_a_route_that_another_process_just_set_up_is_found(route: Route) -> None:
    Route.objects.filter(pk=route.pk).update(enabled=False)
    assert Route.objects.offered() == []
    Route.objects.filter(pk=route.pk).update(enabled=True)  # without a signal, as from elsewhere
    assert Route.objects.offered() == []
    found = Route.objects.found(route.pk)
    assert found
    assert found.is_ready
    assert Route.objects.found(0) is None


def test_so_is_a_price(route: Route, model: LanguageModel) -> None:
    LanguageModel.objects.filter(pk=model.pk).update(unpriced_allowed=False)
    found = Route.objects.found(route.pk)
    assert found
    assert not found.steps_at(timezone.now())
    Price.objects.bulk_create(
        [
            Price(
                model=model,
                currency=model.provider.currency,
                valid_from=timezone.now() - timedelta(days=1),
                cache_hit=Decimal(1),
                cache_miss=Decimal(1),
                output=Decimal(1),
            )
        ]
    )
    found = Route.objects.found(route.pk)
    assert found
    assert found.steps_at(timezone.now())
