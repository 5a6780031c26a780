"""Text of a paragraph, heading or cell that grows: how much of it is certain, and how the rest looks meanwhile."""

import re
import unicodedata
from dataclasses import dataclass

from .formulas import is_money

# How many characters one construct may stay open before it is taken for plain text. Formulas on display may be long.
LONGEST_OPEN = {
    "*": 240,
    "_": 240,
    "~": 240,
    "[": 200,
    "](": 500,
    "`": 300,
    "$": 160,
    "\\(": 400,
    "$$": 2_500,
    "\\[": 2_500,
}
LONGEST_URL = 400
LONGEST_RUN = 40
LONGEST_FORMULA_SHOWN = 300  # of an open one, as source; then it waits, and costs nothing more

_TOKEN = re.compile(
    r"""(?P<url>(?:https?://|ftp://|www\.)[^\s<]*)
    |(?P<word>[^\W_]+)
    |(?P<space>\s+)
    |(?P<code>`+)
    |(?P<formula>\${1,2}|\\[(\[])
    |(?P<escape>\\.?)
    |(?P<emphasis>\*+|_+|~+)
    |(?P<label>!?\[)
    |(?P<labelled>\])
    |(?P<angle><(?:[A-Za-z][^\s<>]{0,200})?>?)
    |(?P<entity>&(?:\#?\w{0,32};?)?)
    |(?P<other>.)""",
    re.X | re.S,
)
_URL_TO_BE = re.compile(r"(?:h|ht|htt|https?(?::/?)?|w|ww|www|f|ft|ftp(?::/?)?)\Z", re.I)
_TARGET = re.compile(r"\((?:[^()\s\\]|\\.|\([^()\s]*\))*(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)")
_TARGET_TO_BE = re.compile(r"\((?:[^()\s\\]|\\.|\([^()\s]*\)?)*(?:\s+(?:\"[^\"]*\"?|'[^']*'?)?)?\Z")
_MONEY_TO_BE = re.compile(r"\d[\d.,]{0,20}\s*(?:[A-Za-z]|[Aa]\s+[A-Za-z]?)?\Z")
_ENDS = {"$$": re.compile(r"\$\$"), "\\(": re.compile(r"\\\)"), "\\[": re.compile(r"\\\]")}
_END_OF_DOLLAR = re.compile(r"(?<![\s\\])\$(?!\d)")


@dataclass(slots=True)
class _Open:
    mark: str
    count: int
    at: int


class Reading:
    """One look at text that goes on: `certain` characters of it can be shown for good; `preview` is Markdown that shows
    the rest as if what is open were closed. Its cost is bounded by the length of the text."""

    def __init__(self, text: str, before: str = "") -> None:
        self.text = text
        self.before = before or " "
        self.certain = 0
        self._open: list[_Open] = []
        self._formula_at = -1
        self._label_end = -1
        self._closer = ""
        self._end = self._read()
        self._give_up_old()
        self.preview = self._preview()

    def _read(self) -> int:
        """Read as far as we understand; return where the part begins that nobody should see yet."""
        position = 0
        while position < len(self.text):
            token = _TOKEN.match(self.text, position)
            assert token and token.lastgroup
            reader = _READERS.get(token.lastgroup)
            after = token.end() if reader is None else reader(self, token)
            if after < 0:
                return ~after
            position = after
            if not self._open and token.lastgroup != "space":
                self.certain = position
        return position

    # Each reader returns where to go on, or ~position: nothing is certain from the token on, show it up to position.

    def _url(self, url: re.Match[str]) -> int:
        grows = url.end() == len(self.text) and len(url[0]) < LONGEST_URL
        return self._stop(url.start(), "") if grows else url.end()

    def _word(self, word: re.Match[str]) -> int:
        if len(self.text) - word.start() <= 8 and _URL_TO_BE.match(self.text, word.start()):
            return ~word.start()
        return word.end()

    def _code(self, run: re.Match[str]) -> int:
        if self._may_grow(run):
            return ~run.start()
        end = re.compile(rf"(?<!`){run[0]}(?!`)").search(self.text, run.end())
        if end and end.end() < len(self.text):
            return end.end()
        if self._is_old("`", run.start()):
            return run.end()
        return self._stop(run.start(), "" if end else run[0])

    def _formula(self, dollar: re.Match[str]) -> int:
        mark, after = dollar[0], dollar.end()
        if after == len(self.text):
            return ~dollar.start()
        if mark == "$" and (self.text[after].isspace() or is_money(self.text[after : after + 40])):
            return after
        if mark == "$" and _MONEY_TO_BE.match(self.text, after):
            return ~dollar.start()
        end = (_ENDS.get(mark) or _END_OF_DOLLAR).search(self.text, after)
        if end and (mark != "$" or end.end() < len(self.text)):
            return end.end()
        if self._is_old(mark, dollar.start()):
            return after
        return self._stop(dollar.start(), "" if end else mark)

    def _escape(self, escape: re.Match[str]) -> int:
        return escape.end() if len(escape[0]) == 2 else ~escape.start()

    def _angle(self, angle: re.Match[str]) -> int:
        if angle[0].endswith(">"):
            return angle.end()
        return ~angle.start() if angle.end() == len(self.text) and len(angle[0]) < 200 else angle.start() + 1

    def _entity(self, entity: re.Match[str]) -> int:
        grows = entity.end() == len(self.text) and not entity[0].endswith(";") and len(entity[0]) < 32
        return ~entity.start() if grows else entity.end()

    def _other(self, other: re.Match[str]) -> int:
        return ~other.start() if other[0] == "!" and other.end() == len(self.text) else other.end()

    def _emphasis(self, run: re.Match[str]) -> int:
        if self._may_grow(run):
            return ~run.start()
        mark, left = run[0][0], len(run[0])
        opens, closes = self._flanks(run)
        while closes and left and (opened := self._opened(mark)):
            shared = min(left, opened.count)
            left, opened.count = left - shared, opened.count - shared
            del self._open[self._open.index(opened) + (opened.count > 0) :]
        if opens and left and not (closes and left < len(run[0])):
            self._open.append(_Open(mark, left, run.start()))
        return run.end()

    def _may_grow(self, run: re.Match[str]) -> bool:
        return run.end() == len(self.text) and len(run[0]) < LONGEST_RUN

    def _flanks(self, run: re.Match[str]) -> tuple[bool, bool]:
        before = self.text[run.start() - 1] if run.start() else self.before
        after = self.text[run.end() : run.end() + 1] or " "
        opens = not after.isspace() and (not _is_punctuation(after) or not before.isalnum() or _is_wide(before))
        closes = not before.isspace() and (not _is_punctuation(before) or not after.isalnum() or _is_wide(after))
        if run[0][0] == "_":
            return opens and not before.isalnum(), closes and not after.isalnum()
        return opens, closes

    def _label(self, label: re.Match[str]) -> int:
        self._open.append(_Open("[", 1, label.start()))
        return label.end()

    def _labelled(self, bracket: re.Match[str]) -> int:
        label = self._opened("[")
        if label is None:
            return bracket.end()
        after = self._target_end(bracket.end(), label)
        if after < 0:
            self._label_end = bracket.start()
            return ~len(self.text)
        del self._open[self._open.index(label) :]
        return after

    def _target_end(self, start: int, label: _Open) -> int:
        """Where the link's target ends that starts here (here, if there is none), or -1 if it still grows."""
        if self._is_old("](", label.at):
            return start
        if target := _TARGET.match(self.text, start):
            return target.end()
        if start == len(self.text) or _TARGET_TO_BE.match(self.text, start):
            return -1
        return start

    def _stop(self, at: int, closer: str) -> int:
        """Show the open construct that starts here as if it ended at the end of the text."""
        if closer in _FORMULAS:
            self._formula_at = at
        self._open.append(_Open("", 0, at))
        self._closer = closer
        return ~len(self.text)

    def _opened(self, mark: str) -> _Open | None:
        return next((opened for opened in reversed(self._open) if opened.mark == mark), None)

    def _is_old(self, mark: str, at: int) -> bool:
        return len(self.text) - at > LONGEST_OPEN[mark]

    def _give_up_old(self) -> None:
        if any(opened.mark and self._is_old(opened.mark, opened.at) for opened in self._open):
            self.certain = len(self.text[: self._end].rstrip())
            self._open.clear()

    def _preview(self) -> str:
        """The rest: open labels without brackets and target, an open formula as code, all that is open closed."""
        if not self._open:
            return ""
        pieces, start = [], self.certain
        for opened in self._open:
            if opened.mark == "[":
                pieces.append(self.text[start : opened.at])
                start = self.text.index("[", opened.at) + 1
        pieces.append(self._last_piece(start))
        return self._closed("".join(pieces))

    def _last_piece(self, start: int) -> str:
        if self._label_end >= 0:
            return self.text[start : self._label_end]
        if self._formula_at >= 0:
            source = " ".join(self.text[self._formula_at :][:LONGEST_FORMULA_SHOWN].split())
            return f"{self.text[start : self._formula_at]}{_CODE} {source} {_CODE}"
        return self.text[start : self._end] + self._closer

    def _closed(self, text: str) -> str:
        for opened in reversed(self._open):
            if opened.mark in _EMPHASIS:
                run = opened.mark * opened.count
                text = text.rstrip()
                text = text.removesuffix(run) if text.endswith(run) else text + run
        return text.rstrip()


_CODE = "`" * 9
_EMPHASIS = {"*", "_", "~"}
_FORMULAS = {"$", "$$", "\\(", "\\["}
_READERS = {
    "url": Reading._url,
    "word": Reading._word,
    "code": Reading._code,
    "formula": Reading._formula,
    "escape": Reading._escape,
    "emphasis": Reading._emphasis,
    "label": Reading._label,
    "labelled": Reading._labelled,
    "angle": Reading._angle,
    "entity": Reading._entity,
    "other": Reading._other,
}


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _is_wide(character: str) -> bool:
    """Chinese, Japanese, Korean: emphasis works beside them without spaces."""
    return unicodedata.east_asian_width(character) in "WF"
