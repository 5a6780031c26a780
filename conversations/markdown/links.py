"""Where a link may lead. Images are links too: nothing that a model names is ever loaded."""

import html
import re
from urllib.parse import urlsplit

_ALLOWED = re.compile(r"(?:https?://[^\s/?#\\]|mailto:[^\s\\])[^\s\\]*", re.I)


def link(url: str, label: str) -> str:
    """The label (HTML) as a link, or the label alone if the link must not be followed."""
    return f'<a href="{_escaped(url)}">{label}</a>' if _ALLOWED.fullmatch(url) else label


def image(url: str, alt: str, *, is_in_link: bool) -> str:
    """A chip that names the image (alt is HTML) and its host, and loads nothing."""
    host = _host(url)
    if not host:
        return alt
    label = f'{alt} <span class="host">{html.escape(host)}</span>'.strip()
    if is_in_link:  # no link inside a link
        return f'<span class="image">{label}</span>'
    return f'<a class="image" href="{_escaped(url)}">{label}</a>'


def _escaped(url: str) -> str:
    # Serializers leave < and > alone in attributes, and htmx replaces <hx-…> as plain text, there too.
    return html.escape(url.replace("<", "%3C").replace(">", "%3E"))


def _host(url: str) -> str:
    if not _ALLOWED.fullmatch(url):
        return ""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
