"""How sure the model was, out of a choice's `logprobs`."""

import math
from typing import Any

from providers.deltas import Alternative, Logprobs, TokenLogprob
from providers.mending import mended

OUT_OF_SIGHT = -9999.0  # what DeepSeek sends for everything outside its top twenty


def logprobs(sent: object) -> Logprobs | None:
    """None when there is nothing to tell. Entries that make no sense are left out."""
    if not isinstance(sent, dict):
        return None
    text, reasoning = _tokens(sent.get("content")), _tokens(sent.get("reasoning_content"))
    return Logprobs(text, reasoning) if text or reasoning else None


def _tokens(entries: object) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(*_sense(entry), tuple(Alternative(*_sense(other)) for other in _sound(entry.get("top_logprobs"))))
        for entry in _sound(entries)
    )


def _sound(entries: object) -> list[dict[str, Any]]:
    return [entry for entry in entries if _is_sound(entry)] if isinstance(entries, list) else []


def _is_sound(entry: object) -> bool:
    if not (isinstance(entry, dict) and isinstance(entry.get("token"), str)):
        return False
    value = entry.get("logprob")
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < 1


def _sense(entry: dict[str, Any]) -> tuple[str, float | None]:
    value = entry["logprob"]
    return mended(entry["token"]), None if value <= OUT_OF_SIGHT else float(value)
