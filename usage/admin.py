"""The accounts on the administrator's desk: to read, never to write."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.long_lists import Before, LongListAdmin, Seen
from usage.models import Call


@admin.register(Call)
class CallAdmin(LongListAdmin[Call]):
    found_by = ("pk", "generation_id")
    list_display = ("created_at", "purpose", "provider", "model", "outcome", "generation_id", "number")
    sortable_by = ("created_at", "purpose", "provider", "model", "outcome")
    list_filter = (Before, "purpose", ("provider", Seen), ("model", Seen), ("reply__error_code", Seen))
    list_select_related = ("reply",)

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
