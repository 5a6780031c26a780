"""What people may type and set, checked where they typed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.forms.boundfield import BoundField
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from catalog import peaks
from catalog.amounts import grouped
from catalog.models import Offer, Route, not_open
from catalog.rules import NO_IMAGES, Ability
from conversations import attachments
from conversations.models import Conversation
from conversations.models.conversation import TITLE_LIMIT
from conversations.parameters import Parameters
from conversations.reviewing import Raisable

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

STOPS = 16  # DeepSeek's API reference of 2026-09-18, as the ranges below
STOP_LENGTH = 100  # characters; ours

# Shown in this order; all but the effort behind "Settings".
PARAMETERS = ("effort", "format", "temperature", "top_p", "max_tokens", "stop")
EFFORTS = {"off": _("No thinking"), "low": _("Low thinking"), "high": _("High thinking"), "max": _("Max thinking")}
# Whether what Auto chooses takes a temperature, nobody knows beforehand. How much to think is a wish for all of them.
TAKEN_BY_AUTO = frozenset({"effort"})


class TypedField(forms.CharField):
    """What was typed into a text area. A browser sends each line's end as CRLF, and counts it as one character."""

    def to_python(self, value: object) -> str:
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\r", "\n")


class DecimalField(forms.FloatField):
    """A number as people write it: the number keys of many a phone have a comma and no point."""

    def to_python(self, value: object) -> float | None:  # type: ignore[override]  # the stubs have an IntegerField's
        return super().to_python(value.strip().replace(",", ".") if isinstance(value, str) else value)


def _typed_number(keys: str) -> forms.TextInput:
    # Not type="number": that sends nothing at all for what it can't read, and the default would be in force unseen.
    return forms.TextInput(attrs={"inputmode": keys, "placeholder": _("default"), "autocomplete": "off"})


def _out_of_range(sentence: StrOrPromise) -> dict[str, StrOrPromise]:
    return dict.fromkeys(("invalid", "min_value", "max_value"), sentence)


class ParametersForm(forms.Form):
    """How a question is to be answered. It has the fields that the chosen model takes, and reads no others: what is not
    shown does not travel, and nothing of an earlier model stays in force unseen.
    """

    route = forms.CharField(required=False, max_length=60)
    effort = forms.ChoiceField(label=_("Thinking"), required=False)
    format = forms.ChoiceField(label=_("Answer as"), required=False, choices=[("", _("Text")), ("json", "JSON")])
    temperature = DecimalField(
        label=_("Temperature"),
        help_text=_("0 to 2, lower is stricter"),
        required=False,
        min_value=0,
        max_value=2,
        widget=_typed_number("decimal"),
        error_messages=_out_of_range(_("The temperature is a number from 0 to 2.")),
    )
    top_p = DecimalField(
        label="Top p",
        help_text=_("above 0 to 1, lower is stricter"),
        required=False,
        max_value=1,
        widget=_typed_number("decimal"),
        error_messages=_out_of_range(_("Top p is a number above 0, up to 1.")),
    )
    max_tokens = forms.IntegerField(label=_("Longest answer"), required=False)
    stop = TypedField(
        label=_("Stop at"),
        help_text=format_lazy(_("one per line, up to {most}; the answer ends before any of them"), most=STOPS),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 1,
                "placeholder": _("nothing"),
                "maxlength": STOPS * (STOP_LENGTH + 1),
                "spellcheck": "false",
            }
        ),
    )

    def __init__(self, data: Any = None, *, routes: Offer, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.routes = routes
        self.chosen = _named(routes, self["route"].value())
        self._fit(self.chosen)

    def _fit(self, route: Route | None) -> None:
        if route:
            self.fields["effort"] = _effort_of(route)
        if route and route.model:
            self.fields["max_tokens"] = _tokens_up_to(route.model.output_tokens)
        for name in set(PARAMETERS) - self._taken_by(route):
            del self.fields[name]

    def _taken_by(self, route: Route | None) -> frozenset[str]:
        if route is None:
            return frozenset()
        barred = frozenset[str]() if route.permits.may_use(Ability.THINKING) else frozenset({"effort"})
        if route.model is None:
            return TAKEN_BY_AUTO - barred
        taken, typed = route.model.takes(route.effort if route.thinks else Route.Effort.OFF), self["effort"].value()
        return (route.model.takes(typed) if "effort" in taken - barred and typed in EFFORTS else taken) - barred

    @cached_property
    def hours(self) -> peaks.Hours:
        """Whether it is dear to ask this model just now."""
        return peaks.hours(self.chosen, timezone.now()) if self.chosen else peaks.Hours()

    @property
    def listed(self) -> list[Route]:
        """What everybody chooses from; all there is, if none is listed."""
        return [route for route in self.routes if route.listed] or list(self.routes)

    @property
    def by_their_names(self) -> list[Route]:
        """The rest, for those who know what they are looking for."""
        return [route for route in self.routes if route not in self.listed]

    @property
    def settings(self) -> list[BoundField]:
        """The fields behind "Settings"."""
        return [self[name] for name in PARAMETERS if name in self.fields and name != "effort"]

    @property
    def has_unfit_settings(self) -> bool:
        return any(field.errors for field in self.settings)

    def clean_top_p(self) -> float | None:
        share: float | None = self.cleaned_data["top_p"]
        if share is not None and share <= 0:
            raise forms.ValidationError(self.fields["top_p"].error_messages["invalid"])
        return share

    def clean_stop(self) -> tuple[str, ...]:
        stops = tuple(line for line in self.cleaned_data["stop"].split("\n") if line.strip())
        if len(stops) > STOPS:
            raise forms.ValidationError(
                _("There may be %(most)s of them; these are %(count)s."), params={"most": STOPS, "count": len(stops)}
            )
        if (longest := max(map(len, stops), default=0)) > STOP_LENGTH:
            raise forms.ValidationError(
                _("Each may have %(most)s characters; one of these has %(count)s."),
                params={"most": STOP_LENGTH, "count": longest},
            )
        return stops

    @property
    def parameters(self) -> Parameters:
        """What was set, once the form is valid."""
        return Parameters(**{name: self.cleaned_data[name] for name in PARAMETERS if name in self.fields})


def _named(routes: Offer, name: str | None) -> Route | None:
    """The route that was picked; the default if it is gone; None if there is no route at all."""
    return next((route for route in routes if route.name == name), routes[0] if routes else None)


def _effort_of(route: Route) -> forms.ChoiceField:
    """How much to think. What differs comes first: a phone shows no more of it."""
    usual = gettext("Default thinking")
    if not route.is_auto:
        usual = gettext("%(effort)s (default)") % {"effort": EFFORTS[route.effort]}
    return forms.ChoiceField(
        label=_("Thinking"),
        required=False,
        choices=[("", usual), *EFFORTS.items()],
        error_messages={"invalid_choice": _("Choose from the list how much to think.")},
        widget=forms.Select(attrs={"class": "choice"}),
    )


def _tokens_up_to(most: int) -> forms.IntegerField:
    shown = {"most": grouped(most)}
    return forms.IntegerField(
        label=_("Longest answer"),
        help_text=gettext("in tokens, with its thinking; up to %(most)s") % shown,
        required=False,
        min_value=1,
        max_value=most,
        widget=_typed_number("numeric"),
        error_messages=_out_of_range(
            gettext("The longest answer is a whole number of tokens, from 1 to %(most)s.") % shown
        ),
    )


OFF_PEAK = "off-peak"


class QuestionForm(ParametersForm):
    """A question, and how it is to be answered. It carries a key, so that sending it twice asks once."""

    # Of its images, which conversations.attachments looks at.
    most_images, most_bytes = attachments.COUNT_LIMIT, attachments.QUESTION_LIMIT
    most_image_bytes, image_types = attachments.FILE_LIMIT, attachments.MEDIA_TYPES
    no_images = NO_IMAGES  # to whom they are refused

    when = forms.ChoiceField(choices=[("", ""), (OFF_PEAK, "")], required=False)
    raisable: Raisable | None = None  # the limit that refused it
    is_taken_back = False  # its words come from a question that waited: no draft may stand in their place
    said: Sequence[str] = ()  # beside the question, of other things than its fields

    key = forms.UUIDField(widget=forms.HiddenInput, error_messages={"required": _("Reload the page and send again.")})
    text = TypedField(
        strip=False,
        max_length=settings.QUESTION_LIMIT,
        error_messages={
            "required": _("Type a question first."),
            "max_length": format_lazy(
                _("A question may have {most} characters; this one has %(show_value)d."),
                most=grouped(settings.QUESTION_LIMIT),
            ),
        },
    )

    @property
    def takes_images(self) -> bool:
        return self.routes.permits.may_use(Ability.IMAGES)

    @property
    def is_off_peak(self) -> bool:
        """Whether it shall wait for the cheap hours, once the form is valid."""
        return bool(self.cleaned_data["when"] == OFF_PEAK)

    def clean_route(self) -> str:
        name: str = self.cleaned_data["route"]
        if name in self.routes.refused:  # no page of ours offers it
            raise forms.ValidationError(not_open(self.routes.refused[name]))
        return name

    def clean_text(self) -> str:
        # PostgreSQL takes no NUL; Django's field has refused it by now.
        text: str = self.cleaned_data["text"].strip("\n")
        if not text.strip():
            raise forms.ValidationError(_("Type a question first."), code="required")
        return text

    @property
    def refusals(self) -> list[str]:
        """What is said beside the question: all that does not stand at a field of the settings."""
        elsewhere = {field.name for field in self.settings}
        said = [
            *self.said,
            *(str(it) for name, errors in self.errors.items() if name not in elsewhere for it in errors),
        ]
        return [*said, gettext("Not sent yet: look at the settings below.")] if self.has_unfit_settings else said

    def chosen_route(self) -> Route:
        """The route that was picked, or the default. Raises NoRouteError."""
        return self.routes.named(self.cleaned_data["route"])


def fresh_question(
    member: User,
    conversation: Conversation | None = None,
    text: str = "",
    *,
    routes: Offer | None = None,
    preferred: str = "",
) -> QuestionForm:
    """A form that has asked nothing yet, set as the conversation's last question was, or else for a preferred route."""
    routes = Route.objects.offered_to(member.pk) if routes is None else routes
    initial: dict[str, Any] = {"key": uuid4(), "text": text, "route": preferred}
    if conversation:
        initial |= _as_typed(Parameters.stored(conversation.parameters))
        initial["route"] = next((route.name for route in routes if route.pk == conversation.route_id), "")
    return QuestionForm(routes=routes, initial=initial)


def _as_typed(parameters: Parameters) -> dict[str, Any]:
    return parameters.to_store() | {"stop": "\n".join(parameters.stop)}


class TitleForm(forms.Form):
    title = forms.CharField(
        max_length=TITLE_LIMIT,
        error_messages={
            "required": _("A conversation needs a title."),
            "max_length": _("A title may have %(limit_value)d characters."),
        },
    )

    def clean_title(self) -> str:
        return " ".join(str(self.cleaned_data["title"]).split())
