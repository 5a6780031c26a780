"""What a model says, out of the strings that its server sends: whole characters, thinking apart, no markup."""

from providers.deltas import Delta, Reasoning, Text
from providers.dialects import Dialect
from providers.markup import Markup
from providers.mending import Mender
from providers.messages import ChatRequest, FillRequest, Format
from providers.think_tags import ThinkTags

MOST_WHITE_SPACE = 2_000  # characters in a row, where JSON is awaited


class Speech:
    """Takes the pieces as they come, adds deltas to what was found; `flush` gives the rest.

    has_words: something was said that can be seen. is_lost: JSON was awaited, and white space comes without end.
    """

    def __init__(self, dialect: Dialect, question: ChatRequest | FillRequest | None) -> None:
        self._text_mender, self._reasoning_mender = Mender(), Mender()
        self._tags = _tags(dialect, question)
        self._markup = _markup(question)
        self._awaits_json = isinstance(question, ChatRequest) and question.format is Format.JSON
        self._blank = 0
        self.has_words = False
        self.is_lost = False

    @property
    def may_leak(self) -> bool:
        return self._markup.may_leak

    @property
    def leaked(self) -> bool:
        return self._markup.leaked

    def think(self, reasoning: str, found: list[Delta]) -> None:
        if reasoning := self._reasoning_mender.mend(reasoning):
            # A server that separates the thinking leaves no tags to look for.
            self._stop_looking_for_tags(found)
            found.append(Reasoning(reasoning))

    def say(self, content: str, found: list[Delta]) -> None:
        self._split(self._text_mender.mend(content), found)

    def flush(self) -> list[Delta]:
        found: list[Delta] = []
        if rest := self._reasoning_mender.flush():
            found.append(Reasoning(rest))
        if rest := self._text_mender.flush():
            self._split(rest, found)
        self._stop_looking_for_tags(found)
        self._show(self._markup.flush(), found)
        return found

    def _split(self, content: str, found: list[Delta]) -> None:
        if self._tags is None:
            self._read(content, found)
            return
        for piece in self._tags.split(content):
            self._take(piece, found)
        if self._tags.are_over:
            self._tags = None

    def _stop_looking_for_tags(self, found: list[Delta]) -> None:
        tags, self._tags = self._tags, None
        for piece in tags.flush() if tags else ():
            self._take(piece, found)

    def _take(self, piece: Reasoning | Text, found: list[Delta]) -> None:
        if isinstance(piece, Text):
            self._read(piece.text, found)
        else:
            found.append(piece)

    def _read(self, text: str, found: list[Delta]) -> None:
        self._show(self._markup.read(text), found)

    def _show(self, text: str, found: list[Delta]) -> None:
        if text:
            self.has_words = self.has_words or bool(text.strip())
            found.append(Text(text))
            if self._awaits_json:
                self._measure_blank(text)

    def _measure_blank(self, text: str) -> None:
        words = text.rstrip()
        self._blank = len(text) - len(words) + (0 if words else self._blank)
        self.is_lost = self._blank > MOST_WHITE_SPACE


def _tags(dialect: Dialect, question: ChatRequest | FillRequest | None) -> ThinkTags | None:
    if isinstance(question, FillRequest):
        return None
    starts_thinking = question is not None and question.starts_thinking
    return ThinkTags(starts_thinking=starts_thinking) if dialect.think_tags or starts_thinking else None


def _markup(question: ChatRequest | FillRequest | None) -> Markup:
    """Whoever was offered tools, or reads of earlier calls, may write a call where text belongs."""
    if not isinstance(question, ChatRequest):
        return Markup(may_leak=False)
    may_leak = bool(question.tools) or any(message.tool_calls for message in question.messages)
    return Markup(may_leak=may_leak, before=question.messages[-1].content if question.prefix else "")
