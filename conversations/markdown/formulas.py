"""LaTeX → MathML Core, checked against an allow list, because it goes in after the gate."""

import html
import re
from collections.abc import Sequence
from functools import lru_cache

from math_core import LatexError, LatexToMathML

LONGEST = 5_000
WIDEST_SPACE_EM = 10
DEEPEST = 100
_CONVERTER = LatexToMathML(fancy_error=False, max_expansions=200)

# Only _formula in core.py writes <var>: Markdown has no way to make one.
PLACE = "<var>{}</var>"
_PLACE = re.compile(r"<var>(\d+)</var>")

_MONEY = re.compile(r"\d[\d.,]*[^\w\\^_{}$=+*/-]*\s+(?:[Aa]\s+)?[A-Za-z]{2}")

_TAG = re.compile(r"<(/?)([a-z]+)((?:\s[a-z-]+=\"[^\"<>]*\")*)\s*(/?)>")
_ATTRIBUTE = re.compile(r"([a-z-]+)=\"([^\"]*)\"")
_TAGS = (
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle mpadded mphantom merror msub msup msubsup munder mover"
    " munderover mmultiscripts mprescripts mtable mtr mtd"
)
_ATTRIBUTES = (
    "accent accentunder columnspan dir display displaystyle fence form largeop linethickness lspace mathvariant maxsize"
    " minsize movablelimits rowspan rspace scriptlevel separator stretchy symmetric width height depth voffset"
)
_ALLOWED_TAGS = frozenset(_TAGS.split())
_ALLOWED_ATTRIBUTES = frozenset(_ATTRIBUTES.split())
_VALUE = re.compile(r"[\w.%+ -]{0,32}")
_LENGTH = re.compile(r"-?\d+(?:\.\d+)?")

# The converter's inline styles, which our CSP forbids, as classes of ours. Others are dropped.
STYLES = {
    "width: 100%": "math-wide",
    "width: 50%": "math-half",
    "text-align: left": "math-left",
    "text-align: right": "math-right",
    "padding-left: 0": "math-joined-left",
    "padding-right: 0": "math-joined-right",
    "border-left: 0.05em solid currentcolor": "math-line-left",
    "border-right: 0.05em solid currentcolor": "math-line-right",
    "border-top: 0.05em solid currentcolor": "math-line-top",
    "border-bottom: 0.05em solid currentcolor": "math-line-bottom",
}


_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FORMULA_LINE = re.compile(r"[ ]*(?:(?P<dollars>\$\$)(?!.*\$\$)|\\\[(?!.*\\\]))")
_COMMENT = re.compile(r"(?<!\\)%.*")
MOST_LINES = 100


class _HostileError(Exception):
    """The MathML has something in it that we do not allow."""


def is_money(source: str) -> bool:
    """Whether what stands between two dollars is a price with words after it, as in: from $5 each to $6."""
    return _MONEY.match(source) is not None


@lru_cache(maxsize=2_048)
def mathml(source: str, display: bool) -> str:
    """MathML Core, or the source in <code> if it cannot be converted safely."""
    try:
        if len(source) > LONGEST:
            raise _HostileError
        return _TAG.sub(_checked, _well_formed(_CONVERTER.convert_with_local_state(source, displaystyle=display)))
    except (LatexError, _HostileError):
        return source_shown(source)


def source_shown(source: str) -> str:
    """The formula as it was written."""
    return f'<code class="math-source">{html.escape(source.strip())}</code>'


def put_in(page: str, found: Sequence[str]) -> str:
    """The cleaned HTML with each formula in its place."""
    return _PLACE.sub(lambda place: found[int(place[1])], page) if found else page


def _well_formed(converted: str) -> str:
    if "<" in _TAG.sub("", converted):
        raise _HostileError
    depth = 0
    for end, _, _, empty in _TAG.findall(converted):
        depth += -1 if end else not empty
        if not 0 <= depth <= DEEPEST:
            raise _HostileError
    if depth:
        raise _HostileError
    return converted


def _checked(tag: re.Match[str]) -> str:
    end, name, attributes, empty = tag.groups()
    if name == "menclose":  # \boxed; not in MathML Core
        return "</mrow>" if end else '<mrow class="math-boxed">'
    if name not in _ALLOWED_TAGS:
        raise _HostileError
    return f"<{end}{name}{_checked_attributes(attributes)}{empty}>"


def _checked_attributes(attributes: str) -> str:
    kept = []
    for name, value in _ATTRIBUTE.findall(attributes):
        if name == "style":
            kept.append(_classes(value))
        elif name in _ALLOWED_ATTRIBUTES and _VALUE.fullmatch(value):
            _refuse_giants(value)
            kept.append(f' {name}="{value}"')
    return "".join(kept)


def _classes(style: str) -> str:
    declarations = (declaration.strip() for declaration in style.split(";"))
    classes = [STYLES[declaration] for declaration in declarations if declaration in STYLES]
    return f' class="{" ".join(classes)}"' if classes else ""


def _refuse_giants(value: str) -> None:
    length = _LENGTH.match(value)
    if length and "%" not in value and abs(float(length[0])) > WIDEST_SPACE_EM:
        raise _HostileError


def on_one_line(markdown: str) -> str:
    """The Markdown with each displayed formula that begins a line on one line: a line of it that starts with + or =
    would begin a list or a heading instead."""
    lines = markdown.split("\n")
    done: list[str] = []
    searched: dict[str, int] = {}
    fence, number = "", 0
    while number < len(lines):
        line, last = lines[number], number
        fence = _fence_after(fence, line)
        if not fence and (start := _FORMULA_LINE.match(line)):
            last = _last_line(lines, number, "$$" if start["dollars"] else "\\]", searched)
            line = " ".join([line, *(_COMMENT.sub("", part).strip() for part in lines[number + 1 : last + 1])])
        done.append(line)
        number = last + 1
    return "\n".join(done)


def _fence_after(fence: str, line: str) -> str:
    """The open fence, if any, after this line."""
    mark = _FENCE.match(line)
    if mark is None:
        return fence
    if fence:
        return "" if mark[1].startswith(fence) and not line.strip(" " + fence[0]) else fence
    return mark[1]


def _last_line(lines: Sequence[str], first: int, end: str, searched: dict[str, int]) -> int:
    """The number of the line that ends the formula; the first, if none does. No line is searched twice."""
    for number in range(max(first + 1, searched.get(end, 0)), min(first + MOST_LINES, len(lines))):
        if _FENCE.match(lines[number]):
            break
        if end in lines[number]:
            return number
        searched[end] = number + 1
    return first
