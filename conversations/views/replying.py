"""What the views share: who asks, and how to answer a page with script and one without."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render, resolve_url
from django.views.csrf import csrf_failure
from django.views.decorators.cache import never_cache
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from conversations.errors import NotAllowedError
from conversations.forms import PARAMETERS
from conversations.models import Conversation, Membership, Message, Role
from conversations.reviewing import Raisable

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

type View = Callable[..., HttpResponseBase]


class MemberRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: User  # `member_only` has looked
    htmx: HtmxDetails


def member_only(view: View) -> View:
    """Let members in. Others are sent to sign in; what they had typed is handed back to them, not lost.

    No cache keeps what either was shown.
    """

    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            try:
                return view(request, *args, **kwargs)
            except (Conversation.DoesNotExist, Message.DoesNotExist, Membership.DoesNotExist):
                raise Http404 from None  # gone between our look and the deed's lock
            except NotAllowedError as error:
                return not_allowed(request, error)
        if request.method == "POST":
            return signed_out(request, status=401)
        return redirect_to_login(request.get_full_path())

    return guarded


def signed_out(request: HttpRequest, status: int) -> HttpResponse:
    """The draft of somebody whose session has run out, with a way to sign in and send it."""
    template = "conversations/replies.html#signed_out" if is_htmx(request) else "conversations/signed_out.html"
    names = ("key", "route", "space", "when", *PARAMETERS)
    carried = {name: request.POST[name] for name in names if name in request.POST}
    context = {
        "text": request.POST.get("text", ""),
        "carried": carried,
        "action": request.path,
        "had_images": bool(request.FILES),
    }
    return render(request, template, context, status=status)


def not_allowed(request: HttpRequest, error: NotAllowedError) -> HttpResponse:
    """To somebody who may read here, but not that. What they had typed is handed back."""
    if is_htmx(request):
        response = render(request, "conversations/replies.html#sentence", {"sentence": error.sentence}, status=403)
        response["In-Words"] = "yes"  # other refusals of this status come from where nobody knows our partials
        return response
    context = {"sentence": error.sentence, "text": request.POST.get("text", "")}
    return render(request, "conversations/not_allowed.html", context, status=403)


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token is not valid any more: after signing in again in another tab, say. The draft is handed back.

    Only to a page of ours; to another site's page Django's own refusal is all we say.
    """
    if "text" in request.POST and request.headers.get("Origin") in settings.SOCKET_ORIGINS:
        return signed_out(request, status=403)
    return csrf_failure(request, reason)


def is_htmx(request: HttpRequest) -> bool:
    return bool(cast(MemberRequest, request).htmx)


def conversation_of(request: MemberRequest, conversation_id: UUID, role: Role = Role.READER) -> Conversation:
    """The conversation. Raises Http404 if this member may not read it, NotAllowedError if they have not this role."""
    found = get_object_or_404(Conversation.objects.visible_to(request.user), pk=conversation_id)
    if role > Role.READER:
        found.require(request.user, role)
    return found


def message_of(request: MemberRequest, conversation_id: UUID, message_id: UUID, role: Role = Role.READER) -> Message:
    """The message, bound to its conversation in one query. Raises Http404, NotAllowedError."""
    visible = Conversation.objects.visible_to(request.user).filter(pk=conversation_id)
    rows = Message.objects.with_answers().select_related("conversation", "parent")
    found = get_object_or_404(rows, pk=message_id, conversation__in=visible)
    if role > Role.READER:
        found.conversation.require(request.user, role)
    return found


def id_in(request: HttpRequest, name: str) -> UUID | None:
    """The id that the address names, if it is one."""
    try:
        return UUID(request.GET.get(name, ""))
    except ValueError:
        return None


def done(request: HttpRequest, to: Any) -> HttpResponse:
    """A deed is done. A page with script learns of it through its socket; one without is shown the page again."""
    if is_htmx(request):
        return HttpResponse(status=204)
    return HttpResponseRedirect(resolve_url(to), status=303)


def impossible(
    request: MemberRequest, conversation: Conversation, sentence: StrOrPromise, limit: Raisable | None = None
) -> HttpResponse:
    """A deed that can't be done, and why. A limit that refused it may be asked to be raised."""
    if is_htmx(request):
        context = {"sentence": sentence, "raisable": limit}
        return render(request, "conversations/replies.html#sentence", context, status=422)
    messages.error(request, str(sentence))
    return done(request, conversation)
