"""A page as a browser would hold it: a small tree that patches are applied to, and that can be inspected."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

from conversations.markdown import Patch

VOID = {"br", "hr"}
MATHML_VOID = {"mspace", "mprescripts"}
BLOCK_TAGS = "p div ul ol li table figure blockquote section h1 h2 h3 h4 h5 h6 pre hr"
BLOCKS = set(BLOCK_TAGS.split())
NOT_IN = {"p": BLOCKS, "a": {"a", *BLOCKS}, "span": BLOCKS, "h1": BLOCKS, "button": {"a", "button", *BLOCKS}}


@dataclass(eq=False)
class Node:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)
    parent: Node | None = None

    def append(self, child: Node | str) -> None:
        if isinstance(child, Node):
            child.parent = self
        elif self.children and isinstance(self.children[-1], str):
            child = self.children.pop() + child  # type: ignore[operator]  # just checked
        self.children.append(child)

    def walk(self) -> list[Node]:
        """Every element from here down."""
        found = [self]
        for node in found:
            found.extend(child for child in node.children if isinstance(child, Node))
        return found

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def html(self) -> str:
        inner = "".join(
            escape(child, quote=False) if isinstance(child, str) else child.html() for child in self.children
        )
        attributes = "".join(f' {name}="{escape(value)}"' for name, value in sorted(self.attributes.items()))
        return f"<{self.tag}{attributes}>{inner}</{self.tag}>"


class Parser(HTMLParser):
    """Refuses what a browser would have to repair, and any tag that is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self._open = Node("root")
        self.feed(html)
        self.close()
        assert self._open is self.root, f"<{self._open.tag}> is not closed in {html!r}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in <{tag}>"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self._check_nesting(node)
        self._open.append(node)
        if tag not in VOID:
            self._open = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in MATHML_VOID | VOID
        self._open.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.tag == tag, f"</{tag}> inside <{self._open.tag}>"
        assert self._open.parent
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")

    def _check_nesting(self, node: Node) -> None:
        around: Node | None = self._open
        while around:
            assert node.tag not in NOT_IN.get(around.tag, ()), f"<{node.tag}> inside <{around.tag}>"
            around = around.parent


class Page:
    """What one reader has on the screen."""

    def __init__(self, html: str) -> None:
        self.root = Parser(html).root

    def html(self) -> str:
        return self.root.html()

    def apply(self, patches: tuple[Patch, ...]) -> None:
        """As htmx does: every target is found before anything is inserted."""
        targets = [self._find(patch.target) for patch in patches]
        assert len(set(map(id, targets))) == len(targets), "two patches for one element"
        for patch, target in reversed([*zip(patches, targets, strict=True)]):
            new = Parser(patch.html).root.children
            if patch.swap == "beforeend":
                for child in new:
                    target.append(child)
            else:
                assert patch.swap == "outerHTML"
                self._replace(target, new)

    def _find(self, identity: str) -> Node:
        found = [node for node in self.root.walk() if node.attributes.get("id") == identity]
        assert len(found) == 1, f"{len(found)} elements with id {identity}"
        return found[0]

    @staticmethod
    def _replace(target: Node, new: list[Node | str]) -> None:
        parent = target.parent
        assert parent, "the target has gone"
        before, parent.children = parent.children, []
        for child in before:
            for put in new if child is target else [child]:
                parent.append(put)
        target.parent = None
