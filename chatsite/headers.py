"""What every page says that Django has no setting for."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase


def without_prefetching(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A browser looks up the hosts of links before anybody follows them, and a link's host could carry a secret."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response["X-DNS-Prefetch-Control"] = "off"
        return response

    return answer
