"""The overview: who spent what, on what, this month, and who is about to hit a limit, without a click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from usage import overview
from usage.periods import Period

PERIODS = {
    "month": (_("This month"), Period.this_month),
    "last-month": (_("Last month"), Period.last_month),
    "7": (_("Last 7 days"), lambda: Period.of_days(7)),
    "30": (_("Last 30 days"), lambda: Period.of_days(30)),
    "90": (_("Last 90 days"), lambda: Period.of_days(90)),
}


@dataclass(frozen=True)
class Panel:
    """What a floor above has to say there: lines of a name and a value, and whether somebody should look."""

    title: str
    lines: list[tuple[str, str]]
    address: str = ""
    is_alarming: bool = False


panels: list[Callable[[], Panel]] = []


def panel(tell: Callable[[], Panel]) -> Callable[[], Panel]:
    """Show what this tells on the overview. For admin modules of floors above."""
    panels.append(tell)
    return tell


def overview_page(request: HttpRequest) -> HttpResponse:
    """For whoever may look at charges."""
    if not request.user.has_perm("usage.view_charge"):
        raise PermissionDenied
    chosen = request.GET.get("period", "month")
    if chosen not in PERIODS:
        chosen = "month"
    context = {
        **admin.site.each_context(request),
        "title": gettext("Overview of what is spent"),
        "it": overview.over(PERIODS[chosen][1]()),
        "periods": [(name, title, name == chosen) for name, (title, _period) in PERIODS.items()],
        "panels": [tell() for tell in panels],
        "may_see_members": request.user.has_perm("accounts.view_user"),
        "may_see_limits": request.user.has_perm("usage.view_limit"),
        "may_see_requests": request.user.has_perm("usage.view_raiserequest"),
    }
    return TemplateResponse(request, "admin/usage/overview.html", context)
