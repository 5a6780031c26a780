"""Members who came to the end of a limit and ask for more: granted or refused here, one by one or many at once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.acting import NamedDeeds
from usage import nearing
from usage.forms import DecisionForm, GrantsForm, RefusalForm
from usage.models import RaiseRequest

WAITS = RaiseRequest.State.OPEN


@admin.register(RaiseRequest)
class RaiseRequestAdmin(NamedDeeds, admin.ModelAdmin[RaiseRequest]):
    """The newest first of those that wait, then the others."""

    form = DecisionForm
    change_form_template = "admin/usage/request.html"
    list_display = ("member", "kind", "words", "created_at", "state", "granted", "decided_by", "decided_at")
    list_filter = ("state", "unit", "window")
    list_select_related = ("member", "decided_by", "granted")
    search_fields = ("member__email", "member__name")
    ordering = ("-decided_at", "-created_at")  # PostgreSQL: what has no such time yet comes first
    actions = ("grant_chosen", "refuse_chosen")
    told = ("member", "kind", "words", "created_at", "stands")
    decided = ("state", "granted", "answer", "decided_by", "decided_at")

    # What may be done ------------------------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Members ask, in the app."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RaiseRequest | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: RaiseRequest | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.state == WAITS)

    # The list --------------------------------------------------------------------------------------------------------

    @admin.display(description=_("asks for more"))
    def kind(self, asked: RaiseRequest) -> str:
        return f"{asked.get_unit_display()}, {asked.get_window_display()}"

    @admin.action(description=_("Grant chosen requests"), permissions=["change"])
    def grant_chosen(self, request: HttpRequest, queryset: QuerySet[RaiseRequest]) -> HttpResponse | None:
        """Asks how much each of them gets, and until when."""
        return self._decide_chosen(request, queryset, GrantsForm, "grant_chosen", gettext("Grant them"))

    @admin.action(description=_("Refuse chosen requests"), permissions=["change"])
    def refuse_chosen(self, request: HttpRequest, queryset: QuerySet[RaiseRequest]) -> HttpResponse | None:
        """Asks what they are told."""
        return self._decide_chosen(request, queryset, RefusalForm, "refuse_chosen", gettext("Refuse them"))

    def _decide_chosen(
        self,
        request: HttpRequest,
        queryset: QuerySet[RaiseRequest],
        form_class: type[GrantsForm | RefusalForm],
        action: str,
        button: str,
    ) -> HttpResponse | None:
        chosen = list(queryset.open().select_related("member").order_by("created_at"))  # type: ignore[attr-defined]
        if not chosen:
            self.message_user(request, gettext("None of them waits any more."), messages.WARNING)
            return None
        form = form_class(chosen, request.POST if "answer" in request.POST else None)
        if not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": gettext("Decide requests for raises"),
                "opts": self.opts,
                "chosen": chosen,
                "form": form,
                "action": action,
                "button": button,
                "media": self.media + form.media,
            }
            return TemplateResponse(request, "admin/usage/chosen.html", context)
        done = form.save(request.user)  # type: ignore[arg-type]  # signed in: this is the admin
        for asked in done:
            self.log_change(request, asked, "")
        said = ngettext("%(count)s request was decided.", "%(count)s requests were decided.", len(done))
        self.message_user(request, said % {"count": len(done)}, messages.SUCCESS)
        if missed := len(chosen) - len(done):
            said = ngettext("%(count)s was decided before.", "%(count)s were decided before.", missed)
            self.message_user(request, said % {"count": missed}, messages.WARNING)
        return None

    # One request -----------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: RaiseRequest | None = None) -> Any:
        may_decide = self.has_change_permission(request, obj)
        below = ("amount", "until", "answer") if may_decide else self.decided
        return ((None, {"fields": self.told}), (_("Decision"), {"fields": below}))

    def get_readonly_fields(self, request: HttpRequest, obj: RaiseRequest | None = None) -> Any:
        return self.told if self.has_change_permission(request, obj) else (*self.told, *self.decided)

    @admin.display(description=_("stands at"))
    def stands(self, asked: RaiseRequest) -> str:
        it = nearing.of_request(asked)
        return nearing.in_words(it) if it else gettext("No such limit counts for them any more.")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A second click, or the second of two administrators, is told what the first one did."""
        if request.method == "POST":
            asked = self.get_object(request, object_id)
            if asked and asked.state != WAITS and super().has_change_permission(request):
                self._tell_what_stands(request, asked)
                return redirect(request.get_full_path())
        return super().change_view(request, object_id, form_url, extra_context)

    def save_model(
        self, request: HttpRequest, obj: RaiseRequest, form: forms.ModelForm[RaiseRequest], change: bool
    ) -> None:
        assert isinstance(form, DecisionForm)
        obj.was_decided_here = form.decide(request.user)  # type: ignore[attr-defined,arg-type]  # for what is said below

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """In words, as a form's own would name its fields."""
        obj.refresh_from_db()
        return super().log_change(request, obj, _decision(obj))

    def response_change(self, request: HttpRequest, obj: RaiseRequest) -> HttpResponse:
        if obj.was_decided_here:  # type: ignore[attr-defined]
            self.message_user(request, _decision(obj), messages.SUCCESS)
        else:
            self._tell_what_stands(request, obj)
        return self.response_post_save_change(request, obj)

    def _tell_what_stands(self, request: HttpRequest, asked: RaiseRequest) -> None:
        said = gettext("It is decided already: %(state)s, by %(by)s.")
        values = {"state": asked.get_state_display(), "by": asked.decided_by or gettext("somebody")}
        self.message_user(request, said % values, messages.WARNING)


def _decision(asked: RaiseRequest) -> str:
    """What is told, and kept beside the row."""
    if asked.granted is None:
        return gettext("Refused.")
    until = date_format(timezone.localtime(asked.granted.until), "DATETIME_FORMAT")
    values = {"member": asked.member, "more": asked.granted, "until": until}
    return gettext("%(member)s gets %(more)s, until %(until)s.") % values
