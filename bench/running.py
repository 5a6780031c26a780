"""Running one measurement by itself: its options, its figures printed."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable

from bench.figures import Record, transposed


def run(measure: Callable[..., list[Record]], parser: ArgumentParser) -> None:
    """Read the options, measure, print."""
    print(transposed(measure(**vars(parser.parse_args()))))
