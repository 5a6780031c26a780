"""`make bench`: runs the measurements and writes docs/benchmarks.md.

    python -m bench                        all of them, about an hour
    python -m bench only streams page      these; of the others the page keeps what they said before
    python -m bench only                   none: writes the page anew

Each runs in a process of its own and leaves its figures, with the day, the machine and the commit, in bench/results/.
"""

from __future__ import annotations

import subprocess
import sys
import time

from bench import inside
from bench.report import MEASUREMENTS, Result, keep, write


def main(arguments: list[str]) -> None:
    match arguments:
        case []:
            names = list(MEASUREMENTS)
        case ["only", *names] if set(names) <= MEASUREMENTS.keys():
            pass
        case _:
            raise SystemExit(f"{__doc__}\nMeasurements: {', '.join(MEASUREMENTS)}")
    failed = [name for name in names if not _measure(name)]
    print(write())
    if failed:
        raise SystemExit(f"These did not come to an end: {', '.join(failed)}. The page has what they said before.")


def _measure(name: str) -> bool:
    print(f"{name} …", file=sys.stderr, flush=True)
    begin = time.monotonic()
    try:
        records = inside.call(f"bench.{name}", "measure")
    except subprocess.CalledProcessError:
        return False
    keep(name, Result.of(records, time.monotonic() - begin))
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
