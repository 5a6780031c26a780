"""Helpers for tests with several actors: threads that set off together, waiting with a deadline, real worker processes.

at_once(20, lambda n: browsers[n].post(…))              twenty threads, released together; their results
wait_until(lambda: …, "it is done")                      poll with a deadline, in a synchronous test
await eventually(lambda: …, "it is done")                the same beside an event loop; `look` may use the database
wait_for_waiters(1)                                      somebody stands before a lock in the database
with worker_process(environment, tmp_path) as worker:    `manage.py worker`, killed at the end whatever happened
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from uuid import uuid4

from asgiref.sync import sync_to_async
from django.db import connection, connections

from conversations.models import Generation
from tests.chatsite.processes import Program, program

SECONDS = 20.0  # for what should happen at once, on a machine that is busy with other things
# A worker that is given up soon, for tests that do not want to wait fifteen seconds.
HASTY = {"LEASE_SECONDS": "2", "HEARTBEAT_SECONDS": "0.4", "REAPER_SECONDS": "0.3"}


def wait_until[T](look: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """What `look` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.01)
    return found


async def eventually[T](look: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """What `look` returns once it is true; it runs in the thread that may use the database."""
    deadline = time.monotonic() + seconds
    while not (found := await sync_to_async(look)()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        await asyncio.sleep(0.01)
    return found


async def has_ended(generation: Generation, seconds: float = SECONDS) -> Generation:
    """The generation as it is once nothing more will be said."""
    await eventually(lambda: not _anew(generation).is_live, "the answer's end", seconds)
    return generation


def wait_for_end(generation: Generation, seconds: float = SECONDS) -> Generation:
    wait_until(lambda: not _anew(generation).is_live, "the answer's end", seconds)
    return generation


def _anew(generation: Generation) -> Generation:
    generation.refresh_from_db()
    return generation


def in_thread[T](pool: ThreadPoolExecutor, deed: Callable[[], T]) -> Future[T]:
    """Do it in another thread, over a connection of its own that does not outlive it."""

    def run() -> T:
        try:
            return deed()
        finally:
            connections.close_all()

    return pool.submit(run)


def at_once[T](count: int, deed: Callable[[int], T]) -> list[T]:
    """Do it in so many threads, released together."""
    barrier = Barrier(count)

    def run(number: int) -> T:
        barrier.wait(SECONDS)
        return deed(number)

    with ThreadPoolExecutor(count) as pool:
        started = [in_thread(pool, lambda number=number: run(number)) for number in range(count)]  # type: ignore[misc]
        return [each.result(60) for each in started]


def waiters() -> int:
    """How many stand before a lock in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


def wait_for_waiters(count: int) -> None:
    wait_until(lambda: waiters() >= count, f"{count} waiting for a lock")


@contextmanager
def worker_process(environment: Mapping[str, str], folder: Path, **more: str) -> Iterator[Program]:
    """`manage.py worker` over the test's database, ready to claim. `more` is its environment besides."""
    said = folder / f"worker-{uuid4().hex[:6]}.log"
    with program("manage.py", "worker", said=said, environment={**environment, **HASTY, **more}) as started:
        started.wait_to_say("is ready")
        yield started
