"""The clocks of one answer."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Self

from providers.errors import Clock, StalledError
from providers.messages import Clocks

SECONDS_AFTER_FINISH = 5.0  # for usage and [DONE]; nothing of the answer is missing by then


class Watch:
    """Waits for the provider, but not for ever. Only the total holds the time against it that the reader of the deltas
    takes.

    One timer for the whole answer, which looks again when it fires; an asyncio.timeout() around every read was a
    tenth of what a token costs. Cancelling follows asyncio.Timeout: ours becomes an error, anyone else's stays one.
    """

    def __init__(self, clocks: Clocks) -> None:
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._patience = clocks.idle
        self._end = now + clocks.total
        self._clock: Clock = "first_event"
        self._deadline = min(now + clocks.first_event, self._end)
        self._timer = self._loop.call_at(self._deadline, self._look)
        self._waiting: asyncio.Task[object] | None = None
        self._ran_out = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def heard(self, *, finished: bool) -> None:
        """A real event came (and whoever reads us is done with it): the idle clock starts again."""
        patience = min(self._patience, SECONDS_AFTER_FINISH) if finished else self._patience
        self._clock, self._deadline = "idle", min(self._loop.time() + patience, self._end)
        # A timer that fires too early sets itself again; one that fires too late is no use.
        if self._timer.when() > self._deadline:
            self._set_timer(self._deadline)

    async def wait[T](self, coming: Coroutine[Any, Any, T]) -> T:
        """Raises StalledError, which names the clock that ran out."""
        # Of a provider that is always faster than our reader, the timer never finds us waiting.
        if self._loop.time() >= self._end:
            coming.close()
            raise StalledError("total")
        task = asyncio.current_task()
        assert task
        cancels = task.cancelling()
        self._waiting = task
        try:
            return await coming
        except asyncio.CancelledError:
            if not self._ran_out or task.uncancel() > cancels:
                raise
        finally:
            self._waiting = None
        raise StalledError("total" if self._deadline == self._end else self._clock)

    def _look(self) -> None:
        now = self._loop.time()
        if now < self._deadline:
            self._set_timer(self._deadline)
        elif self._waiting:
            self._ran_out = True
            self._waiting.cancel()
        else:
            # Our reader is busy with what it has; ask again in a moment.
            self._set_timer(now + min(self._patience, 1.0))

    def _set_timer(self, when: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look)
