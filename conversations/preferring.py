"""What members set for themselves: the form of it. What they set is in accounts.preferences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.preferences import Preferences
from catalog.models import Route

MAILS = ("mentions", "mails")  # they come unless a member turns them off


class PreferencesForm(forms.Form):
    """A member's name, and their Preferences by their names."""

    name = forms.CharField(label=_("Name"), max_length=80, required=False)
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("As the browser says")), *settings.LANGUAGES]
    )
    theme = forms.ChoiceField(
        label=_("Theme"),
        required=False,
        choices=[("", _("As the system is")), ("light", _("Light")), ("dark", _("Dark"))],
    )
    route = forms.ChoiceField(label=_("Model of new conversations"), required=False)
    send_key = forms.ChoiceField(
        label=_("A question is sent by"),
        required=False,
        choices=[("", "Enter"), ("ctrl-enter", "Ctrl + Enter")],
    )
    notify = forms.BooleanField(
        label=_("Tell me when an answer has ended or I am named while I look elsewhere"), required=False
    )
    costs = forms.BooleanField(label=_("Always show what an answer cost"), required=False)
    mentions = forms.BooleanField(label=_("Mail me when I am named and don't look"), required=False)
    mails = forms.BooleanField(label=_("Mail me how far my budgets are used"), required=False)

    def __init__(self, data: Any = None, *, member: User, routes: Sequence[Route]) -> None:
        prefers = member.prefers
        initial = {field.name: getattr(prefers, field.name) for field in fields(prefers)}
        initial |= {"name": member.name, **{name: getattr(prefers, name) != "no" for name in MAILS}}
        super().__init__(data, initial=initial, label_suffix="")
        self.member = member
        self.fields["name"].widget.attrs |= {"placeholder": User(email=member.email).get_short_name()}
        first = routes[0].label if routes else ""
        self.fields["route"] = forms.ChoiceField(
            label=self.fields["route"].label,
            required=False,
            choices=[("", first), *((it.name, it.label) for it in routes[1:])],
        )

    def clean_name(self) -> str:
        """As in the admin: nobody's in disguise."""
        name = " ".join(str(self.cleaned_data["name"]).split())
        as_named = User(pk=self.member.pk, email=self.member.email, name=name)
        try:
            as_named.clean()
        except forms.ValidationError as error:
            raise forms.ValidationError(error.messages) from None
        return name

    def save(self) -> None:
        """Once it is valid."""
        chosen = {field.name: self.cleaned_data[field.name] for field in fields(Preferences)}
        ticked = {name: "yes" if chosen[name] else "" for name in ("notify", "costs")}
        ticked |= {name: "" if chosen[name] else "no" for name in MAILS}
        self.member.name = self.cleaned_data["name"]
        self.member.preferences = Preferences(**chosen | ticked).to_store()
        self.member.save(update_fields=["name", "preferences"])
