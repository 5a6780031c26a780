"""What a person reads of a page: its texts, and what is said of its controls. Not what people and models wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
SPOKEN = {"alt", "aria-label", "placeholder", "title"}  # attributes that are words
# Theirs, or nobody's language: code, keys, what is typed into.
UNREAD = {"code", "kbd", "noscript", "pre", "script", "style", "svg", "textarea"}
WRITTEN = {"md", "typed", "who", "me"}  # classes of what people and models wrote, and of their names
SAID = "said"  # the id of what is read aloud: what models wrote


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._open: list[bool] = []  # for each open element, whether what is inside is read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_read = (not self._open or self._open[-1]) and tag not in UNREAD
        is_read = is_read and not WRITTEN.intersection(given.get("class", "").split()) and given.get("id") != SAID
        if is_read:
            self.found += [value for name, value in given.items() if name in SPOKEN]
            if tag == "input" and given.get("type") in {"submit", "button", "reset"}:
                self.found.append(given.get("value", ""))
        if tag not in VOID:
            self._open.append(is_read)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1]:
            self.found.append(data)


def read(html: str) -> Iterator[str]:
    reading = _Reading()
    reading.feed(html)
    reading.close()
    yield from (" ".join(it.split()) for it in reading.found if it.strip())


WORD = re.compile(r"[A-Za-z][A-Za-z’']+")


def english(text: str, but: re.Pattern[str]) -> list[str]:
    """The Latin words of a text, but for what is the same in every language."""
    return WORD.findall(but.sub(" ", text))


# The same in every language: names, of the tests' people too, addresses, and what stands in rows or in the environment.
SAME_EVERYWHERE = re.compile(
    r"DeepSeek|deepseek-flash|[Dd]eepseek|SmolLM2|JPEG|PNG|GIF|WebP|JSON|Markdown|Auto|Top p|Cookie|PDF|CSV"
    r"|OpenAI|OpenRouter|llama\.cpp|vLLM|SGLang|Ollama|Anthropic|LM Studio|Azure|Kimi|Qwen|GLM"
    r"|[\w.+-]+@[\w.-]+|https?://\S+|/\S+/|[A-Z]+(?:_[A-Z]+)+(?:=\S+)?|</?think>|LiteLLM|Control|Mac|Command|Ctrl|Enter|English"
    r"|\b(?:[Aa]lice|Charlie|Dora|Erin|Rita|Root|Writers|Peak|flash|quick|Quick|Asia|Shanghai|Europe|Berlin|Mon|Fri)\b"
    r"|\b(?:token|tokens|API|ID|UUID|IP|UTC|USD|CNY|CN|ms)\b"
    r"|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{6,}\b|What is a monad\?|A monoid in|image\.png|newcomer"
    r"|A short title"
)

DJANGOS = {"True", "False", "Search"}  # of its icons, which it does not translate


def words_of(html: str) -> set[str]:
    """What is said in a language of Latin letters."""
    return {text for text in read(html) if english(text, SAME_EVERYWHERE)} - DJANGOS
