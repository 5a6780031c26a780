"""What people read, as it stands in the code: out of Python and templates (domain "django"), and scripts ("djangojs").

{% translate "Send" %}   {% blocktranslate trimmed %}…   _("Send")   gettext("Send")   translate("Send")
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
ROOMS = ("accounts", "catalog", "chatsite", "conversations", "providers", "usage")
COMMENTS = ("Translators:",)

# Django's names for the deeds of gettext. `_` and the rest are among Babel's own.
KEYWORDS: dict[str, Any] = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
    "translate": None,
}


def python() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted(it for it in (ROOT / room).rglob("*.py") if "migrations" not in it.parts)


def templates() -> Iterator[Path]:
    yield from sorted(it for it in (ROOT / "templates").rglob("*") if it.is_file())


def scripts() -> Iterator[Path]:
    yield from sorted(it for it in (ROOT / "static").rglob("*.js") if "vendor" not in it.parts)


def extracted(domain: str) -> Catalog:
    """Every string that is marked, with the places where it stands."""
    found = Catalog(domain=domain)
    for path in scripts() if domain == "djangojs" else [*python(), *templates()]:
        for line, message, comments, context in _marked(path):
            plural = isinstance(message, tuple) or None
            place = (path.relative_to(ROOT).as_posix(), line)
            found.add(message, ("", "") if plural else "", [place], auto_comments=comments, context=context)
    return found


def _marked(path: Path) -> Iterator[Any]:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".js":
        yield from extract("javascript", BytesIO(source.encode()), KEYWORDS, COMMENTS)
    elif path.suffix == ".py":
        yield from extract("python", BytesIO(source.encode()), KEYWORDS, COMMENTS)
    else:
        # Django makes of a template something that looks like Python, but for its indentation.
        lines = templatize(source, origin=str(path)).split("\n")
        yield from extract("python", BytesIO("\n".join(map(str.lstrip, lines)).encode()), KEYWORDS, COMMENTS)
