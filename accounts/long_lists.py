"""Tables without end on the administrator's desk. A list does the same work however many rows there are.

It shows a window: the newest rows before a moment, at first now. Filters, orders and counts are about the window, so
none of them needs an index of its own; earlier windows are a click away. A search looks among all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User

if TYPE_CHECKING:
    from django.contrib.admin.filters import _ListFilterChoices
    from django.contrib.admin.views.main import ChangeList

WINDOW = 1_000  # rows
DAYS, MONTHS = 6, 24  # that are offered at once


class Before(admin.SimpleListFilter):
    """Which window is shown: the newest one, the one before this, or one before a day or month."""

    title, parameter_name = _("time"), "before"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Moments as ISO 8601, with how a reader says them."""
        rows = model_admin.get_queryset(request).order_by("created_at").values_list("created_at", flat=True)
        first = model_admin.model._default_manager.order_by("created_at").values_list("created_at", flat=True).first()
        begin = rows.first()
        if not begin:
            return []
        return [(at.isoformat(), gettext("before %(moment)s") % {"moment": it}) for at, it in _moments(first, begin)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        return queryset  # LongListAdmin.get_queryset has seen to it

    def choices(self, changelist: ChangeList) -> Iterator[_ListFilterChoices]:
        yield self._choice(changelist, None, gettext("the newest %(count)s") % {"count": f"{WINDOW:,}"})
        for value, said in self.lookup_choices:
            yield self._choice(changelist, value, said)

    def _choice(self, changelist: ChangeList, value: str | None, said: Any) -> _ListFilterChoices:
        query = changelist.get_query_string({"before": value} if value else {}, [] if value else ["before"])
        return {"selected": self.value() == value, "query_string": query, "display": said}


def _moments(first: datetime, begin: datetime) -> Iterator[tuple[datetime, str]]:
    """When the window began, then some days and months before that, down to the first row."""
    if begin > first:
        yield begin, date_format(begin, "DATETIME_FORMAT")
    midnight = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (midnight - timedelta(days=number) for number in range(DAYS))
    yield from ((day, date_format(day, "DATE_FORMAT")) for day in days if day > first)
    month = midnight.replace(day=1)
    for _month in range(MONTHS):
        if month > first:
            yield month, date_format(month, "YEAR_MONTH_FORMAT")
        month = (month - timedelta(days=1)).replace(day=1)


class Seen(admin.AllValuesFieldListFilter):
    """The values that occur in the window. Django's own reads the whole table for them."""

    def __init__(
        self, field: Field[Any, Any], request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        window = model_admin.get_queryset(request)
        self.lookup_choices = window.order_by(field_path).values_list(field_path, flat=True).distinct()


class LongListAdmin[Row: Model](admin.ModelAdmin[Row]):
    """For a model with `created_at`, which an index must lead, and one (member, created_at) if members are searched."""

    found_by: tuple[str, ...] = ("pk",)  # columns of ids that a search compares; each needs an index
    member_column = "member_id"
    search_fields = ("pk",)  # only so that the field to type in is shown: get_queryset searches
    search_help_text = format_lazy(
        _(
            "A member's whole address, or an id. The list holds the newest {count}, or those before a moment: "
            "filters and orders are about these, a search is about all."
        ),
        count=f"{WINDOW:,}",
    )
    show_full_result_count = False
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        rows = super().get_queryset(request)
        place = request.resolver_match
        is_list = place is not None and place.url_name == f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return self._window(rows, request) if is_list else rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        return queryset, False

    def _window(self, rows: QuerySet[Row], request: HttpRequest) -> QuerySet[Row]:
        if any("\0" in value for name, values in request.GET.lists() if name != "q" for value in values):
            raise IncorrectLookupParameters  # Django's filters would ask for it, and the database refuse
        if sought := request.GET.get("q", "").strip():
            rows = rows.filter(self._is(sought))
        if before := request.GET.get("before"):
            rows = rows.filter(created_at__lt=_moment(before))
        # A moment, not a subquery: the planner must see how few rows come after it.
        newest = rows.order_by("-created_at").values_list("created_at", flat=True)
        begin = newest[WINDOW - 1 : WINDOW].first()
        return rows.filter(created_at__gte=begin) if begin else rows

    def _is(self, sought: str) -> Q:
        try:
            UUID(sought)
        except ValueError:
            address = User.normalize_username(sought)
            # PostgreSQL holds no NUL, so nobody's address has one; psycopg would refuse to ask.
            member = None if "\0" in address else User.objects.filter(email=address).first()
            return Q(**{self.member_column: member.pk}) if member else Q(pk__in=())
        return Q.create([(column, sought) for column in self.found_by], connector=Q.OR)


def _moment(typed: str) -> datetime:
    try:
        moment = parse_datetime(typed)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise IncorrectLookupParameters
    return moment
