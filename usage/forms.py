"""What administrators may enter about limits, checked where they entered it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminSplitDateTime
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from usage import holding, nearing, raising
from usage.holding import Standing
from usage.models import Limit, Raise, RaiseRequest, Unit
from usage.models.limit import MOST, said
from usage.windows import LENGTHS, Window

if TYPE_CHECKING:
    LimitForm_ = forms.ModelForm[Limit]
    LimitFormSet_ = forms.BaseInlineFormSet[Limit, Any, forms.ModelForm[Limit]]
    RaiseForm_ = forms.ModelForm[Raise]
    DecisionForm_ = forms.ModelForm[RaiseRequest]
else:
    LimitForm_ = RaiseForm_ = DecisionForm_ = forms.ModelForm
    LimitFormSet_ = forms.BaseInlineFormSet


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
            # On the page of a member or a group that one is no field of the form.
            values = {name: getattr(self.instance, name) for name in ("member", "group")} | cleaned
            limit = Limit(**{name: values[name] for name in values if name in LimitForm.Meta.fields})
            spent = holding.most_spent(limit)
            if cleaned["amount"] < spent:
                sentence = _("%(spent)s of it are spent already. Enter more, or wait for the next window.")
                self.add_error("amount", sentence % {"spent": said(limit.unit, spent)})
        return cleaned


class LimitFormSet(LimitFormSet_):
    """All limits of one member, or of one group: two of a kind would contradict each other."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        for row in form.fields.values():  # their names stand above the column, where no screen reader looks for them
            if row.label:
                widget = getattr(row.widget, "widget", row.widget)  # that which the admin wraps
                widget.attrs["aria-label"] = row.label

    def clean(self) -> None:
        super().clean()
        # Two administrators who add the same one at once: the second waits here, and sees the first one's.
        self.instance.__class__._default_manager.select_for_update().get(pk=self.instance.pk)
        kept = {it.instance.pk for it in self.initial_forms}
        others = self.get_queryset().model.objects.filter(**{self.fk.name: self.instance}).exclude(pk__in=kept)
        kinds = {(it.unit, it.window, it.shared) for it in others}
        for form in self.forms:
            cleaned = getattr(form, "cleaned_data", {})
            if not cleaned or cleaned.get("DELETE") or {"unit", "window"} - cleaned.keys():
                continue
            kind = cleaned["unit"], cleaned["window"], cleaned.get("shared", False)
            if kind in kinds:
                form.add_error("window", _("There is such a limit already. Change that one."))
            kinds.add(kind)


class SameLimitForm(LimitForm_):
    """One limit for each of these members."""

    class Meta:
        model = Limit
        fields = ("unit", "amount", "window", "soft_percent")

    def __init__(self, members: Sequence[User], data: Mapping[str, Any] | None) -> None:
        super().__init__(data)
        self.members = members

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            limits = [Limit(member=member, **cleaned) for member in self.members]
            spent, member = max(((holding.most_spent(it), str(it.member)) for it in limits), default=(Decimal(0), ""))
            if cleaned["amount"] < spent:
                sentence = _("%(member)s has spent %(spent)s of it already. Enter more, or wait for the next window.")
                self.add_error("amount", sentence % {"member": member, "spent": said(cleaned["unit"], spent)})
        return cleaned

    def save(self, commit: bool = True) -> list[Limit]:  # type: ignore[override]  # one for each of them
        kind = {name: self.cleaned_data[name] for name in ("unit", "window")}
        values = {name: self.cleaned_data[name] for name in ("amount", "soft_percent")}
        return [Limit.objects.update_or_create(member=it, **kind, defaults=values)[0] for it in self.members]


# Raises -------------------------------------------------------------------------------------------------------------


class RaiseForm(RaiseForm_):
    class Meta:
        model = Raise
        fields = ("member", "unit", "amount", "window", "until")

    def clean_until(self) -> datetime:
        until: datetime = self.cleaned_data["until"]
        return _later(until) if "until" in self.changed_data else until


def _later(until: datetime) -> datetime:
    if until <= timezone.now():
        raise forms.ValidationError(_("That is over already. Enter a time to come."))
    return until


class UntilField(forms.SplitDateTimeField):
    """When a raise ends."""

    widget = AdminSplitDateTime

    def clean(self, value: Any) -> Any:
        until = super().clean(value)
        return _later(until) if until else until


def _more_field(unit: str, **options: Any) -> forms.DecimalField:
    places = 6 if unit == Unit.MONEY else 0
    least = Decimal(1).scaleb(-places)
    return forms.DecimalField(min_value=least, max_value=Decimal(MOST - 1), decimal_places=places, **options)


def _suggested(unit: str, standing: Standing | None) -> Decimal | None:
    """Half of the limit once more."""
    if standing is None:
        return None
    half = standing.limit.amount / 2
    return half.quantize(Decimal("0.01")) if unit == Unit.MONEY else max(Decimal(int(half)), Decimal(1))


def _until(window: str, standing: Standing | None) -> datetime:
    """The end of the window that they came to the end of; as long as a rolling one is."""
    resets_at = standing.resets_at if standing else None
    return resets_at or timezone.now() + LENGTHS.get(Window(window), LENGTHS[Window.DAY])


TOLD = gettext_lazy("In your words. The member reads them.")


class DecisionForm(DecisionForm_):
    """One request: so much more, until then; or not. The button says which."""

    amount = forms.DecimalField(required=False)  # as its unit wants it, see below
    until = UntilField(label=gettext_lazy("Until"), required=False)

    class Meta:
        model = RaiseRequest
        fields = ("answer",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = self.instance
        standing = nearing.of_request(asked) if asked.pk else None
        label = _("More, in %(unit)s") % {"unit": said_unit(asked.unit)}
        self.fields["amount"] = _more_field(asked.unit, label=label, required=False)
        self.initial["amount"] = _suggested(asked.unit, standing)
        self.initial["until"] = _until(asked.window, standing)

    @property
    def grants(self) -> bool:
        return "_grant" in self.data

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in ("amount", "until"):
            if self.grants and name not in self.errors and cleaned.get(name) is None:
                self.add_error(name, _("Enter how much they get, and until when."))
        return cleaned

    def decide(self, by: User) -> bool:
        """Whether it was for us to decide."""
        answer = self.cleaned_data["answer"]
        if self.grants:
            amount, until = self.cleaned_data["amount"], self.cleaned_data["until"]
            return raising.grant(self.instance, by, amount, until, answer) is not None
        return raising.refuse(self.instance, by, answer)


def said_unit(unit: str) -> str:
    return settings.CURRENCY if unit == Unit.MONEY else str(Unit(unit).label)


class RefusalForm(forms.Form):
    """Of several requests at once: what those who asked are told."""

    answer = forms.CharField(
        label=gettext_lazy("Answer"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=TOLD,
    )

    def __init__(self, chosen: Sequence[RaiseRequest], data: Mapping[str, Any] | None) -> None:
        super().__init__(data)
        self.chosen = chosen

    def save(self, by: User) -> list[RaiseRequest]:
        """Those that were for us to decide."""
        return [it for it in self.chosen if raising.refuse(it, by, self.cleaned_data["answer"])]


class GrantsForm(RefusalForm):
    """So much more for each of them, all until then."""

    until = UntilField(label=gettext_lazy("Until"))
    field_order = ("until", "answer")

    def __init__(self, chosen: Sequence[RaiseRequest], data: Mapping[str, Any] | None) -> None:
        super().__init__(chosen, data)
        standings = nearing.of_requests(chosen)
        for asked in chosen:
            values = {"member": asked.member, "unit": said_unit(asked.unit), "window": asked.get_window_display()}
            label = _("%(member)s gets more, in %(unit)s %(window)s") % values
            suggested = _suggested(asked.unit, standings.get(asked.pk))
            self.fields[_amount(asked)] = _more_field(asked.unit, label=label, initial=suggested)
        self.order_fields([*map(_amount, chosen), *self.field_order])
        self.initial["until"] = max(_until(it.window, standings.get(it.pk)) for it in chosen)

    def save(self, by: User) -> list[RaiseRequest]:
        until, answer = self.cleaned_data["until"], self.cleaned_data["answer"]
        return [it for it in self.chosen if raising.grant(it, by, self.cleaned_data[_amount(it)], until, answer)]


def _amount(asked: RaiseRequest) -> str:
    return f"amount_{asked.pk}"
