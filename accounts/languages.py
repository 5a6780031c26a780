"""In which language a member is spoken to: the one they chose, else what their browser asks for."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation

from accounts.models import User


def is_known(code: object) -> bool:
    return any(code == known for known, _ in settings.LANGUAGES)


def chosen(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: a member's choice. Django's own has activated what the browser asks for, which stands for strangers,
    and on the page that says that the database is away.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        member = request.user
        language = member.prefers.language if isinstance(member, User) else ""
        if not is_known(language):  # none, or one that an earlier version spoke
            return get_response(request)
        with translation.override(language):
            response = get_response(request)
            response.headers["Content-Language"] = language
            return response

    return answer
