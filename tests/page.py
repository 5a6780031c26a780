"""A page as a browser holds it: HTML becomes a small tree, frames change it exactly as htmx 4 does.

    page = Page(client.get(address).text)
    page.apply(frame)                     # what the socket carried
    page.html("thread")                   # as the browser's outerHTML, to compare byte for byte

It is stricter than a browser where a browser would hide a mistake of ours: a tag that is left open, an id that is there
twice, content of a frame that is in no partial, a way to swap that nobody knows.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import cast

VOID = {"br", "hr", "img", "input", "link", "meta", "wbr"}
NO_TEXT = {"script", "style"}


@dataclass(eq=False)
class Element:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)
    parent: Element | None = None

    def append(self, *children: Element | str) -> None:
        for child in children:
            if isinstance(child, Element):
                child.parent = self
            self.children.append(child)

    def replace_with(self, *others: Element | str) -> None:
        """Nothing happens to one that is in no tree, as in a browser."""
        if self.parent is None:
            return
        parent, self.parent = self.parent, None
        at = parent.children.index(self)
        parent.children[at : at + 1] = others
        for other in others:
            if isinstance(other, Element):
                other.parent = parent

    def elements(self) -> Iterator[Element]:
        """This one and all below, in the order of the document. A template's content is not in the document."""
        yield self
        if self.tag != "template":
            for child in self.children:
                if isinstance(child, Element):
                    yield from child.elements()

    def find(self, identity: str) -> Element | None:
        return next((it for it in self.elements() if it.attributes.get("id") == identity), None)

    def of_class(self, name: str) -> list[Element]:
        return [it for it in self.elements() if name in it.attributes.get("class", "").split()]

    @property
    def text(self) -> str:
        """What a person reads, and white space."""
        return "".join(it if isinstance(it, str) else it.text for it in self.children if _is_shown(it))

    def html(self) -> str:
        """As the browser's outerHTML."""
        attributes = "".join(f' {name}="{_quoted(value)}"' for name, value in self.attributes.items())
        inner = "".join(escape(it, quote=False) if isinstance(it, str) else it.html() for it in self.children)
        return f"<{self.tag}{attributes}>" + ("" if self.tag in VOID else f"{inner}</{self.tag}>")


def _is_shown(child: Element | str) -> bool:
    return isinstance(child, str) or child.tag not in NO_TEXT


def _quoted(value: str) -> str:
    return value.replace("&", "&amp;").replace('"', "&quot;").replace("\xa0", "&nbsp;")


class _Parser(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self._open = Element("#document")
        self.feed(html)
        self.close()
        assert self._open is self.root, f"<{self._open.tag}> is not closed in {html[:2000]!r}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in <{tag}>"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open.append(element)
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.tag == tag, f"</{tag}> inside <{self._open.tag}>"
        self._open = cast("Element", self._open.parent)

    def handle_data(self, data: str) -> None:
        self._open.append(data)


def parsed(html: str) -> Element:
    return _Parser(html).root


@dataclass(frozen=True)
class Swap:
    target: Element | None
    style: str
    content: list[Element | str]


class Page:
    """What one reader has on the screen."""

    def __init__(self, html: str) -> None:
        self._document = parsed(html)
        self.title = next(it.text for it in self._document.elements() if it.tag == "title")

    def find(self, identity: str) -> Element | None:
        return self._document.find(identity)

    def element(self, identity: str) -> Element:
        found = self.find(identity)
        assert found, f"no element with id {identity}"
        return found

    def html(self, identity: str) -> str:
        return self.element(identity).html()

    @property
    def articles(self) -> list[Element]:
        return [it for it in self.element("messages").elements() if it.tag == "article"]

    @property
    def language(self) -> str:
        return next(it.attributes["lang"] for it in self._document.elements() if it.tag == "html")

    @property
    def links_to_more(self) -> list[Element]:
        """To earlier messages, and to later ones."""
        return self.element("messages").of_class("more")

    @property
    def cursor(self) -> int:
        """Where the page says that it stands."""
        return int(self.element("cursor").attributes["value"])

    def apply(self, frame: str) -> None:
        """What hx-ws and htmx.swap do with one message of the socket."""
        if _is_data(frame):
            return
        fragment = parsed(
            re.sub(r"</hx-[a-z]+>", "</template>", re.sub(r"<hx-([a-z]+)(\s+|>)", r'<template hx type="\1"\2', frame))
        )
        self._take_title(fragment)
        # All targets are found before anything is put in; one that is missing is dropped.
        swaps = [self._swap(it) for it in list(fragment.elements()) if it.tag == "template"]
        left = fragment.html().removeprefix("<#document>").removesuffix("</#document>").strip()
        assert not left, f"in no partial, so it would replace the whole chat: {left[:500]!r}"
        for swap in swaps:
            self._insert(swap)
        self._check_ids()

    def _take_title(self, fragment: Element) -> None:
        if title := next((it for it in fragment.elements() if it.tag == "title"), None):
            self.title = title.text
            title.replace_with()

    def _swap(self, template: Element) -> Swap:
        attributes = template.attributes
        assert attributes["type"] == "partial", f"htmx knows no <hx-{attributes['type']}>"
        identity = attributes.get("hx-target", "").removeprefix("#") or attributes["id"]
        template.replace_with()
        return Swap(self._document.find(identity), attributes.get("hx-swap", "outerHTML"), template.children)

    def _insert(self, swap: Swap) -> None:
        target, content = swap.target, swap.content
        if target is None:
            return
        match swap.style:
            case "outerHTML":
                target.replace_with(*content)
            case "beforeend":
                target.append(*content)
            case "afterend":
                target.replace_with(target, *content)
            case "textContent":
                target.children = []
                target.append("".join(it if isinstance(it, str) else it.text for it in content))
            case "upsert":
                self._upsert(target, _elements(content))
            case "end":
                self._end(target, _elements(content))
            case "listed":
                self._list(target, _elements(content)[0])
            case "above":
                target.replace_with(*_elements(content))
            case unknown:
                raise AssertionError(f"an unknown way to swap: {unknown}")

    # Our own, in static/js/chat.js

    def _upsert(self, target: Element, elements: list[Element]) -> None:
        for element in elements:
            below = element.attributes.get("data-below")
            if shown := self._document.find(element.attributes["id"]):
                shown.replace_with(element)
            elif above := self._document.find(below or ""):
                above.replace_with(above, element)
            elif not below:
                target.children.insert(0, element)
                element.parent = target

    def _end(self, target: Element, elements: list[Element]) -> None:
        first = next((it for it in elements if it.tag == "article"), None)
        above = self._document.find(first.attributes.get("data-below", "")) if first else None
        if first and above:
            target.children = target.children[: target.children.index(above) + 1]
            target.append(*elements[elements.index(first) :])
        else:
            target.children = []
            target.append(*elements)

    def _list(self, today: Element, line: Element) -> None:
        link = cast("Element", line.children[0])
        found = self._document.find(link.attributes["id"])
        shown = found.parent if found else None
        head = self._document.find(f"space-{line.attributes.get('data-space')}") or today
        assert head.parent
        asked = line.attributes.get("data-asked")
        if shown and shown.attributes.get("data-asked") == asked:
            shown.replace_with(line)
            return
        siblings = _elements(head.parent.children)
        newer = [it for it in siblings if it is not shown and asked and it.attributes.get("data-asked", "") > asked]
        above = newer[-1] if newer else head
        after = siblings[siblings.index(above) + 1 :][:1]
        ends = any(it.attributes.get("class") in {"older", "all"} for it in after) and above is not head
        if asked and (shown or not ends):
            above.replace_with(above, line)
        if shown:
            shown.replace_with()

    def _check_ids(self) -> None:
        counts = Counter(it.attributes["id"] for it in self._document.elements() if "id" in it.attributes)
        twice = [identity for identity, count in counts.items() if count > 1]
        assert not twice, f"on the page twice: {twice}"


def _elements(content: list[Element | str]) -> list[Element]:
    return [it for it in content if isinstance(it, Element)]


def _is_data(frame: str) -> bool:
    """JSON without content swaps nothing."""
    try:
        message = json.loads(frame)
    except ValueError:
        return False
    assert message == {}, "htmx would take content out of this"
    return True
