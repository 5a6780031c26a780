"""What a provider's complaint means: a status and a body of any shape in, one error of our tree out."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from providers.complaints import kind_of, output_limit, refused_parameter
from providers.errors import (
    AccessDeniedError,
    AuthenticationError,
    BalanceEmptyError,
    InvalidRequestError,
    OutputCapRefusedError,
    OverloadedError,
    ParameterRefusedError,
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

# A 429 may mean an empty purse, a 403 an indecent question; every other status is believed before the words.
WORDS_DECIDE = {400, 403, 404, 409, 413, 422, 429}

# DeepSeek's three, the second of which is everybody's, and OpenRouter's.
TRACES = ("x-ds-trace-id", "x-request-id", "x-deepseek-request-id", "x-generation-id")

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
    error = _error(_kind(status, text), text, key)
    error.status, error.trace_id = status, trace_id(headers)
    error.retry_after = retry_after(headers.get("retry-after", ""))
    return error


def complaint_in_stream(error: Any, key: Secret, trace: str) -> ProviderError:
    """The error that an error object inside a 200 stands for. Without a clue it is the server's own fault."""
    text = json.dumps({"error": error}, ensure_ascii=False)
    code = str(error.get("code", "")) if isinstance(error, dict) else ""
    status = int(code) if re.fullmatch("[45][0-9]{2}", code) else 500
    kind = _kind(status, text) if status != 500 else kind_of(text) or ServerFaultError
    found = _error(kind, text, key)
    found.status, found.trace_id = 200, trace
    return found


def scrubbed(text: str, key: Secret) -> str:
    """The text without anything that is, or looks like, a key; one line, shortened."""
    if key:
        text = text.replace(key.reveal(), "***")
    text = KEY_LIKE.sub("***", _first_words(text))
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_COMPLAINT else line[: LONGEST_COMPLAINT - 1] + "…"


def trace_id(headers: Mapping[str, str]) -> str:
    """What the provider's support will ask for."""
    found = next((headers[name] for name in TRACES if headers.get(name)), "")
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
    by_words = kind_of(text) if status in WORDS_DECIDE else None
    by_status = STATUSES.get(status) or (ServerFaultError if status >= 500 else InvalidRequestError)
    return by_words or by_status


def _error(kind: type[ProviderError], text: str, key: Secret) -> ProviderError:
    error = kind(_sentence(kind, _complaint(text), key))
    if isinstance(error, OutputCapRefusedError):
        error.limit = output_limit(text.lower())
    if isinstance(error, ParameterRefusedError):
        error.parameter = refused_parameter(text.lower())
    return error


def _sentence(kind: type[ProviderError], complaint: str, key: Secret) -> str:
    """Only a request that we could have made better is explained in the provider's own words."""
    if not issubclass(kind, InvalidRequestError) or not complaint or complaint.startswith("<"):
        return kind.sentence
    return f"{kind.sentence.removesuffix('.')}: {scrubbed(complaint, key)}"


def _first_words(text: str) -> str:
    """Little enough for the pattern above, and never half a word: half a key looks like no key."""
    return text if len(text) <= 2000 else text[:2000].rpartition(" ")[0]


def _complaint(text: str) -> str:
    """The human part of an error body: every server nests it elsewhere, some send plain text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for name in ("error", "message", "detail", "error_msg", "msg"):
        found = found[0] if isinstance(found, list) and found else found
        while isinstance(found, dict) and found.get(name):
            found = found[name]
    return found if isinstance(found, str) else ""
