"""AU5: a form takes what it shows. To every route that takes a POST, the name of every column there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from conversations.forms import PARAMETERS
from conversations.share_forms import ShareForm
from tests.attacks.routes import HTMX, World, form_of, tables, undone
from tests.attacks.test_csrf import POSTS
from tests.attacks.test_routes import NOT_LOOKED_AT

OURS = ("accounts", "auth", "catalog", "conversations", "usage", "sessions")
FORMS_OF_THE_ADMIN = re.compile(r"/admin/.*/(add|change)/$")  # these are for columns: see the test below
ANYTHING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.+]+|(pbkdf2|md5)\S+")
WISHES = {"role": "admin", "quota": "999999", "user_id": "1", "workspace": "2", "email_verified": "1", "admin": "1"}


def columns() -> dict[str, models.Field[Any, Any]]:
    fields = [it for label in OURS for model in apps.get_app_config(label).get_models() for it in model._meta.fields]
    return {name: field for field in fields for name in {field.name, field.attname}}


def value(field: models.Field[Any, Any], victim: str) -> str:
    if isinstance(field, models.BooleanField):
        return "on"
    if isinstance(field, models.UUIDField | models.ForeignKey):
        return victim
    return "987654" if isinstance(field, models.IntegerField | models.FloatField) else "smuggled"


# Which fields these forms have.
SHOWN: dict[str, Iterable[str]] = {
    "c/<uuid:conversation_id>/share/": ShareForm.base_fields,
    "shares/<uuid:share_id>/": ShareForm.base_fields,
    "c/<uuid:conversation_id>/seen/": ["seq"],
}


def outcome(world: World, route: str, who: str, form: dict[str, str], headers: dict[str, str]) -> dict[str, list[str]]:
    """All rows after a POST that is then undone. What chance, a clock or a counter made is left out; people are not."""
    people = {str(person.pk): name for name, person in world.people.items() if person}
    with undone():
        world.browser(who).post(world.address(route[1:]), form, headers=headers)
        return {
            table: sorted(_written(row, people) for row in _rows(table)) for table in tables() if _is_looked_at(table)
        }


def _is_looked_at(table: str) -> bool:
    return table not in NOT_LOOKED_AT | {"cache", "django_migrations"}


def _rows(table: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" AS t')
        return [json.loads(text) for (text,) in cursor.fetchall()]


def _written(row: dict[str, Any], people: dict[str, str]) -> str:
    told = {name: it for name, it in row.items() if not (name in {"id", "object_id"} and str(it).isdigit())}
    text = repr({name: people.get(str(it), it) for name, it in sorted(told.items())})
    return ANYTHING.sub("…", text)


@pytest.mark.parametrize(("route", "who"), [it for it in POSTS if not FORMS_OF_THE_ADMIN.match(it[0])])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["without script", "with script"])
def test_a_form_takes_what_it_shows_and_no_column_besides(
    world: World, route: str, who: str, headers: dict[str, str]
) -> None:
    victim = world.people["stranger"]
    assert victim
    form = form_of(route[1:])
    # What the forms do show, by these names.
    own = {"text", "key", "route", "title", "password", *PARAMETERS, *form, *SHOWN.get(route[1:], ())}
    smuggled = {name: value(field, str(victim.pk)) for name, field in columns().items()} | WISHES
    beside = {name: it for name, it in smuggled.items() if name not in own}
    assert {"is_superuser", "is_staff", "owner", "owner_id", "member_id", "seq", "link_version"} <= set(beside) | own
    assert outcome(world, route, who, beside | form, headers) == outcome(world, route, who, form, headers)
