"""From what is asked to the JSON that asks it, in the words of one dialect and within what one model can do."""

import json
from collections.abc import Mapping
from typing import Any

from providers.dialects import CHAT, Dialect
from providers.messages import ChatRequest, FillRequest, Tool
from providers.question import Question
from providers.strict import strict
from providers.wording import messages

MOST_LOGPROBS = 20
MOST_FILL_TOKENS = 4096  # DeepSeek's docs of 2026-09-18
OTHER_CAP_FIELD = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
NO_PARAMETERS = {"type": "object", "properties": {}}


def path_of(dialect: Dialect, request: ChatRequest) -> str:
    """Where to post it, below the server's address: see Dialect.url."""
    question = Question(dialect, request)
    if question.continuation:
        return question.continuation.path
    return dialect.strict_path if question.is_strict else CHAT


def request_body(dialect: Dialect, request: ChatRequest) -> bytes:
    """The JSON to post: only fields that this dialect knows, with values that it takes."""
    question = Question(dialect, request)
    body: dict[str, Any] = {
        "model": request.model,
        "messages": messages(question),
        "stream": True,
        **question.thinking_fields,
        **_cap(question),
        **_sampling(question),
        **_tools(question),
        **_reports(question),
        **(question.continuation.body if question.continuation else {}),
    }
    if question.has_json_mode:
        body["response_format"] = {"type": "json_object"}
    if request.user_id and dialect.user_id_field:
        body[dialect.user_id_field] = request.user_id
    return _encoded({name: value for name, value in body.items() if name not in request.refused})


def goes_on(dialect: Dialect, request: ChatRequest) -> bool:
    """Whether the answer really begins at the last character of the assistant's last turn.

    If it does not although `request.prefix` asked for it, the model is told in words to go on, and the caller has to
    look at the seam: the model is asked to begin with the last words it had said.
    """
    return Question(dialect, request).continuation is not None


def fill_body(dialect: Dialect, request: FillRequest) -> bytes:
    """The JSON of a FIM request. DeepSeek's has no place for thinking, nor for a user_id."""
    body: dict[str, Any] = {
        "model": request.model,
        "prompt": request.before,
        "suffix": request.after,
        "max_tokens": max(1, min(request.max_tokens, MOST_FILL_TOKENS)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if stops := _stops(dialect, request.stop):
        body["stop"] = stops
    if request.temperature is not None:
        body["temperature"] = _temperature(dialect, request.temperature)
    return _encoded(body)


def _cap(question: Question) -> dict[str, Any]:
    cap, field = question.most_tokens, question.dialect.output_cap_field
    if field in question.request.refused:
        field = OTHER_CAP_FIELD[field]
    return {} if cap is None else {field: cap}


def _sampling(question: Question) -> dict[str, Any]:
    request = question.request
    found: dict[str, Any] = {}
    if request.temperature is not None and question.has("temperature"):
        found["temperature"] = _temperature(question.dialect, request.temperature)
    if request.top_p is not None and request.top_p > 0 and question.has("top_p"):
        found["top_p"] = min(request.top_p, 1.0)
    if question.has("stop") and (stops := _stops(question.dialect, request.stop)):
        found["stop"] = stops
    return found


def _temperature(dialect: Dialect, wanted: float) -> float:
    return max(0.0, min(wanted, dialect.most_temperature))


def _stops(dialect: Dialect, wanted: tuple[str, ...]) -> list[str]:
    blank_too = dialect.has("blank_stops", thinking=False)
    useful = [stop for stop in dict.fromkeys(wanted) if stop.strip() or (stop and blank_too)]
    return useful[: dialect.most_stops]


def _tools(question: Question) -> dict[str, Any]:
    if not question.has_tools:
        return {}
    by_name = {tool.name: _tool(tool, is_strict=question.is_strict) for tool in question.request.tools}
    return {"tools": list(by_name.values()), **_tool_choice(question)}


def _tool(tool: Tool, *, is_strict: bool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    schema = dict(tool.parameters) or NO_PARAMETERS
    function |= {"parameters": strict(schema), "strict": True} if is_strict else {"parameters": schema}
    return {"type": "function", "function": function}


def _tool_choice(question: Question) -> dict[str, Any]:
    """Saying nothing is "auto", and so is a force that the server does not know."""
    choice = question.request.tool_choice
    if choice == "auto" or not question.has("tool_choice"):
        return {}
    if choice == "none":
        return {"tool_choice": choice}
    if not question.has("forced_tools"):
        return {}
    if choice == "required":
        return {"tool_choice": choice}
    is_known = choice in {tool.name for tool in question.request.tools}
    return {"tool_choice": {"type": "function", "function": {"name": choice}}} if is_known else {}


def _reports(question: Question) -> dict[str, Any]:
    """What the server is to tell us beside the answer."""
    found: dict[str, Any] = {"stream_options": {"include_usage": True}} if question.has("stream_options") else {}
    if question.request.logprobs is not None and question.has("logprobs"):
        found |= {"logprobs": True, "top_logprobs": max(0, min(question.request.logprobs, MOST_LOGPROBS))}
    return found


def _encoded(body: Mapping[str, Any]) -> bytes:
    # Half an emoji cannot be encoded; a question mark is better than no question.
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
