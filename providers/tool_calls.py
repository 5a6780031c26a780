"""The tool calls of one answer, put together from their fragments."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from providers.deltas import ToolCall, ToolCallBegun
from providers.mending import mended

MOST_CALLS = 128
MOST_CHARACTERS = 1_000_000  # of arguments, all calls of one answer together
LONGEST_NAME = 256

CUT_OFF = "The call was cut off before it was whole."
TOO_LONG = "The arguments are too long."


@dataclass(slots=True)
class Draft:
    """A call that is still being written. `given` is the provider's own id, `id` the one that we announced."""

    index: int
    given: str = ""
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    too_long: bool = False

    def arguments(self) -> str:
        """Tools without parameters are called with nothing at all by some servers."""
        return mended("".join(self.pieces)).strip() or "{}"


class ToolCalls:
    """Takes fragments in any order, gives whole calls in the order of their index.

    A known id or name is never replaced. Calls beyond MOST_CALLS are not listened to; a call whose name never came
    is none.
    """

    def __init__(self, offered: Collection[str] = ()) -> None:
        self._offered = offered
        self._drafts: list[Draft] = []
        self._room = MOST_CHARACTERS

    def take(self, fragments: object) -> list[ToolCallBegun]:
        """One chunk's `tool_calls`. Garbage is passed over."""
        sound = [each for each in fragments if isinstance(each, dict)] if isinstance(fragments, list) else []
        # Calls are written one after the other: a fragment that comes alone belongs to the latest.
        positions = range(len(sound)) if len(sound) > 1 else [-1]
        return [begun for each, at in zip(sound, positions, strict=False) if (begun := self._take(each, at))]

    def whole(self, *, cut_off: bool = False) -> list[ToolCall]:
        """The calls, once the answer has ended; `cut_off` says that it ended before the model did."""
        named = sorted((draft for draft in self._drafts if draft.name), key=lambda draft: draft.index)
        return [
            ToolCall(draft.id, draft.name, draft.arguments(), CUT_OFF if cut_off else self._problem(draft))
            for draft in named
        ]

    def _take(self, fragment: dict[str, Any], position: int) -> ToolCallBegun | None:
        function = fragment.get("function")
        function = function if isinstance(function, dict) else {}
        given, name = _word(fragment.get("id")), _word(function.get("name"))
        draft = self._draft(fragment.get("index"), given, name, position)
        if draft is None:
            return None
        draft.given = draft.given or given
        self._write(draft, function.get("arguments"))
        return self._begin(draft, name) if name and not draft.name else None

    def _draft(self, index: object, given: str, name: str, position: int) -> Draft | None:
        """The call that a fragment belongs to: by its index, else by its id, else by its place in the chunk."""
        if type(index) is int:
            return self._by_index(index, given, name) or self._add(index)
        if given:
            return next((draft for draft in self._drafts if draft.given == given), None) or self._add()
        if name or not -1 <= position < len(self._drafts) or not self._drafts:
            return self._add()
        return self._drafts[position]

    def _by_index(self, index: int, given: str, name: str) -> Draft | None:
        found = next((draft for draft in reversed(self._drafts) if draft.index == index), None)
        # Old Ollama numbers all calls 0, each whole and with an id of its own. Old vLLM makes up a new id for every
        # fragment, but says the name only once.
        is_another = found and name and given and found.given and found.given != given
        return None if is_another else found

    def _add(self, index: int | None = None) -> Draft | None:
        """An index is a name, never a size: it may be any number."""
        if len(self._drafts) == MOST_CALLS:
            return None
        draft = Draft(len(self._drafts) if index is None else index)
        self._drafts.append(draft)
        return draft

    def _write(self, draft: Draft, arguments: object) -> None:
        # A string by the book; some servers send the object itself.
        text = json.dumps(arguments, ensure_ascii=False) if isinstance(arguments, dict) else arguments
        if not (text and isinstance(text, str)):
            return
        self._room -= len(text)
        if self._room >= 0:
            draft.pieces.append(text)
        else:
            draft.too_long = True

    def _begin(self, draft: Draft, name: str) -> ToolCallBegun:
        draft.name = name
        draft.id = draft.given or f"call_{uuid4().hex[:24]}"
        return ToolCallBegun(draft.id, name)

    def _problem(self, draft: Draft) -> str:
        if draft.too_long:
            return TOO_LONG
        if draft.name not in self._offered:
            return f"There is no tool of this name. There are: {', '.join(sorted(self._offered)) or 'none'}."
        try:
            found = json.loads(draft.arguments(), parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            return f"The arguments are no JSON: {error}."
        return "" if isinstance(found, dict) else "The arguments are no JSON object."


def _word(value: object) -> str:
    return mended(value)[:LONGEST_NAME] if isinstance(value, str) and value else ""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
