"""What is compared when somebody's words must stay words: the markup of a page, without its texts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from asgiref.sync import async_to_sync

from tests.conversations.markdown.safety import assert_safe
from tests.page import Element, Page


def whole(answer: Any) -> bytes:
    """What a page says, also one that is sent bit by bit."""

    async def gathered() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    if answer.streaming and answer.is_async:
        return async_to_sync(gathered)()
    told: bytes = answer.getvalue()
    return told


# One line each, for titles, names, addresses: wherever less than Markdown is expected. Many fields take 40 letters.
LINES = [
    "<script>alert(1)</script></title></textarea></select>",
    "\"'><img src=x onerror='alert(1)'>",
    "\" autofocus onfocus=alert(1) x='' onmouseover='alert(1)",
    "</title><hx-partial id=composer hx-swap=outerHTML></hx-partial>",
    "</textarea></style></noscript></template></svg>--><svg onload=alert(1)>",
    "javascript:alert(1)//{{ 7 }}{% debug %}${7}<%= 7 %>",
    "\r\nX-Evil: 1\r\n\r\n<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&#60;/script&#62;",
]


def harmless(line: str) -> str:
    """Words of the same length and look that no markup can be made of."""
    return re.sub(r"""[<>"'&{}]""", "!", line)


class _Markup(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(" ".join([tag, *(name for name, _ in attrs)]))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.found.append("a comment")


def markup(html: str) -> list[str]:
    """The tags of a page in their order, with the names of their attributes. No text, no value."""
    parser = _Markup()
    parser.feed(html)
    parser.close()
    return parser.found


def around_messages(page: Page) -> list[str]:
    """The markup of a page of the chat without what people and models wrote."""
    return _around(page.element("chat").parent or page.element("chat"))


def _around(element: Element) -> list[str]:
    own = " ".join(
        [element.tag, *element.attributes, element.attributes.get("id", ""), element.attributes.get("type", "")]
    )
    if {"md", "typed"} & set(element.attributes.get("class", "").split()):
        return [own]
    return [own, *(it for child in element.children if isinstance(child, Element) for it in _around(child))]


def assert_words_are_safe(page: Page) -> None:
    """What models wrote is within the allow list; what members wrote is text in a paragraph."""
    for article in page.articles:
        growing = article.attributes["id"].replace("-", "")[1:9]
        for body in article.of_class("md"):
            inner = "".join(it if isinstance(it, str) else it.html() for it in _escaped(body))
            assert_safe(inner, ("t" if body.parent is article else "r") + growing)
        for typed in article.of_class("typed"):
            assert [it.tag for it in typed.elements()] == ["div", "p"]


def _escaped(body: Element) -> list[Element | str]:
    return [
        it.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") if isinstance(it, str) else it
        for it in body.children
    ]
