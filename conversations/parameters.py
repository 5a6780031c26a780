"""How a question is to be answered: what its asker may set, beside the words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Parameters:
    """None and "" leave it to the route, the model or the provider.

    effort: off, low, high or max. temperature: 0 to 2. top_p: above 0, to 1. max_tokens: of one answer, its thinking
    included. stop: up to 16 texts that end the answer. format: "json" or "".
    """

    effort: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    format: str = ""

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> Parameters:
        """Out of a JSON column."""
        known = {field.name: row[field.name] for field in fields(cls) if field.name in row}
        return cls(**{**known, "stop": tuple(known.get("stop", ()))})

    def to_store(self) -> dict[str, Any]:
        """For a JSON column: only what was set."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None, ())}


DEFAULT = Parameters()
