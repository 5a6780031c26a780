"""What we send: who said what, to which model, where it lives, and how long we are willing to wait."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Role = Literal["system", "user", "assistant"]


class Effort(StrEnum):
    """How much a model should think before it answers."""

    OFF = "off"
    LOW = "low"
    HIGH = "high"
    MAX = "max"


class Secret:
    """A key that prints as ***. Only `reveal` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        # People paste keys with a newline at the end.
        self._value = value.strip()

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


# Prompts stay out of reprs, so that a traceback or an error report never holds one.


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: Role
    content: str = field(repr=False)
    reasoning: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question with everything before it.

    `starts_thinking` is for models whose template writes the opening <think> itself, behind servers that leave
    the tags in the text: their answers begin inside the thinking and only ever show </think>.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    effort: Effort = Effort.OFF
    max_tokens: int | None = None
    temperature: float | None = None
    user_id: str = ""
    starts_thinking: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that speaks one of our dialects. Equal endpoints share a client and a concurrency limit."""

    name: str
    dialect: str
    base_url: str
    api_key: Secret = field(default_factory=Secret)
    concurrency: int = 16


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long we wait, in seconds. Keep-alive comments stop none of these clocks.

    DeepSeek itself gives up on a queued request after 600 s, so `first_event` sits just above that.
    """

    connect: float = 10.0
    first_event: float = 660.0
    idle: float = 120.0
    total: float = 3600.0
