"""The images of questions."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from conversations.models import Attachment, Conversation
from conversations.views.replying import MemberRequest, member_only


@require_safe
def image(request: HttpRequest, conversation_id: UUID, attachment_id: UUID) -> HttpResponseBase:
    """An image of a question, to those who may read its conversation."""
    response = _image(request, conversation_id, attachment_id)
    if response.status_code == 200:
        # It never changes. Vary: Cookie, which the session sets, keeps it from the next person at this browser.
        response["Cache-Control"] = f"private, max-age={365 * 24 * 3600}, immutable"
        del response["Expires"]
    return response


@member_only
def _image(request: MemberRequest, conversation_id: UUID, attachment_id: UUID) -> HttpResponse:
    visible = Conversation.objects.visible_to(request.user).filter(pk=conversation_id)
    return sealed(get_object_or_404(Attachment, pk=attachment_id, conversation__in=visible))


def sealed(image: Attachment) -> HttpResponse:
    """Its bytes, as what they are, and unable to do anything."""
    response = HttpResponse(image.data, content_type=image.media_type)
    named = content_disposition_header(as_attachment=False, filename=image.file_name)
    response["Content-Disposition"] = named or "inline"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
