"""Dying on purpose: only when told to, and there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conversations import crashing

PASS_THREE = """
from conversations import crashing
crashing.arm({wanted!r})
for number in range(3):
    print(number, flush=True)
    crashing.here("before-flush")
"""


def passes(wanted: str) -> tuple[int, int]:
    """How the process ended, and how often it came to its point."""
    run = subprocess.run(
        [sys.executable, "-c", PASS_THREE.format(wanted=wanted)], capture_output=True, check=False, timeout=30
    )
    return run.returncode, len(run.stdout.split())


@pytest.mark.parametrize(
    ("wanted", "ends"),
    [("", (0, 3)), ("before-flush:2", (9, 2)), ("before-flush:4", (0, 3)), ("after-flush:1", (0, 3))],
)
def test_the_process_dies_when_it_comes_to_its_point_for_the_nth_time(wanted: str, ends: tuple[int, int]) -> None:
    assert passes(wanted) == ends


@pytest.mark.parametrize("wanted", ["before-flush", "before-flush:0", "before-flush:x", "elsewhere:1", ":1"])
def test_a_point_that_there_is_not_is_told_at_once(wanted: str) -> None:
    with pytest.raises(ValueError, match="CRASH_AT is point:n"):
        crashing.arm(wanted)
