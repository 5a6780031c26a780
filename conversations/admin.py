"""The chat on the administrator's desk: how answers went, without anybody's words."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.long_lists import Before, LongListAdmin, Seen
from conversations import sharing
from conversations.models import Generation, Share, SharingRules
from usage.admin.dashboard import Panel, panel


@admin.register(Generation)
class GenerationAdmin(LongListAdmin[Generation]):
    found_by = ("pk", "conversation_id", "message_id")
    list_display = ("created_at", "member", "state", "route", "returned_model", "finish_reason", "error_code", "owner")
    list_filter = (Before, "state", "route", ("error_code", Seen))
    list_select_related = ("member", "route")
    exclude = ("message", "conversation", "stop_requested")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Share)
class ShareAdmin(LongListAdmin[Share]):
    """Every link there is: who made it, for whom, until when. Not what it shows, nor its address: it is closed here
    without being read."""

    found_by = ("pk", "conversation_id")
    member_column = "maker_id"
    list_display = ("created_at", "maker", "kind", "audience", "may_fork", "expires_at", "closed_at")
    list_filter = (Before, "kind", "audience", ("closed_at", admin.EmptyFieldListFilter))
    list_select_related = ("maker",)
    fields = readonly_fields = (
        "created_at",
        "maker",
        "kind",
        "audience",
        "members",
        "groups",
        "shows_thinking",
        "shows_names",
        "shows_images",
        "may_fork",
        "most_visits",
        "expires_at",
        "closed_at",
    )
    actions = ("close",)
    view_on_site = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("conversations.change_share")

    @admin.action(description=_("Close the selected links"), permissions=["close"])
    def close(self, request: HttpRequest, queryset: QuerySet[Share]) -> None:
        chosen = list(queryset)
        closed = sharing.close(chosen)
        for share in chosen:
            self.log_change(request, share, str(_("Closed.")))
        said = ngettext("%(count)d link is closed.", "%(count)d links are closed.", closed)
        self.message_user(request, said % {"count": closed}, messages.SUCCESS)


@admin.register(SharingRules)
class SharingRulesAdmin(admin.ModelAdmin[SharingRules]):
    """One row, and no second."""

    list_display = ("__str__", "anonymous_allowed", "default_days", "most_days", "most_links")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not SharingRules.objects.exists()


@panel
def at_work() -> Panel:
    """Answers under way, for the overview of what is spent. Stuck: their worker was not heard of within its lease."""
    live = Generation.objects.live()
    counts = live.aggregate(
        queued=Count("pk", filter=Q(state=Generation.State.QUEUED)),
        running=Count("pk", filter=Q(state=Generation.State.RUNNING)),
        stuck=Count("pk", filter=Q(state=Generation.State.RUNNING, lease_until__lt=Now())),
    )
    return Panel(
        gettext("Answers under way"),
        [
            (gettext("waiting for a worker"), str(counts["queued"])),
            (gettext("being written"), str(counts["running"])),
            (gettext("stuck: their worker is not heard of"), str(counts["stuck"])),
        ],
        reverse("admin:conversations_generation_changelist"),
        is_alarming=counts["stuck"] > 0,
    )
