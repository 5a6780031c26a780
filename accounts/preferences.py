"""What members have set for themselves. Everything has a default that asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True)
class Preferences:
    """ "" is the default of each.

    language: a code of settings.LANGUAGES, or as the browser says. theme: "light", "dark", or as the system is.
    route: the name of the one that new conversations begin with. send_key: "ctrl-enter", or Enter. notify: "yes" if
    the browser may say that an answer has ended. costs: "yes" if every answer shows what it cost, not only the one that
    is pointed at. mails: "no" if nothing is to be mailed about budgets; mentions: nor that one was named.
    """

    language: str = ""
    theme: str = ""
    route: str = ""
    send_key: str = ""
    notify: str = ""
    costs: str = ""
    mails: str = ""
    mentions: str = ""

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> Preferences:
        """Out of a JSON column."""
        return cls(**{field.name: row[field.name] for field in fields(cls) if field.name in row})

    def to_store(self) -> dict[str, str]:
        """For a JSON column: only what was set."""
        return {name: value for name, value in asdict(self).items() if value}


def preferred(request: HttpRequest) -> dict[str, Preferences]:
    """For templates: `prefers`, of whoever is known to be here. Who is not looked up by now is not looked up for this:
    the page that says that the database is away must not ask it.
    """
    member = getattr(request, "_cached_user", None)  # django.contrib.auth's
    return {"prefers": getattr(member, "prefers", Preferences())}
