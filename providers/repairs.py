"""Asking otherwise after a refusal that we understand. Nothing here knows which server it was."""

from dataclasses import replace

from providers.errors import (
    FormatRefusedError,
    ImagesRefusedError,
    OutputCapRefusedError,
    ParameterRefusedError,
    PrefixRefusedError,
    ProviderError,
    ReasoningReplayError,
    ToolChoiceRefusedError,
)
from providers.messages import Ability, ChatRequest, Effort, Format

# Fields that mean the same, or nothing without each other.
FAMILIES = (
    frozenset({"thinking", "reasoning", "reasoning_effort", "chat_template_kwargs"}),
    frozenset({"logprobs", "top_logprobs"}),
)
CAP_FIELDS = frozenset({"max_tokens", "max_completion_tokens"})


def repaired(request: ChatRequest, error: ProviderError) -> ChatRequest | None:
    """The request as this server may take it after all, or None if we know of no way.

    A model that loses an ability is told in words what it cannot be sent. The same repair is never offered twice to
    the descendants of a request, so that there is an end to them. For before the first word of an answer only.
    """
    name = error.parameter if isinstance(error, ParameterRefusedError) else error.code
    changed = None if name in request.refused else _changed(request, error)
    if changed is None or changed == request:
        return None
    return replace(changed, refused=changed.refused | {name})


def _changed(request: ChatRequest, error: ProviderError) -> ChatRequest | None:
    match error:
        case ReasoningReplayError():
            return _without_reasoning(request)
        case ToolChoiceRefusedError() if request.tool_choice not in ("auto", "none"):
            return replace(request, tool_choice="auto")
        case ToolChoiceRefusedError() | ParameterRefusedError(parameter="tools") if request.tools:
            return _without(request, Ability.TOOLS)
        case FormatRefusedError() if request.format is Format.JSON:
            return _without(request, Ability.JSON)
        case ImagesRefusedError() if any(turn.images for turn in request.messages):
            return _without(request, Ability.VISION)
        case PrefixRefusedError() if request.prefix:
            return _without(request, Ability.PREFIX)
        case OutputCapRefusedError(limit=limit):
            return _with_shorter_answer(request, limit)
        case ParameterRefusedError(parameter=name) if name not in ("", "tools"):
            return _without_fields(request, next((them for them in FAMILIES if name in them), frozenset({name})))
    return None


def _without_reasoning(request: ChatRequest) -> ChatRequest:
    messages = tuple(replace(turn, reasoning="") for turn in request.messages)
    return replace(request, effort=Effort.OFF, messages=messages)


def _without(request: ChatRequest, ability: Ability) -> ChatRequest:
    return replace(request, abilities=request.abilities - {ability})


def _with_shorter_answer(request: ChatRequest, limit: int | None) -> ChatRequest | None:
    """As long as the server said, or as it likes; not when it said that ours was short enough."""
    if limit is None:
        return _without_fields(request, CAP_FIELDS)
    is_shorter = request.max_tokens is None or limit < request.max_tokens
    return replace(request, max_tokens=limit) if is_shorter else None


def _without_fields(request: ChatRequest, names: frozenset[str]) -> ChatRequest:
    """An output cap that is refused under one name is sent under its other."""
    return replace(request, refused=request.refused | names)
