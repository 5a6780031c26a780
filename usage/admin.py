"""The accounts on the administrator's desk: to read, never to write."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from usage.models import Call


@admin.register(Call)
class CallAdmin(admin.ModelAdmin[Call]):
    list_display = ("created_at", "purpose", "provider", "model", "outcome", "generation_id", "number")
    list_filter = ("purpose", "provider", "model", "reply__error_code")
    list_select_related = ("reply",)
    date_hierarchy = "created_at"

    @admin.display(ordering="reply__error_code")
    def outcome(self, call: Call) -> str:
        """What came of it; nothing for one that is under way, or whose worker died."""
        return str(call.reply) if hasattr(call, "reply") else ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
