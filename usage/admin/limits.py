"""What people may spend: limits, and raises of them for a while."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.acting import NamedDeeds, in_the_name_of_whoever_asks
from usage import raising
from usage.forms import LimitForm, RaiseForm
from usage.models import AtOnce, Limit, Raise


@admin.register(Limit)
class LimitAdmin(NamedDeeds, admin.ModelAdmin[Limit]):
    form = LimitForm
    list_display = ("__str__", "member", "group", "shared", "soft_percent", "step")
    list_filter = ("unit", "window", "shared", "group")
    list_select_related = ("member", "group")
    autocomplete_fields = ("member",)
    ordering = ("unit", "window", "member", "group")
    fieldsets = (
        (_("For whom"), {"fields": ("member", "group", "shared")}),
        (None, {"fields": ("unit", "amount", "window")}),
        (_("Before the end"), {"fields": ("soft_percent", "step", "step_percent", "step_route")}),
    )


@admin.register(AtOnce)
class AtOnceAdmin(NamedDeeds, admin.ModelAdmin[AtOnce]):
    list_display = ("most", "member", "group", "shared")
    list_filter = ("shared", "group")
    list_select_related = ("member", "group")
    autocomplete_fields = ("member",)
    ordering = ("member", "group", "shared")
    fields = ("member", "group", "shared", "most")


class InForce(admin.SimpleListFilter):
    title, parameter_name = _("in force"), "in_force"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("yes")), ("no", _("no longer"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Raise]) -> QuerySet[Raise]:
        now = timezone.now()
        match self.value():
            case "yes":
                return queryset.filter(until__gt=now)
            case "no":
                return queryset.filter(until__lte=now)
            case _:
                return queryset


@admin.register(Raise)
class RaiseAdmin(NamedDeeds, admin.ModelAdmin[Raise]):
    form = RaiseForm
    list_display = ("member", "__str__", "created_at", "until", "is_in_force", "by")
    list_display_links = ("__str__",)
    list_filter = (InForce, "unit", "window")
    list_select_related = ("member", "by")
    search_fields = ("member__email", "member__name")
    autocomplete_fields = ("member",)
    date_hierarchy = "until"
    ordering = ("-until",)
    actions = ("end_now",)
    fields = ("member", "unit", "amount", "window", "until")

    def save_model(self, request: HttpRequest, obj: Raise, form: forms.ModelForm[Raise], change: bool) -> None:
        if not change:
            obj.by = request.user  # type: ignore[assignment]  # signed in: this is the admin
        super().save_model(request, obj, form, change)

    @admin.display(description=_("in force"), boolean=True)
    def is_in_force(self, more: Raise) -> bool:
        return more.until > timezone.now()

    @admin.action(description=_("End chosen raises now"), permissions=["change"])
    def end_now(self, request: HttpRequest, queryset: QuerySet[Raise]) -> None:
        with in_the_name_of_whoever_asks(request):
            ended = raising.end(queryset)
        for more in ended:
            self.log_change(request, more, gettext("Ended."))
        said = ngettext("%(count)s raise was ended.", "%(count)s raises were ended.", len(ended))
        self.message_user(request, said % {"count": len(ended)}, messages.SUCCESS)
