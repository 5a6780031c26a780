"""Real web and worker processes over the test database, for sockets and for browsers."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.conf import settings

from tests.chatsite.processes import Program, free_port, program, until


def environment(server_url: str, folder: Path, **more: str) -> dict[str, str]:
    """What a process needs that outlives one test: conftest's `process_environment`, for a module or a session."""
    address, mark, query = server_url.partition("?")
    database = quote(str(settings.DATABASES["default"]["NAME"]), safe="")
    ours = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    return ours | {
        "DATABASE_URL": f"{address.rpartition('/')[0]}/{database}{mark}{query}",
        "SECRET_KEY": settings.SECRET_KEY,
        "VAR_DIR": str(folder),
        "CATALOGUE_SECONDS": "0.001",  # tests change it all the time
        **more,
    }


@dataclass
class Web:
    program: Program
    port: int

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return self.program.said

    def kill(self) -> None:
        self.program.send(signal.SIGKILL)
        self.program.wait(10)


@contextmanager
def web(env: Mapping[str, str], folder: Path) -> Iterator[Web]:
    """One `manage.py web` that answers."""
    port = free_port()
    own = {**env, "PORT": str(port)}
    with program("manage.py", "web", said=folder / f"web-{port}", environment=own) as running:
        served = Web(running, port)

        def answers() -> bool:
            assert running.process.poll() is None, running.said
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        until(answers, "the web process to listen", 30)
        yield served


@contextmanager
def worker(env: Mapping[str, str], folder: Path) -> Iterator[Program]:
    """One `manage.py worker` that is ready."""
    with program("manage.py", "worker", said=folder / "worker", environment=env) as running:
        running.wait_to_say("is ready", 30)
        yield running
