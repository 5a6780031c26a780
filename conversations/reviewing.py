"""What members look through: their own spending, by their own conversations. The numbers are in usage.personal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from catalog.amounts import grouped, money
from conversations.crossing import Crossing
from conversations.models import Conversation
from usage import personal, raising, sheets
from usage.charts import Chart, stacked
from usage.errors import LimitReachedError
from usage.models import Charge, RaiseRequest
from usage.periods import Period
from usage.personal import Left

LONGEST = 366  # days
EARLIEST = date(2000, 1, 1)
LISTED = 50  # conversations
BATCH = 1000  # lines of a sheet that are read at once


class PeriodForm(forms.Form):
    """From one day to another, both counted, in the team's calendar."""

    first = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(label=_("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, asked: Mapping[str, Any]) -> None:
        usual = Period.this_month()
        initial = {"first": usual.first, "last": usual.last}
        data = {**initial, **{name: asked[name] for name in initial if name in asked}}
        super().__init__(data if {*initial} & {*asked} else None, initial=initial, label_suffix="")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        if cleaned["first"] > cleaned["last"]:
            self.add_error("last", _("It ends before it begins."))
        elif (cleaned["last"] - cleaned["first"]).days >= LONGEST:
            self.add_error("last", _("Choose a year at most."))
        elif cleaned["first"] < EARLIEST or cleaned["last"].year > EARLIEST.year + 1000:
            self.add_error("first", _("Choose days of this century."))
        return cleaned

    @property
    def period(self) -> Period:
        """The one that was chosen, or this month."""
        if self.is_bound and self.is_valid():
            return Period(self.cleaned_data["first"], self.cleaned_data["last"])
        return Period.this_month()


class RaiseForm(forms.Form):
    """Please raise my limit. One that is shared nobody can have raised for themselves."""

    limit = forms.ChoiceField(label=_("Which limit"))
    words = forms.CharField(
        label=_("What for"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"max_length": _("At most %(limit_value)d characters; these are %(show_value)d.")},
    )

    def __init__(self, data: Any = None, *, limits: Sequence[Left]) -> None:
        super().__init__(data, label_suffix="")
        own = [it.standing.limit for it in limits if not it.standing.limit.shared]
        self.fields["limit"] = forms.ChoiceField(
            label=self.fields["limit"].label,
            choices=[(f"{it.unit} {it.window}", str(it)) for it in own],
            error_messages={"invalid_choice": _("You have no such limit any more. Send your question again.")},
        )

    @property
    def has_choices(self) -> bool:
        return bool(self.fields["limit"].choices)  # type: ignore[attr-defined]  # of the base class, to the stubs

    @property
    def kind(self) -> tuple[str, str]:
        """Unit and window, once it is valid."""
        unit, window = self.cleaned_data["limit"].split()
        return unit, window


@dataclass(frozen=True)
class Raisable:
    """A limit that refused a question, as RaiseForm names it. waits: for more of some limit they have asked already."""

    limit: str
    waits: bool


def ask_for_more(member: User, typed: Mapping[str, Any]) -> list[str]:
    """Ask for it, if it can be: else why not, in sentences."""
    form = RaiseForm(typed, limits=personal.left(member.pk))
    if form.is_valid():
        raising.ask_for_more(member, *form.kind, form.cleaned_data["words"])
    return [str(it) for errors in form.errors.values() for it in errors]


def raisable(member: User, error: Exception) -> Raisable | None:
    if not isinstance(error, LimitReachedError) or error.shared:
        return None
    return Raisable(f"{error.unit} {error.window}", RaiseRequest.objects.open().filter(member=member).exists())


@dataclass(frozen=True)
class Line:
    """What a member asked in one conversation. conversation: None for one that is deleted, or not theirs to read."""

    conversation: Conversation | None
    spent: str
    tokens: str
    answers: str
    has_unpriced: bool


@dataclass(frozen=True)
class Review:
    """All that the page shows of a period."""

    period: Period
    chart: Chart
    spent: str
    tokens: str
    requests: str
    estimated: int
    unpriced: int
    lines: list[Line]
    has_more: bool


def review(member: User, period: Period) -> Review:
    """Four queries: the sums, by day and model, by conversation, and their titles."""
    sums = personal.totals(member.pk, period)
    chart = stacked(
        "spent",
        str(_("By day and model")),
        period.days,
        personal.by_day_and_model(member.pk, period),
        say=money,
    )
    rows = personal.by_conversation(member.pk, period, LISTED + 1)
    return Review(
        period,
        chart,
        money(sums["spent"]),
        grouped(sums["tokens"]),
        grouped(sums["calls"]),
        sums["estimated"],
        sums["unpriced"],
        _lines(member, rows[:LISTED]),
        len(rows) > LISTED,
    )


def _lines(member: User, rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    readable = _readable(member, {row["conversation_id"] for row in rows})
    return [
        Line(
            readable.get(row["conversation_id"]),
            money(row["spent"]),
            grouped(row["tokens"]),
            grouped(row["calls"]),
            row["unpriced"] > 0,
        )
        for row in rows
    ]


def _readable(member: User, ids: set[UUID]) -> dict[UUID, Conversation]:
    return Conversation.objects.visible_to(member).in_bulk(list(ids))


# As a sheet ---------------------------------------------------------------------------------------------------------

COLUMNS = (
    "sent_at",
    "kind",
    "purpose",
    "conversation",
    "title",
    "provider",
    "model",
    "answered_by",
    "cached_input_tokens",
    "other_input_tokens",
    "output_tokens",
    "thinking_tokens",
    "estimated",
    "amount",
    "currency",
    "cost",
    "cost_in",
)

_cross = Crossing(2, "sheet")  # of a web process: sheets may wait for each other, pages never for a sheet


async def sheet(member: User, period: Period) -> AsyncIterator[str]:
    """A line for each request, in the order they were sent. As much memory for a million as for a thousand."""
    yield sheets.MARK + sheets.lines([COLUMNS])
    last: Charge | None = None
    while True:
        last, text = await _cross(_piece, member, period, last)
        if last is None:
            return
        yield text


def _piece(member: User, period: Period, last: Charge | None) -> tuple[Charge | None, str]:
    charges = personal.lines_after(member.pk, period, last, BATCH)
    readable = _readable(member, {it.conversation_id for it in charges})
    text = sheets.lines(_cells(it, readable.get(it.conversation_id)) for it in charges)
    return charges[-1] if charges else None, text


def _cells(charge: Charge, conversation: Conversation | None) -> tuple[Any, ...]:
    return (
        charge.sent_at,
        charge.kind,
        charge.purpose,
        str(charge.conversation_id),
        conversation.title if conversation else "",
        charge.provider,
        charge.model,
        charge.returned_model,
        charge.cache_hit_tokens,
        charge.cache_miss_tokens,
        charge.output_tokens,
        charge.reasoning_tokens,
        charge.is_estimated,
        charge.amount,
        charge.currency,
        charge.cost,
        charge.reported_in,
    )
