"""Crossing from the asynchronous edges into the synchronous domain: a whole function at a time, on a bounded pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connections


class Crossing:
    """A few threads of one's own. Channels' and asgiref's would share ONE thread among all sockets of a process."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def __call__[**P, R](self, deed: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: _run(deed, *args, **kwargs))

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _run[**P, R](deed: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return deed(*args, **kwargs)
    finally:
        connections.close_all()  # back to the pool: a kept one would be this thread's for ever
