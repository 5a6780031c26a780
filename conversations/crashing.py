"""Dying on purpose, for fault tests: `CRASH_AT=before-end:1 manage.py worker` dies as it comes to its first end.

CRASH_AT is point:n, and only `manage.py worker` reads it: the process leaves with os._exit(9), nothing tidied up, when
it comes to that point for the n-th time. Unset, as it always is where people work, all of this does nothing.
"""

from __future__ import annotations

import logging
import os

logger = logging.getLogger(__name__)

POINTS = frozenset(
    {
        "after-call",  # a Call is written down, its request not sent yet
        "before-flush",  # a tick's words are gathered, and not stored yet
        "after-flush",  # they are stored
        "before-end",  # the last words are stored, and the answer is not ended yet
        "inside-end",  # ended or handed on, and not committed yet; also when it was reaped
    }
)

_left: dict[str, int] = {}  # how many times more each armed point is to be passed, this last one included


def arm(wanted: str) -> None:
    """Take the value of CRASH_AT; "" is for never. Raises ValueError for a point that there is not."""
    if not wanted:
        return
    point, _, times = wanted.partition(":")
    if point not in POINTS or not times.isdecimal() or int(times) < 1:
        raise ValueError(f"CRASH_AT is point:n, the points are {', '.join(sorted(POINTS))}: {wanted!r}")
    _left[point] = int(times)
    logger.warning("this worker will crash on purpose: %s", wanted)


def here(point: str) -> None:
    """A point is passed; or, if it was armed, and this is the time, it is not."""
    if point in _left:
        _left[point] -= 1
        if not _left[point]:
            os._exit(9)
