"""What administrators may enter, checked where they entered it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog import addresses, keys
from catalog.models import Provider, Route, Step
from providers.messages import Secret

if TYPE_CHECKING:
    ProviderForm_ = forms.ModelForm[Provider]
    StepFormSet_ = forms.BaseInlineFormSet[Step, Route, forms.ModelForm[Step]]
else:
    ProviderForm_ = forms.ModelForm
    StepFormSet_ = forms.BaseInlineFormSet

NO_SECRET = _("Keys can't be kept here: the operator has to set PROVIDER_KEYS_SECRET, the same for every process.")
NOT_A_KEY = _("A key is one word of plain letters, digits and signs.")
ENTER_AGAIN = _("The stored key was entered for another address. Enter the key for this one, or remove it.")
SHOWN = 4  # characters of a stored key, so that two can be told apart; of a short one none


class KeyField(forms.CharField):
    """A key on its way in. It is never sent back, and only a Secret goes on from here."""

    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})

    def clean(self, value: Any) -> Secret:
        key = Secret(super().clean(value))
        if key and not (key.reveal().isascii() and key.reveal().isprintable() and " " not in key.reveal()):
            raise forms.ValidationError(NOT_A_KEY)
        if key and not keys.can_keep():
            raise forms.ValidationError(NO_SECRET)
        return key


class ProviderForm(ProviderForm_):
    new_key = KeyField(label=_("Key"), required=False, max_length=1000)
    remove_key = forms.BooleanField(label=_("Remove the stored key"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_key"].help_text = about_key(self.instance)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        new_key, url = cleaned.get("new_key"), cleaned.get("base_url", self.instance.base_url)
        stays = bool(self.instance.encrypted_key and not new_key and not cleaned.get("remove_key"))
        if stays and addresses.origin(url) != addresses.origin(self.instance.base_url):
            self.add_error("new_key", ENTER_AGAIN)
        has_key = bool(new_key or stays or cleaned.get("key_setting", self.instance.key_setting))
        if sentence := self._refusal(url, has_key=has_key):
            self.add_error("base_url", sentence)
        return cleaned

    def _refusal(self, url: str, *, has_key: bool) -> str:
        if not url or "base_url" not in self.fields or "base_url" in self.errors:
            return ""
        looks_good = addresses.refusal(url, has_key=has_key)
        return looks_good or (addresses.leads_inside(url) if "base_url" in self.changed_data else "")

    def keep_key(self) -> None:
        """Once the row is saved: keep the key that was entered, or forget the one that was to be removed."""
        new_key: Secret = self.cleaned_data["new_key"]
        if new_key or self.cleaned_data["remove_key"]:
            self.instance.keep_key(new_key)


def about_key(provider: Provider) -> str:
    """What may be said of a stored key: that there is one, how it ends, or why it can't be opened."""
    try:
        key = provider.kept_key.reveal()
    except keys.KeyLostError as error:
        return error.sentence
    if not key:
        return gettext("None is stored. It is encrypted, and never shown again.")
    if len(key) <= 4 * SHOWN:
        return gettext("A key is stored. Leave this blank to keep it.")
    return gettext("A key is stored; ends in …%(end)s. Leave this blank to keep it.") % {"end": key[-SHOWN:]}


class StepFormSet(StepFormSet_):
    """The chain of a route."""

    def clean(self) -> None:
        super().clean()
        kept = [it.cleaned_data for it in self.forms if it.cleaned_data and not it.cleaned_data.get("DELETE")]
        chain = sorted((it for it in kept if it.get("model")), key=lambda it: it.get("position") or 0)
        if self.instance.is_auto and chain:
            raise forms.ValidationError(_("Auto has no models of its own: it takes the other routes'."))
        if not self.instance.is_auto and not chain:
            raise forms.ValidationError(_("A route needs at least one model."))
        if self.instance.auto == Route.Auto.IMAGES and not chain[0]["model"].sees:
            raise forms.ValidationError(_("The first model of the route for images must be one that sees images."))
