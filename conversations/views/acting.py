"""Buttons: stop, answer again, let an answer go on, switch branches, copy, rename, delete."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.models import NoRouteError, Route
from conversations import asking
from conversations.errors import NotAnswerableError, StillWrittenError
from conversations.forms import TitleForm
from conversations.models import Role, Share, path
from conversations.reviewing import raisable
from conversations.views.replying import (
    MemberRequest,
    conversation_of,
    done,
    impossible,
    is_htmx,
    member_only,
    message_of,
)
from usage.errors import SpendingError
from usage.models import Notice

NOT_TO_BE_CONTINUED = _("Only the last answer can go on, and only if it was broken off after its first words.")


@require_POST
@member_only
def stop(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = conversation_of(request, conversation_id, Role.WRITER)
    asking.stop(conversation, request.user)
    return done(request, conversation)


@require_POST
@member_only
def send_now(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """A question that waits for the cheap hours waits no longer."""
    answer = message_of(request, conversation_id, message_id, Role.WRITER)
    asking.send_now(answer, request.user)
    return done(request, answer.conversation)


@require_POST
@member_only
def again(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """By the model that stands in the composer; without script by the answer's own."""
    answer = message_of(request, conversation_id, message_id, Role.WRITER)
    name = request.POST.get("route", "")
    try:
        asking.ask_again(answer, request.user, Route.objects.offered_to(request.user.pk).named(name) if name else None)
    except (NotAnswerableError, NoRouteError, SpendingError) as error:
        return impossible(request, answer.conversation, error.sentence, raisable(request.user, error))
    return done(request, answer.conversation)


@require_POST
@member_only
def carry_on(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    answer = message_of(request, conversation_id, message_id, Role.WRITER)
    try:
        asking.carry_on(answer, request.user)
    except NotAnswerableError:
        return impossible(request, answer.conversation, NOT_TO_BE_CONTINUED)
    except (NoRouteError, SpendingError) as error:
        return impossible(request, answer.conversation, error.sentence, raisable(request.user, error))
    return done(request, answer.conversation)


@require_POST
@member_only
def show(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """A page that stands far above the end of the branch is led to where the branch begins."""
    message = message_of(request, conversation_id, message_id, Role.WRITER)
    asking.switch(message, request.user)
    response = done(request, message.address)
    if is_htmx(request) and message.pk not in path.newest(conversation_of(request, conversation_id)).ids:
        response["HX-Redirect"] = message.address
    return response


@require_POST
@member_only
def dismiss(request: MemberRequest, notice_id: UUID) -> HttpResponse:
    """Nothing takes its place. One that is another's, gone or dismissed before is left alone, and nobody told."""
    Notice.objects.shown_to(request.user.pk).filter(pk=notice_id).dismiss()
    return HttpResponse() if is_htmx(request) else done(request, "index")


@require_safe
@member_only
def source(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """The message's Markdown, for whoever copies it."""
    message = message_of(request, conversation_id, message_id)
    return HttpResponse(message.text, content_type="text/plain; charset=utf-8")


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def delete_message(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    message = message_of(request, conversation_id, message_id, Role.OWNER)
    if request.method != "POST":
        below = path.below(message)
        links = Share.objects.closed_without(message, below).count()
        context = {"message": message, "others": len(below) - 1, "links": links}
        return render(request, "conversations/delete_message.html", context)
    try:
        asking.remove(message, request.user)
    except StillWrittenError as error:
        return impossible(request, message.conversation, error.sentence)
    return done(request, message.conversation)


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def rename(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = conversation_of(request, conversation_id, Role.OWNER)
    form = TitleForm(request.POST if request.method == "POST" else None, initial={"title": conversation.title})
    if request.method == "POST" and form.is_valid():
        asking.rename(conversation, form.cleaned_data["title"], request.user)
        return done(request, conversation)
    status = 422 if request.method == "POST" else 200
    return render(request, "conversations/rename.html", {"conversation": conversation, "form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def delete(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = conversation_of(request, conversation_id, Role.OWNER)
    if request.method != "POST":
        links = Share.objects.open().filter(conversation=conversation).count()
        return render(request, "conversations/delete.html", {"conversation": conversation, "links": links})
    asking.delete(conversation, request.user)
    return done(request, "index")
