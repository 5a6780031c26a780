"""Alive and ready, as a load balancer sees them: by IP address, without a session, on good days and bad ones."""

from __future__ import annotations

import http.client
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from conversations.models import Pulse
from tests.cable import Cable
from tests.chatsite.processes import until
from tests.serving import Web, web
from tests.workers import HASTY, worker_process

BY_ADDRESS = {"Host": "10.0.0.7:8000"}


@pytest.fixture
def served(through_cable: dict[str, str], tmp_path: Path) -> Iterator[Web]:
    with web(through_cable, tmp_path) as served:
        yield served


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=BY_ADDRESS | headers)
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def test_it_is_ready_once_a_worker_lives(served: Web) -> None:
    assert get(served.port, "/readyz") == (
        503,
        "worker: none was heard of within its lease; workers are updated and started before web\n",
    )
    Pulse.objects.beat("a worker")
    assert get(served.port, "/readyz") == (200, "ready\n")
    assert get(served.port, "/accounts/login/")[0] == 400  # any other path is for its own host alone


def test_a_worker_shows_that_it_lives_and_takes_that_back_when_it_is_told_to_go(
    served: Web, process_environment: dict[str, str], tmp_path: Path
) -> None:
    with worker_process(process_environment, tmp_path) as worker:
        assert get(served.port, "/readyz") == (200, "ready\n")
        (pulse,) = Pulse.objects.all()
        until(lambda: Pulse.objects.get().seen_at > pulse.seen_at, "another beat")
        assert Pulse.objects.get().started_at == pulse.started_at
        worker.send(signal.SIGTERM)
        assert worker.wait(20) == 0
    assert not Pulse.objects.exists()


def test_a_worker_that_was_killed_counts_until_its_lease_is_over(
    through_cable: dict[str, str], process_environment: dict[str, str], tmp_path: Path
) -> None:
    with (
        web(through_cable | HASTY, tmp_path) as served,
        worker_process(process_environment, tmp_path) as worker,
    ):
        assert get(served.port, "/readyz")[0] == 200
        worker.send(signal.SIGKILL)
        until(lambda: get(served.port, "/readyz")[0] == 503, "to be missed")
    assert Pulse.objects.exists()


def test_a_migration_that_is_not_applied_is_told(served: Web, database_url: str) -> None:
    Pulse.objects.beat("a worker")
    with psycopg.connect(database_url) as database:
        database.execute("DELETE FROM django_migrations WHERE app = 'conversations' AND name = '0004_pulse'")
        database.commit()
        try:
            assert get(served.port, "/readyz") == (503, "migrations: some are not applied; `manage.py prepare` does\n")
        finally:
            database.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('conversations', '0004_pulse', now())"
            )
    assert get(served.port, "/readyz")[0] == 200


def test_one_that_a_newer_version_brought_does_not_matter(served: Web, database_url: str) -> None:
    Pulse.objects.beat("a worker")
    with psycopg.connect(database_url) as database:
        database.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('usage', '9999_new', now())")
        database.commit()
        try:
            assert get(served.port, "/readyz")[0] == 200
        finally:
            database.execute("DELETE FROM django_migrations WHERE name = '9999_new'")


def test_a_database_that_hangs_or_is_gone_is_told_in_time_and_it_is_ready_again_after(
    served: Web, cable: Cable
) -> None:
    Pulse.objects.beat("a worker")
    assert get(served.port, "/readyz")[0] == 200
    with cable.held():
        for _ in range(3):
            asked = time.monotonic()
            assert get(served.port, "/readyz") == (503, "database: does not answer\n")
            assert time.monotonic() - asked < 10  # 2 s, on a machine that has time
            assert get(served.port, "/healthz") == (200, "alive\n")
    until(lambda: get(served.port, "/readyz")[0] == 200, "to be ready again")
    with cable.unplugged():
        assert get(served.port, "/readyz") == (503, "database: does not answer\n")
    cable.cut()
    assert get(served.port, "/readyz")[0] == 200  # at once: a connection that died is replaced


def test_it_answers_while_the_pool_is_exhausted(served: Web, database_url: str) -> None:
    Pulse.objects.beat("a worker")
    get(served.port, "/readyz")
    own = {"Host": "chat.example.org", "Cookie": "__Host-session=" + "a" * 32}
    with psycopg.connect(database_url) as holder, ThreadPoolExecutor(12) as pool:
        holder.execute("LOCK TABLE django_session")
        pages = [pool.submit(get, served.port, "/", **own) for _ in range(12)]
        until(lambda: any(page.done() for page in pages), "the pool's patience to end")
        assert get(served.port, "/readyz") == (200, "ready\n")
        assert get(served.port, "/healthz") == (200, "alive\n")
        holder.rollback()
        assert {page.result()[0] for page in pages} <= {302, 503}
        assert {page.result()[0] for page in pages} >= {503}


def test_one_that_is_told_to_go_is_not_ready_any_more(served: Web) -> None:
    Pulse.objects.beat("a worker")
    kept = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    kept.request("GET", "/readyz", headers=BY_ADDRESS)
    assert kept.getresponse().read() == b"ready\n"
    slow = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    slow.putrequest("POST", "/accounts/login/")  # under way, so that it stays a while
    slow.putheader("Content-Length", "9")
    slow.endheaders()
    served.program.send(signal.SIGTERM)

    def is_said() -> bool:
        kept.request("GET", "/readyz", headers=BY_ADDRESS)
        reply = kept.getresponse()
        return (reply.status, reply.read()) == (503, b"process: is about to end\n")

    until(is_said, "to say that it goes")


def test_probes_only_read(served: Web) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("POST", "/healthz", headers={"Host": "chat.example.org"})
    assert connection.getresponse().status in {403, 404}
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("HEAD", "/healthz")
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (200, b"")
    assert reply.getheader("Set-Cookie") is None
