"""The catalog on the administrator's desk: providers and their keys, models, routes, and how providers are today."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminIntegerFieldWidget
from django.core.exceptions import PermissionDenied
from django.db.models import FloatField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts.acting import NamedDeeds
from catalog import circuits, discovering
from catalog.defaults import ADDRESSES
from catalog.forms import ProviderForm, StepFormSet
from catalog.models import Band, BilledAs, LanguageModel, Provider, Rate, Route, Rule, Step
from catalog.sentences import translated
from providers.errors import ProviderError

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldsetSpec
    from django.forms import ModelForm

    StepInline_ = admin.TabularInline[Step, Route]
else:
    StepInline_ = admin.TabularInline


@admin.register(Provider)
class ProviderAdmin(admin.ModelAdmin[Provider]):
    form = ProviderForm
    list_display = ("name", "dialect", "base_url", "concurrency", "ready", "circuit_now")
    list_select_related = ("circuit",)
    ordering = ("name",)
    actions = ("discover_models", "close_circuits")
    fieldsets = (
        (None, {"fields": ("name", "dialect", "base_url", "currency", "concurrency", "enabled")}),
        (_("Key"), {"fields": ("key_setting", "new_key", "remove_key")}),
    )

    # What may be done ------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> _FieldsetSpec:
        """Who may only look sees nothing of a key."""
        may_change = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return super().get_fieldsets(request, obj) if may_change else self.fieldsets[:1]

    def get_readonly_fields(self, request: HttpRequest, obj: Provider | None = None) -> tuple[str, ...]:
        """The keys of the environment are the operator's: only a superuser says which address they are sent to."""
        if obj and obj.name in ADDRESSES:
            kept: tuple[str, ...] = ("name", "base_url")
        else:
            kept = ("base_url",) if obj and obj.key_setting and not _is_superuser(request) else ()
        return kept if _is_superuser(request) else (*kept, "key_setting")

    def has_discover_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request) and request.user.has_perm("catalog.add_languagemodel")

    # The list --------------------------------------------------------------------------------------------------------

    @admin.display(description=_("state"))
    def ready(self, provider: Provider) -> str:
        return provider.not_ready_because or gettext("ready")

    @admin.display(description=_("circuit"))
    def circuit_now(self, provider: Provider) -> str:
        return provider.circuit_state

    @admin.action(description=_("Discover models"), permissions=["discover"])
    def discover_models(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        for provider in queryset:
            try:
                found = discovering.discover(provider)
            except (discovering.NotReadyError, ProviderError) as error:
                self.message_user(request, f"{provider}: {translated(error.sentence)}", messages.ERROR)
            else:
                self.log_change(request, provider, gettext("Discovered models. %(found)s") % {"found": found})
                self.message_user(request, f"{provider}: {found}", messages.SUCCESS)

    @admin.action(description=_("Close circuit now"), permissions=["change"])
    def close_circuits(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        were_open = circuits.reset([provider.pk for provider in queryset])
        for provider in queryset:
            self.log_change(request, provider, gettext("Closed the circuit."))
        said = gettext("Closed. %(open)s of %(chosen)s circuits were open.")
        self.message_user(request, said % {"open": were_open, "chosen": len(queryset)}, messages.SUCCESS)

    # One provider ----------------------------------------------------------------------------------------------------

    @method_decorator(sensitive_post_parameters("new_key"))
    def changeform_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().changeform_view(*args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Provider, form: ModelForm[Provider], change: bool) -> None:
        assert isinstance(form, ProviderForm)
        if change:
            # Only what was changed here: a key that was encrypted anew meanwhile must not be undone.
            obj.save(update_fields=[name for name in form.changed_data if name not in {"new_key", "remove_key"}])
        else:
            obj.save()
        form.keep_key()
        if change and form.has_changed():  # another key, another address: what failed before says nothing about it
            circuits.reset([obj.pk])

    # Health ----------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        health = self.admin_site.admin_view(require_GET(self.health))
        ask = self.admin_site.admin_view(require_POST(self.ask))
        ours = [
            path("health/", health, name="catalog_provider_health"),
            path("<int:pk>/ask/", ask, name="catalog_provider_ask"),
        ]
        return [*ours, *super().get_urls()]

    def health(self, request: HttpRequest) -> HttpResponse:
        """How every provider is. For whoever may look at providers."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        providers = Provider.objects.select_related("circuit").prefetch_related("models").order_by("name")
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Health of the providers"),
            "opts": self.opts,
            "providers": [(it, [discovering.printable(model.name) for model in it.models.all()]) for it in providers],
        }
        return TemplateResponse(request, "admin/catalog/provider/health.html", context)

    def ask(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask one for its models, now. It changes nothing, so whoever may look may ask."""
        provider = Provider.objects.filter(pk=pk).first()
        if provider is None or not self.has_view_permission(request, provider):
            raise PermissionDenied
        begin = time.monotonic()
        try:
            names = discovering.ask(provider)
        except (discovering.NotReadyError, ProviderError) as error:
            self.message_user(request, f"{provider}: {translated(error.sentence)}", messages.ERROR)
        else:
            said = discovering.enumerated(names) or gettext("it names no model")
            values = {"provider": provider, "seconds": f"{time.monotonic() - begin:.1f}", "names": said}
            answered = gettext("%(provider)s answered within %(seconds)s s: %(names)s.") % values
            self.message_user(request, answered, messages.SUCCESS)
        return redirect("admin:catalog_provider_health")


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


@admin.register(LanguageModel)
class LanguageModelAdmin(NamedDeeds, admin.ModelAdmin[LanguageModel]):
    list_display = ("name", "provider", "context_tokens", "output_tokens", "thinks", "sees", "uses_tools")
    list_filter = ("provider",)
    list_select_related = ("provider",)
    search_fields = ("name",)
    ordering = ("provider__name", "name")


class StepInline(StepInline_):
    model = Step
    formset = StepFormSet
    extra = 1
    fields = ("position", "model", "attempts", "temperature", "timeout")
    autocomplete_fields = ("model",)
    formfield_overrides = {FloatField: {"widget": AdminIntegerFieldWidget}}  # narrow: the chain is a wide table
    verbose_name_plural = _("chain: the first that is ready answers, the next one when it can't")


@admin.register(Route)
class RouteAdmin(admin.ModelAdmin[Route]):
    list_display = ("label", "name", "chain", "effort", "auto", "position", "listed", "enabled")
    ordering = ("position", "pk")
    inlines = (StepInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Route]:
        return super().get_queryset(request).prefetch_related("steps__model__provider")

    @admin.display(description=_("chain"))
    def chain(self, route: Route) -> str:
        return " → ".join(step.model.name for step in route.steps.all())


@admin.register(Rule)
class RuleAdmin(NamedDeeds, admin.ModelAdmin[Rule]):
    list_display = ("subject", "for_whom", "is_allowed")
    list_display_links = ("subject", "for_whom")
    list_filter = ("group", "ability", "is_allowed")
    list_select_related = ("group", "model__provider")
    autocomplete_fields = ("model",)
    ordering = ("model__name", "ability", "group__name")
    fieldsets = (
        (
            None,
            {
                "fields": ("group", "model", "ability", "is_allowed"),
                "description": _("What no rule is about is allowed. Without the tick it is refused."),
            },
        ),
    )

    @admin.display(description=_("model or ability"))
    def subject(self, rule: Rule) -> str:
        return rule.subject

    @admin.display(description=_("for whom"), ordering="group__name")
    def for_whom(self, rule: Rule) -> str:
        return rule.group.name if rule.group else gettext("everybody")


# What it costs ------------------------------------------------------------------------------------------------------


@admin.register(Band)
class BandAdmin(NamedDeeds, admin.ModelAdmin[Band]):
    list_display = ("name", "hours", "zone", "holidays")


@admin.register(BilledAs)
class BilledAsAdmin(NamedDeeds, admin.ModelAdmin[BilledAs]):
    list_display = ("name", "model", "valid_from", "valid_to", "note")
    list_filter = ("provider",)
    list_select_related = ("model__provider",)
    ordering = ("provider__name", "name", "-valid_from")


@admin.register(Rate)
class RateAdmin(NamedDeeds, admin.ModelAdmin[Rate]):
    list_display = ("currency", "into", "rate", "valid_from", "note")
