"""The rows of a fresh install: made once, and then the administrator's."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from pytest_django import Settings

from catalog import circuits
from catalog.choosing import choose
from catalog.models import LanguageModel, Provider, Route, Step
from providers.messages import Secret

pytestmark = pytest.mark.django_db

LISTED = ["auto", "quick", "deep", "max", "vision", "code"]
BY_THEIR_NAMES = ["deepseek-flash", "deepseek-v4-pro", "deepseek-chat", "deepseek-reasoner"]


@pytest.fixture
def with_a_key(operator: Settings) -> Settings:
    operator.DEEPSEEK_API_KEY = "sk-0123456789abcdef"
    return operator


@pytest.fixture
def with_a_local_model(operator: Settings) -> Settings:
    operator.LOCAL_MODEL_URL = "http://127.0.0.1:1"
    return operator


def test_with_a_key_newcomers_see_a_short_list_and_auto_is_the_default(with_a_key: Settings) -> None:
    call_command("catalog")
    offered = Route.objects.offered()
    assert [route.name for route in offered if route.listed] == LISTED
    assert [route.name for route in offered if not route.listed] == BY_THEIR_NAMES
    assert [route.name for route in offered] == LISTED + BY_THEIR_NAMES
    assert Route.objects.offered().named("").is_auto


def test_a_start_tries_the_environments_key_at_once(with_a_key: Settings) -> None:
    call_command("catalog")
    deepseek = Provider.objects.get(name="deepseek")
    circuits.failed(deepseek.pk, "balance_empty", at_once=True)
    call_command("catalog")
    assert circuits.may_call(deepseek.pk)


def test_without_a_key_the_local_model_answers_and_there_is_nothing_to_choose(with_a_local_model: Settings) -> None:
    call_command("catalog")
    assert [route.name for route in Route.objects.offered()] == ["local"]


def test_without_either_nothing_is_offered(operator: Settings) -> None:
    call_command("catalog")
    assert Route.objects.offered() == []


def test_an_entered_key_will_do_as_well(operator: Settings) -> None:
    call_command("catalog")
    Provider.objects.get(name="deepseek").keep_key(Secret("sk-0123456789abcdef"))
    assert [route.name for route in Route.objects.offered()] == LISTED + BY_THEIR_NAMES


def test_nothing_falls_back_from_deepseek_to_the_small_local_model(
    with_a_key: Settings, with_a_local_model: Settings
) -> None:
    call_command("catalog")
    for route in Route.objects.whole():
        assert len({step.model.provider for step in route.steps.all()}) <= 1, route.name
    assert [step.model.name for step in Route.objects.get(name="deep").ready_steps] == [
        "deepseek-v4-pro",
        "deepseek-flash",
    ]


@pytest.mark.parametrize(
    ("question", "has_image", "answers"),
    [("Hello", False, "quick"), ("What is this?", True, "vision"), ("Write a Python function", False, "code")],
)
def test_auto_finds_its_routes(with_a_key: Settings, question: str, has_image: bool, answers: str) -> None:
    call_command("catalog")
    auto = Route.objects.offered().named("auto")
    assert choose(auto, question, has_image=has_image, tokens=10).route.name == answers


def test_a_long_conversation_outgrows_a_small_model(with_a_key: Settings, with_a_local_model: Settings) -> None:
    call_command("catalog")
    Route.objects.filter(name="quick").update(auto=Route.Auto.NONE)
    Route.objects.filter(name="local").update(auto=Route.Auto.OTHERWISE)
    chosen = choose(Route.objects.offered().named("auto"), "Hello", has_image=False, tokens=7000)
    assert (chosen.route.name, chosen.reason) == ("deepseek-flash", "a long conversation")


def test_the_old_names_answer_as_they_did(with_a_key: Settings) -> None:
    call_command("catalog")
    efforts = {name: Route.objects.offered().named(name).effort for name in ("deepseek-chat", "deepseek-reasoner")}
    assert efforts == {"deepseek-chat": "off", "deepseek-reasoner": "high"}
    flash = LanguageModel.objects.get(name="deepseek-flash")
    assert {Route.objects.offered().named(name).model for name in efforts} == {flash}


def test_code_has_instructions_and_a_low_temperature(with_a_key: Settings) -> None:
    call_command("catalog")
    code = Route.objects.get(name="code")
    assert "engineer" in code.instructions
    assert {step.temperature for step in code.steps.all()} == {0.0}
    assert {step.temperature for step in Step.objects.exclude(route=code)} == {None}


def test_every_row_is_one_that_the_admin_would_take(with_a_key: Settings, with_a_local_model: Settings) -> None:
    call_command("catalog")
    for rows in (Provider, LanguageModel, Route, Step):
        for row in rows.objects.all():
            row.full_clean()
    assert not [provider.not_ready_because for provider in Provider.objects.all() if not provider.is_ready]


def test_a_second_start_leaves_the_administrators_rows_as_they_are(with_a_local_model: Settings) -> None:
    call_command("catalog")
    Provider.objects.filter(name="deepseek").update(concurrency=7, enabled=False)
    LanguageModel.objects.update(context_tokens=1234)
    Route.objects.filter(name="quick").update(label="Fast", position=99)
    Step.objects.filter(route__name="deep").update(attempts=1)
    kinds = (Provider, LanguageModel, Route, Step)
    before = [list(rows.objects.order_by("pk").values()) for rows in kinds]
    call_command("catalog")
    assert [list(rows.objects.order_by("pk").values()) for rows in kinds] == before


def test_the_local_model_is_found_at_todays_port(with_a_local_model: Settings) -> None:
    call_command("catalog")
    with_a_local_model.LOCAL_MODEL_URL = "http://127.0.0.1:2"
    with_a_local_model.DEEPSEEK_BASE_URL = "https://proxy.example"
    call_command("catalog")
    assert dict(Provider.objects.values_list("name", "base_url")) == {
        "local": "http://127.0.0.1:2",
        "deepseek": "https://proxy.example",
    }
