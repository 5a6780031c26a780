"""The blocks that hold text and no other blocks."""

import html
import re
from typing import Protocol

from . import code, lines
from .lines import Undecided
from .prose import Meter, Prose
from .tree import Element

LONGEST_HIDDEN = 1_000
LONGEST_FORMULA_SOURCE = 5_000
_TABLE = '<div class="table"><table>'
_CELL = re.compile(r"\\.|\\\Z|\||[^\\|]+", re.S)


class Leaf(Protocol):
    """A block that takes text, line by line."""

    is_over: bool

    def add(self, text: str) -> None:
        """More of the line."""

    def end_line(self) -> None:
        """The line is complete."""

    def show(self) -> None:
        """Put what is certain into the page."""

    def end(self) -> None:
        """The block is complete."""


class Paragraph:
    """A paragraph; bare in an item of a tight list, where its text is the item's own."""

    is_over = False

    def __init__(self, parent: Element, meter: Meter, *, is_bare: bool, lead: str = "") -> None:
        element = parent if is_bare else Element("<p", "</p>")
        element.lead += lead
        self._prose = Prose(element, None if is_bare else parent, meter)
        self._meter = meter
        self._line = ""
        self._formula_end = ""
        self._could_be_table = False

    @property
    def is_in_formula(self) -> bool:
        """Whether a displayed formula has begun with a line and not ended: whatever follows belongs to it."""
        return self._formula_end != ""

    def add(self, text: str) -> None:
        """More of the line."""
        if self._prose.is_empty:
            self._could_be_table = text.startswith("|")
        self._line += text if len(self._line) < LONGEST_FORMULA_SOURCE else ""
        self._prose.add(text)

    def next_line(self, text: str) -> None:
        """Another line goes on with the paragraph."""
        self._could_be_table = False
        self._prose.add(" " if self.is_in_formula else "\n")
        self.add(text)

    def end_line(self) -> None:
        """See whether a displayed formula begins or ends here."""
        line = self._line
        if not self.is_in_formula and line.startswith(("$$", "\\[")):
            self._formula_end, line = ("$$" if line[0] == "$" else "\\]"), line[2:]
        if self._formula_end in line or len(self._prose.source) > LONGEST_FORMULA_SOURCE:
            self._formula_end = ""
        self._line = ""

    def show(self) -> None:
        """A line that starts like a table waits for the next one."""
        if not (self._could_be_table and len(self._prose.source) < LONGEST_HIDDEN):
            self._prose.show()

    def end(self) -> None:
        """The paragraph is complete."""
        self._prose.end()
        self._prose.repair()

    def heads_table(self, rule: str) -> bool:
        """Whether the last line and the rule under it are the head of a table, for the core too."""
        header = self._prose.source.rsplit("\n", 1)[-1]
        return len(cells_of(header)) == len(cells_of(rule)) and _head(self._meter, header, rule).startswith(_TABLE)

    def give_up_last_line(self) -> str:
        """End before the last line, which turned out to be the header of a table."""
        before, _, header = self._prose.source.rpartition("\n")
        self._prose.retract(f"<p>{self._meter.inline(before)}</p>" if before else "")
        return header

    def underline(self, level: int) -> None:
        """End as a heading."""
        self._prose.end()
        self._prose.repair(f"<h{level}>{self._meter.inline(self._prose.source.rstrip())}</h{level}>")


class Heading:
    """A heading with marks before it."""

    def __init__(self, parent: Element, meter: Meter, level: int) -> None:
        self._prose = Prose(Element(f"<h{level}", f"</h{level}>"), parent, meter)
        self.is_over = False

    def add(self, text: str) -> None:
        """More of the line."""
        self._prose.add(text)

    def end_line(self) -> None:
        """A heading is one line."""
        self.is_over = True

    def show(self) -> None:
        """Put what is certain into the page."""
        self._prose.show()

    def end(self) -> None:
        """The heading is complete."""
        self._prose.end()
        self._prose.repair()


class Code:
    """A block of code: plain while it grows, coloured when it ends. Without a fence, an indented one."""

    is_over = False

    def __init__(self, parent: Element, meter: Meter, fence: str, info: str) -> None:
        self.fence = fence
        self._language = info.split(maxsplit=1)[0] if info else ""
        self._meter = meter
        opening, _, lead = code.opening(self._language).partition(">")
        self._figure = Element(opening, "</pre></figure>", lead)
        self._code = Element("<code", "</code>")
        self._figure.children.append(self._code)
        parent.children.append(self._figure)
        self._source = ""
        self._pending = ""
        self._line_ends = -1 if fence else 0  # the fence's own line does not count

    def inside(self, rest: str, is_whole: bool) -> str | None:
        """The line of code; None if the line ends the block."""
        if not self.fence:
            return self._inside_indented(rest, is_whole)
        body = rest.strip(" ")
        looks_like_end = not body.strip(self.fence[0]) and lines.indent(rest) < 4
        if looks_like_end and not is_whole:
            raise Undecided
        return None if looks_like_end and len(body) >= len(self.fence) else rest

    def _inside_indented(self, rest: str, is_whole: bool) -> str | None:
        if rest.startswith("    "):
            return rest[4:]
        if rest.strip():
            return None
        if not is_whole:
            raise Undecided
        return ""

    def add(self, text: str) -> None:
        """More of the line."""
        self._pending += "\n" * max(self._line_ends, 0) + text
        self._line_ends = 0

    def end_line(self) -> None:
        """The line end is shown with the next line."""
        self._line_ends += 1

    def show(self) -> None:
        """Append what has come."""
        if self._pending:
            self._code.children.append(html.escape(self._pending))
            if len(self._source) <= code.LONGEST_COLOURED:
                self._source += self._pending
            self._pending = ""

    def end(self) -> None:
        """The block is complete: show it as the core does, if that is another way."""
        self.show()
        self._code.ended = self._figure.ended = True
        if code.is_coloured(self._language, self._source) or self._language == "math":
            fence = "`" * 9 if self.fence[0] == "`" else "~" * 9
            self._figure.truth = self._meter.block(f"{fence}{self._language}\n{self._source}\n{fence}\n")


class Table:
    """A table below its header: rows of cells, each of which grows by itself."""

    is_over = False

    def __init__(self, parent: Element, meter: Meter, header: str, rule: str) -> None:
        self._meter = meter
        self._classes = [_alignment(cell) for cell in cells_of(rule)]
        head, _, _ = _head(meter, header, rule).partition("</table></div>")
        self._box = Element('<div class="table"', "</div>")
        self._table = Element("<table", "</table>", head.removeprefix(_TABLE))
        self._box.children.append(self._table)
        parent.children.append(self._box)
        self._body: Element | None = None
        self._row: Element | None = None
        self._cell: Prose | None = None
        self._pending = ""

    def add(self, text: str) -> None:
        """More of the row."""
        if self._row is None:
            self._start_row()
            text = text.lstrip(" ").removeprefix("|")
        text = self._pending + text
        self._pending = ""
        for piece in _CELL.findall(text):
            if piece == "|":
                self._next_cell()
            elif piece == "\\":
                self._pending = piece
            else:
                self._go_on_with_cell("|" if piece == "\\|" else piece)

    def _start_row(self) -> None:
        if self._body is None:
            self._body = Element("<tbody", "</tbody>")
            self._table.children.append(self._body)
        self._row = Element("<tr", "</tr>")
        self._body.children.append(self._row)

    def _next_cell(self) -> None:
        self._go_on_with_cell("")
        if self._cell:
            self._cell.end()
            self._cell.repair()
        self._cell = None

    def _go_on_with_cell(self, text: str) -> None:
        assert self._row
        if self._cell is None:
            number = len(self._row.children)
            if number >= len(self._classes) or (text and not text.strip()):
                return
            cell = Element(f"<td{self._classes[number]}", "</td>")
            self._row.children.append(cell)
            self._cell = Prose(cell, self._row, self._meter, is_attached=True)
        self._cell.add(text)

    def end_line(self) -> None:
        """The row is complete."""
        if self._row is None:
            return
        if self._pending:
            self._go_on_with_cell(self._pending)
        if self._cell:
            self._next_cell()
        missing = self._classes[len(self._row.children) :]
        self._row.children += [f"<td{css}></td>" for css in missing]
        self._row.ended = True
        self._row, self._pending = None, ""

    def show(self) -> None:
        """Put what is certain into the page."""
        if self._cell:
            self._cell.show()

    def end(self) -> None:
        """The table is complete."""
        self.end_line()
        self._box.ended = self._table.ended = True
        if self._body:
            self._body.ended = True


def cells_of(row: str) -> list[str]:
    """The cells of a row, or of the rule under the header."""
    return re.split(r"(?<!\\)\|", row.strip().removeprefix("|").removesuffix("|"))


def _head(meter: Meter, header: str, rule: str) -> str:
    return meter.block(f"{header}\n{rule}\n")


def _alignment(rule: str) -> str:
    rule = rule.strip()
    left, right = rule.startswith(":"), rule.endswith(":")
    return f' class="{"center" if left and right else "left" if left else "right"}"' if left or right else ""
