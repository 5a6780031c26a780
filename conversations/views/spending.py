"""What members see of their own spending: how their limits stand, what they asked for, and how to ask for more."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from conversations import reviewing
from conversations.reviewing import PeriodForm, Raisable, RaiseForm, review, sheet
from conversations.views.replying import MemberRequest, is_htmx, member_only
from usage import personal
from usage.periods import Period


@require_safe
@member_only
def usage(request: MemberRequest) -> HttpResponse:
    """One's own spending, by day and model and by conversation, and what is left."""
    return _page(request, PeriodForm(request.GET))


def _page(request: MemberRequest, form: PeriodForm, asking: RaiseForm | None = None) -> HttpResponse:
    period, limits = form.period, personal.left(request.user.pk)
    context = {
        "form": form,
        "limits": limits,
        "requests": personal.requests(request.user.pk),
        "asking": asking or RaiseForm(limits=limits),
        "review": review(request.user, period),
        "periods": [
            (_("This month"), Period.this_month()),
            (_("Last month"), Period.last_month()),
            (_("Last 7 days"), Period.of_days(7)),
            (_("Last 30 days"), Period.of_days(30)),
        ],
    }
    is_unfit = bool(form.errors or (asking and asking.errors))
    return render(request, "conversations/usage.html", context, status=422 if is_unfit else 200)


@require_safe
@member_only
def left(request: MemberRequest) -> HttpResponse:
    """The line below the list of conversations, for a page on which an answer has ended."""
    return render(request, "conversations/replies.html#left", {"left": personal.tightest(request.user.pk)})


@require_safe
@member_only
def charges(request: MemberRequest) -> HttpResponseBase:
    """The same period as a sheet, sent as it is read."""
    form = PeriodForm(request.GET)
    period = form.period
    if form.errors:
        return _page(request, form)
    response = StreamingHttpResponse(sheet(request.user, period), content_type="text/csv; charset=utf-8")
    name = f"usage-{period.first.isoformat()}-{period.last.isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
@member_only
def ask_for_more(request: MemberRequest) -> HttpResponse:
    """Please raise my limit: a second one replaces the words of a first that still waits."""
    if is_htmx(request):
        sentences = reviewing.ask_for_more(request.user, request.POST)
        context = {"sentences": sentences, "raisable": Raisable(request.POST.get("limit", ""), waits=not sentences)}
        return render(request, "conversations/replies.html#raised", context, status=422 if sentences else 200)
    form = RaiseForm(request.POST, limits=personal.left(request.user.pk))
    if reviewing.ask_for_more(request.user, request.POST):
        return _page(request, PeriodForm({}), form)
    messages.success(request, _("Your request waits for an administrator."))
    return redirect("usage")
