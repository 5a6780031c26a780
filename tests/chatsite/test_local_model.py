"""The local model as the worker meets it: a real process, a real stream."""

from __future__ import annotations

import http.client
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chatsite.processes import Program, free_port, listens, program, until

QUESTION = {"stream": True, "messages": [{"role": "user", "content": "Tell a long story about a fox."}]}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def model(port: int, tmp_path: Path) -> Iterator[Program]:
    with program("-m", "chatsite.local_model", "--port", str(port), said=tmp_path / "said") as running:
        until(lambda: listens(port) and _get(port, "/health") == {"status": "ok"}, "to load")
        yield running


def test_it_streams_an_answer_and_ends_when_asked_to(model: Program, port: int) -> None:
    lines = _ask(port, QUESTION | {"max_tokens": 8}).read().decode().split("\n\n")
    deltas = [json.loads(line.removeprefix("data: "))["choices"][0]["delta"] for line in lines[:-2]]
    assert "".join(delta.get("content") or "" for delta in deltas)
    assert lines[-2:] == ["data: [DONE]", ""]
    model.send(signal.SIGTERM)
    assert model.wait(5) == 0


def test_it_stops_writing_when_nobody_reads(model: Program, port: int) -> None:
    answer = _ask(port, QUESTION | {"max_tokens": 8000, "logit_bias": [[2, False]]})  # 2 is its end of turn
    assert answer.readline().startswith(b"data: ")
    assert _busy(port) == 1
    answer.close()
    until(lambda: _busy(port) == 0, "to stop", 5)


def _busy(port: int) -> int:
    slots = _get(port, "/slots")
    assert isinstance(slots, list)
    return sum(slot["is_processing"] for slot in slots)


def _get(port: int, path: str) -> object:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def _ask(port: int, question: dict[str, object]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/chat/completions", json.dumps(question), {"Connection": "close"})
    return connection.getresponse()
