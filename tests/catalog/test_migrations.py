"""What an install of before the chains keeps when it is brought up to date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pytest_django import Settings

from catalog import defaults
from catalog.models import LanguageModel, Route

OLD = [("catalog", "0001_initial")]


def migrated(targets: list[tuple[str, str]]) -> Any:
    """The models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate([*targets])
    return executor.loader.project_state(targets).apps


@pytest.fixture
def old(transactional_db: None) -> Iterator[Any]:
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    Route.objects.all().delete()
    yield migrated(OLD)
    migrated(newest)


def test_routes_keep_their_model_and_auto_has_a_choice(old: Any, settings: Settings) -> None:
    settings.DEEPSEEK_API_KEY = "sk-0123456789abcdef"
    provider, model, route = (old.get_model("catalog", name) for name in ("Provider", "LanguageModel", "Route"))
    deepseek = provider.objects.create(
        name="deepseek", dialect="deepseek", base_url=settings.DEEPSEEK_BASE_URL, key_setting="DEEPSEEK_API_KEY"
    )
    flash, pro = (model.objects.create(provider=deepseek, name=name) for name in ("deepseek-flash", "deepseek-v4-pro"))
    route.objects.create(name="ours", label="Ours", model=pro, position=1)
    route.objects.create(name="quick", label="Quick", model=flash, position=10)

    migrated(MigrationExecutor(connection).loader.graph.leaf_nodes())
    defaults.ensure()

    chains = {it.name: [step.model.name for step in it.steps.all()] for it in Route.objects.whole()}
    assert (chains["ours"], chains["quick"]) == (["deepseek-v4-pro"], ["deepseek-flash"])
    assert LanguageModel.objects.get(name="deepseek-flash").sees
    assert [it.name for it in Route.objects.filter(auto=Route.Auto.OTHERWISE)] == ["quick"]
    assert Route.objects.offered()[0].name == "ours"
