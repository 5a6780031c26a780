"""Whom one may invite, and the forms of it. Who is in a conversation, and the deeds, are in conversations.joining."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from conversations.models import Conversation, Role

SHOWN = 8
NOBODY = _("Choose somebody from the list.")


@dataclass(frozen=True)
class Candidate:
    """Somebody, or a group, that is not in the conversation yet."""

    key: str
    name: str
    told_apart_by: str = ""  # by an address, only where two have one name


def candidates(conversation: Conversation, words: str) -> list[Candidate]:
    """The first active members and groups whose name holds these words, or whose whole address they are.

    Within a team names are no secret; addresses are told to those alone who must choose between two of one name.
    """
    words = " ".join(words.split())
    inside = list(conversation.memberships.values_list("member", "group"))
    there = {member for member, _ in inside if member} | {conversation.owner_id}
    named = Q(name__icontains=words) | Q(name="", email__istartswith=words) | Q(email=words.lower())
    members = list(User.objects.filter(named, is_active=True).exclude(pk__in=there).order_by("name", "email")[:SHOWN])
    groups = Group.objects.filter(name__icontains=words).exclude(pk__in=[group for _, group in inside if group])
    count = Counter(map(str, members))
    return [
        *(Candidate(f"m-{it.pk}", str(it), it.email if count[str(it)] > 1 else "") for it in members),
        *(Candidate(f"g-{it.pk}", it.name, gettext("group")) for it in groups.order_by("name")[:SHOWN]),
    ]


class RoleField(forms.TypedChoiceField):
    def __init__(self) -> None:
        super().__init__(
            choices=Role.choices, coerce=int, error_messages={"invalid_choice": _("Choose what they may do.")}
        )


class RoleForm(forms.Form):
    role = RoleField()

    @property
    def chosen(self) -> Role:
        return Role(self.cleaned_data["role"])


class InvitationForm(RoleForm):
    who = forms.CharField(max_length=40, error_messages={"required": NOBODY, "max_length": NOBODY})

    def clean_who(self) -> User | Group:
        kind, _dash, pk = str(self.cleaned_data["who"]).partition("-")
        found = self._member(pk) if kind == "m" else self._group(pk) if kind == "g" else None
        if found is None:
            raise forms.ValidationError(NOBODY)
        return found

    def _member(self, pk: str) -> User | None:
        try:
            return User.objects.filter(pk=UUID(pk), is_active=True).first()
        except ValueError:
            return None

    def _group(self, pk: str) -> Group | None:
        is_number = pk.isascii() and pk.isdigit() and len(pk) < 10
        return Group.objects.filter(pk=int(pk)).first() if is_number else None
