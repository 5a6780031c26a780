"""The rows of a fresh install: made once, and then the administrator's."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from pytest_django import Settings

from catalog.models import LanguageModel, Provider, Route

pytestmark = pytest.mark.django_db


def test_with_a_key_deepseek_is_the_default_and_the_local_model_is_there(settings: Settings) -> None:
    settings.DEEPSEEK_API_KEY, settings.LOCAL_MODEL_URL = "sk-0123456789abcdef", "http://127.0.0.1:1"
    call_command("catalog")
    assert [route.name for route in Route.objects.offered()] == ["quick", "deep", "max", "local"]
    assert Route.objects.named("").ready_steps[0].model.provider.name == "deepseek"


def test_without_a_key_the_local_model_answers(settings: Settings) -> None:
    settings.DEEPSEEK_API_KEY, settings.LOCAL_MODEL_URL = "", "http://127.0.0.1:1"
    call_command("catalog")
    assert [route.name for route in Route.objects.offered()] == ["local"]


def test_without_either_nothing_is_offered(settings: Settings) -> None:
    settings.DEEPSEEK_API_KEY = settings.LOCAL_MODEL_URL = ""
    call_command("catalog")
    assert Route.objects.offered() == []


def test_a_second_start_leaves_the_administrators_rows_as_they_are(settings: Settings) -> None:
    settings.LOCAL_MODEL_URL = "http://127.0.0.1:1"
    call_command("catalog")
    Provider.objects.filter(name="deepseek").update(concurrency=7, enabled=False)
    LanguageModel.objects.update(context_tokens=1234)
    Route.objects.filter(name="quick").update(label="Fast", position=99)
    before = [list(rows.objects.order_by("pk").values()) for rows in (Provider, LanguageModel, Route)]
    call_command("catalog")
    assert [list(rows.objects.order_by("pk").values()) for rows in (Provider, LanguageModel, Route)] == before


def test_the_local_model_is_found_at_todays_port(settings: Settings) -> None:
    settings.LOCAL_MODEL_URL = "http://127.0.0.1:1"
    call_command("catalog")
    settings.LOCAL_MODEL_URL, settings.DEEPSEEK_BASE_URL = "http://127.0.0.1:2", "https://proxy.example"
    call_command("catalog")
    assert dict(Provider.objects.values_list("name", "base_url")) == {
        "local": "http://127.0.0.1:2",
        "deepseek": "https://proxy.example",
    }
