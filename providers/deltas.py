"""What comes back.

Started once, then Text, Reasoning, ToolCallBegun and Logprobs in any order, then a ToolCall for each that began, then
Usage at most once, then Finished.
"""

from dataclasses import dataclass, field


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
class ToolCallBegun:
    """The model has named the tool it is about to call; the arguments are still being written."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole call. `arguments` is the JSON text as it came, or {} where none came.

    `problem` says in words why it must not be carried out (no JSON, no object, a tool we never offered, cut off): it
    is what the model is told as the call's result, so that it can do better.
    """

    id: str
    name: str
    arguments: str = field(repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Alternative:
    token: str
    logprob: float | None  # None: below all that the provider reports (it sends -9999)


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    token: str
    logprob: float | None
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Logprobs:
    """How sure the model was of the tokens that came with the same chunk."""

    text: tuple[TokenLogprob, ...] = ()
    reasoning: tuple[TokenLogprob, ...] = ()


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


Delta = Started | Text | Reasoning | ToolCallBegun | ToolCall | Logprobs | Usage | Finished
