"""What can be asked: a route is on offer when its provider could answer."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from pytest_django import DjangoAssertNumQueries, Settings

from catalog.models import LanguageModel, NoRouteError, Provider, Route, dialects
from providers.dialects import DIALECTS
from providers.messages import Effort, Endpoint, Secret
from tests.catalog.conftest import KEY, model, route


@pytest.fixture
def provider(db: None, operator: Settings) -> Provider:
    operator.DEEPSEEK_API_KEY = KEY
    return Provider.objects.create(name="deepseek", base_url="https://api.example", key_setting="DEEPSEEK_API_KEY")


@pytest.fixture
def a_model(provider: Provider) -> LanguageModel:
    return model(provider)


def test_routes_are_offered_in_their_order(a_model: LanguageModel) -> None:
    later, first = route(a_model, "later", 20), route(a_model, "first", 10)
    same = route(a_model, "same", 20)
    assert Route.objects.offered() == [first, later, same]


def test_a_member_gets_the_route_they_chose_or_the_first_on_offer(a_model: LanguageModel) -> None:
    first, other = route(a_model, "first", 10), route(a_model, "other", 20)
    route(a_model, "off", 30, enabled=False)
    assert Route.objects.offered().named("other") == other
    for name in ("", "gone", "off", "FIRST", "x" * 100):
        assert Route.objects.offered().named(name) == first


def test_auto_is_offered_once_it_has_a_choice(a_model: LanguageModel) -> None:
    auto = Route.objects.create(name="auto", label="Auto", auto=Route.Auto.CHOOSER, position=1)
    plain, otherwise = route(a_model, "plain"), route(a_model, "quick", auto=Route.Auto.OTHERWISE)
    assert Route.objects.offered() == [plain, otherwise]
    code = route(a_model, "code", auto=Route.Auto.CODE)
    assert Route.objects.offered() == [auto, plain, otherwise, code]
    assert auto.choosable == Route.objects.offered()[0].choosable == [plain, otherwise, code]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"enabled": False}, "It is switched off."),
        ({"base_url": ""}, "It has no address."),
        ({"key_setting": "NO_SUCH_API_KEY"}, "It has no key: set NO_SUCH_API_KEY in the environment, or enter a key."),
        ({"base_url": "http://169.254.169.254/latest"}, "169.254.169.254 is in a private network."),
    ],
    ids=str,
)
def test_a_provider_that_could_not_answer_is_not_offered(
    a_model: LanguageModel, change: dict[str, object], reason: str
) -> None:
    route(a_model, "quick")
    Provider.objects.update(**change)
    assert Provider.objects.get().not_ready_because.startswith(reason)
    assert Route.objects.offered() == []
    with pytest.raises(NoRouteError) as refused:
        Route.objects.offered().named("quick")
    assert "No model is set up yet." in refused.value.sentence


def test_a_provider_without_its_key_is_not_offered_and_one_that_needs_none_is(
    a_model: LanguageModel, operator: Settings
) -> None:
    quick = route(a_model, "quick")
    operator.DEEPSEEK_API_KEY = ""
    assert Route.objects.offered() == []
    Provider.objects.update(key_setting="")
    assert Route.objects.offered() == [quick]


def test_an_endpoint_is_where_and_how_to_ask(provider: Provider, operator: Settings) -> None:
    expected = Endpoint("deepseek", "openai", "https://api.example", Secret(KEY), 16, public_only=True)
    assert provider.endpoint == expected
    operator.PRIVATE_PROVIDERS = frozenset({"api.example"})
    assert not provider.endpoint.public_only


def test_the_environments_key_is_not_in_the_database(provider: Provider) -> None:
    assert provider.key == Secret(KEY)
    assert KEY not in str(list(Provider.objects.values()))
    assert KEY not in repr(provider) + str(provider.__dict__)


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "DATABASES", "PROVIDER_KEYS_SECRETS", "EMAIL_HOST_PASSWORD", "_API_KEY"]
)
def test_no_other_setting_is_sent_as_a_key(provider: Provider, name: str) -> None:
    provider.key_setting = name
    assert not provider.key
    with pytest.raises(ValidationError, match="ending in _API_KEY"):
        provider.full_clean()


@pytest.mark.parametrize("limits", [{"context_tokens": 100, "output_tokens": 101}, {"output_tokens": 0}], ids=str)
def test_an_answer_fits_into_its_window(provider: Provider, limits: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="An answer"):
        LanguageModel(provider=provider, name="a-model", **limits).full_clean()


def test_dialects_and_efforts_are_the_words_that_providers_use() -> None:
    assert {name for name, _ in dialects()} == set(DIALECTS)
    assert set(Route.Effort.values) == {effort.value for effort in Effort}


def test_all_routes_are_read_in_a_handful_of_queries(
    a_model: LanguageModel, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        route(a_model, f"route{number}")
    with django_assert_num_queries(3):
        assert len(Route.objects.offered()) == 20
