"""The page on which members set what is theirs."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from catalog.models import Route
from conversations.preferring import PreferencesForm
from conversations.views.replying import MemberRequest, member_only


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def preferences(request: MemberRequest) -> HttpResponse:
    member = request.user
    data = request.POST if request.method == "POST" else None
    form = PreferencesForm(data, member=member, routes=Route.objects.offered_to(member.pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        with translation.override(member.prefers.language or translation.get_language()):
            messages.success(request, _("Saved."))
        return redirect("preferences")
    status = 422 if form.is_bound else 200
    return render(request, "conversations/preferences.html", {"form": form}, status=status)
