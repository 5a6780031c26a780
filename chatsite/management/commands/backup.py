"""`manage.py backup FILE`: all of the database as of one moment, while the house goes on working.

It holds people's words and images, and keys of providers under PROVIDER_KEYS_SECRET; sessions too. It does not hold the
secrets: SECRET_KEY, without which everybody has to sign in anew and no link that was handed out works, and
PROVIDER_KEYS_SECRET, without which the keys that were entered in the admin have to be entered again. Both are in the
environment, or else in VAR_DIR as `secret_key` and `provider_keys_secret`. `--secrets` writes them beside the backup as
FILE.secrets, to be kept elsewhere: together the two open everything.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatsite.env import sync_folder
from chatsite.pg_tools import ToolError, database_running, tools
from chatsite.postgres import PostgresError


class Command(BaseCommand):
    help = "Writes all of the database to a file, whole or not at all; `restore` reads it."
    requires_system_checks = ()  # they need the database, which may not run yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--secrets", action="store_true", help="also write FILE.secrets, to be kept elsewhere")

    def handle(self, *args: Any, file: Path, secrets: bool, **options: Any) -> None:
        try:
            with database_running(may_be_new=False):
                _dump(file)
        except (ToolError, PostgresError) as error:
            raise CommandError(f"There is no backup. {error}") from error
        except OSError as error:
            raise CommandError(f"There is no backup. {file} can't be written: {error.strerror}.") from error
        self.stdout.write(f"{file} holds the database, {file.stat().st_size / 1e6:.1f} MB.")
        if secrets:
            self._keep_secrets(_beside(file))
        else:
            self.stdout.write(
                "It does not hold SECRET_KEY and PROVIDER_KEYS_SECRET: keep these as well, or use --secrets."
            )

    def _keep_secrets(self, file: Path) -> None:
        try:
            _write_secrets(file)
        except OSError as error:
            reason = f"{file} can't be written: {error.strerror}"
            raise CommandError(f"The backup stands, without the secrets. {reason}.") from error
        self.stdout.write(f"{file} holds the secrets: keep it elsewhere.")


def _dump(file: Path) -> None:
    with _whole(file) as unfinished:
        pg = tools("chat_backup")
        # A pulse is a worker's of now.
        less = "--exclude-table-data=conversations_pulse"
        pg.run("pg_dump", f"--dbname={pg.address}", "--no-password", "--format=custom", less, f"--file={unfinished}")


def _write_secrets(file: Path) -> None:
    found = {"SECRET_KEY": settings.SECRET_KEY, "PROVIDER_KEYS_SECRET": ",".join(settings.PROVIDER_KEYS_SECRETS)}
    with _whole(file) as unfinished:
        unfinished.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in found.items() if value))


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.secrets")


@contextmanager
def _whole(file: Path) -> Iterator[Path]:
    """A file to write to, readable by us alone. It takes the name, and another one's place, when it is on the disk."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.absolute().parent)
    unfinished = Path(name)
    try:
        yield unfinished
        os.fsync(descriptor)
        unfinished.replace(file)
        sync_folder(file.absolute().parent)
    finally:
        os.close(descriptor)
        unfinished.unlink(missing_ok=True)
