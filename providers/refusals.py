"""What a provider's complaint means: a status and a body of any shape in, one error of our tree out."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

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
)
from providers.messages import Secret

LONGEST_COMPLAINT = 300

STATUSES: Mapping[int, type[ProviderError]] = {
    401: AuthenticationError,
    402: BalanceEmptyError,
    403: AccessDeniedError,
    408: OverloadedError,
    429: RateLimitedError,
    502: OverloadedError,
    503: OverloadedError,
    504: OverloadedError,
    524: OverloadedError,
    529: OverloadedError,
}

# Words that say more than a status does. `error.code` does not: DeepSeek sends the same constant with everything.
WORDS: tuple[tuple[str, type[ProviderError]], ...] = (
    ("maximum context length", ContextTooLongError),
    ("context_length_exceeded", ContextTooLongError),
    ("exceed_context_size", ContextTooLongError),
    ("context window", ContextTooLongError),
    ("content exists risk", ContentRefusedError),
    ("insufficient balance", BalanceEmptyError),
    ("insufficient_quota", BalanceEmptyError),
    ("authentication_error", AuthenticationError),
    ("rate_limit", RateLimitedError),
    ("rate limit reached", RateLimitedError),
    ("service_unavailable", OverloadedError),
    ("overloaded_error", OverloadedError),
    ("service is too busy", OverloadedError),
    ("loading model", OverloadedError),
)
# A 429 may mean an empty purse; every other status is believed before the words.
WORDS_DECIDE = {400, 404, 409, 413, 422, 429}

KEY_LIKE = re.compile(
    r"""
      \S*\*{3,}\S*                                       # already masked, with the last characters shown
    | \b(?:sk|pk|rk|gsk|xai|hf)[-_]\S{4,}                # the usual prefixes
    | \bbearer\s+\S+
    | \b(?=\w*\d)(?=\w*[a-z])\w{24,}                     # long and random
    """,
    re.VERBOSE | re.IGNORECASE,
)


def refusal(status: int, headers: Mapping[str, str], body: bytes, key: Secret) -> ProviderError:
    """The error that an HTTP answer other than 200 stands for. Believes no Content-Type."""
    text = body.decode(errors="replace").strip()
    kind = _kind(status, text)
    return kind(
        _sentence(kind, _complaint(text), key),
        status=status,
        trace_id=trace_id(headers),
        retry_after=retry_after(headers.get("retry-after", "")),
    )


def complaint_in_stream(error: Any, key: Secret, trace: str) -> ProviderError:
    """The error that an error object inside a 200 stands for. Without a clue it is the server's own fault."""
    text = json.dumps({"error": error}, ensure_ascii=False)
    code = str(error.get("code", "")) if isinstance(error, dict) else ""
    status = int(code) if re.fullmatch("[45][0-9]{2}", code) else 500
    kind = _kind(status, text) if status != 500 else _by_words(text) or ServerFaultError
    return kind(_sentence(kind, _complaint(text), key), status=200, trace_id=trace)


def scrubbed(text: str, key: Secret) -> str:
    """The text without anything that is, or looks like, a key; one line, shortened."""
    if key:
        text = text.replace(key.reveal(), "***")
    text = KEY_LIKE.sub("***", _first_words(text))
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_COMPLAINT else line[: LONGEST_COMPLAINT - 1] + "…"


def trace_id(headers: Mapping[str, str]) -> str:
    """What the provider's support will ask for."""
    found = headers.get("x-ds-trace-id") or headers.get("x-request-id") or ""
    return re.sub(r"[^\w.:-]", "", found)[:128]


def retry_after(value: str, now: datetime | None = None) -> float | None:
    """Seconds to wait, from seconds or a date. None for garbage, zero and the past."""
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", value):
        return float(value) or None
    try:
        seconds = (parsedate_to_datetime(value) - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def _kind(status: int, text: str) -> type[ProviderError]:
    by_words = _by_words(text) if status in WORDS_DECIDE else None
    by_status = STATUSES.get(status) or (ServerFaultError if status >= 500 else InvalidRequestError)
    return by_words or by_status


def _by_words(text: str) -> type[ProviderError] | None:
    lowered = text.lower()
    return next((kind for words, kind in WORDS if words in lowered), None)


def _sentence(kind: type[ProviderError], complaint: str, key: Secret) -> str:
    """Only a request that we could have made better is explained in the provider's own words."""
    if kind is not InvalidRequestError or not complaint or complaint.startswith("<"):
        return kind.sentence
    return f"The provider could not accept the request: {scrubbed(complaint, key)}"


def _first_words(text: str) -> str:
    """Little enough for the pattern above, and never half a word: half a key looks like no key."""
    return text if len(text) <= 2000 else text[:2000].rpartition(" ")[0]


def _complaint(text: str) -> str:
    """The human part of an error body: every server nests it elsewhere, some send plain text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for name in ("error", "message", "detail", "error_msg"):
        while isinstance(found, dict) and found.get(name):
            found = found[name]
    return found if isinstance(found, str) else ""
