"""The chat on the administrator's desk: how answers went, without anybody's words."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.long_lists import Before, LongListAdmin, Seen
from conversations.models import Generation


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
