"""When to ask again. Only the caller knows if a word has already reached a person; after that, never."""

import random
from collections.abc import Callable

from providers.errors import ProviderError

RETRIES = 3
PATIENCE = 30.0  # seconds of waiting, all retries together
FIRST_DELAY = 0.5  # seconds; doubles with every attempt


def retry_delay(
    error: ProviderError,
    attempt: int,
    *,
    waited: float = 0.0,
    chance: Callable[[], float] = random.random,
) -> float | None:
    """Seconds to wait before asking again after the given attempt (1, 2, 3 …) failed. None: give up.

    `waited` is the sum of the delays so far: together they stay below thirty seconds, and a provider that asks
    for more patience than that is not asked again.
    """
    if not error.retryable or attempt > RETRIES:
        return None
    wanted = error.retry_after or FIRST_DELAY * 2 ** (attempt - 1)
    # Up to a tenth later, never sooner: those who were refused together should not come back together.
    delay = wanted * (1 + chance() / 10)
    return delay if waited + delay <= PATIENCE else None
