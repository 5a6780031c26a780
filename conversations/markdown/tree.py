"""A page that only grows at its end, and the place where one reader stands in it.

The page is a tree of elements. All but the last child of an element have ended, so a reader's place is one number for
each open element, from the root downward: how many of its children he has. Patches between two places follow from that.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where one reader stands in one growing text: children seen in each open element, and which tail (0: none)."""

    path: tuple[int, ...]
    tail: int = 0


@dataclass(frozen=True, slots=True)
class Patch:
    """One change of a page. The target exists before any patch of the same set is applied."""

    target: str
    swap: str
    html: str


@dataclass(slots=True, eq=False)
class Element:
    """An element of the growing page. What has been appended never changes; only the tail behind it does."""

    opening: str  # '<li class="x"', without the closing bracket: the id goes there
    closing: str
    lead: str = ""  # HTML of its own before the first child
    children: "list[str | Element]" = field(default_factory=list)
    id: str = ""  # given when a reader first stands inside
    ended: bool = False
    truth: str | None = None  # what takes its place, if it turned out otherwise than it was shown
    tail: str = ""

    def shown(self, path: tuple[int, ...] | None = None, tail: str = "") -> str:
        """HTML of the element, up to the place the path leads to (without one: whole), with the tail at that place."""
        if path is None and self.truth is not None:
            return self.truth
        return self.around(self.inner(0, path, tail))

    def around(self, inner: str) -> str:
        """HTML of the element with this inside."""
        identity = f' id="{self.id}"' if self.id else ""
        return f"{self.opening}{identity}>{self.lead}{inner}{self.closing}"

    def inner(self, start: int, path: tuple[int, ...] | None = None, tail: str = "") -> str:
        """HTML of the children from `start` on, up to the place."""
        if path is None:
            return "".join(map(_whole, self.children[start:]))
        seen, deeper = path[0], path[1:]
        pieces = [*map(_whole, self.children[start:seen])]
        if not deeper:
            return "".join(pieces) + tail
        child = self.children[seen]
        assert isinstance(child, Element)
        return "".join(pieces) + child.shown(deeper, tail)

    def newest(self) -> tuple[int, ...]:
        """The path to everything there is in here."""
        last = self.children[-1] if self.children else None
        if isinstance(last, Element) and not last.ended:
            return (len(self.children) - 1, *last.newest())
        return (len(self.children),)

    def chain(self, path: tuple[int, ...]) -> "list[Element]":
        """The open elements the path leads through, this one first. Raises LookupError if it leads nowhere."""
        chain = [self]
        for seen in path[:-1]:
            child = chain[-1].children[seen]
            if not isinstance(child, Element):
                raise LookupError(path)
            chain.append(child)
        return chain


def _whole(child: str | Element) -> str:
    return child if isinstance(child, str) else child.shown()


def next_path(root: Element, path: tuple[int, ...]) -> tuple[int, ...]:
    """Where a reader goes from here: through the innermost element that has more to show, and no further.

    So who reads in step gets one patch at a time: the end of one item, then the next one.
    """
    chain = root.chain(path)
    for depth, element in enumerate(chain[1:]):
        if element.truth is not None:
            return path[:depth] + chain[depth].newest()
    for depth in reversed(range(len(chain))):
        seen = path[depth] + (depth < len(chain) - 1)
        if len(chain[depth].children) > seen:
            return path[:depth] + chain[depth].newest()
    return path


def difference(root: Element, since: Place, path: tuple[int, ...], tail: str, tail_id: str) -> tuple[Patch, ...]:
    """What brings a page from a place to the path and tail. Raises LookupError if the page has no such place."""
    patches = []
    now: tuple[int, ...] | None = path
    chain = root.chain(since.path)
    for depth, element in enumerate(chain):
        seen, innermost = since.path[depth], depth == len(chain) - 1
        rest = _rest(element, seen + (not innermost), now, tail)
        if innermost:
            patches += _at_the_end(element, rest, tail_id if since.tail else "")
            break
        child = chain[depth + 1]
        now = now[1:] if now and now[0] == seen and len(now) > 1 else None
        if now is None and child.truth is not None:
            patches.append(Patch(child.id, "outerHTML", child.truth + rest))
            break
        if rest:
            patches.append(Patch(element.id, "beforeend", rest))
    return tuple(patches)


def _rest(element: Element, seen: int, now: tuple[int, ...] | None, tail: str) -> str:
    if now is not None and now[0] < seen:
        return ""
    if seen > len(element.children):
        raise LookupError(seen)
    return element.inner(seen, now, tail)


def _at_the_end(element: Element, rest: str, tail_id: str) -> list[Patch]:
    if tail_id:
        return [Patch(tail_id, "outerHTML", rest)]
    return [Patch(element.id, "beforeend", rest)] if rest else []
