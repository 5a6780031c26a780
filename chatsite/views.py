"""What is shown when no room of the house was reached."""

import sys
from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults

from conversations.crossing import is_passing

RETRY_SECONDS = 5


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Not Django's own: that one looks for a token in the form, and breaks a second time on a form it cannot read."""
    return HttpResponseBadRequest(render_to_string("400.html"))


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when the database was away, overrun or too slow: that passes. Needs no database, nor a session."""
    if not is_passing(sys.exception()):
        return defaults.server_error(request)
    # Without script the draft would be gone with the page; with it, it never left its place.
    typed = _typed(request)
    carried = {name: typed[name] for name in typed.keys() - {"text", "csrfmiddlewaretoken"}}
    context = {"text": typed.get("text"), "carried": carried, "had_images": bool(typed and request.FILES)}
    response = render(request, "503.html", context, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _typed(request: HttpRequest) -> dict[str, Any]:
    """The form with a draft in it. It may be read here for the first time, and be none that can be read."""
    try:
        return request.POST.dict() if "text" in request.POST else {}
    except (BadRequest, SuspiciousOperation, MultiPartParserError, OSError):
        return {}
