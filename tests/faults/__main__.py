"""Bad days, played by hand:

python -m tests.faults                     every row, then ten minutes of soak
python -m tests.faults F1 F4               these; F4 is F4-fast and F4-immediate
python -m tests.faults list                what is promised, as the table of docs/faults.md
python -m tests.faults soak --minutes 10 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import time
import traceback
from collections.abc import Iterable
from itertools import groupby

from tests.faults import rows, soak
from tests.faults.house import House
from tests.faults.table import TABLE, Row, as_markdown, play

assert rows.__all__  # imported for what it registers


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="rows, `list`, or `soak`; all rows and the soak when none is given")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us: everything ends with us
    if options.names == ["list"]:
        say(as_markdown())
        return 0
    began = time.monotonic()
    wrong = [] if options.names == ["soak"] else play_all(chosen(options.names))
    if not options.names or options.names == ["soak"]:
        wrong += [] if soak.run(options.seed, options.minutes, say) else [f"soak --seed {options.seed}"]
    say(f"\n{time.monotonic() - began:.0f} s. {'Red: ' + ', '.join(wrong) if wrong else 'All promises were kept.'}")
    return 1 if wrong else 0


def chosen(names: Iterable[str]) -> list[Row]:
    """In the table's order."""
    found = [row for row in TABLE.values() if not names or {row.name, row.name.split("-")[0]}.intersection(names)]
    assert found, f"no such row; there are {', '.join(TABLE)}"
    return found


def play_all(rows: Iterable[Row]) -> list[str]:
    """Every row, those of one environment in one house. The names of those that went wrong."""
    wrong: list[str] = []
    for settings, alike in groupby(sorted(rows, key=lambda row: row.settings), key=lambda row: row.settings):
        waiting = list(alike)
        while waiting:
            with House(**dict(settings)) as house:
                # After one that went wrong nobody knows what the house is worth: the others get a new one.
                while waiting:
                    if not _plays(row := waiting.pop(0), house):
                        wrong.append(row.name)
                        break
    return wrong


def _plays(row: Row, house: House) -> bool:
    if lacks := row.lacks():
        say(f"{row.name:16} not played here: {lacks}")
        return True
    house.notes.clear()
    try:
        took = asyncio.run(play(row, house))
    except Exception:
        traceback.print_exc()
        for process in house.processes:
            say(f"--- {process.name}\n{process.said[-2000:]}")
        say(f"{row.name:16} RED    {row.promise}")
        return False
    say(f"{row.name:16} {took:5.1f} s  {row.title}{'; '.join(['', *house.notes])}")
    return True


def say(words: str) -> None:
    print(words, flush=True)  # noqa: T201  # the one place that talks to whoever plays


if __name__ == "__main__":
    raise SystemExit(main())
