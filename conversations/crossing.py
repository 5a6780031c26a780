"""Crossing from the asynchronous edges into the synchronous domain: a whole function at a time, on a bounded pool."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from django.db import InterfaceError, InternalError, OperationalError, connections

logger = logging.getLogger(__name__)

# What passes by itself: a server that restarts, a connection that was cut, a deadlock, a standby being promoted.
PASSING = (OperationalError, InterfaceError, InternalError)
RETRY_SECONDS = 0.25


def is_passing(error: BaseException | None) -> bool:
    """Whether it, or what it came of, is one of those: the code in between may have put it into words of its own."""
    return error is not None and (isinstance(error, PASSING) or is_passing(error.__cause__ or error.__context__))


class Crossing:
    """A few threads of one's own. Channels' and asgiref's would share ONE thread among all sockets of a process."""

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def __call__[**P, R](self, deed: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        context = copy_context()  # what is said over there names the same answer
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, context.run, lambda: _run(deed, *args, **kwargs))

    async def surely[**P, R](self, deed: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Cross once the database can be reached. For deeds that may be done twice: a commit's reply may be lost."""
        while True:
            try:
                return await self(deed, *args, **kwargs)
            except PASSING as error:
                logger.warning("%s has to wait for the database: %s", deed.__name__, type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _run[**P, R](deed: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return deed(*args, **kwargs)
    finally:
        connections.close_all()  # back to the pool: a kept one would be this thread's for ever
