"""A piece of Markdown → safe HTML: defused, given to comrak, rewritten as our markup, through the gate.

Both ways of showing a text (whole, and while it grows) come through `safe_html`; there is no second way.
"""

import html
import re
from collections.abc import Callable
from functools import cache

import comrak

from . import code, formulas, gate, links

# Overrides of the writing direction reorder what is read (and what code seems to say); tag characters hide words in
# plain sight. They go without a trace: what is shown is then also what is copied. The text itself is stored as it came.
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\ufdd0\U000e0000-\U000e007f]")
_NO_CHARACTER = re.compile("[\ud800-\udfff\0]")

# A noncharacter: we take it out of every text that comes in, put it where Markdown must not see a construct, and take
# it out of the HTML again.
_BREAK = "\ufdd0"
_BREAK_IN_HTML = re.compile("\ufdd0|%EF%B7%90")

_RAW_TAG = re.compile(r"<(?=[/!?]|[A-Za-z][A-Za-z0-9-]*(?:[\s/>]|$))", re.M)
MOST_LEVELS = 24
_MARKER = r"[ \t]*(?:>|[-+*](?=[ \t])|\d{1,9}[.)](?=[ \t]))"
_TOO_DEEP = re.compile(rf"^(?:{_MARKER}){{{MOST_LEVELS}}}", re.M)
_TABLE_RULE = re.compile(r"^(?=[^\n]*-)[ \t>]*[|:-][ \t|:-]*$", re.M)
MOST_CELLS = 100_000

# Above these, formulas and addresses are plain text. comrak looks for the end of each \( from its start: 30,000 of them
# cost seconds. It goes one call deeper with every mail address of a paragraph: 40,000 of them overflow the stack, and
# the process is gone. Brackets at the end of an address cost it the square of its length: 400,000 of them, 14 s.
MOST_FORMULAS = 2_000
MOST_MAIL_ADDRESSES = 1_000
LONGEST_ADDRESS = 4_000

MOST_CONVERTED = 200_000  # characters of all formulas; those after it are shown as they were written


@cache
def _extensions(*, latex: bool, autolink: bool) -> comrak.ExtensionOptions:
    extensions = comrak.ExtensionOptions()
    extensions.table = extensions.tasklist = extensions.strikethrough = True
    extensions.footnotes = extensions.cjk_friendly_emphasis = True
    extensions.autolink = autolink
    extensions.math_dollars = extensions.math_latex = latex
    return extensions


def _rendering() -> comrak.RenderOptions:
    rendering = comrak.RenderOptions()
    rendering.escape = rendering.tasklist_classes = True
    return rendering


_PARSING = comrak.ParseOptions()
_RENDERING = _rendering()


def legible(text: str) -> str:
    """The text without characters that hide or reorder others, with one kind of line end."""
    text = _NO_CHARACTER.sub("\ufffd", _UNSEEN.sub("", text))
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def safe_html(markdown: str) -> str:
    """Safe HTML of a legible piece of Markdown. May raise what the core raises."""
    extensions = _extensions(latex=markdown.count("\\") < MOST_FORMULAS, autolink=_may_have_addresses(markdown))
    raw = comrak.render_markdown(_defused(markdown), extensions, _PARSING, _RENDERING)
    if _BREAK in raw or "%EF%B7%90" in raw:
        raw = _BREAK_IN_HTML.sub("", raw)
    rewriting = _Rewriting()
    return formulas.put_in(gate.cleaned(rewriting.ours(raw)), rewriting.found)


def _may_have_addresses(markdown: str) -> bool:
    if markdown.count("@") > MOST_MAIL_ADDRESSES:
        return False
    return not any(len(it) > LONGEST_ADDRESS and ("://" in it or "www." in it) for it in markdown.split())


def _defused(markdown: str) -> str:
    """Raw HTML becomes text before the core sees it; nesting and tables that would explode become text as well."""
    if "<" in markdown:
        markdown = _RAW_TAG.sub("<" + _BREAK, markdown)
    if "|" in markdown:
        rows = markdown.count("\n")
        markdown = _TABLE_RULE.sub(lambda rule: _bounded(rule[0], rows), markdown)
    if "$$" in markdown or "\\[" in markdown:
        markdown = formulas.on_one_line(markdown)
    return _TOO_DEEP.sub(lambda markers: markers[0] + _BREAK, markdown)


def _bounded(rule: str, rows: int) -> str:
    # Every row is filled up to the width of its table, so 14 kB can become 40 MB.
    return _BREAK + rule if rule.count("|") * rows > MOST_CELLS else rule


# What comrak writes and we want otherwise. Text and attribute values have no < or > in them: comrak escapes them all.
_THEIRS = re.compile(
    r"""<(?:(?P<code>pre><code(?:\ class="language-(?P<language>[^"]*)")?[^>]*>(?P<source>[^<]*)</code></pre>)
    |(?P<formula>span\ data-math-style="(?P<style>\w+)">(?P<latex>[^<]*)</span>)
    |(?P<footnote>sup\ class="footnote-ref"><a[^>]*>(?P<number>\d+)</a></sup>)
    |(?P<link>a\ href="(?P<href>[^"]*)"[^>]*>(?P<label>.*?)</a>)
    |(?P<image>img\ src="(?P<src>[^"]*)"\ alt="(?P<alt>[^"]*)"[^>]*/>)
    |(?P<table>table>)
    |(?P<table_end>/table>)
    |(?P<cell>(?P<tag>t[hd])\ align="(?P<align>\w+)">)
    |(?P<task>input\ type="checkbox"\ class="task-list-item-checkbox"(?P<done>\ checked="")?\ disabled=""\ />))
    """,
    re.X | re.S,
)
_WAY_BACK = re.compile(r' ?<a href="#fnref[^>]* class="footnote-backref"[^>]*>.*?</a>')
_ITEM = re.compile("<li(?: [^>]*)?>|</li>")
TASK = {False: '<span class="box">\u2610</span>', True: '<span class="box">\u2611</span>'}


def _unnested(raw: str) -> str:
    """A footnote that is defined inside of another, in a quotation say, is no item there: it has no list around it."""
    opened: list[bool] = []  # whether each was left as it was

    def part(item: re.Match[str]) -> str:
        if item[0] == "</li>":
            return item[0] if opened.pop() else ""
        opened.append(not (opened and item[0].startswith('<li id="fn-')))
        return item[0] if opened[-1] else ""

    return _ITEM.sub(part, raw)


class _Rewriting:
    """comrak's HTML as ours. Formulas are only given their places; `found` has them, in order."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._is_in_link = False
        self._to_convert = MOST_CONVERTED
        self._brush = code.Brush()

    def ours(self, raw: str) -> str:
        """The HTML in our markup, still to go through the gate."""
        if '<li id="fn-' in raw:
            raw = _WAY_BACK.sub("", _unnested(raw))
        return _THEIRS.sub(self._part, raw)

    def _part(self, theirs: re.Match[str]) -> str:
        write: Callable[[re.Match[str]], str] = getattr(self, f"_{theirs.lastgroup}")
        return write(theirs)

    def _code(self, theirs: re.Match[str]) -> str:
        language, source = html.unescape(theirs["language"] or ""), html.unescape(theirs["source"])
        if language == "math":
            return f"<p>{self._place_of(source, display=True)}</p>"
        return self._brush.figure(language, source.removesuffix("\n"))

    def _formula(self, theirs: re.Match[str]) -> str:
        source, display = html.unescape(theirs["latex"]), theirs["style"] == "display"
        if not display and formulas.is_money(source):
            return html.escape(f"${source}$")
        return self._place_of(source, display=display)

    def _place_of(self, source: str, *, display: bool) -> str:
        self._to_convert -= len(source)
        shown = formulas.mathml(source, display) if self._to_convert >= 0 else formulas.source_shown(source)
        self.found.append(shown)
        return formulas.PLACE.format(len(self.found) - 1)

    def _footnote(self, theirs: re.Match[str]) -> str:
        return f'<sup class="footnote">{theirs["number"]}</sup>'

    def _link(self, theirs: re.Match[str]) -> str:
        self._is_in_link = True
        label = self.ours(theirs["label"])
        self._is_in_link = False
        return links.link(html.unescape(theirs["href"]), label)

    def _image(self, theirs: re.Match[str]) -> str:
        return links.image(html.unescape(theirs["src"]), theirs["alt"], is_in_link=self._is_in_link)

    def _table(self, _: re.Match[str]) -> str:
        return '<div class="table"><table>'

    def _table_end(self, _: re.Match[str]) -> str:
        return "</table></div>"

    def _cell(self, theirs: re.Match[str]) -> str:
        return f'<{theirs["tag"]} class="{theirs["align"]}">'

    def _task(self, theirs: re.Match[str]) -> str:
        return TASK[theirs["done"] is not None]
