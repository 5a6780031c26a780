"""Auto: which route answers a question, decided by rules that can be read here, and said on the page."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from django.utils.translation import gettext_noop

from catalog.code_signs import is_about_code
from catalog.models import NoRouteError, Route

FULL = 0.8  # of a model's window: beyond it there is little room for the answer

# DeepSeek's docs of 2026-09-18: an English character is about 0.3 tokens, a Chinese one about 0.6.
PER_CHARACTER, PER_WIDE_CHARACTER = 0.3, 0.6
PER_ASTRAL_CHARACTER = 2.0  # emoji and the rarest characters: spelled out in bytes
_WIDE = re.compile(r"[\u2e80-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]+")
_ASTRAL = re.compile(r"[\U00010000-\U0010ffff]+")


@dataclass(frozen=True, slots=True)
class Choice:
    """A route, and why it and no other: a phrase for the page, "" when nobody asked us to choose."""

    route: Route
    reason: str


def choose(route: Route, text: str, *, has_image: bool, tokens: int) -> Choice:
    """The route itself; for Auto, the one that fits a question of this `text` in a conversation of so many `tokens`.

    A route that is missing or not ready is passed over. Raises NoRouteError when none is left.
    """
    if not route.is_auto:
        return Choice(route, "")
    ready = route.choosable
    if not ready:
        raise NoRouteError
    parts = {it.auto: it for it in reversed(ready)}  # of several with one part, the first
    otherwise = parts.get(Route.Auto.OTHERWISE, ready[0])
    if has_image and Route.Auto.IMAGES in parts:
        return Choice(parts[Route.Auto.IMAGES], gettext_noop("an image"))
    longest = parts.get(Route.Auto.LONG, otherwise)
    if tokens > FULL * otherwise.window and longest.window > otherwise.window:
        return Choice(longest, gettext_noop("a long conversation"))
    if Route.Auto.CODE in parts and is_about_code(text):
        return Choice(parts[Route.Auto.CODE], gettext_noop("code in the question"))
    return Choice(otherwise, gettext_noop("a general question"))


def estimated_tokens(text: str) -> int:
    """An upper bound for prose and code in the languages that DeepSeek documents; random digits have more."""
    count = len(text) * PER_CHARACTER
    if not text.isascii():
        wide, astral = _count(_WIDE, text), _count(_ASTRAL, text)
        count += wide * (PER_WIDE_CHARACTER - PER_CHARACTER) + astral * (PER_ASTRAL_CHARACTER - PER_CHARACTER)
    return math.ceil(count)


def characters_in(tokens: float) -> float:
    """More characters than this are more than so many tokens, whatever they are."""
    return tokens / PER_CHARACTER


def tokens_that_count(route: Route) -> float:
    """How many Auto has to know of: beyond the largest window, more of them choose no differently."""
    return FULL * max((it.window for it in route.choosable), default=0)


def _count(characters: re.Pattern[str], text: str) -> int:
    return sum(map(len, characters.findall(text)))
