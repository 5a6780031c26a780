"""The reader's time zone, as the page's script told it: days begin when theirs do."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

COOKIE = "zone"
LONGEST = 50  # characters of a name


def in_the_readers_zone(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Without the cookie, or with one that names no zone, it is the server's."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_zone(request.COOKIES.get(COOKIE, ""))):
            return get_response(request)

    return answer


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if 0 < len(name) <= LONGEST else None
    except (OSError, ValueError, KeyError):  # a folder, a path that leads elsewhere, a name that there is not
        return None
