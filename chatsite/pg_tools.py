"""PostgreSQL's own programs for a backup, run on the product's database: pg_dump, pg_restore and psql.

Passwords go into their environment: what is in a command line is shown to everybody on the machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from chatsite.postgres import EmbeddedPostgres, PostgresError, places, programs
from conversations.aside import conninfo

NAMES = ("pg_dump", "pg_restore", "psql")


class ToolError(Exception):
    """In words for the operator."""


@dataclass(frozen=True)
class Tools:
    folder: Path
    address: str  # of the database, without its password
    environment: Mapping[str, str]

    def command(self, name: str, *options: str | Path) -> list[str | Path]:
        return [self.folder / name, *options]

    def start(self, name: str, *options: str | Path, **pipes: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(name, *options), env=self.environment, **pipes)  # noqa: S603  # our own program, no shell

    def run(self, name: str, *options: str | Path) -> bytes:
        """What it says. Raises ToolError with its reason when it fails."""
        done = subprocess.run(  # noqa: S603  # our own program, no shell
            self.command(name, *options), env=self.environment, capture_output=True, check=False
        )
        if done.returncode:
            raise ToolError(reason(done.stderr))
        return done.stdout


def tools(role: str) -> Tools:
    """Those that fit the server. Raises ToolError when it can't be reached, or when all are older than it."""
    address = conninfo(application_name=role, options="")
    parts = conninfo_to_dict(address)
    secret = parts.pop("password", None)
    environment = {**os.environ, "LC_ALL": "C"} | ({"PGPASSWORD": str(secret)} if secret else {})
    return Tools(_folder(_server_version(address)), make_conninfo("", **parts), environment)


def _server_version(address: str) -> int:
    try:
        with psycopg.connect(address) as connection:
            return connection.info.server_version // 10_000
    except psycopg.OperationalError as error:
        raise ToolError(f"The database can't be reached: {str(error).splitlines()[0]}") from error


def _folder(server: int) -> Path:
    """The oldest that are no older than the server: newer ones write what an older server can't read back."""
    versions = {folder: version for folder in _candidates() if (version := _version(folder))}
    fit = [folder for folder, version in versions.items() if version >= server]
    if fit:
        return min(fit, key=versions.__getitem__)
    newest = max(versions.values(), default=None)
    found = f"the newest found is {newest}" if newest else "none was found"
    raise ToolError(
        f"The server is PostgreSQL {server}, and {found}: put pg_dump, pg_restore and psql {server} on PATH."
    )


def _candidates() -> Iterator[Path]:
    if found := shutil.which("pg_dump"):
        yield Path(found).parent
    with suppress(PostgresError):
        yield programs()


def _version(folder: Path) -> int | None:
    if not all((folder / name).exists() for name in NAMES):
        return None
    said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603  # our own program, no shell
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else None


def reason(said: bytes) -> str:
    """The first error in what a program has said: the later ones follow from it."""
    lines = said.decode(errors="replace").strip().splitlines() or ["it did not say why."]
    errors = (re.search(r"(?:error|ERROR|FATAL): +(.+)", line) for line in lines)
    return next((error[1] for error in errors if error), lines[-1])


@contextmanager
def database_running(*, may_be_new: bool) -> Iterator[None]:
    """The embedded database runs: it is started, and ended again, unless `make run` has it running already."""
    server = EmbeddedPostgres(places(settings.VAR_DIR))
    if not settings.EMBEDDED_DATABASE or server.pid is not None:
        yield
    elif not may_be_new and not server.where.data.exists():
        raise ToolError(f"There is no database in {settings.VAR_DIR} yet.")
    else:
        with server:
            yield
