"""Forms that ask: a new conversation, the next question, other words for an earlier one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid4

from django.db import connection
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.models import NoRouteError, Offer, Route
from conversations import asking, showing
from conversations.attachments import UnfitImageError, prepare
from conversations.errors import KeyReusedError, NotInGroupError, NotWaitingError
from conversations.forms import PARAMETERS, QuestionForm, fresh_question
from conversations.models import Attachment, Conversation, Message, Role
from conversations.models.message import author_mark, find_images
from conversations.reviewing import Raisable, ask_for_more, raisable
from conversations.views.reading import page, space_named
from conversations.views.replying import MemberRequest, conversation_of, impossible, is_htmx, member_only, message_of
from usage.errors import SpendingError

type Deed = Callable[..., Message]  # what is left to give: text, key, route; parameters and images by name


@require_POST
@member_only
def start(request: MemberRequest) -> HttpResponse:
    return _posted(request, None, partial(asking.start, request.user, space=space_named(request.POST)))


@require_POST
@member_only
def ask(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    conversation = conversation_of(request, conversation_id, Role.WRITER)
    return _posted(request, conversation, partial(asking.ask, conversation, request.user))


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def edit(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    question = message_of(request, conversation_id, message_id)
    if question.is_answer:
        raise Http404
    conversation = question.conversation
    conversation.require(request.user, asking.role_to_edit(question, request.user))
    find_images([question])
    if request.method == "POST":
        return _posted(request, conversation, partial(asking.edit, question, request.user), editing=question)
    form = fresh_question(request.user, conversation, question.text)
    if is_htmx(request):
        return _composer(request, conversation, form, editing=question)
    return page(request, conversation, form, editing=question)


def _posted(
    request: MemberRequest, conversation: Conversation | None, deed: Deed, *, editing: Message | None = None
) -> HttpResponse:
    if "reset" in request.POST:
        return _reset(request, conversation, editing)
    if "limit" in request.POST:
        return _asked_for_more(request, conversation, editing)
    form = QuestionForm(request.POST, routes=Route.objects.offered_to(request.user.pk))
    if not form.is_valid():
        return _refused(request, conversation, form, editing, status=422)
    text, key = form.cleaned_data["text"], form.cleaned_data["key"]
    try:
        images = _images(request, editing)
        question = deed(
            text, key, form.chosen_route(), parameters=form.parameters, images=images, off_peak=form.is_off_peak
        )
    except KeyReusedError as error:
        form.add_error(None, error.sentence)
        return _refused(request, conversation, form, editing, status=409)
    except (NoRouteError, NotInGroupError, UnfitImageError, SpendingError) as error:
        form.add_error(None, error.sentence)
        form.raisable = raisable(request.user, error)
        return _refused(request, conversation, form, editing, status=422)
    return _asked(request, conversation, question, form.routes, was_editing=editing is not None)


def _images(request: MemberRequest, editing: Message | None) -> list[Attachment]:
    """Those of the question in other words that are kept, then what was chosen now. Raises UnfitImageError."""
    names = request.POST.getlist("kept")
    kept = [it for it in Attachment.objects.filter(message=editing) if str(it.pk) in names] if editing else []
    if uploads := request.FILES.getlist("images"):
        connection.close()  # back to the pool, which has ten: looking at images takes seconds
    return [*kept, *prepare(uploads, beside=len(kept))]


def _reset(request: MemberRequest, conversation: Conversation | None, editing: Message | None) -> HttpResponse:
    """Without script: the same page, its settings as they are by themselves. Nothing is asked."""
    kept = {name: request.POST.get(name, "") for name in ("key", "text", "route")}
    form = QuestionForm(routes=Route.objects.offered_to(request.user.pk), initial=kept)
    return page(request, conversation, form, editing=editing)


def _asked_for_more(request: MemberRequest, conversation: Conversation | None, editing: Message | None) -> HttpResponse:
    """Without script the button that asks for a raise sends the question along, so that it is not lost."""
    kept = {name: request.POST.get(name, "") for name in ("key", "text", "route", *PARAMETERS)}
    form = QuestionForm(routes=Route.objects.offered_to(request.user.pk), initial=kept)
    form.said = ask_for_more(request.user, request.POST)
    form.raisable = Raisable(request.POST["limit"], waits=not form.said)
    return page(request, conversation, form, editing=editing, status=422 if form.said else 200)


@require_POST
@member_only
def take_back(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """A question that waits for the cheap hours is deleted; its words stand in the composer, before what is there.

    The whole page: a reply to the button would come to nobody, once a frame has taken the message out of the page.
    """
    answer = message_of(request, conversation_id, message_id, Role.WRITER)
    try:
        question = asking.take_back(answer, request.user)
    except NotWaitingError as error:
        return impossible(request, answer.conversation, error.sentence)
    conversation = conversation_of(request, conversation_id)
    form = fresh_question(request.user, conversation, question.text)
    if question.image_count:
        form.said = [_("Its images have to be chosen again.")]
    form.is_taken_back = True
    return page(request, conversation, form)


def _asked(
    request: MemberRequest,
    conversation: Conversation | None,
    question: Message,
    routes: Offer,
    *,
    was_editing: bool,
) -> HttpResponse:
    """The question is posted: a fresh key for the next one, and for a new conversation the way to hear of it.

    Messages come by that way alone. What else the page shows stays as it is.
    """
    shown = question.conversation
    if not is_htmx(request):
        return HttpResponseRedirect(f"{shown.get_absolute_url()}#{question.dom_id}", status=303)
    if was_editing:
        shown = Conversation.objects.get(pk=shown.pk)
        return _composer(request, shown, fresh_question(request.user, shown, routes=routes))
    fresh = QuestionForm(routes=Offer(), initial={"key": uuid4()})
    if conversation is None:
        me = author_mark(shown.pk, request.user.pk)
        context = {"form": fresh, "conversation": shown, "role": Role.OWNER, "me": me}
        response = render(request, "conversations/replies.html#started", context)
        response["HX-Push-Url"] = shown.get_absolute_url()
        return response
    return render(request, "conversations/replies.html#key_and_refusal", {"form": fresh})


def _composer(
    request: MemberRequest, conversation: Conversation, form: QuestionForm, *, editing: Message | None = None
) -> HttpResponse:
    context = {
        "conversation": conversation,
        "form": form,
        "editing": editing,
        "is_live": showing.is_live(conversation),
    }
    return render(request, "conversations/replies.html#composer", context)


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
        return render(request, "conversations/replies.html#refused", {"form": form}, status=status)
    return page(request, conversation, form, editing=editing, status=status)
