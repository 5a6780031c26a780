"""What we send: who said what, to which model, where it lives, and how long we are willing to wait."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


class Effort(StrEnum):
    """How much a model should think before it answers."""

    OFF = "off"
    LOW = "low"
    HIGH = "high"
    MAX = "max"


class Ability(StrEnum):
    """What a model can do. We ask of it nothing else: the rest is left out, or said in words."""

    THINKING = "thinking"
    VISION = "vision"
    TOOLS = "tools"
    JSON = "json"
    PREFIX = "prefix"  # goes on from the last character of an answer that we hand it
    FIM = "fim"  # fills in the middle


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"  # one JSON object


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
class Image:
    """A picture in a question. Models that see are sent a data URL, others a note with its name."""

    media_type: str  # image/png, image/jpeg, image/webp or image/gif
    data: bytes = field(repr=False)
    name: str = field(default="image", repr=False)


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call that a model made in an earlier turn, as it is sent back: `arguments` is JSON text."""

    id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn. `tool_call_id` names the call that a "tool" turn answers; `reasoning` is what an assistant thought."""

    role: Role
    content: str = field(repr=False)
    reasoning: str = field(default="", repr=False)
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolUse, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call. `parameters` is a JSON schema; `strict` asks the provider to keep to it.

    Raises ValueError for a name that a provider would refuse: letters, digits, _ and -, at most 64 (OpenAI's limit;
    DeepSeek allows 128).
    """

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict, hash=False)
    strict: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.name):
            raise ValueError(f"No provider would take a tool of the name {self.name!r}")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question with everything before it.

    max_tokens is lowered to output_limit, the model's own. tool_choice is "auto", "none", "required" or a tool's name.
    Every tool is strict or none is: one that is not takes the strictness from the others.
    logprobs: how many alternatives to report beside each token, 0 to 20; None reports nothing.
    prefix: the last message is the assistant's, and the answer goes on from its last character.
    refused: what this server has refused of the same question before, by the fields of its body and the codes of its
    errors: the former are not sent again, the latter are not repaired again. Grown by providers.repairs.
    starts_thinking is for models whose template writes the opening <think> itself, behind servers that leave
    the tags in the text: their answers begin inside the thinking and only ever show </think>.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    effort: Effort = Effort.OFF
    max_tokens: int | None = None
    output_limit: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    format: Format = Format.TEXT
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    logprobs: int | None = None
    user_id: str = ""
    prefix: bool = False
    abilities: frozenset[Ability] = frozenset(Ability)
    refused: frozenset[str] = frozenset()
    starts_thinking: bool = False


@dataclass(frozen=True, slots=True)
class FillRequest:
    """Text with a hole in it: the model writes what stands between `before` and `after` (FIM), without thinking."""

    model: str
    before: str = field(repr=False)
    after: str = field(default="", repr=False)
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that speaks one of our dialects. Equal endpoints share a client and a concurrency limit.

    public_only: its address must not lead into a private network.
    """

    name: str
    dialect: str
    base_url: str
    api_key: Secret = field(default_factory=Secret)
    concurrency: int = 16
    public_only: bool = False


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long we wait, in seconds. Keep-alive comments stop none of these clocks.

    DeepSeek itself gives up on a queued request after 600 s, so `first_event` sits just above that.
    """

    connect: float = 10.0
    first_event: float = 660.0
    idle: float = 120.0
    total: float = 3600.0
