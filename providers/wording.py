"""The messages of a request, as one model at one server can read them."""

import base64
import json
import re
from dataclasses import replace
from typing import Any

from providers.messages import Ability, ChatMessage, Image, ToolUse
from providers.question import Question
from providers.turns import legal, merged, with_images_in_words, with_instruction, with_tools_in_words

ANSWER_IN_JSON = (
    'Answer with one JSON object and nothing else: no words around it, no code fence. For example: {"key": "value"}'
)
GO_ON = (
    "Your last answer was cut off. Go on exactly where it stopped, even in the middle of a word or of a code block. "
    "Say nothing about the interruption, and repeat nothing"
)
LEAST_TO_REPEAT, MOST_TO_REPEAT = 20, 60  # characters of a broken answer


def messages(question: Question) -> list[dict[str, Any]]:
    turns = _turns(question)
    found = [_message(question, turn) for turn in turns]
    if continuation := question.continuation:
        found[-1] |= continuation.message
        if question.thinks:
            found[-1][question.dialect.replay_field] = turns[-1].reasoning
    return found


def _turns(question: Question) -> list[ChatMessage]:
    request, goes_on = question.request, bool(question.continuation)
    said = request.messages[:-1] if goes_on else request.messages
    turns = legal(said if question.has_tools else list(with_tools_in_words(said)))
    if goes_on:
        turns = merged([*turns, replace(request.messages[-1], tool_calls=())])
    elif request.prefix and turns and turns[-1].role == "assistant":
        turns.append(ChatMessage("user", _go_on(turns[-1].content)))
    return with_instruction(turns, ANSWER_IN_JSON) if _must_ask_for_json(question, turns) else turns


def _go_on(said: str) -> str:
    """Told to begin with words that we know, a model leaves a seam that can be found."""
    if len(said) < LEAST_TO_REPEAT:
        return f"{GO_ON}."
    return f"{GO_ON} but its last words, with which you begin:\n\n{said[-MOST_TO_REPEAT:]}"


def _must_ask_for_json(question: Question, turns: list[ChatMessage]) -> bool:
    """JSON mode refuses a prompt that does not speak of JSON; where there is none, only words can ask for it."""
    mentioned = any("json" in turn.content.lower() for turn in turns if turn.role in ("system", "user"))
    return question.wants_json and not (mentioned and question.has_json_mode)


def _message(question: Question, turn: ChatMessage) -> dict[str, Any]:
    if turn.images and not (turn.role == "user" and question.can(Ability.VISION)):
        turn = with_images_in_words(turn)
    # Never null: several servers refuse it, even beside tool calls.
    message: dict[str, Any] = {"role": turn.role, "content": _parts(turn) if turn.images else turn.content}
    if turn.tool_calls:
        message["tool_calls"] = [_tool_call(call) for call in turn.tool_calls]
    if turn.role == "tool":
        message["tool_call_id"] = turn.tool_call_id
    if turn.role == "assistant" and question.thinks:
        message |= _reasoning(question, turn)
    return message


def _reasoning(question: Question, turn: ChatMessage) -> dict[str, str]:
    """What it had thought, where the server wants that back.

    With tools, DeepSeek wants it on every assistant turn since 2026-08-27. One that was written without thinking, or by
    another model, has none: it goes back as empty, which keeps the thinking that a member chose. If that should be
    refused, the repair of a ReasoningReplayError asks again without thinking.
    """
    is_owed = question.dialect.replay == "with_tools" and question.has_tools
    is_welcome = question.dialect.replay == "always" and turn.reasoning
    return {question.dialect.replay_field: turn.reasoning} if is_owed or is_welcome else {}


def _parts(turn: ChatMessage) -> list[dict[str, Any]]:
    text = [{"type": "text", "text": turn.content}] if turn.content else []
    return [*text, *({"type": "image_url", "image_url": {"url": _data_url(image)}} for image in turn.images)]


def _data_url(image: Image) -> str:
    """Never a link: the provider could not follow one into our network, and should not learn of it."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def _tool_call(call: ToolUse) -> dict[str, Any]:
    """A call as it is sent back. What a model made up is made harmless: many servers parse it, and refuse the whole."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", call.name)[:64] or "_"
    arguments = call.arguments if _is_json_object(call.arguments) else "{}"
    return {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
