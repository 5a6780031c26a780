"""How often is too often: a bucket that empties as it is used, and fills again by itself."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """`burst` at once, and `rate` a second in the long run."""

    rate: float
    burst: int
    full_at: float = field(default_factory=time.monotonic)  # when it will be full again

    def take(self) -> bool:
        """Take one, if there is one."""
        now = time.monotonic()
        later = max(self.full_at, now) + 1 / self.rate
        if later - now > self.burst / self.rate:
            return False
        self.full_at = later
        return True


class Buckets:
    """One for everybody who comes. The full ones are forgotten: a new one is as full."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._in_use: dict[Hashable, Bucket] = {}

    def take(self, whose: Hashable) -> bool:
        if whose not in self._in_use:
            now = time.monotonic()
            self._in_use = {it: bucket for it, bucket in self._in_use.items() if bucket.full_at > now}
        return self._in_use.setdefault(whose, Bucket(self._rate, self._burst)).take()
