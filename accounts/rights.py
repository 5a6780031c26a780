"""What a permission allows, as administrators read it. Its row says it in English."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib.auth.models import Permission
from django.utils.translation import gettext, gettext_noop

if TYPE_CHECKING:
    PermissionsField_ = forms.ModelMultipleChoiceField[Permission]
else:
    PermissionsField_ = forms.ModelMultipleChoiceField

DEEDS = {
    "add": gettext_noop("Can add %(what)s"),
    "change": gettext_noop("Can change %(what)s"),
    "delete": gettext_noop("Can delete %(what)s"),
    "view": gettext_noop("Can view %(what)s"),
}


class PermissionsField(PermissionsField_):
    def label_from_instance(self, obj: Permission) -> str:
        """Django's four deeds in words, those of others as they call them."""
        kind = obj.content_type
        deed, _, what = obj.codename.partition("_")
        if deed not in DEEDS or what != kind.model:
            return str(obj)
        return f"{kind.app_labeled_name} | {gettext(DEEDS[deed]) % {'what': kind.name}}"
