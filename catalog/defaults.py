"""The rows of a fresh install. Existing rows are the administrator's and stay as they are.

What members see first is short: Auto, which newcomers may leave to itself, and what they may want instead of it. The
models' own names, which people know from elsewhere, are offered too, but not listed there. Nothing falls back from
DeepSeek to the small local model: an answer from it would look like one. An administrator may put it into a chain.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from catalog import circuits, price_list
from catalog.models import LanguageModel, Provider, Route

# The environment decides where these are, at every start.
ADDRESSES = {"deepseek": "DEEPSEEK_BASE_URL", "local": "LOCAL_MODEL_URL"}

# Limits and names: DeepSeek's pricing page of 2026-11-15.
DEEPSEEK_CONTEXT, DEEPSEEK_OUTPUT = 1_048_576, 393_216

CODING = """\
You are an experienced software engineer. Put code into fenced blocks that name their language. Write complete code \
that runs as it stands, in the style of the code you were shown. Handle errors and edge cases, and say which you left \
out. Explain briefly, after the code. If something that changes the answer is unclear, say what you assumed."""
# What DeepSeek advised for code. It counts once a member turns the thinking off: while it thinks, DeepSeek's docs of
# 2026-09-18 say, the temperature has no effect.
CODING_TEMPERATURE = 0.0

Effort, Auto = Route.Effort, Route.Auto


@transaction.atomic
def ensure() -> None:
    """Create what is missing, and tell the two providers we start or know where they are today."""
    # We are being started: the environment may hold another key now.
    circuits.reset(Provider.objects.exclude(key_setting="").values_list("pk", flat=True))
    deepseek = _provider("deepseek", "deepseek", "DEEPSEEK_API_KEY", 200)
    flash = _model(deepseek, "deepseek-flash", DEEPSEEK_CONTEXT, DEEPSEEK_OUTPUT, thinks=True, sees=True, fills=True)
    pro = _model(deepseek, "deepseek-v4-pro", DEEPSEEK_CONTEXT, DEEPSEEK_OUTPUT, thinks=True, fills=True)
    local = _model(_provider("local", "llamacpp", "", 4), "smollm2-135m", 8192, 1024)
    price_list.ensure(flash, pro, local)

    _route("auto", 5, label="Auto", auto=Auto.CHOOSER)
    _route("quick", 10, flash, label="Quick", auto=Auto.OTHERWISE)
    _route("deep", 20, pro, flash, label="Deep", effort=Effort.HIGH)
    _route("max", 30, pro, flash, label="Max", effort=Effort.MAX)
    _route("vision", 40, flash, label="Vision", effort=Effort.LOW, auto=Auto.IMAGES)
    if code := _route("code", 50, flash, pro, label="Code", effort=Effort.HIGH, auto=Auto.CODE, instructions=CODING):
        code.steps.update(temperature=CODING_TEMPERATURE)
    _route("local", 90, local, label="Local (SmolLM2)")

    _route("deepseek-flash", 110, flash, label="deepseek-flash", effort=Effort.HIGH, auto=Auto.LONG, listed=False)
    _route("deepseek-v4-pro", 120, pro, flash, label="deepseek-v4-pro", effort=Effort.HIGH, listed=False)
    # Retired on 2026-07-24; people and programs still ask for them by name.
    _route("deepseek-chat", 180, flash, label="deepseek-chat", listed=False)
    _route("deepseek-reasoner", 190, flash, label="deepseek-reasoner", effort=Effort.HIGH, listed=False)


def _provider(name: str, dialect: str, key_setting: str, concurrency: int) -> Provider:
    address = getattr(settings, ADDRESSES[name])
    provider, made = Provider.objects.get_or_create(
        name=name,
        defaults={"dialect": dialect, "base_url": address, "key_setting": key_setting, "concurrency": concurrency},
    )
    if not made and provider.base_url != address:
        provider.base_url = address
        provider.save(update_fields=["base_url"])
    return provider


def _model(provider: Provider, name: str, context: int, output: int, **abilities: bool) -> LanguageModel:
    limits = {"context_tokens": context, "output_tokens": output, **abilities}
    return LanguageModel.objects.get_or_create(provider=provider, name=name, defaults=limits)[0]


def _route(name: str, position: int, *models: LanguageModel, **fields: Any) -> Route | None:
    """The new route; None if there is one of that name."""
    if Route.objects.filter(name=name).exists():
        return None
    return Route.objects.through(*models, name=name, position=position, **fields)
