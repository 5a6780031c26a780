"""A text that is still being written."""

from .blocks import Blocks
from .core import legible
from .prose import Meter
from .tree import Element, Patch, Place, difference, next_path


class GrowingText:
    """A text that is still being written, as the page shows it: settled pieces that never change and a small tail.

    One feed shows at most the end of the element that was growing, or what comes after it, so that a reader who keeps
    up gets one small patch at a time. `feed("")` shows what was held back. A reader must have been given `html()` and
    every set of patches of this very object in order; a place of another one gets the whole page anew.
    """

    def __init__(self, dom_id: str) -> None:
        self._root = Element('<div class="growing"', "</div>", id=dom_id)
        self._meter = Meter()
        self._blocks = Blocks(self._root, self._meter)
        self._path: tuple[int, ...] = (0,)
        self._tail = ""
        self._tails = 0
        self._names = 0
        self._ends_with_return = False
        self._last: tuple[Place, Place, tuple[Patch, ...]] | None = None

    @property
    def parsed(self) -> int:
        """How many characters the Markdown core has been given."""
        return self._meter.parsed

    @property
    def place(self) -> Place:
        """Where a reader stands who has seen everything."""
        return Place(self._path, self._tails if self._tail else 0)

    def feed(self, text: str) -> None:
        """Append text, cut anywhere."""
        self._blocks.feed(self._legible(text))
        path = next_path(self._root, self._path)
        chain = self._root.chain(path)
        for element in chain:
            element.id = element.id or self._next_name()
        tail = chain[-1].tail if len(chain[-1].children) == path[-1] else ""
        if (path, tail) != (self._path, self._tail):
            self._tails += 1
        self._path, self._tail = path, tail

    def html(self) -> str:
        """The whole provisional state, for a reader who joins now."""
        return self._root.shown(self._path, self._tail_shown)

    def patches(self, since: Place) -> tuple[Patch, ...]:
        """What brings a page that shows `since` up to `place`; nothing if it is there."""
        place = self.place
        if since == place:
            return ()
        if self._last is None or self._last[:2] != (since, place):
            self._last = since, place, self._difference(since)
        return self._last[2]

    def _difference(self, since: Place) -> tuple[Patch, ...]:
        try:
            return difference(self._root, since, self._path, self._tail_shown, self._tail_id)
        except LookupError:
            return (Patch(self._root.id, "outerHTML", self.html()),)

    def _legible(self, text: str) -> str:
        """A \\r\\n may be cut in two."""
        if self._ends_with_return:
            text = text.removeprefix("\n")
        if text:
            self._ends_with_return = text.endswith("\r")
        return legible(text)

    def _next_name(self) -> str:
        self._names += 1
        return f"{self._root.id}-{self._names}"

    @property
    def _tail_id(self) -> str:
        return f"{self._root.id}-t"

    @property
    def _tail_shown(self) -> str:
        return f'<span id="{self._tail_id}">{self._tail}</span>' if self._tail else ""
