"""Prices, with what they would do before they are saved, and with who changed what of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.acting import NamedDeeds
from catalog.models import Price
from usage import previewing
from usage.models import Act
from usage.telling import told

if TYPE_CHECKING:
    PriceForm_ = forms.ModelForm[Price]
else:
    PriceForm_ = forms.ModelForm

MOST = 200  # acts that are shown at once
AMOUNTS = ("cache_hit", "cache_miss", "output", "per_call")
MATTERS = ("model", "currency", "band", *AMOUNTS)


class PriceForm(PriceForm_):
    """Is shown again, with what it would do to last month's requests, before it is saved."""

    seen = forms.CharField(label="", required=False, widget=forms.HiddenInput)
    preview: previewing.Preview | None = None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and {*MATTERS} & {*self.changed_data} and min(cleaned[it] for it in AMOUNTS) >= 0:
            values = {name: cleaned[name] for name in MATTERS if name in cleaned}
            found = previewing.preview(Price(pk=self.instance.pk, **values))
            mark = " ".join(f"{it}" for it in values.values())
            if found.all_requests and cleaned.get("seen") != mark:
                self.preview = found
                self._remember(mark)
                self.add_error(None, forms.ValidationError(_("This is what it would do. Save it again."), code="seen"))
        return cleaned

    def _remember(self, mark: str) -> None:
        """What is shown was shown for these values."""
        data: Any = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict: this form is posted
        data[self.add_prefix("seen")] = mark
        self.data = data

    @property
    def is_only_unseen(self) -> bool:
        """Nothing is wrong with it."""
        return [error.code for errors in self.errors.as_data().values() for error in errors] == ["seen"]


@admin.register(Price)
class PriceAdmin(NamedDeeds, admin.ModelAdmin[Price]):
    form = PriceForm
    change_form_template = "admin/usage/price.html"
    save_on_top = True
    list_display = ("model", "currency", "band", "cache_hit", "cache_miss", "output", "valid_from", "valid_to", "note")
    list_filter = ("model", "currency", "band")
    list_select_related = ("model__provider", "band")
    date_hierarchy = "valid_from"
    ordering = ("model__provider__name", "model__name", "-valid_from", "band")
    fieldsets = (
        (None, {"fields": ("model", "currency", "band", "valid_from", "valid_to")}),
        (_("For a million tokens"), {"fields": ("cache_hit", "cache_miss", "output")}),
        (None, {"fields": ("per_call", "note", "seen")}),
    )

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        form = context["adminform"].form
        if getattr(form, "preview", None):
            context["preview"] = form.preview
            if form.is_only_unseen:  # it is no error
                context["errors"] = []
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Of all prices of its model, also of those that are gone: one price alone says little."""
        price = self.get_object(request, unquote(object_id))
        if price is None or not self.has_view_or_change_permission(request, price):
            return super().history_view(request, object_id, extra_context)  # says so
        acts = list(Act.objects.filter(table=Price._meta.db_table, row__model_id=price.model_id).order_by("-pk")[:MOST])
        stories = told(acts)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Prices of %(model)s, and who changed them") % {"model": price.model},
            "opts": self.opts,
            "original": price,
            "acts": [(act, stories[act.pk]) for act in acts],
        }
        return TemplateResponse(request, "admin/usage/price_history.html", context)
