"""`manage.py up` as a person runs it: from nothing to a page, and back to nothing."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chatsite.processes import alive, free_port, mentioning, program, until

OURS = {"DATABASE_URL", "PUBLIC_URL", "DEEPSEEK_API_KEY", "LOCAL_MODEL_URL", "SECRET_KEY", "DJANGO_ALLOW_ASYNC_UNSAFE"}


@pytest.fixture(scope="module")
def var() -> Iterator[Path]:
    """One VAR_DIR for this file's starts, which any user can walk to."""
    folder = Path(tempfile.mkdtemp(prefix="chat-up-"))
    folder.chmod(0o711)
    yield folder
    for pid in mentioning(str(folder)):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environment(var: Path) -> dict[str, str]:
    """As a person's shell has it, on a port of its own."""
    theirs = {name: value for name, value in os.environ.items() if name not in OURS}
    return theirs | {"VAR_DIR": str(var), "PORT": str(free_port())}


def test_the_first_start_prints_a_password_and_serves_the_page_and_ctrl_c_leaves_nothing(
    var: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with program("manage.py", "up", said=tmp_path / "said", environment=environment) as up:
        up.wait_to_say(f"Open http://127.0.0.1:{environment['PORT']}\n", 120)
        assert "admin@example.com with the password " in up.said
        assert _page(environment).lower().startswith("<!doctype html>")
        parts = _parts(var)
        assert parts == {"manage.py up", "manage.py web", "manage.py worker", "chatsite.local_model", "postgres -D"}
        up.send(signal.SIGINT)
        assert up.wait() == 0
    assert until(lambda: not mentioning(str(var)), "to leave no process behind", 10)


def test_the_second_start_is_quick_and_keeps_the_password_to_itself(
    environment: dict[str, str], tmp_path: Path
) -> None:
    began = time.monotonic()
    with program("manage.py", "up", said=tmp_path / "said", environment=environment) as up:
        up.wait_to_say("Open http://")
        took = time.monotonic() - began
        assert "Nobody has signed in yet. The first administrator is admin@example.com" in up.said
        assert "with the password" not in up.said
        up.send(signal.SIGTERM)
        assert up.wait() == 0
    assert took < 30  # seconds; 3 on two cores with nothing else to do


def test_it_starts_again_what_dies_and_a_kill_takes_all_along(
    var: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with program("manage.py", "up", said=tmp_path / "said", environment=environment) as up:
        up.wait_to_say("Open http://")
        for name in ("manage.py web", "postgres -D"):
            victim = _pid_of(var, name)
            os.kill(victim, signal.SIGKILL)
            until(lambda gone=victim: not alive(gone), "to die")  # type: ignore[misc]  # mypy infers no defaults
            until(lambda wanted=name: _answers(environment) and wanted in _parts(var), "to come back")  # type: ignore[misc]
        assert up.process.poll() is None
        up.send(signal.SIGKILL)
        up.process.wait(5)
        until(lambda: not mentioning(str(var)), "to be gone with what started it", 20)


def test_a_second_one_on_the_same_folder_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    with program("manage.py", "up", said=tmp_path / "first", environment=environment) as first:
        first.wait_to_say("Open http://")
        other = environment | {"PORT": str(free_port())}
        with program("manage.py", "up", said=tmp_path / "second", environment=other) as second:
            assert second.wait() == 1
            assert (
                second.said == f"CommandError: It already runs on {other['VAR_DIR']}: stop it first, or set VAR_DIR.\n"
            )
        assert _answers(environment)


def test_a_taken_port_is_said_before_anything_starts(environment: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(environment["PORT"])))
        taken.listen()
        with program("manage.py", "up", said=tmp_path / "said", environment=environment) as up:
            assert up.wait() == 1
            assert up.said.startswith(f"CommandError: Can't listen on 127.0.0.1:{environment['PORT']}")
            assert up.said.count("\n") == 1


def test_a_database_that_does_not_answer_is_said(environment: dict[str, str], tmp_path: Path) -> None:
    environment["DATABASE_URL"] = f"postgres://chat@127.0.0.1:{free_port()}/chat"
    with program("manage.py", "up", said=tmp_path / "said", environment=environment) as up:
        assert up.wait(90) == 1
        assert "The database of DATABASE_URL can't be reached" in up.said
        assert "Connection refused" in up.said
        assert up.said.count("\n") <= 3  # libpq's own words, and what `up` says of `prepare`


def _answers(environment: dict[str, str]) -> bool:
    try:
        return bool(_page(environment))
    except (OSError, http.client.HTTPException):
        return False


def _page(environment: dict[str, str]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", int(environment["PORT"]), timeout=10)
    connection.request("GET", "/accounts/login/")
    answer = connection.getresponse()
    return answer.read().decode().strip() if answer.status == 200 else ""


def _parts(var: Path) -> set[str]:
    names = ["manage.py up", "manage.py web", "manage.py worker", "chatsite.local_model", "postgres -D"]
    commands = [_command(pid) for pid in mentioning(str(var))]
    return {name for name in names if any(name in command for command in commands)}


def _pid_of(var: Path, name: str) -> int:
    return next(pid for pid in mentioning(str(var)) if name in _command(pid))


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except FileNotFoundError:
        return ""
