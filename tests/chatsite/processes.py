"""Real processes for tests: started, spoken to, waited for with a deadline, and never left behind."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def until[T](look: Callable[[], T], what: str, seconds: float = 60) -> T:
    """What `look` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)
    return found


def free_port() -> int:
    """One below those that kernels give to connections and to whoever asks for any, so that nobody has it meanwhile."""
    while True:
        port = secrets.choice(range(10_000, 32_000))
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """One started program and what it has said so far."""

    def __init__(self, process: subprocess.Popen[bytes], said: Path) -> None:
        self.process = process
        self._said = said

    @property
    def said(self) -> str:
        return self._said.read_text()

    def wait_to_say(self, words: str, seconds: float = 60) -> None:
        def look() -> bool:
            if words not in self.said and self.process.poll() is not None:
                raise AssertionError(f"it ended without saying {words!r}:\n{self.said}")
            return words in self.said

        until(look, f"to say {words!r}", seconds)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)


@contextmanager
def program(*arguments: str, said: Path, environment: Mapping[str, str] | None = None) -> Iterator[Program]:
    """A Python program of ours, in a session of its own, as from a terminal."""
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield Program(process, said)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def alive(pid: int) -> bool:
    """Whether `pid` still runs; one that is dead but not yet buried by its parent does not."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except FileNotFoundError:
        return False


def mentioning(words: str) -> list[int]:
    """Every running process whose command line or environment has `words`, as those do that share a test's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if words.encode() in (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes():
                    found.append(int(entry.name))
    return found
