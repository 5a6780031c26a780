"""What is read for every question and changes once a week: read once a second, however many ask."""

from __future__ import annotations

import time
from collections.abc import Callable


class Recent[Found]:
    """What `read` found, for as many seconds as `keep` says; one for each process. What it gives is nobody's to change.

    Who asks while somebody reads, reads as well: nobody waits for another's database.
    """

    def __init__(self, read: Callable[[], Found], keep: Callable[[], float]) -> None:
        self._read, self._keep = read, keep
        self._found: tuple[float, Found] | None = None  # and until when it holds

    def __call__(self) -> Found:
        now, found = time.monotonic(), self._found
        if found is None or found[0] <= now:
            found = self._found = (now + self._keep(), self._read())
        return found[1]

    def forget(self) -> None:
        """Read again, whoever asks next."""
        self._found = None
