"""What a link opens: its page, its images, its password, and a copy for whoever goes on from it.

A link that is wrong, was closed, has ended, was used up, never existed or is for others gets the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from uuid import uuid4

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from conversations import shared, sharing, visiting
from conversations.errors import SharingError, TooManyGuessesError
from conversations.feed.flooding import Buckets
from conversations.models import Share
from conversations.views.attachments import sealed
from conversations.visiting import UNLOCKED, VISIT, VISIT_SECONDS, Visitor

MISSES = {"rate": 1, "burst": 60}  # a second, by one address: beyond it is told to wait

POLICY = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.NONCE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# Under no-referrer a browser says that a form comes from nowhere, and Django refuses it. This names our host alone.
OF_FORMS = "strict-origin"

misses = Buckets(**MISSES)  # in this process's memory alone, by a digest that ends with it


class KeyForm(forms.Form):
    """Of a page that does its deed once, however often it is pressed."""

    key = forms.UUIDField()


type View = Callable[..., HttpResponse]


def discreet(view: View) -> View:
    """Whatever it answers is for nobody else: no cache, no index, no other site."""

    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        response = view(request, **kwargs)
        for name, value in HEADERS.items():
            response.setdefault(name, value)
        setattr(response, "_csp_config", POLICY)  # noqa: B010  # what Django's csp_override does
        return response

    return guarded


def for_readers(view: View) -> View:
    """Give a view its Visitor. Whoever comes with a link that opens nothing is refused, all alike."""

    @wraps(view)
    def guarded(request: HttpRequest, link_token: str, **kwargs: Any) -> HttpResponse:
        return _guarded(request, link_token, view, kwargs)

    return guarded


def _guarded(request: HttpRequest, token: str, view: View, kwargs: Mapping[str, Any]) -> HttpResponse:
    member = request.user if isinstance(request.user, User) else None
    share = Share.objects.of_token(token, member)
    if share and member is None and not share.is_for_anyone:
        return redirect_to_login(share.get_absolute_url())
    if share is None or not share.is_for(member):
        return refused(request)
    return view(request, visiting.visitor(share, member, request.COOKIES), **kwargs)


def refused(request: HttpRequest) -> HttpResponse:
    if not misses.take(visiting.whence(request)):
        return render(request, "429.html", status=429)
    return render(request, "conversations/no_link.html", status=404)


@discreet
@require_http_methods(["GET", "HEAD", "POST"])
@for_readers
def page(request: HttpRequest, reader: Visitor) -> HttpResponse:
    """What the link shows. With a password, its form first; a POST is a try of that."""
    if not reader.is_visiting and sharing.is_used_up(reader.share):
        return refused(request)
    if not reader.is_unlocked:
        return _door(request, reader.share)
    if request.method == "POST":
        return redirect(reader.share)
    is_new = not reader.is_visiting and request.method == "GET"
    if is_new and not sharing.count_visit(reader.share, reader.member):
        return refused(request)
    face = reader.face
    shown = shared.page(reader.share, face, face.undisguised(request.GET.get("before", "")))
    response = render(request, "conversations/shared.html", {"page": shown})
    if is_new:
        _remember(response, reader.share, VISIT, visiting.begun(reader.share), VISIT_SECONDS)
    return response


def _door(request: HttpRequest, share: Share) -> HttpResponse:
    """The password's form. It says nothing of what is behind it."""
    problem = ""
    if request.method == "POST":
        try:
            address = get_adapter().get_client_ip(request)
            if sharing.unlock(share, request.POST.get("password", ""), address):
                response: HttpResponse = redirect(share)
                _remember(response, share, UNLOCKED, share.seal(UNLOCKED), None)  # until the browser is closed
                return response
            problem = _("That is not the password of this link.")
        except TooManyGuessesError as error:
            problem = str(error.sentence)
    context = {"problem": problem, "address": share.get_absolute_url()}
    response = render(request, "conversations/unlock.html", context, status=422 if problem else 200)
    response["Referrer-Policy"] = OF_FORMS
    return response


def _remember(response: HttpResponse, share: Share, name: str, value: str, seconds: int | None) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=share.get_absolute_url(),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


@discreet
@require_http_methods(["GET", "HEAD", "POST"])
@for_readers
def fork(request: HttpRequest, reader: Visitor) -> HttpResponse:
    """A copy of what the link shows in the reader's own account: first what that means, a POST makes it."""
    if not reader.share.may_fork or not reader.may_look:
        return refused(request)
    if reader.member is None:
        return redirect_to_login(request.path)
    problem = ""
    if request.method == "POST":
        form = KeyForm(request.POST)
        try:
            forked = sharing.fork(reader.share, reader.member, form.cleaned_data["key"] if form.is_valid() else uuid4())
        except SharingError as error:
            problem = str(error.sentence)
        else:
            if forked.left_out_images:
                messages.info(request, _("The images were not part of the link, so your copy has none."))
            return redirect(forked.conversation)
    context = {"key": uuid4(), "address": reader.share.get_absolute_url(), "problem": problem}
    response = render(request, "conversations/fork.html", context, status=422 if problem else 200)
    response["Referrer-Policy"] = OF_FORMS
    return response


@discreet
@require_safe
@for_readers
def image(request: HttpRequest, reader: Visitor, hidden: str) -> HttpResponse:
    """An image that the link shows: its right is asked for each time, and nobody keeps it."""
    pk = reader.face.undisguised(hidden)
    found = shared.image_of(reader.share, pk) if pk and reader.may_look else None
    if found is None:
        return refused(request)
    return sealed(found)
