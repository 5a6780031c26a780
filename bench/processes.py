"""What running processes have used, from /proc: CPU with everything they started, and memory."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Memory:
    """In MB of 1,000,000 bytes. PSS shares what several processes have mapped among them, so it may be added up."""

    rss: float
    pss: float


def tree(pid: int) -> list[int]:
    """The process and all that came from it and still run."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found.extend(children.get(each, ()))
    return found


def cpu(pid: int) -> float:
    """Seconds that the process and all that came from it have computed, those included that have ended."""
    return sum(_cpu(each) for each in tree(pid))


def memory(pid: int) -> Memory:
    """Of the process and all that came from it."""
    all_of_it = [memory_of_one(each) for each in tree(pid)]
    return Memory(sum(it.rss for it in all_of_it), sum(it.pss for it in all_of_it))


def command(pid: int) -> str:
    """The process's arguments; nothing of one that has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def machine_cpu() -> float:
    """Seconds that all processors of the machine have computed, for anybody."""
    user, nice, system, _, _, irq, softirq, *_ = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(map(int, (user, nice, system, irq, softirq))) / TICK


def _stat(pid: int) -> list[str]:
    """The fields after the program's name: [0] is the state, [1] the parent."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    with suppress(OSError):
        return sum(map(int, _stat(pid)[11:15])) / TICK  # its own, user and system; and those of its dead children
    return 0.0


def memory_of_one(pid: int) -> Memory:
    with suppress(OSError):
        lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
        kilobytes = {name: int(size) for name, size, _ in lines}
        return Memory(kilobytes["Rss:"] * 1024 / 1e6, kilobytes["Pss:"] * 1024 / 1e6)
    return Memory(0.0, 0.0)
