"""Who changed what of money, and when. To read, never to write; nobody can, not even in the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.long_lists import Before, Seen
from usage.admin.ledger import Accounts
from usage.models import Act
from usage.telling import Told, told


class ToldList(ChangeList):
    """What stands on the page, told all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        stories = told(self.result_list)
        for act in self.result_list:
            act.told = stories[act.pk]


class Kinds(admin.SimpleListFilter):
    title, parameter_name = _("kind"), "table"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tables = model_admin.get_queryset(request).order_by("table").values_list("table", flat=True).distinct()
        return [(it, Act(table=it).kind) for it in tables]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(table=self.value()) if self.value() else queryset


NOBODY = _("nobody: a command, or an update")


class Whoever(Seen):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("who did it")

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield choice if choice["display"] != "" else choice | {"display": NOBODY}


@admin.register(Act)
class ActAdmin(Accounts[Act]):
    found_by = ("by_id",)
    member_column = "by_id"
    list_display = ("created_at", "who", "deed", "kind", "about", "changes")
    list_filter = (Before, "deed", Kinds, ("by_label", Whoever))
    sortable_by = ("created_at", "deed")
    fields = readonly_fields = ("created_at", "who", "deed", "kind", "about", "changes", "row_id")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ToldList

    @admin.display(description=_("by whom"))
    def who(self, act: Act) -> str:
        return act.by_label or str(NOBODY)

    @admin.display(description=_("kind"))
    def kind(self, act: Act) -> str:
        return _told(act).what

    @admin.display(description=_("about"))
    def about(self, act: Act) -> str:
        return _told(act).about

    @admin.display(description=_("before → now"))
    def changes(self, act: Act) -> SafeString:
        return format_html_join("", "<div>{}</div>", ((it.said,) for it in _told(act).changes))


def _told(act: Any) -> Told:
    """As the list told it; of one that is looked at alone, now."""
    if not hasattr(act, "told"):
        act.told = told([act])[act.pk]
    story: Told = act.told
    return story
