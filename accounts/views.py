"""Choosing a password by a one-time link. Signing in and out are allauth's views; see urls.py."""

from __future__ import annotations

from typing import cast

from allauth.account.utils import perform_login
from allauth.account.views import PasswordResetView
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import links
from accounts.forms import AskForLinkForm, ChoosePasswordForm

IN_COOKIE = "choose"  # stands in the address for the token that the cookie holds
COOKIE = "welcome"


@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
    """Anyone who holds a working link. Looking at it does not use it up: other chat programs preview links."""
    if token == IN_COOKIE:
        return _choose(request, uidb64)
    if not links.member_of(uidb64, token):
        return _no_longer_valid(request)
    # Away from the address bar, the history and the Referer of whatever the page loads. In no session: a copy of the
    # database would hold a link that still works.
    response = redirect("welcome", uidb64, IN_COOKIE)
    response.set_cookie(COOKIE, token, path=response["Location"], secure=settings.SECURE, httponly=True, samesite="Lax")
    return response


def _choose(request: HttpRequest, uidb64: str) -> HttpResponse:
    member = links.member_of(uidb64, request.COOKIES.get(COOKIE, ""))
    if not member:
        return _no_longer_valid(request)
    form = ChoosePasswordForm(data=request.POST if request.method == "POST" else None, user=member)
    if not form.is_valid():
        page = {"form": form, "member": member}
        return render(request, "accounts/welcome.html", page, status=422 if form.is_bound else 200)
    if not member.choose_password(form.cleaned_data["password1"]):
        return _no_longer_valid(request)
    response = cast(HttpResponse, perform_login(request, member))
    response.delete_cookie(COOKIE, path=request.path, samesite="Lax")
    return response


def _no_longer_valid(request: HttpRequest) -> HttpResponse:
    """One page for used, replaced, expired and invented links: it says nothing about who is a member."""
    return render(request, "accounts/link_no_longer_valid.html", status=404)


_ask_for_link = PasswordResetView.as_view(form_class=AskForLinkForm)


def ask_for_link(request: HttpRequest) -> HttpResponse:
    """Anyone. Without a mail server there is no such page, and the sign-in page sends people to their administrator."""
    if not can_mail():
        raise Http404("No mail server is configured.")
    return cast(HttpResponse, _ask_for_link(request))


def can_mail() -> bool:
    return bool(settings.CAN_MAIL)
