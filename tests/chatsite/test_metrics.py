"""What Prometheus reads: who may, that the figures are true, and that nobody's words are among them."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.models.functions import Now
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings
from websockets.sync.client import connect
from websockets.typing import Origin

from accounts.models import User
from catalog import circuits
from catalog.models import Provider
from chatsite.health import aside
from chatsite.metrics import _watching, metrics
from conversations.models import Conversation, Generation
from conversations.tracing import ids, trace
from tests.cable import Cable
from tests.chatsite.processes import Program, free_port, until
from tests.conversations.conftest import alice, conversation, generation, question, route, upstream
from tests.serving import Web, web
from tests.upstream import Script, Upstream
from tests.workers import wait_for_end, worker_process

__all__ = ["alice", "conversation", "generation", "question", "route", "upstream"]  # fixtures

TOKEN = "t" * 40


@pytest.fixture
def served(through_cable: dict[str, str], tmp_path: Path) -> Iterator[Web]:
    with web(through_cable | {"METRICS_TOKEN": TOKEN, "PUBLIC_URL": "http://127.0.0.1:8000"}, tmp_path) as served:
        yield served


def get(port: int, token: str | None = TOKEN) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def figures(port: int) -> dict[str, float]:
    """By name and labels, as they are written."""
    lines = (line.rpartition(" ") for line in get(port)[1].splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def of_the_house(port: int) -> dict[str, float]:
    """With the database's, which is given two seconds for them: on a busy machine too few, now and then."""

    def look() -> dict[str, float]:
        shown = figures(port)
        return shown if shown["chat_database_up"] else {}

    return until(look, "the database's figures")


def test_without_the_token_there_is_no_such_page(served: Web, through_cable: dict[str, str], tmp_path: Path) -> None:
    strangers = [get(served.port, token) for token in (None, "", "t" * 39, "t" * 41, "é" * 20)]
    assert {status for status, _ in strangers} == {404}
    assert "chat_" not in "".join(page for _, page in strangers)
    assert get(served.port)[0] == 200
    with web(through_cable | {"PUBLIC_URL": "http://127.0.0.1:8000"}, tmp_path) as without:
        assert {get(without.port, token)[0] for token in (None, "", TOKEN)} == {404}


def test_the_queue_is_as_long_and_as_old_as_it_is(served: Web, generation: Generation) -> None:
    shown = of_the_house(served.port)
    assert (shown["chat_queued"], shown["chat_running"], shown["chat_workers"]) == (1, 0, 0)
    assert shown["chat_queued_oldest_seconds"] > 0
    Generation.objects.update(not_before="2100-01-01T00:00Z")
    assert of_the_house(served.port)["chat_queued"] == 0  # nobody waits for it yet
    Generation.objects.update(not_before=Now())
    Generation.objects.claim("a worker", 1)
    shown = of_the_house(served.port)
    assert (shown["chat_queued"], shown["chat_queued_oldest_seconds"], shown["chat_running"]) == (0, 0, 1)


def test_a_provider_that_is_left_alone_is_shown(served: Web, generation: Generation) -> None:
    assert of_the_house(served.port)['chat_circuit_open{provider="deepseek"}'] == 0
    circuits.failed(Provider.objects.get().pk, "overloaded", at_once=True)
    assert of_the_house(served.port)['chat_circuit_open{provider="deepseek"}'] == 1


def test_without_the_database_the_process_still_tells_of_itself(served: Web, cable: Cable) -> None:
    of_the_house(served.port)
    with cable.held():
        shown = figures(served.port)
        assert shown["chat_database_up"] == 0
        assert "chat_queued" not in shown
        assert shown["chat_event_loop_lag_seconds_count"] >= 0
    until(lambda: figures(served.port)["chat_database_up"], "to be back")


def test_sockets_and_frames_are_counted(served: Web, client: Client, alice: User, conversation: Conversation) -> None:
    client.force_login(alice)
    cookie = {"Cookie": f"session={client.cookies['session'].value}"}
    address = f"ws://127.0.0.1:{served.port}/ws/c/{conversation.pk}/"
    with connect(address, origin=Origin("http://127.0.0.1:8000"), additional_headers=cookie) as socket:
        socket.send('{"seq": 0}')
        frame = str(socket.recv(timeout=20))
        shown = figures(served.port)
        assert (shown["chat_sockets"], shown["chat_frames_total"]) == (1, 1)
        assert shown["chat_frame_characters_total"] == len(frame)
    until(lambda: figures(served.port)["chat_sockets"] == 0, "the socket to be gone")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def worker(process_environment: dict[str, str], tmp_path: Path, port: int) -> Iterator[Program]:
    environment = process_environment | {"METRICS_PORT": str(port), "DEEPSEEK_API_KEY": "sk-0123456789abcdef"}
    with worker_process(environment, tmp_path) as worker:
        yield worker


def test_a_worker_shows_how_soon_its_answers_began_and_how_they_were_stored(
    upstream: Upstream, generation: Generation, worker: Program, port: int
) -> None:
    upstream.answer_with(lambda request: Script.text("A monad is a burrito"))
    wait_for_end(generation)
    shown = of_the_house(port)
    assert shown["chat_first_text_seconds_count"] == 1
    assert 0 < shown["chat_first_text_seconds_sum"] < 60
    assert shown["chat_flush_seconds_count"] >= 1
    assert shown["chat_flush_lag_seconds_sum"] >= shown["chat_flush_seconds_sum"] > 0
    assert shown["chat_workers"] == 1
    echoes = 'chat_bus_lag_seconds_count{channel="chat_work"}'
    until(lambda: figures(port).get(echoes), "an echo of the bus")
    assert figures(port)["chat_bus_lag_seconds_sum" + echoes[26:]] > 0


def test_answers_whose_worker_died_are_counted(
    generation: Generation, process_environment: dict[str, str], tmp_path: Path, port: int
) -> None:
    Generation.objects.claim("a dead worker", 1)
    Generation.objects.update(lease_until=Now())
    with worker_process(process_environment | {"METRICS_PORT": str(port)}, tmp_path):
        until(lambda: figures(port)["chat_reaped_total"] == 1, "the reaper")


def test_nobodys_words_or_names_are_among_the_figures(
    upstream: Upstream, served: Web, worker: Program, port: int, generation: Generation, alice: User
) -> None:
    upstream.answer_with(lambda request: Script.text("A monad is a burrito"))
    wait_for_end(generation)
    told = get(served.port)[1] + get(port)[1]
    for private in (
        alice.name,
        alice.email,
        "monad",
        str(alice.pk),
        str(generation.pk),
        str(generation.conversation_id),
    ):
        assert private not in told
    samples = [it for family in text_string_to_metric_families(get(port)[1]) for it in family.samples]
    ours = {name for it in samples if it.name.startswith("chat_") for name in it.labels}
    assert ours <= {"le", "channel", "provider"}


def test_a_port_that_is_taken_is_said(process_environment: dict[str, str], tmp_path: Path, served: Web) -> None:
    environment = process_environment | {"METRICS_PORT": str(served.port)}
    words = rf"Can't show metrics on 127.0.0.1:{served.port} \(Address already in use\)"
    with pytest.raises(AssertionError, match=words), worker_process(environment, tmp_path):
        pass


async def test_what_watches_for_ever_names_no_request(settings: Settings, transactional_db: None) -> None:
    settings.METRICS_TOKEN = TOKEN
    before = asyncio.all_tasks()
    trace(request_id="the-first")
    assert await metrics({"headers": [(b"authorization", f"Bearer {TOKEN}".encode())]})
    (watching,) = asyncio.all_tasks() - before
    assert watching.get_context().run(ids) == {}
    watching.cancel()
    await asyncio.wait([watching])
    _watching.clear()
    await aside.close()
