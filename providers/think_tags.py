"""Thinking that a server left inside the text: <think>…</think> before the answer."""

from enum import Enum, auto

from providers.deltas import Reasoning, Text

OPENER, CLOSER = "<think>", "</think>"
MOST_WHITE_SPACE = 100  # characters before the tag; beyond, there is none


class Place(Enum):
    START = auto()
    THINKING = auto()
    ANSWER = auto()


class ThinkTags:
    """Splits text into Reasoning and Text, wherever the chunks cut a tag.

    Only a tag that opens the text counts: once the answer has begun, tags are what the answer talks about.
    With `starts_thinking` the opening tag may be missing.
    """

    def __init__(self, *, starts_thinking: bool = False) -> None:
        self._without_opener = Place.THINKING if starts_thinking else Place.ANSWER
        self._place = Place.START
        self._held = ""
        self._after_tag = False

    @property
    def are_over(self) -> bool:
        """The answer has begun: whatever comes now is text."""
        return self._place is Place.ANSWER and not self._after_tag

    def split(self, text: str) -> list[Reasoning | Text]:
        self._held += text
        if self._place is Place.START:
            self._look_for_opener()
        thoughts = self._think() if self._place is Place.THINKING else []
        return [*thoughts, *self._answer()] if self._place is Place.ANSWER else thoughts

    def flush(self) -> list[Reasoning | Text]:
        """What was held back for a tag that never came."""
        held, self._held = self._held, ""
        if not held:
            return []
        return [Reasoning(held) if self._place is Place.THINKING else Text(held)]

    def _look_for_opener(self) -> None:
        start = self._held.lstrip()
        is_lost = len(self._held) - len(start) > MOST_WHITE_SPACE
        if start.startswith(OPENER) and not is_lost:
            self._held, self._place, self._after_tag = start.removeprefix(OPENER), Place.THINKING, True
        elif is_lost or not OPENER.startswith(start):
            self._place = self._without_opener

    def _think(self) -> list[Reasoning | Text]:
        self._drop_line_breaks()
        thought, closer, rest = self._held.partition(CLOSER)
        if closer:
            self._held, self._place, self._after_tag = rest, Place.ANSWER, True
        else:
            thought = thought[: len(thought) - _length_of_beginning(CLOSER, thought)]
            self._held = self._held[len(thought) :]
        return [Reasoning(thought)] if thought else []

    def _answer(self) -> list[Reasoning | Text]:
        self._drop_line_breaks()
        text, self._held = self._held, ""
        return [Text(text)] if text else []

    def _drop_line_breaks(self) -> None:
        """Those around a tag belong to the tag."""
        if self._after_tag:
            self._held = self._held.lstrip("\r\n")
            self._after_tag = not self._held


def _length_of_beginning(tag: str, text: str) -> int:
    """How many characters at the end of the text may be the beginning of the tag."""
    return next((size for size in range(len(tag) - 1, 0, -1) if text.endswith(tag[:size])), 0)
