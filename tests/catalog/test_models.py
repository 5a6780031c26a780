"""What can be asked: a route is on offer when its provider could answer."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from catalog.models import LanguageModel, NoRouteError, Provider, Route, dialects
from providers.dialects import DIALECTS
from providers.messages import Effort

KEY = "sk-0123456789abcdef"


@pytest.fixture
def provider(db: None, settings: Settings) -> Provider:
    settings.DEEPSEEK_API_KEY = KEY
    return Provider.objects.create(name="deepseek", base_url="https://api.example", key_setting="DEEPSEEK_API_KEY")


@pytest.fixture
def model(provider: Provider) -> LanguageModel:
    return LanguageModel.objects.create(provider=provider, name="a-model")


def route(model: LanguageModel, name: str, position: int = 50, *, enabled: bool = True) -> Route:
    return Route.objects.through(model, name=name, label=name.title(), position=position, enabled=enabled)


def test_routes_are_offered_in_their_order(model: LanguageModel) -> None:
    later, first = route(model, "later", 20), route(model, "first", 10)
    same = route(model, "same", 20)
    assert Route.objects.offered() == [first, later, same]


def test_a_member_gets_the_route_they_chose_or_the_first_on_offer(model: LanguageModel) -> None:
    first, other = route(model, "first", 10), route(model, "other", 20)
    route(model, "off", 30, enabled=False)
    assert Route.objects.named("other") == other
    for name in ("", "gone", "off", "FIRST", "x" * 100):
        assert Route.objects.named(name) == first


@pytest.mark.parametrize("change", [{"enabled": False}, {"base_url": ""}, {"key_setting": "NO_SUCH_SETTING"}], ids=str)
def test_a_provider_that_could_not_answer_is_not_offered(model: LanguageModel, change: dict[str, object]) -> None:
    route(model, "quick")
    Provider.objects.update(**change)
    assert Route.objects.offered() == []
    with pytest.raises(NoRouteError) as refused:
        Route.objects.named("quick")
    assert "No model is set up yet." in refused.value.sentence


def test_a_provider_without_its_key_is_not_offered_and_one_that_needs_none_is(
    model: LanguageModel, settings: Settings
) -> None:
    quick = route(model, "quick")
    settings.DEEPSEEK_API_KEY = ""
    assert Route.objects.offered() == []
    Provider.objects.update(key_setting="")
    assert Route.objects.offered() == [quick]


def test_no_key_is_kept_in_the_database(provider: Provider) -> None:
    assert provider.key == KEY
    assert KEY not in str(list(Provider.objects.values()))
    assert KEY not in repr(provider) + str(provider.__dict__)


def test_dialects_and_efforts_are_the_words_that_providers_use() -> None:
    assert {name for name, _ in dialects()} == set(DIALECTS)
    assert set(Route.Effort.values) == {effort.value for effort in Effort}
