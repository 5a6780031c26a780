"""In which language a member is spoken to: the one they chose, else what their browser asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation

from accounts.models import User


def is_known(code: object) -> bool:
    return any(code == known for known, _ in settings.LANGUAGES)


@contextmanager
def of(member: User) -> Iterator[None]:
    """Their choice; else the one that is spoken already: their browser's, or for a mail to them, its sender's."""
    choice = member.prefers.language  # perhaps one that an earlier version spoke
    with translation.override(choice) if is_known(choice) else nullcontext():
        yield


def chosen(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: a member's choice. Django's own has activated what the browser asks for, which stands for strangers,
    and on the page that says that the database is away.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return get_response(request)
        with of(request.user):
            response = get_response(request)
            response.headers["Content-Language"] = translation.get_language()
            return response

    return answer
