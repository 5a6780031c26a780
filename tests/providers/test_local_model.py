"""The local model behind llama.cpp's real server, through the same code as every other provider."""

import asyncio
import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chatsite.local_model import NAME
from providers import ChatMessage, ChatRequest, Clients, Endpoint, Finished, Text, stream
from providers.messages import Ability, Tool, ToolUse
from tests.chatsite.processes import free_port, listens, program, until
from tests.providers.asking import answered

STORY = (ChatMessage("user", "Tell a story about a fox."),)
ABILITIES = frozenset({Ability.TOOLS, Ability.PREFIX})
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "Weather", CITY)
ENOUGH = 12  # tokens


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    port = free_port()
    said = tmp_path_factory.mktemp("model") / "said"
    with program("-m", "chatsite.local_model", "--port", str(port), said=said):
        until(lambda: listens(port) and _is_ready(port), "to load")
        yield Endpoint("local", "llamacpp", f"http://127.0.0.1:{port}/v1")


async def test_it_answers(model: Endpoint, clients: Clients) -> None:
    answer = await answered(model, story(), clients)
    assert answer.started.model == NAME
    assert len(answer.text.split()) > 5
    assert answer.usage
    assert (answer.usage.completion, answer.finished) == (ENOUGH, Finished("length"))
    assert answer.usage.prompt > 0


async def test_it_stops_when_we_hang_up(model: Endpoint, clients: Clients) -> None:
    """This story has no end: only our leaving frees the slot."""
    async with contextlib.aclosing(stream(model, story(8000), clients=clients)) as deltas:
        async for delta in deltas:
            if isinstance(delta, Text):
                break
        assert await asyncio.to_thread(busy, model) == 1
    await asyncio.to_thread(until, lambda: busy(model) == 0, "to stop", 10)


async def test_it_continues_without_a_word_doubled_or_lost(model: Endpoint, clients: Clients) -> None:
    """With temperature 0 there is one right way to go on, wherever the answer was cut."""
    whole = (await answered(model, story(), clients)).text
    for size in (1, 6):
        begun = (await answered(model, story(size), clients)).text
        assert len(begun) < len(whole)
        turns = (*STORY, ChatMessage("assistant", begun))
        rest = await answered(model, replace(story(ENOUGH - size), messages=turns, prefix=True), clients)
        assert begun + rest.text == whole, size


async def test_it_calls_a_tool_and_reads_its_result(model: Endpoint, clients: Clients) -> None:
    """So small a model calls only what it has seen called before. Its server holds it to the schema."""
    seen = (
        ChatMessage("user", "Weather in Oslo?"),
        ChatMessage("assistant", "", tool_calls=(ToolUse("call_0", "get_weather", '{"city": "Oslo"}'),)),
        ChatMessage("tool", "Rain", tool_call_id="call_0"),
        ChatMessage("assistant", "Rain in Oslo."),
        ChatMessage("user", "Weather in Paris?"),
    )
    asked = await answered(model, weather(seen, "required"), clients)
    [call] = asked.calls
    assert (call.name, json.loads(call.arguments), call.problem) == ("get_weather", {"city": "Paris"}, "")
    assert asked.calls_begun[0].id == call.id
    assert asked.finished == Finished("tool_calls")

    calling = ChatMessage("assistant", "", tool_calls=(ToolUse(call.id, call.name, call.arguments),))
    told = await answered(
        model, weather((*seen, calling, ChatMessage("tool", "Snow", tool_call_id=call.id)), "auto"), clients
    )
    assert "snow" in told.text.lower()
    assert not told.calls


def story(tokens: int = ENOUGH) -> ChatRequest:
    return ChatRequest(NAME, STORY, max_tokens=tokens, temperature=0, abilities=ABILITIES)


def weather(messages: tuple[ChatMessage, ...], choice: str) -> ChatRequest:
    return ChatRequest(
        NAME, messages, max_tokens=40, temperature=0, tools=(WEATHER,), tool_choice=choice, abilities=ABILITIES
    )


def busy(model: Endpoint) -> int:
    return sum(slot["is_processing"] for slot in _get(model.base_url.removesuffix("/v1") + "/slots"))


def _is_ready(port: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(_get(f"http://127.0.0.1:{port}/health") == {"status": "ok"})
    return False


def _get(url: str) -> Any:
    with urllib.request.urlopen(url) as response:
        return json.load(response)
