"""What is shown when no room of the house was reached."""

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template.loader import render_to_string


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Not Django's own: that one looks for a token in the form, and breaks a second time on a form it cannot read."""
    return HttpResponseBadRequest(render_to_string("400.html"))
