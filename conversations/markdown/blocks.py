"""The blocks of a growing text, line by line: where each piece of it goes in the page.

A small block parser that decides as early as it can. It follows CommonMark closely enough that a reader rarely sees the
difference; the core has the last word, block by block where it is cheap and in the end for the whole message.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from . import lines
from .core import TASK
from .leaves import Code, Heading, Leaf, Paragraph, Table
from .lines import Undecided
from .prose import Meter
from .tree import Element

MOST_LEVELS = 12


@dataclass(slots=True)
class Quote:
    """A block quote, open."""

    element: Element

    def inside(self, line: str) -> str | None:
        """What the line is inside this container, None if it is not in it."""
        mark = lines.QUOTE.match(line)
        return line[mark.end() :] if mark else None


@dataclass(slots=True)
class List:
    """A list, open; its last item follows it among the containers."""

    element: Element
    kind: str
    is_loose: bool = False

    def inside(self, line: str) -> str | None:
        """Its items decide."""
        return line


@dataclass(slots=True)
class Item:
    """The last item of the list before it."""

    element: Element
    offset: int

    def inside(self, line: str) -> str | None:
        """What the line is inside the item, None if it is not in it."""
        return line[self.offset :] if not line.strip() or lines.indent(line) >= self.offset else None


type Container = Quote | List | Item


@dataclass(slots=True)
class Start:
    """A container that a line opens."""

    kind: str  # ">", or the mark of a list
    offset: int = 0
    number: str = ""


@dataclass(slots=True)
class Plan:
    """What a line does: stay in so many containers, open these, then this with the text."""

    matched: int
    starts: list[Start]
    deed: "Callable[[Blocks, str], None]"
    text: str


@dataclass(slots=True)
class Blocks:
    """The open blocks at the end of a growing text."""

    root: Element
    meter: Meter
    containers: list[Container] = field(default_factory=list)
    leaf: Leaf | None = None
    _line: str = ""
    _is_decided: bool = False
    _after_blank: bool = False

    def feed(self, text: str) -> None:
        """Take more of the text, cut anywhere."""
        *whole, part = text.split("\n")
        for line in whole:
            self._go_on(line, is_whole=True)
            self._end_line()
        if part:
            self._go_on(part, is_whole=False)
        if self.leaf:
            self.leaf.show()

    def _go_on(self, text: str, *, is_whole: bool) -> None:
        if self._is_decided:
            if self.leaf and text:
                self.leaf.add(text)
            return
        self._line += text
        try:
            plan = self._plan(lines.without_leading_tabs(self._line), is_whole or len(self._line) > 4_000)
        except Undecided:
            return
        self._is_decided = True
        self._carry_out(plan)

    def _end_line(self) -> None:
        if self.leaf:
            self.leaf.end_line()
            if self.leaf.is_over:
                self._end_leaf()
        self._line, self._is_decided = "", False

    # Planning changes nothing: while a line is undecided it is planned again with every feed.

    def _plan(self, line: str, is_whole: bool) -> Plan:
        matched, rest = self._containers_of(line)
        if isinstance(self.leaf, Paragraph) and self.leaf.is_in_formula:
            return Plan(len(self.containers), [], Blocks._go_on_with_formula, rest.strip())
        if isinstance(self.leaf, Code) and matched == len(self.containers):
            inside = self.leaf.inside(rest, is_whole)
            if inside is not None:
                return Plan(matched, [], Blocks._go_on_with_leaf, inside)
            if self.leaf.fence:
                return Plan(matched, [], Blocks._end_code, "")
        return self._plan_start(matched, rest, is_whole)

    def _containers_of(self, line: str) -> tuple[int, str]:
        for matched, container in enumerate(self.containers):
            inside = container.inside(line)
            if inside is None:
                return matched, line
            line = inside
        return len(self.containers), line

    def _plan_start(self, matched: int, rest: str, is_whole: bool) -> Plan:
        starts: list[Start] = []
        while True:
            body = rest.strip(" ")
            if not body and not is_whole:
                raise Undecided
            is_in_paragraph = isinstance(self.leaf, Paragraph) and not starts
            if not body:
                return Plan(matched, starts, Blocks._nothing if starts else Blocks._blank, "")
            if lines.indent(rest) >= 4:
                return Plan(matched, starts, *self._indented(rest, is_in_paragraph))
            start = self._container_start(matched, rest, starts, is_whole)
            if start is None:
                deed, text = self._leaf_start(rest.lstrip(" "), matched, starts, is_whole)
                return Plan(matched, starts, deed, text)
            starts.append(start[0])
            rest = start[1]

    def _indented(self, rest: str, is_in_paragraph: bool) -> "tuple[Callable[[Blocks, str], None], str]":
        return (Blocks._text, rest.lstrip(" ")) if is_in_paragraph else (Blocks._start_indented, rest[4:])

    def _container_start(
        self, matched: int, rest: str, starts: list[Start], is_whole: bool
    ) -> tuple[Start, str] | None:
        if len(self.containers) + 2 * len(starts) >= 2 * MOST_LEVELS:
            return None
        if mark := lines.QUOTE.match(rest):
            return Start(">"), rest[mark.end() :]
        before = lines.indent(rest)
        body = rest[before:]
        item = lines.ITEM.match(body)
        if (
            item is None
            or lines.RULE.fullmatch(body)
            or not self._may_start_item(item[2], body[item.end() :], matched, starts)
        ):
            return None
        if not is_whole:
            lines.wait_if_undecided(body)
        spaces = lines.indent(body[len(item[1]) :])
        gap = spaces if 1 <= spaces <= 4 else 1
        return Start(item[1][-1], before + len(item[1]) + gap, item[2] or ""), body[len(item[1]) + gap :]

    def _may_start_item(self, number: str | None, text: str, matched: int, starts: list[Start]) -> bool:
        if starts or not isinstance(self.leaf, Paragraph) or matched < len(self.containers):
            return True
        return bool(text.strip()) and number in {None, "1"}

    def _leaf_start(
        self, body: str, matched: int, starts: list[Start], is_whole: bool
    ) -> "tuple[Callable[[Blocks, str], None], str]":
        stays = matched == len(self.containers) and not starts
        if isinstance(self.leaf, Table) and stays and body.startswith("|"):
            return Blocks._go_on_with_leaf, body
        if not is_whole:
            lines.wait_if_undecided(body)
        if isinstance(self.leaf, Paragraph) and stays and is_whole:
            if lines.UNDERLINE.fullmatch(body):
                return Blocks._underline, body
            if lines.TABLE_RULE.fullmatch(body) and self.leaf.heads_table(body):
                return Blocks._start_table, body
        if lines.HEADING.match(body):
            return Blocks._start_heading, body
        if is_whole and lines.RULE.fullmatch(body):
            return Blocks._rule, ""
        if is_whole and lines.FENCE.match(body):
            return Blocks._start_fence, body
        if isinstance(self.leaf, Table) and stays:
            return Blocks._go_on_with_leaf, body
        if lines.DEFINITION.match(body) and not (isinstance(self.leaf, Paragraph) and not starts):
            return Blocks._definition, ""
        return Blocks._text, body

    # Carrying out: close what ended, open what begins, do the deed.

    def _carry_out(self, plan: Plan) -> None:
        is_lazy = plan.deed is Blocks._text and not plan.starts and isinstance(self.leaf, Paragraph)
        if not is_lazy:
            self._close(self._kept(plan))
        for start in plan.starts:
            self._open(start)
        plan.deed(self, plan.text)

    def _kept(self, plan: Plan) -> int:
        """How many containers stay open; a list goes when its item went and no other of its kind follows."""
        kept = plan.matched
        if plan.deed is Blocks._blank:
            return kept
        if kept and isinstance(last := self.containers[kept - 1], List):
            is_sibling = plan.starts and plan.starts[0].kind == last.kind
            return kept if is_sibling else kept - 1
        return kept

    def _close(self, kept: int) -> None:
        if kept < len(self.containers):
            self._end_leaf()
            for container in reversed(self.containers[kept:]):
                container.element.ended = True
            del self.containers[kept:]

    def _open(self, start: Start) -> None:
        self._make_room()
        if start.kind == ">":
            self.containers.append(Quote(self._append(Element("<blockquote", "</blockquote>"))))
            return
        if not (self.containers and isinstance(self.containers[-1], List)):
            tag = "ol" if start.number else "ul"
            first = f' start="{int(start.number)}"' if start.number and int(start.number) != 1 else ""
            self.containers.append(List(self._append(Element(f"<{tag}{first}", f"</{tag}>")), start.kind))
        self.containers.append(Item(self._append(Element("<li", "</li>")), start.offset))

    def _append(self, element: Element) -> Element:
        self.parent.children.append(element)
        return element

    @property
    def parent(self) -> Element:
        """The element that new blocks go into."""
        return self.containers[-1].element if self.containers else self.root

    def _make_room(self) -> None:
        """A new block begins. After a blank line it makes the list around it loose."""
        self._end_leaf()
        around = [container for container in self.containers if isinstance(container, List)]
        if self._after_blank and around:
            around[-1].is_loose = True
        self._after_blank = False

    def _end_leaf(self) -> None:
        if self.leaf:
            self.leaf.end()
            self.leaf = None

    # The deeds.

    def _text(self, text: str) -> None:
        if isinstance(self.leaf, Paragraph):
            self.leaf.next_line(text)
            return
        self._make_room()
        is_bare = len(self.containers) > 1 and isinstance(around := self.containers[-2], List) and not around.is_loose
        lead, text = self._task(text)
        self.leaf = Paragraph(self.parent, self.meter, is_bare=is_bare, lead=lead)
        self._go_on_with_leaf(text)

    def _task(self, text: str) -> tuple[str, str]:
        """The box of a task, if an item of a list starts with one, and the text after it."""
        task = lines.TASK.match(text)
        is_in_item = bool(self.containers) and isinstance(self.containers[-1], Item)
        if task and is_in_item and not self.parent.children and not self.parent.id:  # new, and nobody has seen it
            self.parent.opening += ' class="task-list-item"'
            return TASK[task[1] != " "] + " ", text[task.end() :]
        return "", text

    def _go_on_with_leaf(self, text: str) -> None:
        assert self.leaf
        self.leaf.add(text)

    def _go_on_with_formula(self, text: str) -> None:
        assert isinstance(self.leaf, Paragraph)
        self.leaf.next_line(text)

    def _blank(self, _: str) -> None:
        if not isinstance(self.leaf, Code):
            self._end_leaf()
        self._after_blank = True

    def _underline(self, text: str) -> None:
        assert isinstance(self.leaf, Paragraph)
        self.leaf.underline(1 if text[0] == "=" else 2)
        self.leaf = None

    def _start_table(self, rule: str) -> None:
        assert isinstance(self.leaf, Paragraph)
        header = self.leaf.give_up_last_line()
        self.leaf = Table(self.parent, self.meter, header, rule)

    def _start_heading(self, text: str) -> None:
        self._make_room()
        mark = lines.HEADING.match(text)
        assert mark
        self.leaf = Heading(self.parent, self.meter, len(mark[1]))
        self._go_on_with_leaf(text[mark.end() :])

    def _rule(self, _: str) -> None:
        self._make_room()
        self.parent.children.append("<hr>")

    def _start_fence(self, text: str) -> None:
        self._make_room()
        mark = lines.FENCE.match(text)
        assert mark
        self.leaf = Code(self.parent, self.meter, mark[1], text[mark.end() :].strip())

    def _start_indented(self, text: str) -> None:
        self._make_room()
        self.leaf = Code(self.parent, self.meter, "", "")
        self._go_on_with_leaf(text)

    def _nothing(self, _: str) -> None:
        """An item or a quote without text so far."""

    def _end_code(self, _: str) -> None:
        self._end_leaf()

    def _definition(self, _: str) -> None:
        self._end_leaf()
