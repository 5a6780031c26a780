"""What would be posted, as the server would read it."""

import json
from typing import Any

from providers.dialects import DIALECTS
from providers.messages import ChatMessage, ChatRequest
from providers.requests import request_body

QUESTION = (ChatMessage("user", "hi"),)


def asked(messages: tuple[ChatMessage, ...] = QUESTION, **fields: Any) -> ChatRequest:
    return ChatRequest("model", messages, **fields)


def body_of(dialect: str, request: ChatRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request_body(DIALECTS[dialect], request))
    return found


def body(dialect: str, messages: tuple[ChatMessage, ...] = QUESTION, **fields: Any) -> dict[str, Any]:
    return body_of(dialect, asked(messages, **fields))
