"""When to ask again."""

import pytest

from providers.errors import (
    AuthenticationError,
    BalanceEmptyError,
    ConnectionFailedError,
    CutError,
    EmptyAnswerError,
    InvalidRequestError,
    LeakedMarkupError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
    ServerFaultError,
    StalledError,
)
from providers.retrying import PATIENCE, retry_delay


def test_silence_is_waited_for_once() -> None:
    assert retry_delay(StalledError("first_event"), 1) is None
    assert retry_delay(StalledError("idle"), 1) is not None


def test_delays_double_and_come_up_to_a_tenth_later() -> None:
    assert [retry_delay(OverloadedError(), attempt, chance=lambda: 0.0) for attempt in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert retry_delay(OverloadedError(), 1, chance=lambda: 1.0) == pytest.approx(0.55)


def test_no_delay_of_ours_is_longer_than_ten_seconds() -> None:
    assert retry_delay(OverloadedError(), 9, attempts=20, chance=lambda: 0.0) == 10.0


def test_there_is_no_fourth_retry() -> None:
    assert retry_delay(OverloadedError(), 3) is not None
    assert retry_delay(OverloadedError(), 4) is None


@pytest.mark.parametrize("attempts", [1, 2, 6])
def test_a_chain_says_how_often_a_model_is_asked(attempts: int) -> None:
    delays = [retry_delay(OverloadedError(), attempt, attempts=attempts) for attempt in range(1, 9)]
    assert [delay is not None for delay in delays].count(True) == attempts - 1
    assert delays[attempts - 1] is None


@pytest.mark.parametrize("error", [EmptyAnswerError(), LeakedMarkupError()], ids=str)
def test_a_models_own_mistake_is_forgiven_once(error: ProviderError) -> None:
    assert retry_delay(error, 1) is not None
    assert retry_delay(error, 2) is None


@pytest.mark.parametrize(
    "error", [AuthenticationError(), BalanceEmptyError(), InvalidRequestError(), StalledError("total")]
)
def test_what_cannot_get_better_is_not_asked_again(error: ProviderError) -> None:
    assert retry_delay(error, 1) is None


@pytest.mark.parametrize(
    "error", [RateLimitedError(), ServerFaultError(), ConnectionFailedError(), CutError(), StalledError("idle")]
)
def test_what_may_get_better_is_asked_again(error: ProviderError) -> None:
    assert retry_delay(error, 1) is not None


def test_the_provider_may_ask_for_more_patience() -> None:
    assert retry_delay(RateLimitedError(retry_after=7.0), 1, chance=lambda: 0.0) == 7.0


@pytest.mark.parametrize("seconds", [31.0, 1e9, float("inf")])
def test_nobody_waits_longer_than_half_a_minute(seconds: float) -> None:
    assert retry_delay(RateLimitedError(retry_after=seconds), 1) is None


def test_all_delays_together_stay_below_half_a_minute() -> None:
    waited, attempt = 0.0, 1
    while delay := retry_delay(RateLimitedError(retry_after=12.0), attempt, waited=waited, chance=lambda: 0.0):
        waited, attempt = waited + delay, attempt + 1
    assert waited == 24.0 <= PATIENCE
