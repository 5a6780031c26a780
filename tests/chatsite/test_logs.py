"""The log: nobody forges an entry, each names what it is about, and that it can't be written ends nothing."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from chatsite.logs import Brief, Json, Line, Stderr, Traced
from chatsite.request_ids import RequestIds
from conversations.models import Generation
from conversations.tracing import ids, trace
from tests.chatsite.processes import ROOT
from tests.conversations.conftest import alice, generation, question, route, upstream
from tests.upstream import Script, Upstream
from tests.workers import wait_for_end, worker_process

__all__ = ["alice", "generation", "question", "route", "upstream"]  # fixtures

FORGED = "Shopping\n2026-11-21 10:00:00,000 ERROR root: all is lost\r\x1b[2J\x9b31m\u2028\u202etxt\x7f\ud800"


def said_in(formatter: logging.Formatter, *message: object, exc_info: bool = False) -> str:
    stream = io.StringIO()
    handler = Stderr(stream)
    handler.setFormatter(formatter)
    handler.addFilter(Traced())
    handler.addFilter(Brief())
    logger = logging.Logger("chat")
    logger.addHandler(handler)
    logger.warning(*message, exc_info=exc_info)
    return stream.getvalue()


@pytest.mark.parametrize("formatter", [Line(), Json()])
def test_a_title_forges_no_entry(formatter: logging.Formatter) -> None:
    """EP4."""
    said = said_in(formatter, "renamed to %s", FORGED)
    assert said.count("\n") == 1
    assert said.isascii() or said.removesuffix("\n").isprintable()
    assert "\x1b" not in said
    assert "Shopping\\n2026-11-21" in said


def test_json_gives_back_what_was_said() -> None:
    entry = json.loads(said_in(Json(), "renamed to %s", FORGED))
    assert entry["message"] == f"renamed to {FORGED}"
    assert (entry["level"], entry["logger"]) == ("WARNING", "chat")
    assert entry["time"].endswith("+00:00")


def test_an_exception_forges_no_entry_either_and_is_one_field_of_json() -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        line, entry = said_in(Line(), "broke", exc_info=True), json.loads(said_in(Json(), "broke", exc_info=True))
    first, *others = line.removesuffix("\n").split("\n")
    assert first.endswith("WARNING chat: broke")
    assert all(it.startswith("  ") and it.isprintable() for it in others)
    assert "all is lost" in line
    assert entry["exception"].startswith("Traceback (most recent call last):")
    assert FORGED in entry["exception"]


def test_json_shows_nothing_that_a_library_hangs_on_its_records() -> None:
    record = logging.makeLogRecord({"name": "chat", "msg": "slow", "request": "GET /secret", "params": ["a question"]})
    assert set(json.loads(Json().format(record))) == {"time", "level", "logger", "message"}


def test_a_database_that_was_away_is_one_line() -> None:
    try:
        raise LookupError("in other words") from OperationalError("it restarts\nDETAIL: of it")
    except LookupError:
        said = said_in(Line(), "%s broke", "a page", exc_info=True)
    assert said.endswith("a page broke (LookupError: in other words)\n")
    assert said.count("\n") == 1


def test_entries_name_what_they_are_about() -> None:
    def told() -> tuple[str, Any]:
        trace(request_id="r-1")
        trace(generation_id="g-1")
        return said_in(Line(), "hello"), json.loads(said_in(Json(), "hello"))

    line, entry = Context().run(told)
    assert line.endswith("hello request_id=r-1 generation_id=g-1\n")
    assert (entry["request_id"], entry["generation_id"]) == ("r-1", "g-1")
    assert "r-1" not in said_in(Line(), "another")


@pytest.mark.parametrize("behind_proxy", [True, False])
async def test_a_request_has_an_id_of_ours_whatever_it_says_itself(settings: Settings, behind_proxy: bool) -> None:
    settings.BEHIND_PROXY = behind_proxy
    known: list[str] = []
    sent: list[Any] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        known.append(ids()["request_id"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"x-request-id", b"of-another-request")]}
    await RequestIds(page)(scope, None, send)
    assert sent[0]["headers"] == [(b"a", b"b"), (b"x-request-id", known[0].encode())]
    assert known[0] != "of-another-request"


def test_a_workers_entries_name_the_answer_from_either_side_of_the_crossing(
    process_environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation
) -> None:
    upstream.play(Script.reply(503, "busy"), Script.text("Here I am"))
    environment = process_environment | {"DEEPSEEK_API_KEY": "sk-0123456789abcdef", "LOG_FORMAT": "json"}
    with worker_process(environment, tmp_path) as worker:
        wait_for_end(generation)
        entries = [json.loads(line) for line in worker.said.splitlines()]
    (again,) = [it for it in entries if "trying again" in it["message"]]
    assert again["generation_id"] == str(generation.pk)
    assert again["conversation_id"] == str(generation.conversation_id)
    assert all("generation_id" not in it for it in entries if "is ready" in it["message"])


@pytest.mark.parametrize("stderr", ["/dev/full", "closed"])
def test_a_log_that_cannot_be_written_ends_nothing(process_environment: dict[str, str], stderr: str) -> None:
    code = (
        "import django, logging; django.setup(); [logging.error('x' * 5000) for _ in range(100)]; print('still here')"
    )
    redirect = "2>&-" if stderr == "closed" else f"2>{stderr}"
    said = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {redirect}', sys.executable, code],
        cwd=ROOT,
        env=process_environment | {"DJANGO_SETTINGS_MODULE": "chatsite.settings"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert said.stdout == "still here\n"


def test_a_word_that_is_no_format_stops_the_start(process_environment: dict[str, str]) -> None:
    said = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=process_environment | {"LOG_FORMAT": "xml"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "LOG_FORMAT must be line or json." in said.stderr
