"""What an act did, in words: the columns that changed, before and after, with the names of what they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Field, ForeignKey, Model
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from usage.models import Act

ABOUT = ("member_id", "group_id", "model_id", "provider_id", "band_id")  # what a row is about: the first it has
UNTOLD = {"id", "created_at"}
NONE = "–"

Names = Mapping[tuple[type[Model], str], str]


@dataclass(frozen=True)
class Change:
    """before: "" of what was added. after: "" of what was deleted."""

    column: str
    before: str
    after: str

    @property
    def said(self) -> str:
        return f"{self.column}: {' → '.join(filter(None, (self.before, self.after)))}"


@dataclass(frozen=True)
class Told:
    """what: the kind of row. about: whose limit, which model's price."""

    what: str
    about: str
    changes: list[Change]


def told(acts: Iterable[Act]) -> dict[int, Told]:
    """By the id of the act. A query for each kind of thing that they refer to, however many acts there are."""
    acts = list(acts)
    names = _names(acts)
    return {act.pk: _told(act, names) for act in acts}


def _told(act: Act, names: Names) -> Told:
    fields = {field.attname: field for field in act.model._meta.concrete_fields} if act.model else {}
    about = next((_said(fields[it], act.row[it], names) for it in ABOUT if act.row.get(it) and it in fields), "")
    return Told(act.kind, about, list(_changes(act, fields, names)))


def _changes(act: Act, fields: Mapping[str, Any], names: Names) -> Iterable[Change]:
    for name, field in fields.items():
        if name in UNTOLD or name not in act.row or (act.before is not None and name not in act.before):
            continue
        now, before = (_said(field, row.get(name), names) for row in (act.row, act.before or {}))
        if act.deed == Act.Deed.CHANGED:
            yield Change(str(field.verbose_name), before, now)
        elif now != NONE:
            there = ("", now) if act.deed == Act.Deed.ADDED else (now, "")
            yield Change(str(field.verbose_name), *there)


def _said(field: Field[Any, Any], value: Any, names: Names) -> str:
    if value is None or value == "":
        return NONE
    if isinstance(field, ForeignKey):
        return names.get((field.remote_field.model, str(value)), str(value))
    match field.to_python(str(value) if isinstance(value, float) else value):  # a float is not what was written
        case bool() as it:
            return _("yes") if it else _("no")
        case Decimal() as it:
            return f"{it.normalize():f}"
        case datetime() as it:
            return date_format(timezone.localtime(it), "DATETIME_FORMAT")
        case it:
            return str(dict(field.flatchoices).get(it, it))


def _names(acts: Iterable[Act]) -> Names:
    """Of the rows that they refer to, as far as these are still there."""
    wanted: dict[type[Model], set[str]] = {}
    for act in acts:
        for field in act.model._meta.concrete_fields if act.model else ():
            if isinstance(field, ForeignKey):
                ids = {str(row[field.attname]) for row in (act.row, act.before or {}) if row.get(field.attname)}
                wanted.setdefault(field.remote_field.model, set()).update(ids)
    return {
        (model, str(row.pk)): str(row)
        for model, ids in wanted.items()
        if ids
        for row in _whole(model).filter(pk__in=ids)
    }


def _whole(model: type[Model]) -> Any:
    """With what its name is made of."""
    rows = model._default_manager.all()
    return rows.select_related("provider") if model._meta.model_name == "languagemodel" else rows
