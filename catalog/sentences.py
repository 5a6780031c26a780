"""Sentences that workers write into rows, in English, and whoever shows a row says in the reader's language.

Not a code with values beside it: a row of any version, read by any version, at least reads well in English.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_noop

NOBODY = gettext_noop("None of the %(count)s models behind “%(label)s” could answer. %(why)s")
# A provider's own words stand behind ours.
QUOTING = gettext_noop("%(sentence)s: %(theirs)s")

_VALUE = re.compile(r"%\((\w+)\)s")


def _shape(template: str) -> re.Pattern[str]:
    """What the sentence looks like once its values are put in."""
    pieces = _VALUE.split(template)
    names, between = pieces[1::2], pieces[::2]
    return re.compile("".join(re.escape(text) + f"(?P<{name}>.*)" for text, name in zip(between, names, strict=False)))


_NOBODY = _shape(NOBODY)


def translated(sentence: str) -> str:
    """A sentence out of a row, in the active language; in English still, if we never wrote such a one."""
    if (said := gettext(sentence)) != sentence or not sentence:
        return said
    if found := _NOBODY.fullmatch(sentence):
        count, label, why = found.groups()
        return gettext(NOBODY) % {"count": count, "label": gettext(label), "why": translated(why)}
    ours, colon, theirs = sentence.partition(": ")
    if colon and (said := gettext(f"{ours}.")) != f"{ours}.":
        return gettext(QUOTING) % {"sentence": said.removesuffix("。"), "theirs": theirs}
    return sentence
