"""`manage.py up`, which `make run` calls: everything on one machine, from the database to the page."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chatsite.postgres import EmbeddedPostgres, PostgresError, places
from chatsite.supervising import Child, GaveUpError, Stopping

GRACE = {"web": 30, "worker": 70, "local model": 5}  # seconds; more than each one's own patience
START_LIMIT = 60.0  # seconds until a page must answer


class Command(BaseCommand):
    help = "Starts the embedded database, the local model, a web process and a worker; Ctrl-C ends them all."
    requires_system_checks = ()  # they need the database that this starts; `prepare` runs them

    def handle(self, *args: Any, **options: Any) -> None:
        with Stopping() as stopping:
            try:
                self._run(stopping)
            except KeyboardInterrupt:
                self.stdout.write("Stopped.")
            except (PostgresError, GaveUpError) as error:
                raise CommandError(str(error)) from error

    def _run(self, stopping: Stopping) -> None:
        _refuse_a_taken_port()
        with ExitStack() as running:
            running.enter_context(_only_one())
            database = running.enter_context(EmbeddedPostgres(places(settings.VAR_DIR))) if _embedded() else None
            # Ctrl-C means now: what an answer has said by then is kept, and "Try again" is beside it.
            environment = {"GRACE_SECONDS": "2"} | os.environ | {"VAR_DIR": str(settings.VAR_DIR)}
            children = []

            def start(name: str, *command: str) -> None:
                child = Child(name, [sys.executable, *command], settings.BASE_DIR, environment, GRACE[name])
                children.append(running.enter_context(child.running(stopping)))

            if not settings.DEEPSEEK_API_KEY and not settings.LOCAL_MODEL_URL:
                port = _free_port()
                environment["LOCAL_MODEL_URL"] = f"http://127.0.0.1:{port}/v1"
                start("local model", "-m", "chatsite.local_model", "--port", str(port))
            _prepare(environment)
            start("worker", "manage.py", "worker")
            start("web", "manage.py", "web")
            self._wait_for_the_page(children)
            self.stdout.write(f"Open {settings.PUBLIC_ORIGIN}")
            while True:
                _keep_running(children, database)

    def _wait_for_the_page(self, children: list[Child]) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not _page_answers():
            if time.monotonic() > deadline:
                raise CommandError(f"No page answered within {START_LIMIT:.0f} s; what was said is above.")
            _keep_running(children, None, pause=0.05)


def _keep_running(children: list[Child], database: EmbeddedPostgres | None, pause: float = 0.5) -> None:
    time.sleep(pause)
    if database is not None and database.pid is None:
        database.start()
    for child in children:
        child.keep_running()


def _embedded() -> bool:
    return bool(settings.EMBEDDED_DATABASE)


def _refuse_a_taken_port() -> None:
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web process does
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            raise CommandError(
                f"Can't listen on {settings.HOST}:{settings.PORT} ({error.strerror}): set HOST and PORT."
            ) from error


@contextmanager
def _only_one() -> Iterator[None]:
    """The kernel frees the lock when we end, however we end."""
    try:
        lock = (settings.VAR_DIR / "up.lock").open("a")
    except OSError as error:
        raise CommandError(f"{settings.VAR_DIR} can't be written to ({error.strerror}): set VAR_DIR.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(f"It already runs on {settings.VAR_DIR}: stop it first, or set VAR_DIR.") from error
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(environment: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "prepare"]
    done = subprocess.run(  # noqa: S603  # our own program, no shell
        command, cwd=settings.BASE_DIR, env=environment, check=False, start_new_session=True
    )
    if done.returncode:
        raise CommandError("The database could not be made ready; what was said is above.")


def _page_answers() -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104  # a key, not a wish
    connection = HTTPConnection(host, settings.PORT, timeout=5)
    with suppress(OSError, HTTPException):
        connection.request("GET", "/accounts/login/", headers={"Host": settings.PUBLIC.netloc})
        return connection.getresponse().status == 200
    return False
