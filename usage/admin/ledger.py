"""The accounts on the administrator's desk, to read: every request, what came of it and what it cost."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import connection, connections
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from accounts.long_lists import Before, LongListAdmin, Seen
from accounts.models import User
from catalog.amounts import grouped, money
from catalog.models import LanguageModel, Provider
from usage import sheets
from usage.admin.dashboard import overview_page
from usage.models import Call, Charge
from usage.periods import Period

if TYPE_CHECKING:
    from django.contrib.admin.filters import _ListFilterChoices
    from django.contrib.admin.views.main import ChangeList


class ReadOnly[Row: Model](admin.ModelAdmin[Row]):
    """Nobody adds to it by hand, and nobody changes what stands there."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Accounts[Row: Model](ReadOnly[Row], LongListAdmin[Row]):
    """Those without an end."""


@admin.register(Call)
class CallAdmin(Accounts[Call]):
    found_by = ("pk", "generation_id")
    list_display = ("created_at", "purpose", "provider", "model", "outcome", "generation_id", "number")
    sortable_by = ("created_at", "purpose", "provider", "model", "outcome")
    list_filter = (Before, "purpose", ("provider", Seen), ("model", Seen), ("reply__error_code", Seen))
    list_select_related = ("reply",)

    @admin.display(ordering="reply__error_code", description=_("outcome"))
    def outcome(self, call: Call) -> str:
        """What came of it; nothing for one that is under way, or whose worker died."""
        return str(call.reply) if hasattr(call, "reply") else ""


# The ledger ---------------------------------------------------------------------------------------------------------

MONTHS = 24  # that are offered
COUNTED = 10_000  # rows; more are estimated, by what the planner expects


class When(admin.SimpleListFilter):
    """A month of the team's calendar, the one of now unless another is chosen, and the days in it. By a search: ever.

    Django's own hierarchy of dates would look at each charge for the months that there are.
    """

    title, parameter_name = _("time"), "when"
    EVER = "ever"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        first = Charge.objects.order_by("sent_at").values_list("sent_at", flat=True).first()
        return [(it.isoformat()[:7], date_format(it, "YEAR_MONTH_FORMAT")) for it in _months(first)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self.value()
        if chosen == self.EVER or (not chosen and request.GET.get("q", "").strip()):
            return queryset
        period = _period(chosen)
        return queryset.filter(sent_at__gte=period.begin, sent_at__lt=period.end)

    def choices(self, changelist: ChangeList) -> Iterator[_ListFilterChoices]:
        chosen = self.value() or ("" if changelist.query else _this_month())
        yield self._choice(changelist, self.EVER, gettext("ever"), chosen == self.EVER)
        for value, said in self.lookup_choices:
            yield self._choice(changelist, value, str(said), chosen == value)
            if chosen[:7] == value:
                for day in self._days(value):
                    name = f"– {date_format(day, 'MONTH_DAY_FORMAT')}"
                    yield self._choice(changelist, day.isoformat(), name, chosen == day.isoformat())

    def _days(self, month: str) -> list[date]:
        today = Period.of_days(1).last
        return [it for it in _period(month).days if it <= today]

    def _choice(self, changelist: ChangeList, value: str, said: str, selected: bool) -> _ListFilterChoices:
        query = changelist.get_query_string({self.parameter_name: value})
        return {"selected": selected, "query_string": query, "display": said}


def _this_month() -> str:
    return Period.this_month().first.isoformat()[:7]


def _months(first: Any) -> Iterator[date]:
    month = Period.this_month().first
    oldest = (first or timezone.now()).astimezone(settings.TEAM_ZONE).date().replace(day=1)
    for _number in range(MONTHS):
        if month < oldest:
            return
        yield month
        month = (month - timedelta(days=1)).replace(day=1)


def _period(chosen: str | None) -> Period:
    """Of “2026-11” or “2026-11-26”. Anything else is no address of ours."""
    chosen = chosen or _this_month()
    try:
        first = date.fromisoformat(chosen if len(chosen) > 7 else f"{chosen}-01")
    except ValueError:
        raise IncorrectLookupParameters from None
    last = first if len(chosen) > 7 else (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Period(first, last)


class Chosen(admin.SimpleListFilter):
    """One of a short list of values, in words."""

    condition = ""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        chosen = self.value()
        return queryset.filter(**{self.condition: self.typed(chosen)}) if chosen else queryset

    def typed(self, chosen: str) -> Any:
        return chosen


class ByProvider(Chosen):
    title, parameter_name, condition = _("provider"), "provider", "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(it, it) for it in Provider.objects.order_by("name").values_list("name", flat=True)]


class ByModel(Chosen):
    title, parameter_name, condition = _("model"), "model", "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(it, it) for it in LanguageModel.objects.order_by("name").values_list("name", flat=True).distinct()]


class ByGroup(Chosen):
    title, parameter_name, condition = _("group"), "group", "group_ids__contains"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Group.objects.order_by("name").values_list("pk", "name")]

    def typed(self, chosen: str) -> Any:
        if not chosen.isdecimal() or len(chosen) > 9:
            raise IncorrectLookupParameters
        return [int(chosen)]


class ByMember(Chosen):
    """Offered once one is chosen, by a link; else they are searched for: there may be a thousand."""

    title, parameter_name, condition = _("member"), "member", "member_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get("member", "")
        member = User.objects.filter(pk=self.typed(chosen)).first() if chosen else None
        return [(chosen, str(member or chosen))] if chosen else []

    def typed(self, chosen: str) -> Any:
        try:
            return UUID(chosen)
        except ValueError:
            raise IncorrectLookupParameters from None


class Priced(admin.SimpleListFilter):
    title, parameter_name = _("price"), "price"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("missing", _("missing")), ("known", _("known"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(cost__isnull=self.value() == "missing") if self.value() else queryset


ROWS = re.compile(r"\brows=(\d+)")


class Estimating(Paginator[Any]):
    """Many rows are not counted to say how many pages they fill: the planner knows about how many there are."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        plan = ROWS.search(rows.order_by().explain())  # of its outermost step; none where nothing can be found
        expected = int(plan[1]) if plan else 0
        return expected if expected > COUNTED else int(rows.count())


@admin.register(Charge)
class ChargeAdmin(ReadOnly[Charge]):
    change_list_template = "admin/usage/charges.html"
    list_display = (
        "sent_at",
        "member_label",
        "model",
        "costs",
        "is_estimated",
        "cache_hit_tokens",
        "cache_miss_tokens",
        "output_tokens",
        "purpose",
        "kind",
    )
    list_filter = (When, ByMember, "kind", "purpose", "is_estimated", Priced, ByModel, ByProvider, ByGroup)
    sortable_by = ("sent_at", "cache_hit_tokens", "cache_miss_tokens", "output_tokens", "costs")
    ordering = ("-sent_at",)
    paginator = Estimating
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("pk",)  # only so that the field to type in is shown
    search_help_text = _("A member's whole address, or the id of a member, a conversation or an answer.")
    found_by = ("generation_id", "conversation_id", "member_id")

    @admin.display(description=_("cost"), ordering="cost")
    def costs(self, charge: Charge) -> str:
        return gettext("no price") if charge.cost is None else money(charge.cost)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Charge], search_term: str
    ) -> tuple[QuerySet[Charge], bool]:
        return (queryset.filter(self._is(sought)) if (sought := search_term.strip()) else queryset), False

    def _is(self, sought: str) -> Q:
        try:
            UUID(sought)
        except ValueError:
            member = User.objects.filter(email=User.normalize_username(sought.replace("\0", ""))).first()
            return Q(member_id=member.pk) if member else Q(pk__in=())
        return Q.create([(column, sought) for column in self.found_by], connector=Q.OR)

    # Pages beside it -------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        whole = self.admin_site.admin_view(require_GET(self.overview))
        sheet = self.admin_site.admin_view(require_GET(self.sheet))
        ours = [
            path("overview/", whole, name="usage_charge_overview"),
            path("sheet/", sheet, name="usage_charge_sheet"),
        ]
        return [*ours, *super().get_urls()]

    def overview(self, request: HttpRequest) -> HttpResponseBase:
        return overview_page(request)

    def sheet(self, request: HttpRequest) -> HttpResponseBase:
        """What the list's filters and search leave, as CSV, oldest first. For whoever may look at charges."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            charges = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect("admin:usage_charge_changelist")
        if Estimating(charges, 1).count > MOST:
            said = gettext("A sheet holds %(most)s rows at most. Choose a month, or a day.") % {"most": grouped(MOST)}
            self.message_user(request, said, messages.WARNING)
            return redirect(f"{reverse('admin:usage_charge_changelist')}?{request.GET.urlencode()}")
        response = StreamingHttpResponse(told(charges), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="charges.csv"'
        return response


# The sheet ----------------------------------------------------------------------------------------------------------

BATCH = 2_000  # rows that are read at once
MOST = 200_000  # rows: within the time that an answer may take, which would cut a longer sheet without a word
COLUMNS = (
    "sent_at",
    "finished_at",
    "kind",
    "reason",
    "purpose",
    "member_id",
    "member_label",
    "group_ids",
    "conversation_id",
    "generation_id",
    "provider",
    "model",
    "returned_model",
    "cache_hit_tokens",
    "cache_miss_tokens",
    "output_tokens",
    "reasoning_tokens",
    "is_estimated",
    "currency",
    "cache_hit_price",
    "cache_miss_price",
    "output_price",
    "call_price",
    "amount",
    "rate",
    "cost",
    "reported_in",
)


async def told(charges: QuerySet[Charge]) -> AsyncIterator[str]:
    """As much memory for a million as for a thousand. Each piece is a statement of its own, which goes on behind the
    last row: a cursor would keep a connection for as long as somebody downloads, and all rows in the database.
    """
    yield sheets.MARK + sheets.lines([COLUMNS])
    rows = charges.order_by("sent_at", "pk").values_list("pk", *COLUMNS)
    piece = await sync_to_async(_read)(rows)
    while piece:
        yield sheets.lines(_cells(row) for row in piece)
        pk, sent_at = piece[-1][0], piece[-1][1]
        behind = Q(sent_at__gt=sent_at) | Q(sent_at=sent_at, pk__gt=pk)
        piece = await sync_to_async(_read)(rows.filter(behind, sent_at__gte=sent_at))


def _read(rows: Any) -> list[tuple[Any, ...]]:
    try:
        return list(rows[:BATCH])
    finally:
        if not connection.in_atomic_block:
            connections.close_all()  # back to the pool, while somebody's line is slow


def _cells(row: Sequence[Any]) -> list[Any]:
    return [" ".join(map(str, it)) if isinstance(it, list) else it for it in row[1:]]
