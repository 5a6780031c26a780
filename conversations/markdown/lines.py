"""What a line of Markdown begins, as far as it can be told from its first characters."""

import re

LONGEST_UNDECIDED = 200

ITEM = re.compile(r"([-+*]|(\d{1,9})[.)])(?: |$)")
HEADING = re.compile(r"(#{1,6})(?: +|$)")
FENCE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,})")
RULE = re.compile(r"(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})")
UNDERLINE = re.compile(r"(=+|-+) *")
QUOTE = re.compile(r" {0,3}> ?")
TASK = re.compile(r"\[([ xX])\] +(?=\S)")
DEFINITION = re.compile(r"\[(?!\^)[^\]\n]+\]:")
TABLE_RULE = re.compile(r"\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *")

# With these the line may still become more than one thing.
_UNDECIDED = re.compile(
    r"""\d{1,9}[.)]?|[-+]|\#{1,6}|`{1,2}|`{3,}[^`]*|~{3}.*|~{1,2}|=+\ *|(?:-\ *)+|(?:\*\ *)+|(?:_\ *)+
    |[|:-][|:\ -]*|\[[^\]\n]{0,80}\]?|\[[ xX]\]\ *""",
    re.X,
)


class Undecided(Exception):  # noqa: N818 (nothing went wrong: more characters are needed)
    """Only more characters can tell what this line is."""


def indent(line: str) -> int:
    """How many spaces the line starts with."""
    return len(line) - len(line.lstrip(" "))


def without_leading_tabs(line: str) -> str:
    """The line with the tabs before its first word as spaces."""
    body = line.lstrip(" \t")
    return line[: len(line) - len(body)].expandtabs(4) + body if "\t" in line else line


def wait_if_undecided(body: str) -> None:
    """Raise Undecided if what has come of the line could become several things."""
    if len(body) <= LONGEST_UNDECIDED and _UNDECIDED.fullmatch(body):
        raise Undecided
