"""What the maker of a link chooses, checked where it was typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Value
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from conversations.forms import TypedField
from conversations.models import Conversation, Message, Share, SharingRules, path
from conversations.models.share import NOTE_LIMIT, TITLE_LIMIT
from conversations.sharing import PASSWORD_LIMIT, Terms

MOST_NAMED = 100  # members
NAMED_LIMIT = 10_000  # characters
LISTED_ENDS = 30  # messages at which a snapshot may end

Kind, Audience = Share.Kind, Share.Audience

BETWEEN = re.compile(r"[,;\n]")


class PasswordField(forms.CharField):
    """Bounded before anything is done with it."""

    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=True)

    def to_python(self, value: object) -> str:
        if isinstance(value, str) and len(value) > PASSWORD_LIMIT:
            raise ValidationError(
                ngettext(
                    "A password has at most %(most)d character.",
                    "A password has at most %(most)d characters.",
                    PASSWORD_LIMIT,
                )
                % {"most": PASSWORD_LIMIT}
            )
        return super().to_python(value) or ""


class ShareForm(forms.Form):
    """The terms of a link: of a new one, or with what stands of one that is changed.

    Nothing it says of a conversation but what its owner sees anyway. Members are named by their whole name or address:
    nobody is looked up by halves.
    """

    key = forms.UUIDField(widget=forms.HiddenInput)
    kind = forms.ChoiceField(label=_("Shows the conversation"), choices=Kind.choices, widget=forms.RadioSelect)
    until = forms.ChoiceField(
        label=_("Ends with"),
        required=False,
        error_messages={"invalid_choice": _("That message is being written, or is gone. Choose one that has ended.")},
    )
    shows_thinking = forms.BooleanField(label=_("What models thought"), required=False)
    shows_names = forms.BooleanField(label=_("Who asked"), required=False)
    shows_images = forms.BooleanField(label=_("Images"), required=False)
    title = forms.CharField(
        label=_("Title"),
        required=False,
        max_length=TITLE_LIMIT,
        help_text=_("On the page, and wherever the link is previewed. Empty, neither says what it is about."),
        widget=forms.TextInput(attrs={"placeholder": _("A shared conversation"), "autocomplete": "off"}),
    )
    note = TypedField(
        label=_("Note to the reader"), required=False, max_length=NOTE_LIMIT, widget=forms.Textarea(attrs={"rows": 2})
    )
    audience = forms.ChoiceField(label=_("Who may open it"), choices=Audience.choices)
    people = TypedField(
        label=_("Members"),
        required=False,
        max_length=NAMED_LIMIT,
        help_text=_("Whole names or addresses, with commas in between."),
        widget=forms.Textarea(attrs={"rows": 1, "autocomplete": "off"}),
    )
    groups = forms.ModelMultipleChoiceField(
        label=_("Groups"), queryset=Group.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    expires_on = forms.DateField(
        label=_("Until the end of"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    password = PasswordField(label=_("Password"), required=False)
    without_password = forms.BooleanField(label=_("Without a password from now on"), required=False)
    most_visits = forms.IntegerField(
        label=_("Most visits"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=_("Looking again within an hour is the same visit."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "placeholder": _("any number"), "autocomplete": "off"}),
    )
    may_fork = forms.BooleanField(label=_("Members may continue it in their own account"), required=False)

    def __init__(
        self, data: Any = None, *, conversation: Conversation, maker: User, share: Share | None = None
    ) -> None:
        self._conversation, self._maker, self.share = conversation, maker, share
        self._rules = SharingRules.now()
        super().__init__(data, initial=_of(share) if share else self._fresh())
        self._ends = _ends(conversation, share)
        self.fields["until"].choices = [(str(it.pk), _label(it)) for it in self._ends]  # type: ignore[attr-defined]  # the stubs have a Field's
        self.fields["groups"].queryset = maker.groups.order_by("name")  # type: ignore[attr-defined]  # the same
        self.fields["title"].widget.attrs["list"] = "titles"
        if not self._rules.anonymous_allowed:
            self.fields["audience"].choices = [it for it in Audience.choices if it[0] != Audience.ANYONE]  # type: ignore[attr-defined]
        if not self.fields["groups"].queryset.exists():  # type: ignore[attr-defined]
            del self.fields["groups"]
        if share is None or not share.password:
            del self.fields["without_password"]
        else:
            self.fields["password"].help_text = _("There is one. Empty, it stays.")
        last = self._last_day
        self.fields["expires_on"].widget.attrs |= {"min": _today().isoformat(), "max": last.isoformat()}

    def _fresh(self) -> dict[str, Any]:
        days = min(self._rules.default_days, self._rules.most_days)
        return {
            "key": uuid4(),
            "kind": Kind.SNAPSHOT,
            "audience": Audience.MEMBERS,
            "shows_images": True,
            "expires_on": _today() + timedelta(days=days),
        }

    @property
    def _last_day(self) -> date:
        """One that a link lasts to already is as good, though the rules have changed since."""
        latest = _today() + timedelta(days=self._rules.most_days)
        stands = timezone.localdate(self.share.expires_at) if self.share and self.share.expires_at else latest
        return max(latest, stands)

    def clean_until(self) -> Message | None:
        chosen = self.cleaned_data["until"]
        return next((it for it in self._ends if str(it.pk) == chosen), self._ends[0] if self._ends else None)

    def clean_expires_on(self) -> datetime:
        """The end of that day, where the maker is."""
        chosen: date = self.cleaned_data["expires_on"]
        if chosen < _today():
            raise ValidationError(gettext("That day is over."))
        if chosen > self._last_day:
            raise ValidationError(
                ngettext(
                    "A link lasts at most %(days)d day here.",
                    "A link lasts at most %(days)d days here.",
                    self._rules.most_days,
                )
                % {"days": self._rules.most_days}
            )
        return timezone.make_aware(datetime.combine(chosen, time.max))

    def clean_people(self) -> list[User]:
        names = [name for it in BETWEEN.split(self.cleaned_data["people"]) if (name := it.strip())]
        if len(names) > MOST_NAMED:
            raise ValidationError(gettext("At most %(most)d members can be named.") % {"most": MOST_NAMED})
        found = _called(names)
        if missing := [name for name, people in found.items() if not people]:
            raise ValidationError(gettext("Nobody here is called %(names)s.") % {"names": _quoted(missing)})
        if several := [name for name, people in found.items() if len(people) > 1]:
            raise ValidationError(
                gettext("More than one is called %(names)s. Give the address.") % {"names": _quoted(several)}
            )
        return [people[0] for people in found.values()]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_named = cleaned.get("audience") == Audience.NAMED
        if is_named and not cleaned.get("people") and not cleaned.get("groups") and "people" not in self.errors:
            self.add_error("people", gettext("Name somebody, or let others open it too."))
        return cleaned

    @property
    def terms(self) -> Terms:
        it = self.cleaned_data
        password = "" if it.get("without_password") else it["password"] or None
        is_snapshot = it["kind"] == Kind.SNAPSHOT
        return Terms(
            kind=Kind(it["kind"]),
            leaf=it["until"] if is_snapshot else None,
            audience=Audience(it["audience"]),
            members=it["people"],
            groups=list(it.get("groups") or ()),
            expires_at=it["expires_on"],
            most_visits=it["most_visits"],
            password=password,
            shows_thinking=it["shows_thinking"],
            shows_names=it["shows_names"],
            shows_images=it["shows_images"],
            may_fork=it["may_fork"],
            title=it["title"].strip(),
            note=it["note"].strip(),
        )

    def previewed(self) -> Share:
        """A link of what stands in the form by now, saved nowhere: what is not right yet is as it is by itself."""
        self.is_valid()
        it = {**self.initial, **getattr(self, "cleaned_data", {})}
        leaf = it.get("until")
        until = leaf if isinstance(leaf, Message) else self._ends[0] if self._ends else None
        is_snapshot = it["kind"] == Kind.SNAPSHOT
        share = Share(conversation=self._conversation, maker=self._maker)
        terms = Terms(
            kind=Kind(it["kind"]),
            leaf=until if is_snapshot else None,
            audience=Audience.ANYONE,
            shows_thinking=bool(it.get("shows_thinking")),
            shows_names=bool(it.get("shows_names")),
            shows_images=bool(it.get("shows_images")),
            may_fork=bool(it.get("may_fork")),
            title=it.get("title", ""),
            note=it.get("note", ""),
        )
        if self.share and until and until.pk == self.share.leaf_id:
            share.leaf_id, share.ending = self.share.leaf_id, self.share.ending  # as it was frozen then
        terms.apply(share)
        return share

    def section(self, *names: str) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    @property
    def shown(self) -> list[forms.BoundField]:
        return self.section("shows_thinking", "shows_names", "shows_images")

    @property
    def words(self) -> list[forms.BoundField]:
        return self.section("title", "note")

    @property
    def named(self) -> list[forms.BoundField]:
        return self.section("people", "groups")

    @property
    def limits(self) -> list[forms.BoundField]:
        return self.section("expires_on", "password", "without_password", "most_visits", "may_fork")

    @property
    def title_of_the_conversation(self) -> str:
        return self._conversation.title


def _called(names: Sequence[str]) -> dict[str, list[User]]:
    """The active members of each of these names or addresses. Two queries for all: a form is looked at often."""
    active = User.objects.filter(is_active=True)
    by_address = active.filter(email__in=[User.normalize_username(it) for it in names if "@" in it])
    by_name = active.annotate(said=Upper("name")).filter(said__in=[Upper(Value(it)) for it in names if "@" not in it])
    people = {*by_address, *by_name}
    return {name: [it for it in people if _is_called(it, name)] for name in names}


def _is_called(member: User, name: str) -> bool:
    if "@" in name:
        return member.email == User.normalize_username(name)
    return member.name.upper() == name.upper()


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"“{it[:80]}”" for it in names[:5])


def _today() -> date:
    return timezone.localdate()


def _of(share: Share) -> dict[str, Any]:
    """What stands, as the form shows it."""
    return {
        "key": uuid4(),
        "kind": share.kind,
        "until": str(share.leaf_id or ""),
        "shows_thinking": share.shows_thinking,
        "shows_names": share.shows_names,
        "shows_images": share.shows_images,
        "title": share.title,
        "note": share.note,
        "audience": share.audience,
        "people": ", ".join(member.email for member in share.members.order_by("email")),
        "groups": share.groups.all(),
        "expires_on": timezone.localdate(share.expires_at) if share.expires_at else None,
        "most_visits": share.most_visits,
        "may_fork": share.may_fork,
    }


def _ends(conversation: Conversation, share: Share | None) -> list[Message]:
    """Where a snapshot may end: the last messages of the path that have ended, and where this one does."""
    finished = [it for it in path.newest(conversation).messages() if not (it.is_answer and it.generation.is_live)]
    ends = finished[::-1][:LISTED_ENDS]
    if share and share.leaf_id and share.leaf_id not in {it.pk for it in ends}:
        ends += Message.objects.whole([share.leaf_id]).values()
    return ends


def _label(message: Message) -> str:
    said = " ".join(message.text[:400].split())
    words = Truncator(said).chars(60) or gettext("no words")
    return (gettext("Answer: %(words)s") if message.is_answer else gettext("Question: %(words)s")) % {"words": words}
