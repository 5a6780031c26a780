"""How often to flush and to send: one rule for the worker and for the feed."""

from __future__ import annotations

import asyncio
import time

SHORTEST, LONGEST = 0.016, 0.080  # seconds between two turns
SHARE = 4  # a turn's work may take about one part in four of the time


class Pace:
    """Wait until the last turn is done and 16 ms have passed; longer, up to 80 ms, the more work a turn is.

    A turn after a quiet time comes at once, so the first words of an answer do not wait.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._interval = SHORTEST

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self) -> None:
        work = time.monotonic() - self._began
        self._interval = min(max(SHORTEST, SHARE * work), LONGEST)

    async def wait(self) -> None:
        """Until the next turn may begin."""
        left = self._began + self._interval - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
