"""The maker's side of links: made in one dialog, listed, changed, closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import segno
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conversations import shared, sharing
from conversations.errors import SharingError
from conversations.models import Conversation, Role, Share, Visit
from conversations.models.share import Openings
from conversations.share_forms import ShareForm
from conversations.shared import PreviewFace, SharedPage
from conversations.views.replying import MemberRequest, conversation_of, id_in, is_htmx, member_only

LISTED = 50  # links of a page
LISTED_VISITS = 100  # hours in which one was opened


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def share(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """The dialog, and a page of its own without script: what a link will show, to whom, and a preview of it."""
    conversation = conversation_of(request, conversation_id, Role.OWNER)
    form = ShareForm(request.POST if request.method == "POST" else None, conversation=conversation, maker=request.user)
    if request.method != "POST" or "look" in request.POST:
        return _form(request, form, conversation, status=200)
    if form.is_valid():
        try:
            made = sharing.make(conversation, request.user, form.terms, form.cleaned_data["key"])
        except SharingError as error:
            form.add_error(None, str(error.sentence))
        else:
            return _made(request, made)
    return _form(request, form, conversation, status=422)


def _form(request: MemberRequest, form: ShareForm, conversation: Conversation, *, status: int) -> HttpResponse:
    context = {"form": form, "conversation": conversation, "preview": _preview(form), "link": form.share}
    is_look = "look" in request.POST
    if is_htmx(request):
        part = "share_preview" if is_look else "share"
        return render(request, f"conversations/replies.html#{part}", context, status=status)
    if is_look:
        form.errors.clear()  # nothing was asked for yet
    return render(request, "conversations/share.html", context, status=status)


def _preview(form: ShareForm) -> SharedPage | None:
    """Exactly what a reader will see; None where there is nothing to see yet."""
    previewed = form.previewed()
    if previewed.shown_leaf is None:
        return None
    return shared.page(previewed, PreviewFace.of(previewed))


def _made(request: MemberRequest, link: Share) -> HttpResponse:
    if is_htmx(request):
        return render(request, "conversations/replies.html#share_made", {"link": link, "code": qr_code(link.address)})
    return redirect("link", link.pk)


@dataclass(frozen=True)
class Line:
    """One link of the list."""

    link: Share
    seen: Openings
    is_open: bool


@require_safe
@member_only
def shares(request: MemberRequest) -> HttpResponse:
    """A member's own links, the newest first: all of them, or those of one conversation."""
    mine, of = Share.objects.made_by(request.user), _conversation(request)
    mine = mine.filter(conversation=of) if of else mine
    page = _number(request.GET.get("page", ""))
    found = list(mine.select_related("conversation")[(page - 1) * LISTED : page * LISTED + 1])
    return render(
        request,
        "conversations/shares.html",
        {
            "lines": _lines(found[:LISTED]),
            "of": of,
            "older": page + 1 if len(found) > LISTED else None,
            "newer": page - 1 if page > 1 else None,
        },
    )


def _conversation(request: MemberRequest) -> Conversation | None:
    wanted = id_in(request, "of")
    return get_object_or_404(Conversation.objects.owned_by(request.user), pk=wanted) if wanted else None


def _number(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and 0 < len(typed) < 6 and int(typed) else 1


def _lines(found: list[Share]) -> list[Line]:
    seen = Visit.objects.so_far(found)
    still_open = Share.objects.open_among(found)
    return [Line(it, seen[it.pk], it.pk in still_open) for it in found]


@require_http_methods(["GET", "HEAD", "POST"])
@member_only
def link(request: MemberRequest, share_id: UUID) -> HttpResponse:
    """One link: its address, who opened it, and its terms, which a POST changes."""
    found = _mine(request, share_id)
    form = ShareForm(
        request.POST if request.method == "POST" else None,
        conversation=found.conversation,
        maker=request.user,
        share=found,
    )
    if request.method == "POST" and "look" not in request.POST and form.is_valid():
        try:
            sharing.change(found, form.terms)
        except SharingError as error:
            form.add_error(None, str(error.sentence))
        else:
            messages.success(request, _("Saved. Whoever has it open sees it anew."))
            return redirect("link", found.pk)
    is_refused = request.method == "POST" and "look" not in request.POST
    return render(request, "conversations/link.html", _about(found, form), status=422 if is_refused else 200)


def _about(found: Share, form: ShareForm) -> dict[str, Any]:
    [line] = _lines([found])
    visits = Visit.objects.filter(share=found).select_related("member").order_by("-hour", "-last_at")
    return {
        "line": line,
        "link": found,
        "form": form,
        "preview": _preview(form) if line.is_open else None,
        "visits": visits[:LISTED_VISITS],
        "code": qr_code(found.address) if line.is_open else None,
    }


@require_POST
@member_only
def close(request: MemberRequest, share_id: UUID) -> HttpResponse:
    sharing.close([_mine(request, share_id)])
    messages.success(request, _("Closed. The link opens nothing any more."))
    return redirect("shares")


@require_POST
@member_only
def renew(request: MemberRequest, share_id: UUID) -> HttpResponse:
    found = _mine(request, share_id)
    sharing.renew(found)
    messages.success(request, _("The link has another address. The one before opens nothing any more."))
    return redirect("link", found.pk)


def _mine(request: MemberRequest, share_id: UUID) -> Share:
    return get_object_or_404(Share.objects.made_by(request.user).select_related("conversation"), pk=share_id)


@dataclass(frozen=True)
class Code:
    """A QR code to be drawn: its side in modules, with its margin, and the path of the dark ones."""

    side: int
    path: str


def qr_code(address: str) -> Code:
    rows = list(segno.make(address, micro=False, error="m").matrix_iter(border=4))
    return Code(
        len(rows),
        "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark),
    )
