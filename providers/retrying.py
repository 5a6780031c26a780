"""When to ask again. Only the caller knows if a word has already reached a person; after that, never."""

import random
from collections.abc import Callable

from providers.errors import EmptyAnswerError, LeakedMarkupError, ProviderError, StalledError

ATTEMPTS = 4
PATIENCE = 30.0  # seconds of waiting, all retries together
FIRST_DELAY, LONGEST_DELAY = 0.5, 10.0  # seconds; doubles with every attempt

# The model's own mistakes: made twice, they will be made again, and every one of them is paid for.
FORGIVEN_ONCE = (EmptyAnswerError, LeakedMarkupError)


def retry_delay(
    error: ProviderError,
    attempt: int,
    *,
    attempts: int = ATTEMPTS,
    waited: float = 0.0,
    chance: Callable[[], float] = random.random,
) -> float | None:
    """Seconds to wait before asking again after the given attempt (1, 2, 3 …) of `attempts` failed. None: give up.

    `waited` is the sum of the delays so far: together they stay below thirty seconds, and a provider that asks
    for more patience than that is not asked again.
    """
    if not error.retryable or attempt >= attempts or (isinstance(error, FORGIVEN_ONCE) and attempt > 1):
        return None
    # Eleven minutes of silence are enough; another provider may be better company.
    if isinstance(error, StalledError) and error.clock == "first_event":
        return None
    wanted = error.retry_after or min(FIRST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY)
    # Up to a tenth later, never sooner: those who were refused together should not come back together.
    delay = wanted * (1 + chance() / 10)
    return delay if waited + delay <= PATIENCE else None
