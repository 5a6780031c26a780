"""The accounts on the administrator's desk: to read, never to write."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.long_lists import Before, LongListAdmin, Seen
from usage.models import Call, Charge


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


@admin.register(Charge)
class ChargeAdmin(Accounts[Charge]):
    found_by = ("generation_id", "conversation_id", "member_id")
    list_display = (
        "sent_at",
        "member_label",
        "purpose",
        "model",
        "cache_hit_tokens",
        "cache_miss_tokens",
        "output_tokens",
        "amount",
        "currency",
        "is_estimated",
        "kind",
    )
    list_filter = (
        Before,
        "kind",
        "is_estimated",
        "purpose",
        ("provider", Seen),
        ("model", Seen),
        ("member_label", Seen),
    )
