"""docs/benchmarks.md: what every measurement said when it last ran, each on the machine and the commit it ran on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bench.figures import Record, table
from bench.goals import goals
from bench.inside import ROOT

RESULTS = Path(__file__).with_name("results")
PAGE = ROOT / "docs/benchmarks.md"

MEASUREMENTS = {
    "streams": "Many answers at once",
    "crowds": "Growth with streams and with readers",
    "links": "A live link with many readers",
    "lengths": "Growth with an answer's length",
    "torrents": "One answer at 500 tokens a second",
    "page": "In the browser",
    "stopping": "Stop",
    "killing": "kill -9",
    "footprint": "Size, start, memory at rest",
    "database": "Database time",
    "soak": "A day's answers in minutes",
}
HEAD = """\
# What it can do, in numbers

`make bench` measures all of it and writes this page. Everything runs on one machine: what is measured, its PostgreSQL,
the scripted provider and the clients. So ratios within a run say more than seconds, and the tables tell who was busy.
CPU is from /proc, with everything that a process has started. Latency is *added*: from the provider's sending of a
token to its arrival. Each section says when, where and on which commit it was measured. What binds where a goal is not
reached, and what was tried, is in decisions/0006-speed.md, "Goals that are not reached".
"""


@dataclass(frozen=True)
class Result:
    records: list[Record]
    seconds: float  # that it took
    day: str
    commit: str
    machine: str
    load_average: float  # of 15 minutes, by others too

    @classmethod
    def of(cls, records: list[Record], seconds: float) -> Self:
        day = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return cls(records, seconds, day, _commit(), _machine(), os.getloadavg()[2])


def keep(name: str, result: Result) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n")


def kept() -> dict[str, Result]:
    files = {name: RESULTS / f"{name}.json" for name in MEASUREMENTS}
    return {name: Result(**json.loads(file.read_text())) for name, file in files.items() if file.exists()}


def write() -> str:
    """Write the page; returns its first table."""
    results = kept()
    first = goals({name: result.records for name, result in results.items()})
    sections = [_section(name, result) for name, result in results.items()]
    PAGE.write_text("\n".join([HEAD, "## Numbers we build for", "", first, "", *sections]))
    return first


def _section(name: str, result: Result) -> str:
    where = (
        f"`python -m bench only {name}`, {result.day}, commit {result.commit}, {result.seconds:.0f} s. {result.machine}"
    )
    busy = f"Load average of the quarter of an hour before its end: {result.load_average:.1f}."
    return f"## {MEASUREMENTS[name]}\n\n{where} {busy}\n\n{table(result.records)}\n"


def _commit() -> str:
    told = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(told, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True).stdout.strip() or "unknown"


def _machine() -> str:
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    total = int(Path("/proc/meminfo").read_text().split()[1]) / 1e6
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} × {model.partition(': ')[2] or platform.machine()}, {total:.0f} GB, {system}."
