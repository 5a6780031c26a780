"""Provider, LanguageModel, Route: rows an administrator edits, not code."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models


class Dialect(models.TextChoices):
    """How a server speaks; the words are providers.dialects' own."""

    DEEPSEEK = "deepseek", "DeepSeek"
    OPENAI = "openai", "OpenAI-compatible"
    LLAMACPP = "llamacpp", "llama.cpp server"


class Provider(models.Model):
    """A server that answers. Its key stays in the environment: a stolen database opens nothing."""

    name = models.SlugField(max_length=40, unique=True)
    dialect = models.CharField(max_length=20, choices=Dialect, default=Dialect.OPENAI)
    base_url = models.URLField("address", blank=True, help_text="Without an address the provider is not offered.")
    key_setting = models.CharField(
        "setting with the key",
        max_length=60,
        blank=True,
        help_text="For example DEEPSEEK_API_KEY. Blank: needs no key.",
    )
    concurrency = models.PositiveIntegerField("answers at once", default=16, validators=[MinValueValidator(1)])
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(concurrency__gte=1), name="a_provider_answers_at_least_one_at_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """The secret itself, out of the settings; "" when the provider needs none or none is set."""
        return str(getattr(settings, self.key_setting, "")) if self.key_setting else ""

    @property
    def is_ready(self) -> bool:
        return bool(self.enabled and self.base_url and (self.key or not self.key_setting))


class LanguageModel(models.Model):
    """A model as its provider names it."""

    provider = models.ForeignKey(Provider, models.CASCADE, related_name="models")
    name = models.CharField("name at the provider", max_length=120)
    context_tokens = models.PositiveIntegerField(default=8192)
    output_tokens = models.PositiveIntegerField("most tokens of one answer", default=2048)
    thinks = models.BooleanField(default=False)

    class Meta:
        verbose_name = "model"
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="one_row_per_model_of_a_provider")]

    def __str__(self) -> str:
        return f"{self.name} ({self.provider})"


class RouteQuerySet(models.QuerySet["Route"]):
    def offered(self) -> list[Route]:
        """The routes whose provider is ready, best first."""
        return [r for r in self.select_related("model__provider").order_by("position", "pk") if r.is_ready]

    def named(self, name: str) -> Route:
        """The route a member chose, or the default when it is gone. Raises NoRouteError."""
        offered = self.offered()
        if not offered:
            raise NoRouteError
        return next((route for route in offered if route.name == name), offered[0])


class NoRouteError(Exception):
    """No provider is ready."""

    sentence = "No model is set up yet. An administrator can set DEEPSEEK_API_KEY or add a provider."


class Route(models.Model):
    """The name members choose, and what stands behind it."""

    class Effort(models.TextChoices):
        OFF = "off", "no thinking"
        LOW = "low", "a little thinking"
        HIGH = "high", "thinking"
        MAX = "max", "much thinking"

    name = models.SlugField(max_length=60, unique=True)
    label = models.CharField(max_length=60)
    model = models.ForeignKey(LanguageModel, models.CASCADE, related_name="routes")
    effort = models.CharField("thinking", max_length=4, choices=Effort, default=Effort.OFF)
    position = models.PositiveSmallIntegerField(default=50, help_text="The first one that is ready is the default.")
    enabled = models.BooleanField(default=True)

    objects: ClassVar[models.Manager[Route]] = RouteQuerySet.as_manager()

    def __str__(self) -> str:
        return self.label

    @property
    def is_ready(self) -> bool:
        return self.enabled and self.model.provider.is_ready
