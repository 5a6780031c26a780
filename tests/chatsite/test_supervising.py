"""Children: restarted, given up, ended in order, never left behind. Each test supervises from a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.chatsite.processes import alive, program, until

SUPERVISOR = """
import os, sys, time
from pathlib import Path
from chatsite.supervising import Child, GaveUpError, Stopping
with Stopping() as stopping:
    try:
        child = Child("the child", [sys.executable, "-c", sys.argv[1]], Path("."), os.environ, float(sys.argv[2]))
        with child.running(stopping):
            while True:
                child.keep_running()
                time.sleep(0.02)
    except KeyboardInterrupt:
        print("ended in order", flush=True)
    except GaveUpError as error:
        sys.exit(str(error))
"""
SPEAKS = "import os, time; print('child', os.getpid(), flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SPEAKS
WITH_A_CHILD = "import subprocess; print('child', subprocess.Popen(['sleep', '600']).pid, flush=True); " + SPEAKS


def _children(said: str) -> list[int]:
    return [int(line.split()[1]) for line in said.splitlines() if line.startswith("child ")]


def test_a_child_that_ends_is_started_again(tmp_path: Path) -> None:
    with program("-c", SUPERVISOR, SPEAKS, "5", said=tmp_path / "said") as supervisor:
        first = until(lambda: _children(supervisor.said), "to start")[0]
        os.kill(first, signal.SIGKILL)
        supervisor.wait_to_say("the child ended (signal 9)")
        until(lambda: len(_children(supervisor.said)) == 2, "to start again")


def test_a_child_that_cannot_start_ends_the_whole(tmp_path: Path) -> None:
    with program("-c", SUPERVISOR, "raise SystemExit(3)", "5", said=tmp_path / "said") as supervisor:
        assert supervisor.wait() == 1
        assert "the child ended 3 times right after its start" in supervisor.said


def test_a_signal_ends_the_child_and_what_it_started(tmp_path: Path) -> None:
    with program("-c", SUPERVISOR, WITH_A_CHILD, "5", said=tmp_path / "said") as supervisor:
        until(lambda: len(_children(supervisor.said)) == 2, "to start")
        supervisor.send(signal.SIGTERM)
        assert supervisor.wait() == 0
        until(lambda: not any(map(alive, _children(supervisor.said))), "to be gone", 5)
        assert supervisor.said.endswith("ended in order\n")


def test_a_child_that_will_not_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    with program("-c", SUPERVISOR, STUBBORN, "0.3", said=tmp_path / "said") as supervisor:
        child = until(lambda: _children(supervisor.said), "to start")[0]
        supervisor.send(signal.SIGINT)
        assert supervisor.wait(10) == 0
        assert not alive(child)


def test_a_second_signal_does_not_wait_for_the_grace(tmp_path: Path) -> None:
    with program("-c", SUPERVISOR, STUBBORN, "600", said=tmp_path / "said") as supervisor:
        until(lambda: _children(supervisor.said), "to start")
        supervisor.send(signal.SIGINT)
        supervisor.send(signal.SIGTERM)  # the same wish, passed on
        with pytest.raises(subprocess.TimeoutExpired):
            supervisor.wait(3)
        supervisor.send(signal.SIGINT)
        assert supervisor.wait(10) == 0


def test_a_killed_supervisor_takes_its_child_along(tmp_path: Path) -> None:
    with program("-c", SUPERVISOR, STUBBORN, "600", said=tmp_path / "said") as supervisor:
        child = until(lambda: _children(supervisor.said), "to start")[0]
        supervisor.send(signal.SIGKILL)
        until(lambda: not alive(child), "to end with its supervisor", 5)
