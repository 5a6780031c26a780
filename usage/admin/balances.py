"""What is kept of limits, what is promised, and what providers say is left. To read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.long_lists import Seen
from accounts.models import User
from catalog.amounts import money
from usage.admin.ledger import ReadOnly
from usage.models import Balance, Hold, Reading


def names_of(member_ids: set[str]) -> dict[str, str]:
    """How members are called now, by their ids. One query."""
    return {str(it.pk): str(it) for it in User.objects.filter(pk__in=member_ids).only("name", "email")}


class Subjects(ChangeList):
    """Whose balances they are, for all of a page at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        name_all(self.result_list)


def name_all(balances: Iterable[Any]) -> None:
    keys: dict[str, set[str]] = {"member": set(), "group": set(), "team": set()}
    for balance in balances:
        kind, _colon, key = balance.subject.partition(":")
        keys[kind].add(key)
    members = names_of(keys["member"])
    groups = {str(pk): name for pk, name in Group.objects.filter(pk__in=keys["group"]).values_list("pk", "name")}
    for balance in balances:
        key = balance.subject.partition(":")[2]
        balance.whose = members.get(key) or groups.get(key) or (key or gettext("the whole team"))


@admin.register(Balance)
class BalanceAdmin(ReadOnly[Balance]):
    list_display = ("whose_it_is", "window", "starts_at", "ends_at", "spent", "tokens", "requests", "promised")
    list_filter = ("window", "is_rolling")
    ordering = ("-pk",)
    sortable_by = ("starts_at", "ends_at")
    fields = (*list_display, "is_rolling", "held_tokens", "held_requests")
    readonly_fields = fields
    search_fields = ("pk",)  # only so that the field to type in is shown
    search_help_text = _("A member's whole address.")
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Subjects

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Balance], search_term: str
    ) -> tuple[QuerySet[Balance], bool]:
        if sought := search_term.strip().replace("\0", ""):
            member = User.objects.filter(email=User.normalize_username(sought)).first()
            queryset = queryset.filter(subject=f"member:{member.pk}") if member else queryset.none()
        return queryset, False

    @admin.display(description=_("whose"))
    def whose_it_is(self, balance: Any) -> str:
        if not hasattr(balance, "whose"):  # it is looked at alone
            name_all([balance])
        return str(balance.whose)

    @admin.display(description=_("spent"))
    def spent(self, balance: Balance) -> str:
        return money(balance.cost)

    @admin.display(description=_("promised"))
    def promised(self, balance: Balance) -> str:
        return money(balance.held_cost)


class Holders(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        members = names_of({str(hold.member_id) for hold in self.result_list})
        for hold in self.result_list:
            hold.who = members.get(str(hold.member_id), str(hold.member_id))


@admin.register(Hold)
class HoldAdmin(ReadOnly[Hold]):
    """Of an answer that is under way. One that is hours old belongs to nobody's answer any more."""

    list_display = ("created_at", "whose", "promised", "tokens", "requests", "answer")
    sortable_by = ("created_at",)
    ordering = ("-created_at",)
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Holders

    @admin.display(description=_("member"))
    def whose(self, hold: Any) -> str:
        return str(hold.who)

    @admin.display(description=_("answer (id)"))
    def answer(self, hold: Hold) -> str:
        return str(hold.pk)

    @admin.display(description=_("promised"))
    def promised(self, hold: Hold) -> str:
        return money(hold.cost)


@admin.register(Reading)
class ReadingAdmin(ReadOnly[Reading]):
    list_display = ("taken_at", "provider", "left", "granted", "topped_up", "is_available")
    list_filter = (("provider", Seen), ("currency", Seen))
    sortable_by = ("taken_at",)
    ordering = ("-pk",)
    show_full_result_count = False

    @admin.display(description=_("left"), ordering="total")
    def left(self, reading: Reading) -> str:
        return f"{reading.total:,.2f} {reading.currency}"
