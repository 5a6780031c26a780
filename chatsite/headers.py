"""What every page says that Django has no setting for."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def without_prefetching(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """A browser looks up the hosts of links before anybody follows them, and a link's host could carry a secret."""

    def marked(response: HttpResponseBase) -> HttpResponseBase:
        response["X-DNS-Prefetch-Control"] = "off"
        return response

    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            return marked(await get_response(request))

        return answer_later

    return lambda request: marked(get_response(request))
