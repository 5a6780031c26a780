"""The last gate over everything that was made from a model's text, except formulas (see formulas.py)."""

import nh3
from pygments.token import STANDARD_TYPES

CODE_CLASSES = frozenset(STANDARD_TYPES.values()) - {""}
_TAGS = (
    "p h1 h2 h3 h4 h5 h6 hr br blockquote ul ol li em strong del code pre a sup span div table thead tbody tr th td"
    " figure figcaption button section var"
)
_ALIGNED = {"class": {"left", "center", "right"}}

_CLEANER = nh3.Cleaner(
    tags=set(_TAGS.split()),
    clean_content_tags=set(),
    attributes={"*": set(), "a": {"href"}, "ol": {"start"}},  # "*": otherwise lang and title pass everywhere
    tag_attribute_values={
        "a": {"class": {"image"}},
        "button": {"type": {"button"}, "class": {"copy"}},
        "code": {"class": {"math-source"}},
        "div": {"class": {"table"}},
        "figure": {"class": {"code"}},
        "li": {"class": {"task-list-item"}},
        "section": {"class": {"footnotes"}},
        "span": {"class": {"image", "host", "box", *CODE_CLASSES}},
        "sup": {"class": {"footnote"}},
        "td": _ALIGNED,
        "th": _ALIGNED,
        "ul": {"class": {"contains-task-list"}},
    },
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="noopener noreferrer nofollow ugc",
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
)


def cleaned(untrusted: str) -> str:
    """Only what we allow: tags, attributes, and the values of classes."""
    return _CLEANER.clean(untrusted)
