"""The whole house, for a measurement: a private PostgreSQL, the sender as its provider, one web and one worker process.

with house() as it:
    it.base, it.sender              the addresses of the web process and of the provider
    it.members(200)                 the session keys of so many new members
    it.pids["web"]                  also "worker", "postgres", "sender"
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import inside
from bench.inside import ROOT
from chatsite.postgres import EmbeddedPostgres, places
from chatsite.supervising import dies_with_us

SECONDS = 60.0  # until something must have started
# The product lets a member open 50 sockets in one process, and an address 100 of one link; many readers of one
# conversation are still one member, and all come from here.
WEB_FOR_MANY_READERS = """
import sys
from chatsite.server import WebServer
import django
django.setup()
from django.core.management import call_command
from conversations.feed import feed
feed.MOST_SOCKETS = feed.MOST_FROM_ONE_PLACE = 10_000
call_command("web", port=int(sys.argv[2]))
"""


@dataclass
class House:
    environment: dict[str, str]
    home: Path
    base: str
    sender: str
    web_command: tuple[str, ...] = ("manage.py", "web")
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    pids: dict[str, int] = field(default_factory=dict)
    _members: int = 0

    def start(self, name: str) -> None:
        """The web or the worker process, from the main thread: it ends with the thread that started it."""
        commands = {
            "web": (*self.web_command, "--port", self.base.rpartition(":")[2]),
            "worker": ("manage.py", "worker"),
        }
        started = _python(commands[name], self.environment, (self.home / f"{name}.log").open("a"))
        self.processes.append(started)
        self.pids[name] = started.pid

    def wait_until_ready(self) -> None:
        until(lambda: _answers(f"{self.base}/accounts/login/"), "the web process to answer")
        until(lambda: "is ready" in self.said("worker"), "the worker to be ready")

    def said(self, name: str) -> str:
        log = self.home / f"{name}.log"
        return log.read_text() if log.exists() else ""

    def kill(self, name: str) -> None:
        """As a power cut would."""
        os.kill(self.pids[name], signal.SIGKILL)

    def manage(self, *arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], env=self.environment, cwd=ROOT, check=True)

    def members(self, count: int) -> list[str]:
        """The session keys of so many new members."""
        keys: list[str] = inside.call("bench.members", "sign_in", self._members, count, environment=self.environment)
        self._members += count
        return keys

    def sent(self) -> dict[str, list[dict[str, Any]]]:
        """What the provider was asked, by question: one for each attempt, in their order."""
        with urllib.request.urlopen(f"{self.sender}/requests") as reply:
            asked: dict[str, list[dict[str, Any]]] = {}
            for each in json.load(reply):
                asked.setdefault(each["question"], []).append(each)
            return asked

    def forget(self) -> None:
        urllib.request.urlopen(f"{self.sender}/forget").read()


@contextmanager
def house(many_readers: bool = False, **environment: str) -> Iterator[House]:
    """Everything started and answering; all of it ended and removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="chat-bench-"))
    home.chmod(0o711)  # as root, PostgreSQL runs as another user, who must reach the folders below
    base = f"http://127.0.0.1:{free_port()}"
    try:
        with EmbeddedPostgres(places(home)) as server, _sender() as (sender, sender_process):
            # PUBLIC_URL, not DATABASE_URL alone, or the settings of who runs us would be the house's.
            known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
            own = {
                "DATABASE_URL": server.url,
                "DEEPSEEK_API_KEY": "sk-" + "0" * 32,
                "DEEPSEEK_BASE_URL": sender,
                "DJANGO_SETTINGS_MODULE": "chatsite.settings",
                "PUBLIC_URL": base,
                "VAR_DIR": str(home),
            }
            it = House(known | own | environment, home, base, sender)
            if many_readers:
                it.web_command = ("-c", WEB_FOR_MANY_READERS)
            assert server.pid
            it.pids |= {"postgres": server.pid, "sender": sender_process.pid}
            try:
                it.manage("manage.py", "migrate", "-v0")
                it.manage("manage.py", "catalog")
                it.start("web")
                it.start("worker")
                it.wait_until_ready()
                yield it
            finally:
                _end(it)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _end(it: House) -> None:
    for process in it.processes:
        process.send_signal(signal.SIGTERM)
    for process in it.processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _sender() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = _python(("-m", "bench.sender"), dict(os.environ), subprocess.PIPE)
    try:
        assert process.stdout
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()


def _python(command: tuple[str, ...], environment: dict[str, str], out: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=None if out == subprocess.PIPE else out,
        text=True,
        preexec_fn=dies_with_us(signal.SIGKILL),  # noqa: PLW1509  # two system calls, see there
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until[T](look: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """What `look` returns once it is true; ends the measurement if it never is."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.02)
    return found


def _answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url, timeout=5).read())
    except OSError:
        return False
