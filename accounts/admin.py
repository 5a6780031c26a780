"""Adding members, and making their set-password links. Django's admin, where nobody gives more than they have."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import ManyToManyField, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts import languages, links
from accounts.models import User
from accounts.rights import PermissionsField

if TYPE_CHECKING:
    MemberForm_ = forms.ModelForm[User]
    UserAdmin_ = DjangoUserAdmin[User]
    AnyManyToMany = ManyToManyField[Any, Any]
    Choices = forms.ModelMultipleChoiceField[Any] | None
else:
    MemberForm_ = forms.ModelForm
    UserAdmin_ = DjangoUserAdmin


log = logging.getLogger(__name__)


# A verified address added there would sign in, and get mails, as the member it is added to.
admin.site.unregister(EmailAddress)
admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    def formfield_for_manytomany(
        self, db_field: AnyManyToMany, request: HttpRequest | None = None, **kwargs: Any
    ) -> Choices:
        field = super().formfield_for_manytomany(db_field, request, **_in_words(db_field), **kwargs)
        return _within_own_rights(request, field, db_field.remote_field.model)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_manage_group(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_manage_group(request, obj)


def _within_own_rights(request: HttpRequest | None, field: Choices, related: type[Model]) -> Choices:
    """Groups and permissions to choose from: those that add nothing to what the chooser may do."""
    chooser = request.user if request else None
    if not isinstance(chooser, User) or chooser.is_superuser or not field or field.queryset is None:
        return field
    beyond = Permission.objects.exclude(pk__in=chooser.rights())
    excess = {"pk__in": beyond} if related is Permission else {"permissions__in": beyond}
    field.queryset = field.queryset.exclude(**excess)
    return field


def _in_words(db_field: AnyManyToMany) -> dict[str, Any]:
    return {"form_class": PermissionsField} if db_field.remote_field.model is Permission else {}


def _may_manage_group(request: HttpRequest, group: Group | None) -> bool:
    if group is None or not isinstance(request.user, User) or request.user.is_superuser:
        return True
    return set(group.permissions.values_list("pk", flat=True)) <= request.user.rights()


class MemberForm(MemberForm_):
    """A member without their password: not even its hash is part of this form."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        was = self.instance.is_active and self.instance.is_staff and self.instance.is_superuser
        stays = all(cleaned.get(right, True) for right in ("is_active", "is_staff", "is_superuser"))
        if was and not stays and User.objects.lock_superusers() == {self.instance.pk}:
            raise forms.ValidationError(
                _("This is the last active superuser. Make another one before you take this one's rights away.")
            )
        return cleaned


@admin.register(User)
class MemberAdmin(UserAdmin_):
    form = MemberForm
    add_form = MemberForm
    add_form_template = None
    list_display = ("email", "name", "is_staff", "is_active", "in_groups", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active", "groups")
    search_fields = ("email", "name")
    ordering = ("email",)
    actions = ("mail_new_links",)
    add_fieldsets = ((None, {"fields": ("email", "name", "groups", "is_staff")}),)
    fieldsets = (
        (None, {"fields": ("email", "name")}),
        (_("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    # What may be done ------------------------------------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or _may_manage(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody: what members wrote and spent stays theirs. Making them inactive signs them out."""
        return False

    def formfield_for_manytomany(self, db_field: AnyManyToMany, request: HttpRequest, **kwargs: Any) -> Choices:
        field = super().formfield_for_manytomany(db_field, request, **_in_words(db_field), **kwargs)
        if field and field.queryset is not None and db_field.name == "user_permissions":
            # Each says which kind of row it is about: 80 queries, where Django does this for groups alone.
            field.queryset = field.queryset.select_related("content_type")
        return _within_own_rights(request, field, db_field.remote_field.model)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        everything = isinstance(request.user, User) and request.user.is_superuser
        return self.readonly_fields if everything else (*self.readonly_fields, "is_superuser")

    def get_actions(
        self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST
    ) -> dict[str, Any]:
        actions = super().get_actions(request, action_location)
        if not settings.CAN_MAIL:
            actions.pop("mail_new_links", None)
        return actions

    # The list --------------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("groups"))
    def in_groups(self, member: User) -> str:
        return ", ".join(group.name for group in member.groups.all())

    # Adding ----------------------------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm[User], change: bool) -> None:
        if change:
            # Only what was changed here: a password chosen meanwhile, or a link made, must not be undone.
            obj.save(update_fields=[name for name in form.changed_data if name not in {"groups", "user_permissions"}])
        else:
            obj.set_unusable_password()
            obj.save()

    # Links -----------------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        make_link = self.admin_site.admin_view(require_POST(self.make_link))
        # Without Django's page on which an administrator types another member's password.
        inherited = [url for url in super().get_urls() if url.name != "auth_user_password_change"]
        return [path("<path:object_id>/link/", make_link, name="accounts_user_link"), *inherited]

    def make_link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Shown once, on the answer to this POST: it is stored nowhere, and a reload makes a newer one."""
        member = self.get_object(request, unquote(object_id))
        if member is None or not self.has_change_permission(request, member):
            raise PermissionDenied
        if not member.is_active:
            self.message_user(
                request, gettext("An inactive member can't use a link. Make them active first."), messages.ERROR
            )
            return redirect("admin:accounts_user_change", member.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Set-password link"),
            "opts": self.opts,
            "member": member,
            "link": self._new_link(request, member),
        }
        return TemplateResponse(request, "admin/accounts/user/link.html", context)

    @admin.action(description=_("Mail a new set-password link"), permissions=["change"])
    def mail_new_links(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        mailed = [member for member in queryset if self._mail_new_link(request, member)]
        level = messages.SUCCESS if len(mailed) == len(queryset) else messages.WARNING
        sentence = gettext("Mailed %(mailed)d of %(chosen)d members a new set-password link.")
        self.message_user(request, sentence % {"mailed": len(mailed), "chosen": len(queryset)}, level)

    def _mail_new_link(self, request: HttpRequest, member: User) -> bool:
        if not member.is_active or not self.has_change_permission(request, member):
            return False
        link = self._new_link(request, member)
        with languages.of(member):
            subject = gettext("Choose your password")
            text = render_to_string("accounts/email/link.txt", {"member": member, "link": link})
        try:
            return send_mail(subject, text, None, [member.email]) == 1
        except OSError:  # what smtplib and sockets raise
            log.exception("Could not mail a set-password link to member %s.", member.pk)
            return False

    @transaction.atomic
    def _new_link(self, request: HttpRequest, member: User) -> str:
        self.log_change(request, member, "Made a new set-password link.")
        return links.make(member)


def _may_manage(request: HttpRequest, member: User) -> bool:
    return isinstance(request.user, User) and request.user.may_manage(member)
