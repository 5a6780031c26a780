"""In whose name something is done. The database knows it until the transaction ends, and writes it beside what it notes
of changes to money (usage.models.act), whichever door they came by. Nobody's: a command, or a migration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.models import User

if TYPE_CHECKING:
    AnyAdmin = admin.ModelAdmin[Any]
else:
    AnyAdmin = object


@contextmanager
def in_the_name_of(member: User) -> Iterator[None]:
    """One transaction. The name stands until the outermost one ends."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('chat.actor', %s, true)", [str(member.pk)])
        yield


def in_the_name_of_whoever_asks(request: HttpRequest) -> AbstractContextManager[None]:
    """Looking is nobody's deed."""
    if request.method == "POST" and isinstance(request.user, User):
        return in_the_name_of(request.user)
    return nullcontext()


class NamedDeeds(AnyAdmin):
    """For a page of the admin: what is added, changed or deleted there is done in the name of who did it."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with in_the_name_of_whoever_asks(request):
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with in_the_name_of_whoever_asks(request):
            return super().delete_view(request, *args, **kwargs)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with in_the_name_of_whoever_asks(request):
            super().delete_queryset(request, queryset)
