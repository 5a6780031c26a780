"""Pages to read: the list with an empty composer, one conversation, and what is new in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib.messages import get_messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from catalog.models import Route
from conversations import showing
from conversations.forms import ParametersForm, QuestionForm, fresh_question
from conversations.listing import Spot, listing, spaces
from conversations.models import Conversation, Message, Role, Share, path
from conversations.models.cost import of_conversation
from conversations.models.message import author_mark
from conversations.models.path import Path
from conversations.views.replying import MemberRequest, conversation_of, id_in, member_only, message_of
from usage import personal
from usage.models import Notice


@require_safe
@member_only
def index(request: MemberRequest) -> HttpResponse:
    return page(request, None, fresh_question(request.user, preferred=request.user.prefers.route))


@require_safe
@member_only
def older(request: MemberRequest) -> HttpResponse:
    """More of the list, for a page that shows what comes before."""
    above = Spot.named(request.GET.get("older", ""))
    if above is None:
        raise Http404
    return render(request, "conversations/replies.html#older", {"listing": listing(request.user, above, goes_on=True)})


@require_safe
@member_only
def conversation(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    found = conversation_of(request, conversation_id)
    return page(request, found, fresh_question(request.user, found))


@require_safe
@member_only
def message(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """A link to one message: its conversation, opened there. The #place lets a browser scroll to it without script."""
    return redirect(message_of(request, conversation_id, message_id).address)


@require_safe
@member_only
def earlier(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """What stands above a message, for a page that shows it. Whatever else changes, that stays its beginning."""
    shown = message_of(request, conversation_id, message_id)
    return _more(request, shown, "earlier", path.before(shown))


@require_safe
@member_only
def later(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    shown = message_of(request, conversation_id, message_id)
    # Not on the path any more: a frame has told the page of another one, or is about to.
    return _more(request, shown, "later", path.after(shown, shown.conversation) or Path([]))


def _more(request: MemberRequest, beside: Message, where: str, found: Path) -> HttpResponse:
    """Says where it stands, as a page does: what changes of it from there on, the page has to be told once more."""
    messages = found.messages()
    growing = showing.growing_answers(messages)
    thread = showing.thread(found, messages, growing)
    context = {"conversation": beside.conversation, "beside_id": str(beside.pk), "thread": thread}
    response = render(request, f"conversations/replies.html#{where}", context)
    response["Stands-At"] = f"{beside.conversation.seq} {'live' if growing else ''}"
    return response


def page(
    request: MemberRequest,
    shown: Conversation | None,
    form: QuestionForm,
    *,
    editing: Message | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page: sidebar, the conversation if there is one, and the composer."""
    role = shown.role_of(request.user) if shown else None
    context = chat(shown, form, role or Role.OWNER, editing=editing, at=_message_at(request, shown))
    context["me"] = author_mark(shown.pk, request.user.pk) if shown else ""
    if shown and role == Role.OWNER:
        by_link = Share.objects.open().filter(conversation=shown, maker=request.user, kind=Share.Kind.LIVE)
        context["has_live_links"] = by_link.exists()
    context |= _lists(request)
    context["space"] = next((it for it in context["spaces"] if it.is_open and shown is None), None)
    context["notices"] = [*get_messages(request), *_gone(request, shown)]
    seen = [shown, *(it.conversation for it in context["listing"].lines)]
    context |= {
        "shares": bool(context["spaces"]) or any(it.is_shared for it in seen if it),
        "told": Notice.objects.shown_to(request.user.pk),
        "left": personal.tightest(request.user.pk),
    }
    return render(request, "conversations/detail.html", context, status=status)


def _lists(request: MemberRequest) -> dict[str, Any]:
    """What stands in the sidebar: of the spot, and of the space, that the address names."""
    space, spot = space_named(request.POST or request.GET), Spot.named(request.GET.get("older", ""))
    return {"spaces": spaces(request.user, space, spot), "listing": listing(request.user, None if space else spot)}


@require_safe
@member_only
def listed(request: MemberRequest) -> HttpResponse:
    """The list as it is now, for a page that no socket told of its news; it names the conversation that it shows."""
    shown = id_in(request, "shown")
    context = {**_lists(request), "conversation": Conversation(pk=shown) if shown else None}
    return render(request, "conversations/replies.html#conversations", context)


def space_named(data: QueryDict) -> int | None:
    """The number of the group in whose space somebody begins, or looks."""
    raw = data.get("space", "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else None


def _gone(request: MemberRequest, shown: Conversation | None) -> Iterator[str]:
    """Where script leads a page whose conversation is not there any more."""
    if shown is None and "gone" in request.GET:
        yield gettext("That conversation is gone: it was deleted, or you are not in it any more.")


def _message_at(request: MemberRequest, shown: Conversation | None) -> Message | None:
    """The message that the address names, if it is one of the conversation's."""
    wanted = id_in(request, "at")
    return shown.messages.filter(pk=wanted).first() if shown and wanted else None


def chat(
    shown: Conversation | None,
    form: QuestionForm,
    role: Role,
    *,
    editing: Message | None = None,
    at: Message | None = None,
) -> dict[str, Any]:
    """What the conversation's part of the page is made of: its end, or what stands around one message.

    `shown` was read before its messages, see showing.news.
    """
    context: dict[str, Any] = {"conversation": shown, "form": form, "role": role, "editing": editing}
    if shown:
        around = path.around(at, shown) if at else None
        window = around or path.newest(shown)
        messages = window.messages()
        growing = showing.growing_answers(messages)
        # An answer that ends while we look is shown as being written: a page without script has to look again.
        is_live = bool(growing) or showing.is_live(shown)
        context |= {"thread": showing.thread(window, messages, growing), "is_live": is_live}
        context["elsewhere"] = at if not around else None  # on another branch than the one that is shown
        context["spent"] = of_conversation(shown.pk)
    return context


@require_safe
@member_only
def parameters(request: MemberRequest) -> HttpResponse:
    """What may be set for the model that was just chosen, with what had been typed."""
    form = ParametersForm(request.GET, routes=Route.objects.offered_to(request.user.pk))
    return render(request, "conversations/replies.html#parameters", {"form": form})


@require_safe
@member_only
def cost(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """What it has cost by now, for whoever opens its menu."""
    found = conversation_of(request, conversation_id)
    return render(request, "conversations/replies.html#cost", {"spent": of_conversation(found.pk)})


@require_safe
@member_only
def news(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """What a page whose socket is blocked asks every two seconds; 204 when there is nothing.

    205 for a page that was made for another role than its member has by now: it is loaded anew.
    """
    found = conversation_of(request, conversation_id)
    role = found.role_of(request.user)
    if role and request.GET.get("role", role.word) != role.word:
        return HttpResponse(status=205)  # no refusal: a browser would complain of one in its console
    since = _seq(request)
    told = showing.news({found: [since]})[found.pk][since]
    if told.is_nothing:
        return HttpResponse(status=204)
    return HttpResponse(showing.MEMBERS.frame(told, showing.growing_answers(told.live)))


def _seq(request: MemberRequest) -> int:
    raw = request.GET.get("seq", "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 18 else -1
