"""Names that say who somebody is: nothing in them that nobody sees, and no letters that pass for other letters."""

from __future__ import annotations

import unicodedata

# Nobody is called like one of those who speak here without being a member.
RESERVED = ("System", "Assistant", "Administrator", "Moderator", "Support", "DeepSeek", "Auto")

# Letters of other scripts that look like a Latin one in most fonts. Whole scripts stay: only their look is compared.
_LOOKS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеорсухіјѕԁԛԝһӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧοναικρτυχ0135ıℓ|$@",
    "ABESIJKMHOPCTYXaeopcyxijsdqwhlABEZHIKMNOPTYXovaikptuxOleslllsa",
)

_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}

# Persian, the scripts of India and emoji are written with zero-width joiners, between letters without case, marks and
# signs; after a virama also where a word ends. Elsewhere they do nothing.
_JOINERS = "\u200c\u200d"
_JOINED = {"Lo", "Mn", "Mc", "So", "Sk"}
_VIRAMA = 9  # its combining class

# Nothing is seen of these marks but what they do to the letter before them.
_VARIANTS = dict.fromkeys([0x34F, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])


def unseen(name: str) -> bool:
    """Whether it holds what nobody sees: controls, zero widths, marks that turn the text around."""
    return any(unicodedata.category(letter) in _UNSEEN and not _joins(name, at) for at, letter in enumerate(name))


def _joins(name: str, at: int) -> bool:
    before, after = name[:at][-1:], name[at + 1 :][:1]
    if name[at] not in _JOINERS or not before:
        return False
    is_between = bool(after) and {unicodedata.category(before), unicodedata.category(after)} <= _JOINED
    return is_between or unicodedata.combining(before) == _VIRAMA


def on_one_line(text: str) -> str:
    """For a mail's subject, and wherever else a line end would begin something new: without what nobody sees."""
    seen = (" " if unicodedata.category(it) in _UNSEEN and it not in _JOINERS else it for it in text)
    return " ".join("".join(seen).split())


def plain(name: str) -> str:
    """As it is written, in one spelling: case, width and spaces don't make another name."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def look(name: str) -> str:
    """What it looks like: two names of one look are told apart by nobody. Nothing, of signs alone."""
    latin = unicodedata.normalize("NFKC", name).translate(_VARIANTS).translate(_LOOKS).casefold()
    letters = (letter for letter in latin if unicodedata.category(letter)[0] not in "CPSZ")  # Bob, B.o.b, B o b
    return "".join(letters).translate(_LOOKS).replace("l", "i").replace("rn", "m").replace("vv", "w")


def is_reserved(name: str) -> bool:
    return look(name) in {look(it) for it in RESERVED}


def passes_for(name: str, other: str) -> bool:
    """Whether it looks like the other without being it. Two members may be called the same; nobody a forgery of it."""
    return look(name) == look(other) != "" and plain(name) != plain(other)
