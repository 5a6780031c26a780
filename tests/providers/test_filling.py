"""Filling the hole in a text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers import (
    Clients,
    Clocks,
    Delta,
    Endpoint,
    FillRequest,
    Finished,
    ProviderError,
    Reasoning,
    Started,
    Text,
    Usage,
    fill,
)
from providers.dialects import DIALECTS
from providers.errors import CutError, InvalidRequestError, OverloadedError, StalledError
from tests.providers.asking import Asking
from tests.upstream import FINGERPRINT, Script, Upstream

HOLE = FillRequest("deepseek-v4-pro", "def fib(a):\n", "    return fib(a-1) + fib(a-2)")


async def filled(
    ask: Asking, script: Script, hole: FillRequest = HOLE, **clocks: float
) -> tuple[list[Delta], ProviderError | None]:
    ask.upstream.play(script)
    found: list[Delta] = []
    try:
        async for delta in fill(ask.endpoint, hole, clocks=Clocks(**clocks), clients=ask.clients):
            found.append(delta)
    except ProviderError as error:
        return found, error
    return found, None


def choice(text: Any, finish: str | None = None) -> dict[str, Any]:
    return {
        "object": "text_completion",
        "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}],
    }


async def test_what_belongs_in_the_hole_comes_as_text(ask: Asking) -> None:
    deltas, _ = await filled(ask, Script.text("    if a < 2:\n", "        return a\n"))
    (request,) = ask.upstream.requests
    assert deltas == [
        Started("deepseek-v4-pro", FINGERPRINT, f"trace-{request.number}"),
        Text("    if a < 2:\n"),
        Text("        return a\n"),
        *(delta for delta in deltas if isinstance(delta, Usage)),
        Finished("stop"),
    ]


async def test_both_sides_of_the_hole_are_sent(ask: Asking) -> None:
    await filled(ask, Script.text("x"))
    (request,) = ask.upstream.requests
    assert request.path == "/beta/completions"
    assert (request.body["prompt"], request.body["suffix"]) == (HOLE.before, HOLE.after)


@pytest.mark.parametrize("texts", [(), ("",), ("\n",)])
async def test_nothing_may_belong_there(ask: Asking, texts: tuple[str, ...]) -> None:
    deltas, error = await filled(ask, Script.text(*texts))
    assert (error, deltas[-1]) == (None, Finished("stop"))
    assert "".join(delta.text for delta in deltas if isinstance(delta, Text)) == "".join(texts)


async def test_tags_and_markup_are_code_like_any_other(ask: Asking) -> None:
    deltas, _ = await filled(ask, Script.text("<think>", "a</think>", "<｜DSML｜invoke>"))
    assert not any(isinstance(delta, Reasoning) for delta in deltas)
    assert "".join(delta.text for delta in deltas if isinstance(delta, Text)) == "<think>a</think><｜DSML｜invoke>"


async def test_a_filling_that_is_not_streamed_is_read_all_the_same(ask: Asking) -> None:
    script = Script.reply(200, "\n\n" + json.dumps({"model": "m", **choice("x", "length")}))
    deltas, _ = await filled(ask, script)
    assert deltas[1:] == [Text("x"), Finished("length")]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (Script().data(choice("x")).cut(), CutError),
        (Script().data(choice("x")), CutError),
        (Script().data(choice("x")).data(choice("", "insufficient_system_resource")).done(), OverloadedError),
        (Script().data(choice("x")).data({"error": {"code": 503, "message": "x"}}), OverloadedError),
        (Script().data(choice("x")).stall(), StalledError),
    ],
)
async def test_a_broken_filling_keeps_its_part(ask: Asking, script: Script, kind: type[ProviderError]) -> None:
    deltas, error = await filled(ask, script, idle=0.15)
    assert (deltas[1:], type(error)) == ([Text("x")], kind)


async def test_garbage_is_no_text(ask: Asking) -> None:
    script = Script()
    garbage: list[Any] = [None, 7, [], {}]
    for text in garbage:
        script = script.data(choice(text))
    assert (await filled(ask, script.data(choice("x", "stop"))))[0][1:] == [Text("x"), Finished("stop")]


@pytest.mark.parametrize("dialect", [name for name, dialect in DIALECTS.items() if not dialect.fill_path])
async def test_where_nothing_is_filled_nothing_is_asked(upstream: Upstream, clients: Clients, dialect: str) -> None:
    with pytest.raises(InvalidRequestError):
        fill(Endpoint("x", dialect, upstream.base_url), HOLE, clients=clients)
    assert upstream.requests == []
