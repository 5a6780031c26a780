"""What a complaint means, and that none of them gives a key away."""

import pickle
from datetime import UTC, datetime

import pytest

from providers.errors import (
    AccessDeniedError,
    AuthenticationError,
    BalanceEmptyError,
    ContentRefusedError,
    ContextTooLongError,
    InvalidRequestError,
    OverloadedError,
    ProviderError,
    RateLimitedError,
    ServerFaultError,
    StalledError,
)
from providers.messages import Secret
from providers.refusals import complaint_in_stream, refusal, retry_after, scrubbed, trace_id

KEY = Secret("local-key-of-no-usual-shape")


def complaint(status: int, body: str) -> ProviderError:
    return refusal(status, {}, body.encode(), KEY)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "Authentication Fails (governor)", AuthenticationError),
        (402, '{"error":{"message":"Insufficient Balance","code":"invalid_request_error"}}', BalanceEmptyError),
        (403, "<html>blocked</html>", AccessDeniedError),
        (400, '{"error":{"message":"This model\'s maximum context length is 9 tokens."}}', ContextTooLongError),
        (400, '{"error":{"code":400,"message":"x","type":"exceed_context_size_error"}}', ContextTooLongError),
        (400, '{"error":{"message":"Content Exists Risk"}}', ContentRefusedError),
        (429, '{"error":{"message":"Your current concurrency is 40"}}', RateLimitedError),
        (429, '{"error":{"message":"x","code":"insufficient_quota"}}', BalanceEmptyError),
        (500, "", ServerFaultError),
        (502, "<html>Bad Gateway</html>", OverloadedError),
        (503, '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}', OverloadedError),
        (504, "", OverloadedError),
        (524, "", OverloadedError),
        (529, "", OverloadedError),
        (404, "", InvalidRequestError),
        (415, "Expected request with `Content-Type: application/json`", InvalidRequestError),
        (422, '{"detail":"bad"}', InvalidRequestError),
        (302, "", InvalidRequestError),
    ],
)
def test_status_and_words_say_what_happened(status: int, body: str, kind: type[ProviderError]) -> None:
    error = complaint(status, body)
    assert type(error) is kind
    assert error.status == status
    assert error.code == kind.code


@pytest.mark.parametrize(
    "body",
    [
        '{"error":{"message":"Invalid temperature value","type":"x"}}',
        '{"error":"Invalid temperature value"}',
        '{"message":"Invalid temperature value"}',
        '{"detail":"Invalid temperature value"}',
        '{"error_msg":"Invalid temperature value"}',
        "Invalid temperature value",
    ],
)
def test_a_bad_request_is_explained_in_the_providers_own_words(body: str) -> None:
    assert complaint(400, body).sentence == "The provider could not accept the request: Invalid temperature value"


@pytest.mark.parametrize(
    "body", ["", "{}", "null", "[1]", "<html>nginx</html>", '{"error":{"message":5}}', "[" * 99999]
)
def test_a_bad_request_without_words_still_has_a_sentence(body: str) -> None:
    assert complaint(400, body).sentence.startswith("The provider could not accept the request")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 429, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        '{"error":{"message":"Incorrect API key provided: sk-abcdef0123456789."}}',
        '{"error":{"message":"Authentication Fails, Your api key: ****6789 is invalid"}}',
        "Authorization: Bearer abcdef0123456789 was refused",
        "key local-key-of-no-usual-shape is unknown",
        "x" * 1990 + " sk-abcdef0123456789",
        '{"error":{"message":"no such key 0123456789abcdef0123456789abcdef"}}',
    ],
)
def test_no_refusal_gives_a_key_away(status: int, body: str) -> None:
    error = complaint(status, body)
    for shown in (error.sentence, str(error), repr(error), repr(error.args)):
        assert "6789" not in shown
        assert "usual-shape" not in shown


def test_a_key_inside_a_stream_is_not_given_away_either() -> None:
    error = complaint_in_stream({"code": 400, "message": "bad key sk-abcdef0123456789"}, KEY, "")
    assert error.sentence == "The provider could not accept the request: bad key ***"


def test_a_key_is_not_cut_into_something_that_looks_like_none() -> None:
    text = ("sk-" + "a" * 100 + " ") * 19 + "x" * 17 + " sk-6789abcdef"
    assert text[:2000].endswith("sk-678")
    assert "678" not in scrubbed(text, KEY)


def test_long_words_are_scrubbed_in_no_time() -> None:
    assert len(scrubbed("*a" * 32768, KEY)) <= 300


def test_control_characters_and_half_emojis_do_not_reach_a_person() -> None:
    assert scrubbed("a\x1b[31m\n\tb\0\ud83d", KEY) == "a [31m b"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("1000000000", 1e9),
        ("0", None),
        ("-3", None),
        ("", None),
        ("soon", None),
        ("1e5", None),
        ("٣", None),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", None),
        ("Sat, 99 Nov 2026 11:00:00 GMT", None),
        ("Sat, 21 Nov 2026 12:00:30 -0000", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str, seconds: float | None) -> None:
    assert retry_after(value, datetime(2026, 11, 21, 12, tzinfo=UTC)) == seconds


def test_the_trace_id_is_kept_for_the_providers_support() -> None:
    assert trace_id({"x-ds-trace-id": "ab<script>1"}) == "abscript1"
    assert refusal(500, {"x-request-id": "r-1"}, b"", KEY).trace_id == "r-1"


def test_errors_survive_a_trip_between_processes() -> None:
    stalled = pickle.loads(pickle.dumps(StalledError("total")))
    assert (stalled.clock, stalled.retryable, stalled.sentence) == ("total", False, "The answer took too long.")
    limited = pickle.loads(pickle.dumps(RateLimitedError(retry_after=3.0)))
    assert (limited.retry_after, limited.retryable) == (3.0, True)


def test_every_kind_of_error_has_its_own_code_and_a_sentence() -> None:
    kinds = [ProviderError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) > 15
    assert all(kind.sentence.endswith(".") for kind in kinds)
