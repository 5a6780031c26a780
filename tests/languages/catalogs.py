"""The catalogs in locale/: what is translated, and the same as Django loads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation import to_locale

from tests.languages.extracting import extracted

DOMAINS = ("django", "djangojs")
SINCE = datetime(2026, 11, 26, tzinfo=UTC)  # in all of them: a date that moves makes each a different one


def languages() -> list[str]:
    """All that need a catalog: the code itself is in the first one."""
    return [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def each() -> Iterator[tuple[str, str]]:
    return ((language, domain) for language in languages() for domain in DOMAINS)


def place(language: str, domain: str, suffix: str) -> Path:
    return Path(settings.LOCALE_PATHS[0]) / to_locale(language) / "LC_MESSAGES" / f"{domain}.{suffix}"


def stored(language: str, domain: str) -> Catalog:
    path = place(language, domain, "po")
    with BytesIO(path.read_bytes() if path.exists() else b"") as file:
        return read_po(file, locale=to_locale(language), domain=domain)


def compiled(catalog: Catalog) -> bytes:
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def update(language: str, domain: str) -> list[str]:
    """Take in what is new, drop what is gone, and compile it. What is not translated yet."""
    catalog = stored(language, domain)
    catalog.update(extracted(domain), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    _say_no_more_than_it_must(catalog)
    file = BytesIO()
    write_po(file, catalog, width=120, sort_by_file=True, include_lineno=False)
    place(language, domain, "po").write_bytes(file.getvalue())
    place(language, domain, "mo").write_bytes(compiled(catalog))
    return [str(it.id) for it in catalog if it.id and not translated(it)]


def _say_no_more_than_it_must(catalog: Catalog) -> None:
    """Its head would tell who and when, anew in every run."""
    catalog.fuzzy = False
    catalog.header_comment = "# Written by `make messages`, translated by hand."
    catalog.project, catalog.version = "team", "chat"
    catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    catalog.creation_date = catalog.revision_date = SINCE


def translated(message: object) -> bool:
    string = getattr(message, "string", "")
    return all(string) if isinstance(string, tuple) else bool(string)
