"""INSERT … SELECT into a model's table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models import NOT_PROVIDED, Field, Model


def insert(model: type[Model], columns: Mapping[str, str], source: str, **values: Any) -> int:
    """Insert what `source` (all that follows FROM) yields, each column as its SQL says. How many rows.

    A column that isn't named gets the model's default, so a field that comes later breaks nothing here.
    """
    defaults = {field.column: field for field in model._meta.concrete_fields if _needs_default(field, columns)}
    expressions = dict(columns) | {name: f"%({name}_default)s" for name in defaults}
    given = {f"{name}_default": _default(field) for name, field in defaults.items()}
    names = ", ".join(f'"{name}"' for name in expressions)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({names}) SELECT {', '.join(expressions.values())} FROM {source}",
            {**values, **given},
        )
        return int(cursor.rowcount)


def _needs_default(field: Field[Any, Any], columns: Mapping[str, str]) -> bool:
    return field.column not in columns and field.db_default is NOT_PROVIDED and not field.null


def _default(field: Field[Any, Any]) -> Any:
    return field.get_db_prep_save(field.get_default(), connection)
