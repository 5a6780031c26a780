"""Every page, deed and statement on a database of full size: how many queries, the database's time, the plans.

    python -m bench.database --plans /tmp/plans.json              seeds one of its own: minutes, and 7 GB of disk
    python -m bench.database --url postgres:///…                  a seeded one, which is written to

The goal is 100 ms of database time for whatever a member or an administrator does, and no sequential scan of a table
that is large. What is timed was explained before, so its pages are in memory.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import inside
from bench.figures import Record, share
from bench.running import run
from chatsite.postgres import EmbeddedPostgres, places

GOAL = 100.0  # ms
LARGE = 10_000  # rows
# Nothing here has to survive, and seeding should not wait for the disk. What a page costs is the same.
OPTIONS = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "8GB", "shared_buffers": "1GB"}


@dataclass(frozen=True)
class Figure:
    """What a visit cost, and the plans of what it asked."""

    who: str
    visit: str
    queries: int
    ms: float
    scanned: list[str]  # large tables that were read from end to end
    plans: list[tuple[str, float, Any]]  # of each statement, with its SQL and ms


def measure(
    *, conversations: int = 100_000, messages: int = 5_000_000, answers: int = 100, url: str = "", plans: str = ""
) -> list[Record]:
    with _database(url) as environment:
        if not url:
            inside.call("bench.database", "seed", conversations, messages, environment=environment)
        figures = [Figure(**it) for it in inside.call("bench.database", "visited", answers, environment=environment)]
    if plans:
        Path(plans).write_text(json.dumps([asdict(it) for it in figures], indent=1))
    return [_summary(who, [it for it in figures if it.who == who]) for who in dict.fromkeys(it.who for it in figures)]


def _summary(who: str, figures: list[Figure]) -> Record:
    worst = max(figures, key=lambda it: it.ms)
    return {
        "who": who,
        "visits": len(figures),
        "queries, most": max(it.queries for it in figures),
        "database ms, median": share((it.ms for it in figures), 0.5),
        "database ms, worst": worst.ms,
        "worst": worst.visit,
        f"over {GOAL:.0f} ms": ", ".join(f"{it.visit} ({it.ms:.0f})" for it in figures if it.ms > GOAL) or "none",
        "sequential scans": ", ".join(f"{it.visit} ({', '.join(it.scanned)})" for it in figures if it.scanned)
        or "none",
    }


@contextmanager
def _database(url: str) -> Iterator[dict[str, str]]:
    """The environment of a process that uses that database, or a private one that is removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="chat-bench-"))
    home.chmod(0o711)  # as root, PostgreSQL runs as another user, who must reach the folders below
    more = {"DEEPSEEK_API_KEY": "sk-" + "0" * 32, "DJANGO_SETTINGS_MODULE": "chatsite.settings", "VAR_DIR": str(home)}
    try:
        if url:
            yield {**os.environ, **more, "DATABASE_URL": url}
            return
        with EmbeddedPostgres(places(home), OPTIONS) as server:
            yield {**os.environ, **more, "DATABASE_URL": server.url}
    finally:
        shutil.rmtree(home, ignore_errors=True)


# In a process of its own, once Django is set up ---------------------------------------------------------------------


def seed(conversations: int, messages: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415  # Django's rows are needed only here

    from bench.seeding.filling import Size, fill  # noqa: PLC0415  # the same

    call_command("migrate", verbosity=0)
    fill(Size(conversations, messages))


def visited(answers: int) -> list[dict[str, Any]]:
    from bench.plans import watched  # noqa: PLC0415  # Django's rows are needed only here
    from bench.visits import Administrators, Members, Processes  # noqa: PLC0415  # the same

    large, figures = _large_tables(), []
    everybody: dict[str, Members | Administrators | Processes] = {
        "member": Members(),
        "administrator": Administrators(),
        "worker and feed": Processes(answers),
    }
    for who, they in everybody.items():
        for visit in they.visits():
            with watched() as statements:
                visit.deed()
            reads = [read for it in statements for read in it.reads]
            figures.append(
                Figure(
                    who,
                    visit.name,
                    len(statements),
                    sum(it.ms for it in statements),
                    sorted({read.table for read in reads if read.is_sequential and read.table in large}),
                    [(it.sql, it.ms, it.plan) for it in statements],
                )
            )
    return [asdict(it) for it in figures]


def _large_tables() -> set[str]:
    from django.db import connection  # noqa: PLC0415  # once Django is set up

    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > %s", [LARGE])
        return {name for (name,) in cursor.fetchall()}


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--messages", type=int, default=5_000_000)
    parser.add_argument("--answers", type=int, default=100, help="under way at once")
    parser.add_argument("--url", default="", help="of a seeded database, instead of a new one")
    parser.add_argument("--plans", default="", help="a file for every plan, as JSON")
    run(measure, parser)


if __name__ == "__main__":
    main()
