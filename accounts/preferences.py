"""What members have set for themselves. Everything has a default that asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Preferences:
    """ "" is the default of each.

    language: a code of settings.LANGUAGES, or as the browser says. theme: "light", "dark", or as the system is.
    route: the name of the one that new conversations begin with. send_key: "ctrl-enter", or Enter. notify: "yes" if
    the browser may say that an answer has ended.
    """

    language: str = ""
    theme: str = ""
    route: str = ""
    send_key: str = ""
    notify: str = ""

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> Preferences:
        """Out of a JSON column."""
        return cls(**{field.name: row[field.name] for field in fields(cls) if field.name in row})

    def to_store(self) -> dict[str, str]:
        """For a JSON column: only what was set."""
        return {name: value for name, value in asdict(self).items() if value}
