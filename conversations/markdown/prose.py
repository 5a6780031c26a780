"""Running text in an element of the growing page."""

import html

from .inline import Reading
from .rendering import render
from .tree import Element

LONGEST_REPAIRED = 4_000  # characters; a longer paragraph is left as it was shown, until the whole message is replaced
_HARMLESS = frozenset(".,;:?'\"()/%+=–—“”‘’…、。，；：？！（）「」")


class Meter:
    """Gives Markdown to the core and counts it."""

    def __init__(self) -> None:
        self.parsed = 0

    def block(self, markdown: str) -> str:
        """Safe HTML of whole blocks."""
        self.parsed += len(markdown)
        return render(markdown)

    def inline(self, markdown: str, before: str = "") -> str:
        """Safe HTML of a piece of a paragraph. The core sees it in the middle of one, after the character before it."""
        context = f"x{before if before.isalnum() or before in _HARMLESS else '.'}" if before else "x "
        page = self.block(context + markdown)
        start, end = f"<p>{context}", "</p>\n"
        if page.startswith(start) and page.endswith(end) and page.find("<p>", 1) < 0:
            return page[len(start) : -len(end)]
        return html.escape(markdown)


class Prose:
    """Text that is shown in its element as soon as it is certain; what is not yet, in the element's tail."""

    def __init__(self, element: Element, parent: Element | None, meter: Meter, *, is_attached: bool = False) -> None:
        """Without a parent, the element is another's. It comes into the page with its first character, unless it is."""
        self.element = element
        self.source = ""
        self._parent = parent
        self._meter = meter
        self._is_attached = is_attached or parent is None
        self._pending = ""
        self._before = ""
        self._shown: list[str] = []

    @property
    def is_empty(self) -> bool:
        return not self.source

    def add(self, text: str) -> None:
        """Go on with this text."""
        text = text if self.source else text.lstrip()
        if len(self.source) <= LONGEST_REPAIRED:
            self.source += text
        self._pending += text

    def show(self) -> None:
        """Put what is certain into the page."""
        if self._pending:
            reading = Reading(self._pending, self._before)
            self._settle(reading.certain)
            self.element.tail = self._meter.inline(reading.preview, self._before) if reading.preview else ""
            if self.element.tail:
                self._attach()

    def end(self) -> None:
        """Nothing follows. If the text turned out otherwise than it was shown, set the element right."""
        self._settle(len(self._pending.rstrip()))
        self.element.tail = ""
        if self._parent:
            self.element.ended = True

    def repair(self, truth: str | None = None) -> None:
        """Replace the ended element if its true HTML (worked out from its source, unless given) is another."""
        if not self._parent or not self._shown:
            return
        if truth is None and len(self.source) <= LONGEST_REPAIRED:
            inner = self._meter.inline(self.source.rstrip())
            truth = None if inner == "".join(self._shown) else self.element.around(inner)
        self.element.truth = truth

    def retract(self, truth: str) -> None:
        """End otherwise: put this in the place of the element."""
        self._pending, self.element.tail = "", ""
        if not self._parent:
            return
        self.element.ended = True
        if self._is_attached:
            self.element.truth = truth
        elif truth:
            self._parent.children.append(truth)

    def _settle(self, length: int) -> None:
        if not length:
            return
        piece, self._pending = self._pending[:length], self._pending[length:]
        self._append(self._meter.inline(piece, self._before))
        self._before = piece[-1]

    def _append(self, shown: str) -> None:
        self._attach()
        self._shown.append(shown)
        self.element.children.append(shown)

    def _attach(self) -> None:
        if not self._is_attached and self._parent:
            self._parent.children.append(self.element)
            self._is_attached = True
