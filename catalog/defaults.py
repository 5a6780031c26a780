"""The rows of a fresh install. Existing rows are the administrator's and stay as they are."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from catalog.models import LanguageModel, Provider, Route

# Limits and names: DeepSeek's pricing page of 2026-11-15.
DEEPSEEK_CONTEXT, DEEPSEEK_OUTPUT = 1_048_576, 393_216


@transaction.atomic
def ensure() -> None:
    """Create what is missing, and tell the two providers we start or know where they are today."""
    deepseek = _provider("deepseek", "deepseek", settings.DEEPSEEK_BASE_URL, "DEEPSEEK_API_KEY", 200)
    flash = _model(deepseek, "deepseek-flash", DEEPSEEK_CONTEXT, DEEPSEEK_OUTPUT, thinks=True, sees=True, fills=True)
    pro = _model(deepseek, "deepseek-v4-pro", DEEPSEEK_CONTEXT, DEEPSEEK_OUTPUT, thinks=True, fills=True)
    _route("quick", 10, flash, label="Quick", auto=Route.Auto.OTHERWISE)
    _route("deep", 20, pro, flash, label="Deep", effort=Route.Effort.HIGH)
    _route("max", 30, pro, flash, label="Max", effort=Route.Effort.MAX)
    local = _provider("local", "llamacpp", settings.LOCAL_MODEL_URL, "", 4)
    _route("local", 90, _model(local, "smollm2-135m", 8192, 1024), label="Local (SmolLM2)")


def _provider(name: str, dialect: str, base_url: str, key_setting: str, concurrency: int) -> Provider:
    provider, made = Provider.objects.get_or_create(
        name=name,
        defaults={"dialect": dialect, "base_url": base_url, "key_setting": key_setting, "concurrency": concurrency},
    )
    # The local model takes a new port at every start; DeepSeek's address is an operator's setting.
    if not made and provider.base_url != base_url:
        provider.base_url = base_url
        provider.save(update_fields=["base_url"])
    return provider


def _model(provider: Provider, name: str, context: int, output: int, **abilities: bool) -> LanguageModel:
    limits = {"context_tokens": context, "output_tokens": output, **abilities}
    return LanguageModel.objects.get_or_create(provider=provider, name=name, defaults=limits)[0]


def _route(name: str, position: int, *models: LanguageModel, **fields: str) -> None:
    if not Route.objects.filter(name=name).exists():
        Route.objects.through(*models, name=name, position=position, **fields)
