"""The whole house on its own folder: everything that is started here ends here, however the day went.

with House() as house:
    house.webs[0].kill()
    house.workers[1].send(signal.SIGSTOP)
    with house.provider.held(): …               # the cable between the workers and the provider
    with house.workers[0].database.unplugged(): …     # the cable between one process and PostgreSQL
    await house.mend()                          # started again, thawed
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from chatsite.supervising import dies_with_us
from tests.cable import Cable
from tests.chatsite.processes import ROOT, free_port, listens, mentioning, until
from tests.faults.database import Database
from tests.faults.model import Model
from tests.upstream import Upstream

MEMBERS = 40
LISTENS = re.compile(rb"application_name\0(chat_feed|chat_work)\0")  # how a connection that listens begins
BUSY = 30.0  # seconds that a machine which is busy with other things may add to anything

# A worker that is given up soon, so that rows are short; everything else is as it is for a team.
SETTINGS = {"LEASE_SECONDS": "3", "HEARTBEAT_SECONDS": "0.5", "REAPER_SECONDS": "0.5", "GRACE_SECONDS": "4"}


class Process:
    """`manage.py web` or `manage.py worker`, and the cable between it and PostgreSQL."""

    def __init__(self, name: str, environment: Mapping[str, str], folder: Path, database: Cable) -> None:
        self.name = name
        self.port = free_port() if name.startswith("web") else 0
        self.database = database
        self.killed_at = 0.0  # when it last ended without a word
        self._may_end = False
        self._environment = {**environment, "DATABASE_URL": _address(database), "PORT": str(self.port or 1)}
        self._log = folder / f"{name}.log"
        self._before = ""
        self.running = self._start({})

    def _start(self, more: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", self.name.rstrip("0123456789")],
                cwd=ROOT,
                env={**self._environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dies_with_us(signal.SIGKILL),  # noqa: PLW1509  # two system calls, see supervising.py
            )

    def start(self, **more: str) -> None:
        """Again; from the main thread, since it ends with the thread that starts it."""
        assert self._may_end, f"{self.name} ended ({self.running.returncode}):\n{self.said[-4000:]}"
        self._may_end = False
        self._before = self._log.read_text()
        self.running = self._start(more)

    @property
    def pid(self) -> int:
        return self.running.pid

    @property
    def is_running(self) -> bool:
        return self.running.poll() is None

    @property
    def is_ready(self) -> bool:
        assert self.is_running, f"{self.name} ended ({self.running.returncode}):\n{self.said[-4000:]}"
        return listens(self.port) if self.port else "is ready" in self.said

    @property
    def said(self) -> str:
        """Since its last start."""
        return self._log.read_text()[len(self._before) :]

    def send(self, number: signal.Signals) -> None:
        self.running.send_signal(number)

    def kill(self) -> None:
        self._may_end = True
        self.running.kill()
        self.running.wait()
        self.killed_at = time.time()

    async def gone(self, seconds: float) -> int:
        """Its exit code, once it has ended by itself, as it was told to."""
        self._may_end = True
        await eventually(lambda: not self.is_running, f"{self.name} ends", seconds)
        if code := self.running.wait():
            self.killed_at = time.time()
        return code


class House:
    """Two web processes behind one front door, two workers, PostgreSQL, the provider; all talk through cables."""

    def __init__(self, *, megabytes: str = "0", members: str = str(MEMBERS), **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="chat-faults-"))
        self.folder.chmod(0o711)  # as root, PostgreSQL runs as another user, who must reach the folder below
        self.database = Database(self.folder, int(megabytes))
        self.temporary = self.folder / "tmp"
        self._stack = ExitStack()
        self._members_wanted = members
        self._settings = SETTINGS | settings
        self.webs: list[Process] = []
        self.workers: list[Process] = []
        self.notes: list[str] = []  # what a row measured

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for process in self.processes:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.running.wait(10)
            self._stack.close()
            self.database.end()
            left = mentioning(str(self.folder))
            assert not left, f"processes are left behind: {left}"
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        self.temporary.mkdir()
        self.database.start()
        self.front = self._stack.enter_context(Cable())
        upstream = self._stack.enter_context(Upstream())
        self.model = Model(upstream)
        self.provider = self._stack.enter_context(Cable())
        self.provider.lead_to(int(upstream.base_url.rpartition(":")[2]))
        self.members = self._prepare()
        self.webs = [self._process(f"web{number}") for number in (1, 2)]
        self.workers = [self._process(f"worker{number}") for number in (1, 2)]
        self.front.lead_to(*(web.port for web in self.webs))
        until(lambda: all(process.is_ready for process in self.processes), "web and worker are ready", 60 + BUSY)

    def _prepare(self) -> list[str]:
        with self._cable() as cable:
            command = [sys.executable, "-m", "tests.faults.preparing", self._members_wanted]
            environment = {**self._environment, "DATABASE_URL": _address(cable)}
            made = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
        keys: list[str] = json.loads(made.stdout)
        return keys

    async def manage(self, command: str, **more: str) -> tuple[int, str]:
        """`manage.py …` beside all that runs: its exit code, and what it said."""
        with self._cable() as cable:
            running = await asyncio.create_subprocess_exec(
                *(sys.executable, "manage.py", command),
                cwd=ROOT,
                env={**self._environment, "DATABASE_URL": _address(cable), **more},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            try:
                said, _ = await running.communicate()
            finally:
                with suppress(ProcessLookupError):
                    running.kill()
        return await running.wait(), said.decode()

    @property
    def _environment(self) -> dict[str, str]:
        known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return known | {
            "DJANGO_SETTINGS_MODULE": "chatsite.settings",
            "DEEPSEEK_API_KEY": "sk-0123456789abcdef0123456789abcdef",
            "DEEPSEEK_BASE_URL": f"http://127.0.0.1:{self.provider.port}",
            "PUBLIC_URL": self.origin,
            "SECRET_KEY": self._secret,
            "VAR_DIR": str(self.folder / "var"),
            "TMPDIR": str(self.temporary),
            **self._settings,
        }

    _secret = secrets.token_urlsafe(50)

    def _cable(self) -> Cable:
        cable = Cable()
        cable.lead_to(self.database.socket)
        return cable

    def _process(self, name: str) -> Process:
        return Process(name, self._environment, self.folder, self._stack.enter_context(self._cable()))

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.front.port}"

    @property
    def processes(self) -> list[Process]:
        return [*self.webs, *self.workers]

    def setting(self, name: str) -> float:
        return float(self._settings[name])

    @property
    def given_up(self) -> float:
        """Seconds within which an abandoned answer has ended, or goes on elsewhere; with a busy machine's share."""
        return self.setting("LEASE_SECONDS") + self.setting("REAPER_SECONDS") + BUSY

    async def worker_of(self, conversation: str) -> Process:
        """Who writes its answer."""
        owner = "SELECT owner FROM conversations_generation WHERE conversation_id = %s ORDER BY created_at DESC LIMIT 1"
        pid = int((await self.database.value(owner, conversation)).split(":")[1])
        return next(worker for worker in self.workers if worker.pid == pid)

    async def until_value(self, wanted: object, query: str, *values: object, seconds: float | None = None) -> None:
        """Until the database says so; as long as it takes to give an answer up."""
        deadline = time.monotonic() + (seconds or self.given_up)
        while (found := await self.database.value(query, *values)) != wanted:
            assert time.monotonic() < deadline, f"{found}, not {wanted}: {query}"
            await asyncio.sleep(0.1)

    async def mend(self) -> None:
        """As it was at the beginning: all processes there and awake, PostgreSQL up, no provider's circuit open."""
        if self.database.pid is None:
            await asyncio.to_thread(self.database.start_again)
        for process in self.processes:
            if process.is_running:
                process.send(signal.SIGCONT)
            else:
                process.start()
        await eventually(lambda: all(process.is_ready for process in self.processes), "all are ready again", 60 + BUSY)
        await self.forgive_provider()

    async def forgive_provider(self) -> None:
        """Its circuit is closed, as an administrator does it."""
        await self.database.rows("DELETE FROM catalog_circuit")

    def note(self, words: str) -> None:
        self.notes.append(words)


def _address(database: Cable) -> str:
    # In the clear, so that a cable can tell connections apart by what is said.
    return f"postgres://chat@127.0.0.1:{database.port}/chat?sslmode=disable"


async def eventually[T](look: Callable[[], T], what: str, seconds: float = BUSY) -> T:
    """What `look` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        await asyncio.sleep(0.02)
    return found
