"""What the database does for a deed: every statement, how long it took, how it was planned and how many rows it read.

with watched() as statements:
    client.get("/")
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

PLANNED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Read:
    """One step of a plan that reads a table. `rows` it looked at, wanted or not, in all its turns."""

    table: str
    step: str
    rows: float

    @property
    def is_sequential(self) -> bool:
        return self.step == "Seq Scan"


@dataclass(frozen=True)
class Statement:
    sql: str
    seconds: float
    plan: Mapping[str, Any]

    @property
    def ms(self) -> float:
        """The better of its two runs: a busy machine makes one of them long."""
        explained = self.plan["Planning Time"] + self.plan["Execution Time"] if self.plan else float("inf")
        return min(1000 * self.seconds, explained)

    @property
    def reads(self) -> list[Read]:
        return list(_reads(self.plan["Plan"])) if self.plan else []


@contextmanager
def watched() -> Iterator[list[Statement]]:
    """Every statement of this thread. Each is done twice: once to be explained, rolled back, and once to be timed."""
    seen: list[Statement] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
        plan = {} if many else _plan(sql, params)
        begin = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            seen.append(Statement(sql, time.perf_counter() - begin, plan))

    with connection.execute_wrapper(watch):
        yield seen


def _plan(sql: str, params: Any) -> dict[str, Any]:
    if not sql.lstrip().upper().startswith(PLANNED):
        return {}
    raw = connection.connection
    with raw.transaction(force_rollback=True):  # a savepoint, where Django has begun a transaction
        row = raw.execute(f"EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF, FORMAT JSON) {sql}", params).fetchone()
    found = row[0]
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]
    return plan


def _reads(step: Mapping[str, Any]) -> Iterator[Read]:
    if step["Node Type"].endswith("Scan") and "Relation Name" in step:
        unwanted = step.get("Rows Removed by Filter", 0) + step.get("Rows Removed by Index Recheck", 0)
        yield Read(step["Relation Name"], step["Node Type"], (step["Actual Rows"] + unwanted) * step["Actual Loops"])
    for below in step.get("Plans", ()):
        yield from _reads(below)
