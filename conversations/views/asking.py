"""Forms that ask: a new conversation, the next question, other words for an earlier one."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from catalog.models import NoRouteError, Route
from conversations import asking
from conversations.errors import KeyReusedError
from conversations.forms import QuestionForm, fresh_question
from conversations.models import Conversation, Message
from conversations.views.reading import chat, page
from conversations.views.replying import MemberRequest, conversation_of, is_htmx, member_only, message_of

type Deed = Callable[[str, UUID, Route], Message]


@require_POST
@member_only
def start(request: MemberRequest) -> HttpResponse:
    def deed(text: str, key: UUID, route: Route) -> Message:
        return asking.start(request.user, text, key, route)

    return _posted(request, None, deed)


@require_POST
@member_only
def ask(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = conversation_of(request, conversation_id)

    def deed(text: str, key: UUID, route: Route) -> Message:
        return asking.ask(conversation, request.user, text, key, route)

    return _posted(request, conversation, deed)


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def edit(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    question = message_of(request, conversation_id, message_id)
    if question.is_answer:
        raise Http404
    conversation = question.conversation
    if request.method != "POST":
        form = fresh_question(question.text, conversation.route.name if conversation.route else "")
        if is_htmx(request):
            return render(request, "conversations/replies.html#composer", chat(conversation, form, editing=question))
        return page(request, conversation, form, editing=question)

    def deed(text: str, key: UUID, route: Route) -> Message:
        return asking.edit(question, request.user, text, key, route)

    return _posted(request, conversation, deed, editing=question)


def _posted(
    request: MemberRequest, conversation: Conversation | None, deed: Deed, *, editing: Message | None = None
) -> HttpResponse:
    form = QuestionForm(request.POST)
    if not form.is_valid():
        return _refused(request, conversation, form, editing, status=422)
    try:
        question = deed(form.cleaned_data["text"], form.cleaned_data["key"], form.chosen_route())
    except KeyReusedError as error:
        form.add_error(None, error.sentence)
        return _refused(request, conversation, form, editing, status=409)
    except NoRouteError as error:
        form.add_error(None, error.sentence)
        return _refused(request, conversation, form, editing, status=422)
    return _asked(request, conversation, question, form, was_editing=editing is not None)


def _asked(
    request: MemberRequest,
    conversation: Conversation | None,
    question: Message,
    form: QuestionForm,
    *,
    was_editing: bool,
) -> HttpResponse:
    """The question is posted: a fresh composer, and for a new conversation its page in place of the empty one."""
    address = question.conversation.get_absolute_url()
    if not is_htmx(request):
        return HttpResponseRedirect(f"{address}#{question.dom_id}", status=303)
    fresh = fresh_question(route=form.cleaned_data["route"])
    if conversation is None:
        shown = Conversation.objects.get(pk=question.conversation_id)
        response = render(request, "conversations/replies.html#started", chat(shown, fresh))
        response["HX-Push-Url"] = address
        return response
    template = "composer" if was_editing else "key_and_refusal"
    return render(request, f"conversations/replies.html#{template}", chat(conversation, fresh))


def _refused(
    request: MemberRequest,
    conversation: Conversation | None,
    form: QuestionForm,
    editing: Message | None,
    *,
    status: int,
) -> HttpResponse:
    """What was typed stays where it was typed, with the reason beside it, and a key that has asked nothing yet."""
    if status == 409 or "key" in form.errors:
        data = request.POST.copy()
        data["key"] = str(uuid4())
        form.data = data
    if is_htmx(request):
        return render(request, "conversations/replies.html#key_and_refusal", {"form": form}, status=status)
    return page(request, conversation, form, editing=editing, status=status)
