"""Which models a server has, by its own account."""

import json
from typing import Any

from providers.body import Body
from providers.connections import Clients
from providers.dialects import DIALECTS
from providers.errors import MalformedStreamError, ProviderError
from providers.mending import mended
from providers.messages import Clocks, Endpoint, Secret
from providers.refusals import complaint_in_stream
from providers.sending import answered, question
from providers.watch import Watch

MOST_MODELS = 5_000
LONGEST_NAME = 200


async def list_models(endpoint: Endpoint, *, clients: Clients, seconds: float = 10.0) -> list[str]:
    """The names to ask for, in the server's order. Raises a ProviderError. Does not wait for a turn.

    Understands {"data": [{"id"}]} as OpenAI and most others send it (DeepSeek, vLLM, OpenRouter, LiteLLM, Anthropic,
    Ollama and llama.cpp under /v1), {"models": [{"name"}]} of Ollama's own /api/tags, and a bare list.
    """
    url = DIALECTS[endpoint.dialect].url(endpoint.base_url, "/models")
    clocks = Clocks(connect=seconds, first_event=seconds, idle=seconds, total=seconds)
    http = clients.of(endpoint)
    with Watch(clocks) as watch:
        async with answered(http, question(http, "GET", url, clocks), endpoint.api_key, watch) as (body, trace):
            document = await watch.wait(_whole(body))
    return _names(document, endpoint.api_key, trace)


async def _whole(body: Body) -> str:
    while await body.read():
        pass
    return body.document()


def _names(document: str, key: Secret, trace: str) -> list[str]:
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        raise MalformedStreamError(trace_id=trace) from None
    rows = _rows(found)
    if rows is None:
        raise _complaint(found, key, trace)
    names = (_name(row) for row in rows[:MOST_MODELS])
    return list(dict.fromkeys(name for name in names if 0 < len(name) <= LONGEST_NAME))


def _rows(found: Any) -> list[Any] | None:
    if isinstance(found, dict) and (found.keys() & {"data", "models"}):
        # llama.cpp sends both; Ollama without a model sends null.
        found = found.get("data") or found.get("models") or []
    return found if isinstance(found, list) else None


def _name(row: object) -> str:
    name = (row.get("id") or row.get("name")) if isinstance(row, dict) else row
    return mended(name) if isinstance(name, str) else ""


def _complaint(found: Any, key: Secret, trace: str) -> ProviderError:
    if isinstance(found, dict) and (found.keys() & {"error", "message", "detail", "error_msg"}):
        return complaint_in_stream(found.get("error") or found, key, trace)
    return MalformedStreamError(trace_id=trace)
