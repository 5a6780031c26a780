"""How the servers differ, as data. A new kind of server is a new row here, not a new branch elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.messages import Ability, ChatRequest, Effort


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to speak chat completions.

    efforts: the fields that say how much to think.
    reasoning_fields: where a delta's thinking may be; the first that holds text wins, gateways send it twice.
    think_tags: thinking may also arrive as <think>…</think> in the text.
    """

    label: str
    efforts: Mapping[Effort, Mapping[str, Any]]
    output_cap_field: str = "max_tokens"
    user_id_field: str = ""
    temperature_while_thinking: bool = True
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning")
    think_tags: bool = True
    path: str = "/chat/completions"

    def takes(self, abilities: frozenset[Ability], effort: Effort) -> frozenset[str]:
        """The parameters of ChatRequest that change an answer: effort, temperature, top_p, max_tokens, stop, format."""
        found = {"max_tokens", "stop", "top_p"}
        if Ability.THINKING in abilities:
            found.add("effort")
        if Ability.JSON in abilities:
            found.add("format")
        if effort is Effort.OFF or self.temperature_while_thinking:
            found.add("temperature")
        return frozenset(found)


DIALECTS: Mapping[str, Dialect] = {
    # DeepSeek thinks unless told not to, so every request says which.
    "deepseek": Dialect(
        label="DeepSeek",
        efforts={
            Effort.OFF: {"thinking": {"type": "disabled"}},
            Effort.LOW: {"thinking": {"type": "enabled"}, "reasoning_effort": "low"},
            Effort.HIGH: {"thinking": {"type": "enabled"}, "reasoning_effort": "high"},
            Effort.MAX: {"thinking": {"type": "enabled"}, "reasoning_effort": "max"},
        },
        user_id_field="user_id",
        temperature_while_thinking=False,
        think_tags=False,
    ),
    # Models that do not reason refuse `reasoning_effort`, so OFF says nothing.
    "openai": Dialect(
        label="OpenAI-compatible",
        efforts={
            Effort.OFF: {},
            Effort.LOW: {"reasoning_effort": "low"},
            Effort.HIGH: {"reasoning_effort": "high"},
            Effort.MAX: {"reasoning_effort": "high"},
        },
        output_cap_field="max_completion_tokens",
        temperature_while_thinking=False,
    ),
    "llamacpp": Dialect(
        label="llama.cpp server",
        efforts={
            Effort.OFF: {"chat_template_kwargs": {"enable_thinking": False}},
            Effort.LOW: {"chat_template_kwargs": {"enable_thinking": True}},
            Effort.HIGH: {"chat_template_kwargs": {"enable_thinking": True}},
            Effort.MAX: {"chat_template_kwargs": {"enable_thinking": True}},
        },
    ),
}


def request_body(dialect: Dialect, request: ChatRequest) -> bytes:
    """The JSON to post. Past reasoning stays home: without tools no provider wants it back."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **dialect.efforts[request.effort],
    }
    if request.max_tokens is not None:
        body[dialect.output_cap_field] = request.max_tokens
    if request.temperature is not None and (request.effort is Effort.OFF or dialect.temperature_while_thinking):
        body["temperature"] = request.temperature
    if request.user_id and dialect.user_id_field:
        body[dialect.user_id_field] = request.user_id
    # Half an emoji cannot be encoded; a question mark is better than no question.
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
