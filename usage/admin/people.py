"""Members and groups, with their limits and how these stand, on the pages that accounts/admin.py makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.acting import NamedDeeds, in_the_name_of_whoever_asks
from accounts.admin import GroupAdmin, MemberAdmin
from accounts.models import User
from usage import nearing
from usage.forms import LimitForm, LimitFormSet, SameLimitForm
from usage.models import Limit

if TYPE_CHECKING:
    LimitInline_ = admin.TabularInline[Limit, Any]
else:
    LimitInline_ = admin.TabularInline

KINDS: tuple[str, ...] = ("unit", "amount", "window", "soft_percent", "step", "step_percent", "step_route")


class LimitInline(LimitInline_):
    """Limits of this one alone. Those of everybody have a page of their own."""

    model = Limit
    form, formset = LimitForm, LimitFormSet
    extra = 0
    fields: ClassVar[tuple[str, ...]] = KINDS
    verbose_name = _("limit")


class MemberLimits(LimitInline):
    fk_name = "member"
    verbose_name_plural = _("limits of this member alone: they count instead of their groups' and everybody's")


class GroupLimits(LimitInline):
    fields = (*KINDS, "shared")
    verbose_name_plural = _("limits of this group")


admin.site.unregister([User, Group])


@admin.register(User)
class SpendingMemberAdmin(NamedDeeds, MemberAdmin):
    change_form_template = "admin/usage/member.html"
    actions = (*MemberAdmin.actions, "set_limit")  # type: ignore[assignment]  # longer than its parent's

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return [*super().get_inlines(request, obj), *([MemberLimits] if obj else [])]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        member = self.get_object(request, object_id)
        may_look = member is not None and request.user.has_perm("usage.view_limit")
        stands = nearing.of_member(member) if member and may_look else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "standings": stands})

    def has_limit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(["usage.add_limit", "usage.change_limit"])

    @admin.action(description=_("Set the same limit for chosen members"), permissions=["limit"])
    def set_limit(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Asks which one, and sets it for each of them, in place of one of the same kind that they have."""
        members = list(queryset.order_by("email"))
        form = SameLimitForm(members, request.POST if "unit" in request.POST else None)
        if form.is_valid():
            with in_the_name_of_whoever_asks(request):
                limits = form.save()
            for limit in limits:
                self.log_change(request, limit.member, gettext("Set the limit: %(limit)s.") % {"limit": limit})
            said = ngettext("%(count)s member has it now.", "%(count)s members have it now.", len(limits))
            self.message_user(request, f"{limits[0]}: {said % {'count': len(limits)}}", messages.SUCCESS)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Set the same limit for chosen members"),
            "opts": self.opts,
            "chosen": members,
            "form": form,
            "action": "set_limit",
            "button": gettext("Set it"),
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/usage/chosen.html", context)


@admin.register(Group)
class SpendingGroupAdmin(NamedDeeds, GroupAdmin):
    change_form_template = "admin/usage/group.html"

    def get_inlines(self, request: HttpRequest, obj: Group | None) -> Any:
        return [*super().get_inlines(request, obj), *([GroupLimits] if obj else [])]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        group = self.get_object(request, object_id)
        may_look = group is not None and request.user.has_perm("usage.view_limit")
        stands = nearing.of_group(group) if group and may_look else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "standings": stands})
