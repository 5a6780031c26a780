"""Pages to read: the list with an empty composer, one conversation, and what is new in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.models import Route
from conversations import showing
from conversations.forms import ParametersForm, QuestionForm, fresh_question
from conversations.models import Conversation, Message
from conversations.models.message import Path
from conversations.views.replying import MemberRequest, conversation_of, member_only

LISTED = 200  # conversations in the sidebar


@require_safe
@member_only
def index(request: MemberRequest) -> HttpResponse:
    return page(request, None, fresh_question())


@require_safe
@member_only
def conversation(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    found = conversation_of(request, conversation_id)
    return page(request, found, fresh_question(found))


def page(
    request: MemberRequest,
    shown: Conversation | None,
    form: QuestionForm,
    *,
    editing: Message | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page: sidebar, the conversation if there is one, and the composer."""
    mine = Conversation.objects.visible_to(request.user).latest_first()[:LISTED]
    context = chat(shown, form, editing=editing) | {"conversations": mine, "notices": get_messages(request)}
    return render(request, "conversations/detail.html", context, status=status)


def chat(shown: Conversation | None, form: QuestionForm, *, editing: Message | None = None) -> dict[str, Any]:
    """What the conversation's part of the page is made of. `shown` was read before its messages, see showing.news."""
    context: dict[str, Any] = {"conversation": shown, "form": form, "editing": editing}
    if shown:
        messages = Path(shown).messages()
        growing = showing.growing_answers(messages)
        # An answer that ends while we look is shown as being written: a page without script has to look again.
        is_live = bool(growing) or showing.is_live(shown)
        context |= {"messages": [showing.message(m, growing) for m in messages], "is_live": is_live}
    return context


@require_safe
@member_only
def parameters(request: MemberRequest) -> HttpResponse:
    """What may be set for the model that was just chosen, with what had been typed."""
    form = ParametersForm(request.GET, routes=Route.objects.offered())
    return render(request, "conversations/replies.html#parameters", {"form": form})


@require_safe
@member_only
def news(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """What a page whose socket is blocked asks every two seconds; 204 when there is nothing."""
    found = conversation_of(request, conversation_id)
    since = _seq(request)
    told = showing.news({found: [since]})[found.pk][since]
    if told.is_nothing:
        return HttpResponse(status=204)
    return HttpResponse(showing.frame(told, showing.growing_answers(told.messages)))


def _seq(request: MemberRequest) -> int:
    raw = request.GET.get("seq", "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 18 else -1
