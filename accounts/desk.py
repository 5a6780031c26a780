"""The administrator's desk: Django's admin behind our own doors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import ModelAdmin
from django.contrib.admin.sites import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

# Words of Django's own desk that its Chinese does not have yet.
LACKING = (gettext_noop("- Select an option -"), gettext_noop("Filter by %(field_name)s"), gettext_noop("Logout"))


class Desk(AdminSite):
    site_header = site_title = _("DeepSeek team chat")

    # Django's own sign-in and password pages count no attempts; allauth's do.

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return secure_admin_login(super().login)(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_change_password")

    def admin_view[V: Callable[..., HttpResponseBase]](self, view: V, cacheable: bool = False) -> V:
        """Who may do nothing with a kind of row is refused before we look for one: they don't learn which there are."""
        owner = getattr(view, "__self__", None) or getattr(inspect.unwrap(view), "__self__", None)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if isinstance(owner, ModelAdmin) and not any(owner.get_model_perms(request).values()):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return cast(V, super().admin_view(guarded, cacheable))

    def get_urls(self) -> list[Any]:
        """Without Django's address that leads to any row of any table that has a page: also those of conversations."""
        return [it for it in super().get_urls() if getattr(it, "name", None) != "view_on_site"]
