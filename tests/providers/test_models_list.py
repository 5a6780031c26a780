"""What servers say they have."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from providers import Clients, Endpoint, ProviderError, list_models
from providers.dialects import DIALECTS
from providers.errors import (
    AuthenticationError,
    ConnectionFailedError,
    CutError,
    MalformedStreamError,
    OverloadedError,
    ServerFaultError,
    StalledError,
)
from providers.models_list import LONGEST_NAME, MOST_MODELS
from tests.providers.asking import KEY, Asking
from tests.upstream import Gate, Script

BODIES: dict[str, tuple[Any, list[str]]] = {
    "deepseek": (
        {
            "object": "list",
            "data": [
                {"id": "deepseek-flash", "object": "model", "owned_by": "deepseek"},
                {"id": "deepseek-v4-pro", "object": "model", "owned_by": "deepseek"},
            ],
        },
        ["deepseek-flash", "deepseek-v4-pro"],
    ),
    "vllm": (
        {"object": "list", "data": [{"id": "Qwen/Qwen3-8B", "root": "/m", "max_model_len": 40960, "permission": [{}]}]},
        ["Qwen/Qwen3-8B"],
    ),
    "ollama": (
        {"object": "list", "data": [{"id": "qwen3:4b", "object": "model", "owned_by": "library"}]},
        ["qwen3:4b"],
    ),
    "ollama without a model": ({"object": "list", "data": None}, []),
    "ollama's own": ({"models": [{"name": "qwen3:4b", "model": "qwen3:4b", "size": 1}]}, ["qwen3:4b"]),
    "llama.cpp": (
        {
            "models": [{"name": "smollm2.gguf", "model": "smollm2.gguf", "type": "model"}],
            "object": "list",
            "data": [{"id": "smollm2.gguf", "meta": {"n_ctx_train": 8192}}],
        },
        ["smollm2.gguf"],
    ),
    "openrouter": (
        {"data": [{"id": "deepseek/deepseek-v4", "name": "DeepSeek: V4", "pricing": {"prompt": "0.1"}}]},
        ["deepseek/deepseek-v4"],
    ),
    "litellm": ({"data": [{"id": "a", "object": "model"}, {"id": "b"}, {"id": "a"}], "object": "list"}, ["a", "b"]),
    "anthropic": (
        {"data": [{"type": "model", "id": "claude-x", "display_name": "X"}], "has_more": False},
        ["claude-x"],
    ),
    "a bare list": ([{"id": "a"}, {"id": "b"}], ["a", "b"]),
    "nothing": ({"object": "list", "data": []}, []),
    "garbage in between": (
        {"data": [None, 7, [], {}, {"id": 7}, {"id": ""}, {"id": "x" * (LONGEST_NAME + 1)}, "b", {"id": "a\ud83d\0"}]},
        ["b", "a\ufffd\ufffd"],
    ),
    "more than anybody has": (
        {"data": [{"id": str(n)} for n in range(MOST_MODELS + 9)]},
        list(map(str, range(MOST_MODELS))),
    ),
}


async def listed(ask: Asking, script: Script, seconds: float = 10.0) -> list[str]:
    ask.upstream.offer(script=script)
    return await list_models(ask.endpoint, clients=ask.clients, seconds=seconds)


@pytest.mark.parametrize(("body", "names"), BODIES.values(), ids=BODIES.keys())
async def test_every_servers_list_is_read(ask: Asking, body: Any, names: list[str]) -> None:
    for content_type in ("application/json", "text/plain"):
        reply = Script.reply(200, "\n" + json.dumps(body), {"Content-Type": content_type})
        assert await listed(ask, reply) == names


@pytest.mark.parametrize("dialect", list(DIALECTS))
async def test_the_list_is_where_the_dialect_says(ask: Asking, dialect: str) -> None:
    ask.upstream.offer("a", "b")
    assert await list_models(ask.of(dialect).endpoint, clients=ask.clients) == ["a", "b"]
    (request,) = ask.upstream.listings
    assert (request.method, request.path, request.raw) == ("GET", "/models", b"")
    assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (Script.error(401, "Authentication Fails"), AuthenticationError),
        (Script.error(503, "busy"), OverloadedError),
        (Script.reply(200, '{"error":"x"}'), ServerFaultError),
        (Script.reply(200, '{"error":{"code":401,"message":"x"}}'), AuthenticationError),
        (Script.reply(200, '{"object":"error","message":"service is too busy"}'), OverloadedError),
        (Script.reply(200, "{}"), MalformedStreamError),
        (Script.reply(200, '{"data":{"a":1}}'), MalformedStreamError),
        (Script.reply(200, "7"), MalformedStreamError),
        (Script.reply(200, ""), MalformedStreamError),
        (Script.reply(200, "<html>"), MalformedStreamError),
        (Script.reply(200, "[" * 100_000), MalformedStreamError),
        (Script.reply(200, "{" + " " * 9_000_000), MalformedStreamError),
        (Script().head().raw(b'{"data":').cut(), CutError),
        (Script().reset(), ConnectionFailedError),
    ],
)
async def test_what_is_no_list_is_an_error_of_ours(ask: Asking, script: Script, kind: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as raised:
        await listed(ask, script)
    assert type(raised.value) is kind


@pytest.mark.parametrize("before", [Script(), Script().head(), Script().head().raw(b'{"data":[')])
async def test_a_server_that_says_nothing_is_not_waited_for(ask: Asking, before: Script) -> None:
    with pytest.raises(StalledError):
        await listed(ask, before.stall(), seconds=0.15)
    await ask.upstream.listings[0].closed()


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1", "ftp://a", "nonsense", "http://a b"])
async def test_nobody_at_home_is_no_connection(clients: Clients, base_url: str) -> None:
    with pytest.raises(ConnectionFailedError):
        await list_models(Endpoint("x", "openai", base_url), clients=clients)


async def test_the_list_waits_for_no_answer(ask: Asking) -> None:
    ask.concurrency = 1
    gate = Gate()
    ask.upstream.play(Script().text_delta("a").gate(gate).finish().done())
    answering = ask.start()
    await gate.reached()
    ask.upstream.offer("a")
    async with asyncio.timeout(5):
        assert await list_models(ask.endpoint, clients=ask.clients) == ["a"]
    gate.open()
    assert (await answering).text == "a"
