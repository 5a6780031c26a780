"""How the servers differ, as data. A new kind of server is a new row here, not a new branch elsewhere.

Facts of DeepSeek's row: its API reference of 2026-09-18. The others: their documentation as of November 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from providers.marking import gettext_noop
from providers.messages import Ability, Effort

# What a server may lack, by the names of ChatRequest where there is one.
Feature = Literal[
    "temperature",
    "top_p",
    "stop",
    "blank_stops",  # stop sequences of nothing but white space
    "format",  # response_format
    "logprobs",
    "tool_choice",
    "forced_tools",  # a tool_choice that leaves the model no choice
    "strict_tools",
    "stream_options",
]

CHAT = "/chat/completions"


@dataclass(frozen=True, slots=True)
class Continuation:
    """How a server is made to go on from the last character of the assistant's message that ends a request.

    message and body: the fields that say so. thinks: it can do so while thinking, if it is handed that reasoning.
    """

    path: str = CHAT
    message: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    thinks: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to speak chat completions.

    efforts: the fields that tell a thinking model how much to think; unthinking: those for all other models.
    lacks: what does nothing, or is refused; lacks_while_thinking: only then.
    budgets: how many tokens the thinking gets, where the server has to be told; max_tokens must be more than that.
    most_stops: None is any number.
    reasoning_fields: where a delta's thinking may be; the first that holds text wins, gateways send it twice.
    think_tags: thinking may also arrive as <think>…</think> in the text.
    replay: which assistant turns carry their reasoning back while thinking, in replay_field: none; all of them if the
    request has tools, also those without any; or those that have some, whose template decides what it reads of it.
    strict_path, fill_path: where to post strict tools and a FillRequest. continuation, fill_path: None and "" where the
    server has no such thing.
    beta: the version under which an address offers what is not final yet.
    balance_path: where to ask what is left of the money.
    """

    label: str
    efforts: Mapping[Effort, Mapping[str, Any]]
    unthinking: Mapping[str, Any] = field(default_factory=dict)
    budgets: Mapping[Effort, int] = field(default_factory=dict)
    output_cap_field: str = "max_tokens"
    user_id_field: str = ""
    lacks: frozenset[Feature] = frozenset()
    lacks_while_thinking: frozenset[Feature] = frozenset()
    most_temperature: float = 2.0
    most_stops: int | None = None
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    think_tags: bool = True
    replay: Literal["never", "with_tools", "always"] = "never"
    replay_field: str = "reasoning_content"
    continuation: Continuation | None = None
    strict_path: str = CHAT
    fill_path: str = ""
    beta: str = ""
    balance_path: str = ""

    def has(self, feature: Feature, *, thinking: bool) -> bool:
        return feature not in self.lacks and not (thinking and feature in self.lacks_while_thinking)

    def takes(self, abilities: frozenset[Ability], effort: Effort) -> frozenset[str]:
        """The parameters of ChatRequest that change an answer: effort, temperature, top_p, max_tokens, stop, format.

        "format" only where the server itself sees to it; elsewhere it is a plea in words.
        """
        thinking = effort is not Effort.OFF and Ability.THINKING in abilities
        sampling: tuple[Feature, ...] = ("temperature", "top_p", "stop")
        found = {"max_tokens", *(name for name in sampling if self.has(name, thinking=thinking))}
        if Ability.THINKING in abilities:
            found.add("effort")
        if Ability.JSON in abilities and self.has("format", thinking=thinking):
            found.add("format")
        return frozenset(found)

    def url(self, base_url: str, path: str) -> str:
        """Where a path is, below an address that may end in a version of its own: /v1, or our beta."""
        root = base_url.rstrip("/").removesuffix(self.beta)
        if (self.beta and path.startswith(f"{self.beta}/")) or path == self.balance_path:
            root = root.removesuffix("/v1")
        return root + path


def _reasoning_efforts(field_of: str = "reasoning_effort", most: str = "high") -> Mapping[Effort, Mapping[str, Any]]:
    words = {Effort.OFF: "none", Effort.LOW: "low", Effort.HIGH: "high", Effort.MAX: most}
    return {effort: {field_of: word} for effort, word in words.items()}


def _template_switch(*names: str) -> Mapping[Effort, Mapping[str, Any]]:
    """The models' own templates know thinking as on or off."""
    return {effort: {"chat_template_kwargs": dict.fromkeys(names, effort is not Effort.OFF)} for effort in Effort}


_off = {"thinking": {"type": "disabled"}}
_llamacpp_switch = _template_switch("enable_thinking")
_anthropic_budgets = {Effort.LOW: 1024, Effort.HIGH: 8192, Effort.MAX: 24576}

DIALECTS: Mapping[str, Dialect] = {
    # It thinks unless told not to, so every request says which. Forcing a tool while thinking is a 400; top_p is fixed
    # at 1 without thinking and lifted to 0.95 with it, so it is never sent.
    "deepseek": Dialect(
        label="DeepSeek",
        efforts={
            Effort.OFF: _off,
            Effort.LOW: {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
            Effort.HIGH: {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
            Effort.MAX: {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
        },
        unthinking=_off,
        user_id_field="user_id",
        lacks=frozenset({"top_p"}),
        lacks_while_thinking=frozenset({"temperature", "forced_tools"}),
        most_stops=16,
        think_tags=False,
        replay="with_tools",
        continuation=Continuation("/beta/chat/completions", message={"prefix": True}, thinks=True),
        strict_path="/beta/chat/completions",
        fill_path="/beta/completions",
        beta="/beta",
        balance_path="/user/balance",
    ),
    # Models that do not reason refuse `reasoning_effort`; those that do refuse to be sampled otherwise, and to be
    # stopped. `user` is old, and known to everyone who imitates OpenAI.
    "openai": Dialect(
        label=gettext_noop("OpenAI-compatible"),
        efforts=_reasoning_efforts(),
        output_cap_field="max_completion_tokens",
        user_id_field="user",
        lacks_while_thinking=frozenset({"temperature", "top_p", "stop", "logprobs"}),
        most_stops=4,
    ),
    # Reports usage unasked.
    "openrouter": Dialect(
        label="OpenRouter",
        efforts={effort: {"reasoning": said} for effort, said in _reasoning_efforts("effort", "xhigh").items()},
        user_id_field="user",
        lacks=frozenset({"stream_options"}),
        reasoning_fields=("reasoning_content", "reasoning", "reasoning_details"),
        replay="with_tools",
        replay_field="reasoning",
    ),
    # DeepSeek's templates say "thinking", the others "enable_thinking"; a template passes over what it does not know.
    "vllm": Dialect(
        label="vLLM",
        efforts=_template_switch("thinking", "enable_thinking"),
        replay="always",
        replay_field="reasoning",
        continuation=Continuation(body={"continue_final_message": True, "add_generation_prompt": False}),
    ),
    # Has no tool_choice, and knows no more than high.
    "ollama": Dialect(
        label="Ollama",
        efforts=_reasoning_efforts(),
        lacks=frozenset({"tool_choice", "strict_tools"}),
        replay="always",
        replay_field="reasoning",
    ),
    # Goes on by itself from an assistant's message at the end, and refuses to while thinking: so even a model that was
    # never declared to think is told not to.
    "llamacpp": Dialect(
        label=gettext_noop("llama.cpp server"),
        efforts=_llamacpp_switch,
        unthinking=_llamacpp_switch[Effort.OFF],
        lacks=frozenset({"strict_tools"}),
        replay="always",
        continuation=Continuation(),
    ),
    # Translates for whoever stands behind it.
    "litellm": Dialect(
        label=gettext_noop("LiteLLM proxy"),
        efforts=_reasoning_efforts(),
        user_id_field="user",
        replay="with_tools",
    ),
    # The endpoint that speaks like OpenAI's. It returns no thinking, and budgets it in tokens.
    "anthropic": Dialect(
        label=gettext_noop("Anthropic (OpenAI-compatible endpoint)"),
        efforts={
            Effort.OFF: _off,
            **{
                effort: {"thinking": {"type": "enabled", "budget_tokens": tokens}}
                for effort, tokens in _anthropic_budgets.items()
            },
        },
        budgets=_anthropic_budgets,
        lacks=frozenset({"format", "logprobs", "strict_tools", "blank_stops"}),
        lacks_while_thinking=frozenset({"temperature", "top_p", "forced_tools"}),
        most_temperature=1.0,
        reasoning_fields=(),
        think_tags=False,
    ),
}
