"""What administrators may enter about limits, checked where they entered it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _

from usage import holding
from usage.models import Limit
from usage.models.limit import said

if TYPE_CHECKING:
    LimitForm_ = forms.ModelForm[Limit]
else:
    LimitForm_ = forms.ModelForm


class LimitForm(LimitForm_):
    """A limit is set for what is to come: one below what is spent by now would take effect on nobody's warning."""

    class Meta:
        model = Limit
        fields = (
            "member",
            "group",
            "shared",
            "unit",
            "window",
            "amount",
            "soft_percent",
            "step",
            "step_percent",
            "step_route",
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and {"amount", "unit", "window"} & {*self.changed_data}:
            limit = Limit(**{name: cleaned[name] for name in cleaned if name in self.Meta.fields})
            spent = holding.most_spent(limit)
            if cleaned["amount"] < spent:
                sentence = _("%(spent)s of it are spent already. Enter more, or wait for the next window.")
                self.add_error("amount", sentence % {"spent": said(limit.unit, spent)})
        return cleaned
