"""What belongs between a model and its server: the raw text of tool calls, and the token that ends an answer.

Servers are meant to take both out of the text. DeepSeek's models are known to leak `<｜DSML｜tool_calls>` and
`<｜tool▁calls▁begin｜>` all the same, through vLLM, SGLang and DeepSeek itself, with bars and spaces of any kind.
"""

import contextlib
import json
import re
from itertools import product

BARS = ("｜", "|", "‖", "｜｜", "||", "‖‖")
WORDS = ("DSML", "tool▁call", "tool▁sep", "tool▁output", "tool_call", "tool_sep", "tool_output")
OPENERS = tuple(f"<{slash}{bars}{word}" for slash, bars, word in product(("", "/"), BARS, WORDS))
ENDINGS = (
    *(f"<{bar}end{space}of{space}sentence{bar}>" for bar, space in product("｜|", "▁_")),
    "<|im_end|>",
    "<|eot_id|>",
    "<|endoftext|>",
)
BEGINNINGS = frozenset(spelling[:size] for spelling in OPENERS + ENDINGS for size in range(1, len(spelling)))
LONGEST_ENDING = 256  # characters, with the white space around it

OPENER = re.compile("|".join(map(re.escape, OPENERS)))
ENDED = re.compile(rf"(?:(?:{'|'.join(map(re.escape, ENDINGS))})\s*)+")

PARTS = re.compile(r"\n|`+|[^\n`]+")
BEFORE_A_FENCE = " \t>*+-0123456789.)"


class Markup:
    """Lets text through without markup, wherever the chunks cut it.

    From the first raw call on nothing is shown, and `leaked` is true. A leak stands in the open: markup in a code span
    or a fence is what the answer talks about. Nobody leaks who knows of no tools: with `may_leak` false all of it
    is text. `before` is the text that this one continues.

    A token that ends the answer is dropped at the very end, and text anywhere else.
    """

    def __init__(self, *, may_leak: bool, before: str = "") -> None:
        self.may_leak = may_leak
        self._code = Code() if may_leak else None
        self._held = ""
        self.leaked = False
        if self._code:
            self._code.read(before)

    def read(self, text: str) -> str:
        """What may be shown by now."""
        if self.leaked:
            return ""
        if not self._held and "<" not in text:
            if self._code:
                self._code.read(text)
            return text
        text, self._held = self._held + text, ""
        checked = self._look_for_leak(text, self._code) if self._code else 0
        if self.leaked:
            return text[: _ended(text, checked)]
        waiting = _waiting(text)
        if self._code:
            self._code.read(text[checked:waiting])
        self._held = text[waiting:]
        return text[:waiting]

    def flush(self) -> str:
        """What was held back, at the end."""
        held, self._held = self._held, ""
        return "" if ENDED.fullmatch(held) else held

    def _look_for_leak(self, text: str, code: "Code") -> int:
        checked = 0
        for opener in OPENER.finditer(text):
            code.read(text[checked : opener.start()])
            checked = opener.start()
            if not code.is_open():
                self.leaked = True
                break
        return checked


class Code:
    """Whether a Markdown text stands between backticks. A span ends with its line, in what models write."""

    def __init__(self) -> None:
        self._fence = self._span = self._leading = self._run = 0  # numbers of backticks
        self._at_start = True
        self._closing = False

    def read(self, text: str) -> None:
        if not self._run and "`" not in text and "\n" not in text:
            self._words(text)
            return
        for part in PARTS.findall(text):
            if part[0] == "`":
                self._run += len(part)
                continue
            self._end_run()
            if part == "\n":
                self._end_line()
            else:
                self._words(part)

    def is_open(self) -> bool:
        self._end_run()
        return bool(self._span or (self._fence and not self._closing))

    def _words(self, text: str) -> None:
        if self._closing and text.strip():
            self._closing = False
        if self._at_start and text.strip(BEFORE_A_FENCE):
            self._at_start = False

    def _end_run(self) -> None:
        run, self._run = self._run, 0
        if not run:
            return
        if self._fence:
            self._closing = self._at_start and run >= self._fence
        elif not self._span:
            self._span, self._leading = run, run if self._at_start and run >= 3 else 0
        elif run == self._span:
            self._span = self._leading = 0
        self._at_start = False

    def _end_line(self) -> None:
        """A run of three that began its line and was not closed in it opened a fence."""
        if self._closing:
            self._fence = 0
        self._fence = self._fence or self._leading
        self._span = self._leading = 0
        self._at_start, self._closing = True, False


def leaks_in(arguments: str) -> bool:
    """Whether the arguments of a call hold a raw call."""
    with contextlib.suppress(ValueError, RecursionError):
        arguments = json.dumps(json.loads(arguments), ensure_ascii=False)  # "<" may be spelled \u003c
    markup = Markup(may_leak=True)
    markup.read(arguments)
    return markup.leaked


def _waiting(text: str) -> int:
    """From where on the text may be the beginning of markup, or the ending."""
    opened = text.rfind("<")
    return _ended(text, opened if opened >= 0 and text[opened:] in BEGINNINGS else len(text))


def _ended(text: str, until: int) -> int:
    """Where the tokens begin that end this much of the text."""
    found = ENDED.finditer(text, max(0, until - LONGEST_ENDING), until)
    return next((ending.start() for ending in found if ending.end() == until), until)
