"""A piece of Markdown → safe HTML: defused, given to comrak, rewritten to our own markup, through the gate, formulas put in.

Both ways of showing a text (whole, and while it grows) come through `safe_html`; there is no second way.
"""

import html
import re

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
MOST_FORMULAS = 2_000


def _extensions(*, latex: bool) -> comrak.ExtensionOptions:
    extensions = comrak.ExtensionOptions()
    extensions.table = extensions.tasklist = extensions.strikethrough = True
    extensions.autolink = extensions.footnotes = extensions.cjk_friendly_emphasis = True
    extensions.math_dollars = extensions.math_latex = latex
    return extensions


def _rendering() -> comrak.RenderOptions:
    rendering = comrak.RenderOptions()
    rendering.escape = rendering.tasklist_classes = True
    return rendering


_EXTENSIONS = _extensions(latex=True)
_EXTENSIONS_WITHOUT_FORMULAS = _extensions(latex=False)
_PARSING = comrak.ParseOptions()
_RENDERING = _rendering()


def legible(text: str) -> str:
    """The text without characters that hide or reorder others, with one kind of line end."""
    text = _NO_CHARACTER.sub("\ufffd", _UNSEEN.sub("", text))
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def safe_html(markdown: str) -> str:
    """Safe HTML of a legible piece of Markdown. May raise what the core raises."""
    # comrak looks for the end of each \( from its start: 30,000 of them cost seconds.
    extensions = _EXTENSIONS if markdown.count("\\") < MOST_FORMULAS else _EXTENSIONS_WITHOUT_FORMULAS
    raw = comrak.render_markdown(_defused(markdown), extensions, _PARSING, _RENDERING)
    if _BREAK in raw or "%EF%B7%90" in raw:
        raw = _BREAK_IN_HTML.sub("", raw)
    found: list[str] = []
    return formulas.put_in(gate.cleaned(_ours(raw, found)), found)


def _defused(markdown: str) -> str:
    """Raw HTML becomes text before the core sees it; nesting and tables that would explode become text as well."""
    if "<" in markdown:
        markdown = _RAW_TAG.sub("<" + _BREAK, markdown)
    if "|" in markdown:
        markdown = _TABLE_RULE.sub(lambda rule: _bounded(rule[0], markdown), markdown)
    if "$$" in markdown or "\\[" in markdown:
        markdown = formulas.on_one_line(markdown)
    return _TOO_DEEP.sub(lambda markers: markers[0] + _BREAK, markdown)


def _bounded(rule: str, markdown: str) -> str:
    # Every row is filled up to the width of its table, so 14 kB can become 40 MB.
    return _BREAK + rule if rule.count("|") * markdown.count("\n") > MOST_CELLS else rule


# What comrak writes and we want otherwise. Text and attribute values have no < or > in them: comrak escapes them all.
_THEIRS = re.compile(
    r"""<pre><code(?:\ class="language-(?P<language>[^"]*)")?[^>]*>(?P<code>[^<]*)</code></pre>
    |<span\ data-math-style="(?P<style>\w+)">(?P<formula>[^<]*)</span>
    |(?P<footnote><sup\ class="footnote-ref"><a[^>]*>(?P<number>\d+)</a></sup>)
    |(?P<back>\ ?<a\ href="\#fnref[^>]*\ class="footnote-backref"[^>]*>.*?</a>)
    |<a\ href="(?P<href>[^"]*)"[^>]*>(?P<label>.*?)</a>
    |<img\ src="(?P<image>[^"]*)"\ alt="(?P<alt>[^"]*)"[^>]*/>
    |(?P<table></?table>)
    |<(?P<cell>t[hd])\ align="(?P<align>\w+)">
    |<input\ type="checkbox"\ class="task-list-item-checkbox"(?P<done>\ checked="")?\ disabled=""\ />
    """,
    re.X | re.S,
)
_TABLE = {"<table>": '<div class="table"><table>', "</table>": "</table></div>"}
TASK = {False: '<span class="box">\u2610</span>', True: '<span class="box">\u2611</span>'}


def _ours(raw: str, found: list[str], *, in_link: bool = False) -> str:
    def ours(theirs: re.Match[str]) -> str:
        part = theirs.groupdict()
        if part["code"] is not None:
            return _code(part["language"] or "", html.unescape(part["code"]), found)
        if part["formula"] is not None:
            return _formula(html.unescape(part["formula"]), part["style"] == "display", found)
        if part["footnote"]:
            return f'<sup class="footnote">{part["number"]}</sup>'
        if part["back"]:
            return ""
        if part["href"] is not None:
            return links.link(html.unescape(part["href"]), _ours(part["label"], found, in_link=True))
        if part["image"] is not None:
            return links.image(html.unescape(part["image"]), part["alt"], in_link=in_link)
        if part["table"]:
            return _TABLE[part["table"]]
        if part["cell"]:
            return f'<{part["cell"]} class="{part["align"]}">'
        return TASK[bool(part["done"])]

    return _THEIRS.sub(ours, raw)


def _code(language: str, source: str, found: list[str]) -> str:
    if language == "math":
        return f"<p>{_formula(source, True, found)}</p>"
    return code.figure(html.unescape(language), source.removesuffix("\n"))


def _formula(source: str, display: bool, found: list[str]) -> str:
    if not display and formulas.is_money(source):
        return html.escape(f"${source}$")
    found.append(formulas.mathml(source, display))
    return formulas.PLACE.format(len(found) - 1)
