"""The catalog on the administrator's desk."""

from __future__ import annotations

from django.contrib import admin

from catalog.models import LanguageModel, Provider, Route


@admin.register(Provider)
class ProviderAdmin(admin.ModelAdmin[Provider]):
    list_display = ("name", "dialect", "base_url", "concurrency", "enabled", "ready")

    @admin.display(boolean=True)
    def ready(self, provider: Provider) -> bool:
        return provider.is_ready


@admin.register(LanguageModel)
class LanguageModelAdmin(admin.ModelAdmin[LanguageModel]):
    list_display = ("name", "provider", "context_tokens", "output_tokens", "thinks")
    list_filter = ("provider",)


@admin.register(Route)
class RouteAdmin(admin.ModelAdmin[Route]):
    list_display = ("label", "name", "effort", "position", "enabled")
