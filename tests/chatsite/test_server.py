"""The web process from outside: how it ends."""

from __future__ import annotations

import http.client
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.chatsite.processes import Program, free_port, listens, program, until


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(port: int, tmp_path: Path) -> Iterator[Program]:
    with program("-m", "tests.chatsite.echo_server", str(port), said=tmp_path / "said") as running:
        until(lambda: listens(port), "to listen")
        yield running


def test_sockets_are_told_to_come_back_one_after_the_other(server: Program, port: int) -> None:
    sockets = [connect(f"ws://127.0.0.1:{port}/") for _ in range(4)]
    server.send(signal.SIGTERM)
    began = time.monotonic()
    ends = []
    for one in sockets:
        assert _close_code(one) == 4012
        ends.append(time.monotonic() - began)
    assert ends[0] < 1.5
    assert 2 < ends[-1] < 7
    assert server.wait(10) == 0


def test_a_socket_that_has_not_been_closed_yet_still_works(server: Program, port: int) -> None:
    _first, last = connect(f"ws://127.0.0.1:{port}/"), connect(f"ws://127.0.0.1:{port}/")
    server.send(signal.SIGTERM)
    until(lambda: not listens(port), "to stop listening")
    last.send("still here")
    assert last.recv(timeout=2) == "still here"


def test_a_request_under_way_is_finished_and_no_new_one_is_taken(server: Program, port: int) -> None:
    request = _get(port, "/slow")
    server.send(signal.SIGTERM)
    until(lambda: not listens(port), "to stop listening")
    assert request.read() == b"begun done"
    assert server.wait(5) == 0


def test_a_second_signal_ends_it_at_once(server: Program, port: int) -> None:
    _get(port, "/endless")
    with connect(f"ws://127.0.0.1:{port}/"):
        server.send(signal.SIGTERM)
        until(lambda: not listens(port), "to stop listening")
        server.send(signal.SIGINT)
        assert server.wait(3) == 0


def test_an_idle_one_ends_at_once(server: Program) -> None:
    server.send(signal.SIGTERM)
    assert server.wait(3) == 0


def test_a_socket_that_sends_too_much_is_closed(server: Program, port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/") as one:
        one.send("x" * 65_536)
        assert one.recv(timeout=5) == "x" * 65_536
        one.send("x" * 65_537)
        with pytest.raises(ConnectionClosed):
            one.recv(timeout=5)


def test_a_taken_port_is_said(server: Program, port: int, tmp_path: Path) -> None:
    with program("-m", "tests.chatsite.echo_server", str(port), said=tmp_path / "second") as second:
        assert second.wait(30) == 1
        assert "Address already in use" in second.said


def _get(port: int, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    return connection.getresponse()


def _close_code(one: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        one.recv(timeout=10)
    return closed.value.rcvd.code if closed.value.rcvd else None
