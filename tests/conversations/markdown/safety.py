"""What a model's words may become in a page: an allow list of its own, written down from what the page needs.

It knows nothing of the gate in conversations/markdown, and is stricter: also about what stands where.
"""

from __future__ import annotations

import re

from pygments.token import STANDARD_TYPES

from tests.conversations.markdown.page import Node, Parser

type Rules = dict[str, dict[str, re.Pattern[str]]]

LINK = {
    "href": re.compile(r"(?:https?://[^\s/?#\\<>]|mailto:[^\s\\<>])[^\s\\<>]*", re.I),
    "target": re.compile("_blank"),
    "rel": re.compile("noopener noreferrer nofollow ugc"),
}
SIDE = {"class": re.compile("left|center|right")}
COLOURS = "|".join(sorted(filter(None, STANDARD_TYPES.values())))

PLAIN_TAGS = "p h1 h2 h3 h4 h5 h6 hr br blockquote em strong del pre figcaption table thead tbody tr"
HTML: Rules = {
    **{tag: {} for tag in PLAIN_TAGS.split()},
    "a": {**LINK, "class": re.compile("image")},
    "button": {"type": re.compile("button"), "class": re.compile("copy")},
    "code": {"class": re.compile("math-source")},
    "div": {"class": re.compile("table")},
    "figure": {"class": re.compile("code")},
    "li": {"class": re.compile("task-list-item")},
    "ol": {"start": re.compile(r"\d{1,10}")},
    "section": {"class": re.compile("footnotes")},
    "span": {"class": re.compile(f"image|host|box|{COLOURS}")},
    "sup": {"class": re.compile("footnote")},
    "td": SIDE,
    "th": SIDE,
    "ul": {"class": re.compile("contains-task-list")},
}

LENGTH = re.compile(r"-?\d{0,2}(?:\.\d+)?(?:em|ex|px|%)?|\d+(?:\.\d+)?%")
WORD = re.compile("[a-z-]{1,20}")
NUMBER = re.compile(r"[+-]?\d{1,3}")
NAMED = (
    "accent accentunder dir display displaystyle fence form largeop mathvariant movablelimits separator stretchy"
    " symmetric"
)
MEASURED = "depth height linethickness lspace maxsize minsize rspace voffset width"
COUNTED = "columnspan rowspan scriptlevel"
MATH_ATTRIBUTES = {
    **dict.fromkeys(NAMED.split(), WORD),
    **dict.fromkeys(MEASURED.split(), LENGTH),
    **dict.fromkeys(COUNTED.split(), NUMBER),
    "class": re.compile(r"math-[a-z-]+(?: math-[a-z-]+)*"),
}
MATH_TAGS = (
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle mpadded mphantom merror msub msup msubsup munder mover"
    " munderover mmultiscripts mprescripts mtable mtr mtd"
)
MATH: Rules = dict.fromkeys(MATH_TAGS.split(), MATH_ATTRIBUTES)

# htmx looks for these as plain text, before anything is parsed.
TAKEN_BY_HTMX = re.compile(r"<(?:hx-|/?head\b|/?body\b|template|script|title)", re.I)

ONLY_IN = {"thead": "table", "tbody": "table", "tr": "thead tbody", "td": "tr", "th": "tr", "li": "ul ol"}
ONLY_HOLDS = {"table": "thead tbody", "thead": "tr", "tbody": "tr", "tr": "td th"}


def assert_safe(html: str, dom_id: str = "") -> Node:
    """Only what is allowed, where it is allowed, in markup that no browser has to repair.

    `dom_id` is the growing text's: ids that begin with it are ours. Without one, no id is.
    """
    assert not TAKEN_BY_HTMX.search(html), html
    root = Parser(html).root
    ids = []
    for node in root.walk()[1:]:
        ids += _checked(node, dom_id)
    assert len(set(ids)) == len(ids), f"an id twice: {ids}"
    return root


def _checked(node: Node, dom_id: str) -> list[str]:
    """The ids of an element that is allowed."""
    around = node.parent
    assert around
    is_in_math = around.tag in MATH
    assert is_in_math or node.tag == "math" or node.tag in HTML, f"<{node.tag}>"
    assert not is_in_math or node.tag in MATH, f"<{node.tag}> in a formula"
    assert around.tag in ONLY_IN.get(node.tag, around.tag).split(), f"<{node.tag}> in <{around.tag}>"
    assert node.tag in ONLY_HOLDS.get(around.tag, node.tag).split(), f"<{node.tag}> in <{around.tag}>"
    ids = []
    for name, value in node.attributes.items():
        if dom_id and _is_ours(node, name, value, dom_id):
            ids += [value] if name == "id" else []
            continue
        rule = (MATH if is_in_math or node.tag == "math" else HTML)[node.tag].get(name)
        assert rule and rule.fullmatch(value), f'{node.tag} {name}="{value}"'
    assert "href" not in node.attributes or set(LINK) <= set(node.attributes), node.html()
    return ids


def _is_ours(node: Node, name: str, value: str, dom_id: str) -> bool:
    if name == "id":
        return re.fullmatch(rf"{dom_id}(?:-(?:\d+|t))?", value) is not None
    return (node.tag, name, value) == ("div", "class", "growing") and node.attributes.get("id") == dom_id
