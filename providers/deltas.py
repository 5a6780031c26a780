"""What comes back: Started once, then Text and Reasoning in any order, then Usage at most once, then Finished."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """The provider has begun. `model` is the one that answers, which need not be the one we asked for."""

    model: str
    fingerprint: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them: prompt = cache_hit + cache_miss, and completion includes reasoning."""

    prompt: int
    completion: int
    reasoning: int = 0
    cache_hit: int = 0
    cache_miss: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole: "stop", "length", "content_filter" or "tool_calls".

    `assumed` says that the provider closed the stream properly without ever giving a reason.
    """

    reason: str
    assumed: bool = False


Delta = Started | Text | Reasoning | Usage | Finished
