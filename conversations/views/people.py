"""Who is in a conversation: the page, which script opens as a dialog over the chat, and its buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conversations import joining, mentioning
from conversations.errors import InByGroupError, LastOwnerError, TooManyPeopleError
from conversations.inviting import InvitationForm, RoleForm, candidates
from conversations.models import Conversation, Membership, Role, Seen, Share
from conversations.views.replying import MemberRequest, conversation_of, done, member_only

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

WORDS_LIMIT = 100  # characters of a name to look for


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def people(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """Everybody who may read sees who else may; owners invite."""
    if request.method != "POST":
        return _page(request, conversation_of(request, conversation_id))
    conversation = conversation_of(request, conversation_id, Role.OWNER)
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _page(request, conversation, str(next(iter(form.errors.values()))[0]), status=422)
    try:
        joining.invite(conversation, form.cleaned_data["who"], form.chosen, request.user)
    except TooManyPeopleError as error:
        return _page(request, conversation, error.sentence, status=422)
    return done(request, reverse("people", args=[conversation.pk]))


@require_POST
@member_only
def person(request: MemberRequest, conversation_id: UUID, membership_id: UUID) -> HttpResponse:
    """Another role for somebody, or none."""
    conversation = conversation_of(request, conversation_id, Role.OWNER)
    rows = conversation.memberships.select_related("conversation", "member")
    membership = rows.filter(pk=membership_id).first()
    if membership is None:
        raise Http404
    if "remove" in request.POST:
        joining.remove(membership, request.user)
        return _after(request, conversation)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _page(request, conversation, _("Choose what they may do."), status=422)
    joining.change_role(membership, form.chosen, request.user)
    return _after(request, conversation)


def _after(request: MemberRequest, conversation: Conversation) -> HttpResponse:
    """An owner may have taken their own role away."""
    return done(request, reverse("people", args=[conversation.pk]) if conversation.role_of(request.user) else "index")


@require_POST
@member_only
def seen(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """How far this member has seen it, says a page that is looked at. A page without script has a button."""
    conversation = conversation_of(request, conversation_id)
    seq = request.POST.get("seq", "")
    if seq.isascii() and seq.isdigit() and len(seq) < 18:
        Seen.objects.mark(conversation.pk, request.user.pk, min(int(seq), conversation.seq))
    return HttpResponse(status=204) if "quietly" in request.POST else done(request, conversation)


@require_safe
@member_only
def names(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """Whom a question may name, by the words behind its “@”: for a page with script, as its member types them."""
    conversation = conversation_of(request, conversation_id, Role.WRITER)
    found = mentioning.suggested(conversation, _words(request), request.user)
    return render(request, "conversations/_names.html", {"names": found})


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def leave(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = conversation_of(request, conversation_id)
    if request.method != "POST":
        links = Share.objects.closed_by_leaving(conversation, request.user).count()
        return render(request, "conversations/leave.html", {"conversation": conversation, "links": links})
    try:
        joining.leave(conversation, request.user)
    except (InByGroupError, LastOwnerError) as error:
        return render(
            request, "conversations/leave.html", {"conversation": conversation, "sentence": error.sentence}, status=422
        )
    return done(request, "index")


def _page(
    request: MemberRequest, conversation: Conversation, sentence: StrOrPromise = "", *, status: int = 200
) -> HttpResponse:
    words = _words(request)
    role = conversation.role_of(request.user)
    memberships = list(conversation.memberships.listed())
    context = {
        "conversation": conversation,
        "memberships": memberships,
        "may_invite": role == Role.OWNER,
        "may_leave": _may_leave(conversation, memberships, request),
        "roles": Role,
        "words": words,
        "candidates": candidates(conversation, words) if role == Role.OWNER else [],
        "sentence": sentence,
    }
    return render(request, "conversations/people.html", context, status=status)


def _words(request: MemberRequest) -> str:
    return request.GET.get("find", "")[:WORDS_LIMIT].replace("\0", "")


def _may_leave(conversation: Conversation, memberships: list[Membership], request: MemberRequest) -> bool:
    """Who is in by a group alone leaves by leaving that."""
    me = request.user.pk
    return (conversation.owner_id == me and bool(memberships)) or any(it.member_id == me for it in memberships)
