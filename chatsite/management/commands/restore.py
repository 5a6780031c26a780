"""`manage.py restore FILE`: what `backup` wrote, into an empty database, or with --replace in place of what is there.

It happens in one transaction: whatever goes wrong, what was there is there still. Web and workers have to be stopped.
Then the database is brought to this version, answers that were under way end as interrupted with all their stored
words, and the pulses of workers go. Sessions stay: with the same SECRET_KEY people are still signed in.

It may be run again, with --replace, whenever it was interrupted. Until it has come to its end, no worker that is
started takes up a question of the backup.

The secrets are not in FILE, see `backup`. Set SECRET_KEY and PROVIDER_KEYS_SECRET as they were, or put `secret_key` and
`provider_keys_secret` back into VAR_DIR, before the house is started.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from accounts.models import User
from catalog.keys import KeyLostError
from catalog.models import Provider
from chatsite.health import known_migrations
from chatsite.pg_tools import ToolError, Tools, database_running, reason, tools
from chatsite.postgres import PostgresError
from conversations import ending
from conversations.aside import conninfo
from conversations.models import Conversation, Message, Pulse

ROLE = "chat_restore"
# The names of their pools, of their channels (see conversations.bus), which they always hold open, and of `Aside`.
AT_WORK = ["chat_web", "chat_worker", "chat_feed", "chat_work", "chat_aside"]
# Autovacuum has no role. What a client says besides its name is shown to its own role alone.
OTHERS = """
    SELECT DISTINCT application_name FROM pg_stat_activity
     WHERE datname = current_database() AND usesysid IS NOT NULL AND application_name <> %s
"""
TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
# Whoever else looks at a table right now, a report perhaps, is not waited for.
BEGIN = b"BEGIN; SET LOCAL lock_timeout = '5s'; DROP SCHEMA public CASCADE; CREATE SCHEMA public;\n"
# What was under way, should we be gone before `ending.end_restored`: a reaper ends it as stopped, and what waited is
# nobody's to claim. An answer would cost money, and may have been given long ago. (psycopg reads no 'infinity'.)
COMMIT = b"""
    UPDATE public.conversations_generation SET stop_requested = true, lease_until = now() WHERE state = 'running';
    UPDATE public.conversations_generation SET not_before = '9999-01-01Z' WHERE state = 'queued';
    COMMIT;
"""


class Command(BaseCommand):
    help = "Reads what `backup` wrote into the database; all of it or nothing."
    requires_system_checks = ()  # they need the database, which may not run yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="give up what the database holds now")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, file: Path, replace: bool, yes: bool, **options: Any) -> None:
        try:
            with database_running(may_be_new=True):
                pg = tools(ROLE)
                _check(pg, file)
                self._make_sure(replace=replace, yes=yes)
                _read(pg, file)
                self._tidy()
        except DatabaseError as error:
            raise CommandError(
                f"{file} is in the database, and not yet fit to work with: {str(error).strip()}. When that is mended, "
                "run `restore` again, with --replace. Until then what was under way is held back."
            ) from error
        except (ToolError, PostgresError) as error:
            raise CommandError(f"Nothing was restored. {error}") from error

    def _make_sure(self, *, replace: bool, yes: bool) -> None:
        with psycopg.connect(conninfo(application_name=ROLE)) as database:
            others = sorted(name for (name,) in database.execute(OTHERS, [ROLE]))
            tables = database.execute(TABLES).fetchone()
        if at_work := [name for name in others if name in AT_WORK]:
            raise ToolError(f"The database is in use by {', '.join(at_work)}: stop web and workers first.")
        if others:
            named = ", ".join(name or "somebody without a name" for name in others)
            self.stderr.write(f"Also connected: {named}. A web or worker of another version has to be stopped as well.")
        if not tables or not tables[0]:
            return
        if not replace:
            raise ToolError("The database is not empty: --replace gives up what it holds now.")
        if not yes and not self._is_meant():
            raise ToolError("It was not wanted.")

    def _is_meant(self) -> bool:
        with suppress(EOFError):
            return input("What the database holds now will be gone. Type “replace” to go on: ").strip() == "replace"
        return False

    def _tidy(self) -> None:
        """By the product's own code: only now there are the tables that it knows."""
        connection.close()
        call_command("migrate", verbosity=0, interactive=False)
        ended = ending.end_restored()
        Pulse.objects.all().delete()
        counts = f"{User.objects.count()} members, {Conversation.objects.count()} conversations"
        self.stdout.write(f"Restored: {counts}, {Message.objects.count()} messages.")
        if ended:
            self.stdout.write(f"{ended} answers that were under way ended as interrupted; what they had said is kept.")
        for provider in Provider.objects.all():
            try:
                _ = provider.kept_key
            except KeyLostError as error:
                self.stdout.write(f"{provider.name}: {error.sentence}")


def _check(pg: Tools, file: Path) -> None:
    """Before anything is touched: it can be read to its end, and it is of this version or an older one."""
    try:
        pg.run("pg_restore", "--file=/dev/null", file)
        rows = pg.run("pg_restore", "--data-only", "--table=django_migrations", "--file=-", file).decode()
    except ToolError as error:
        raise ToolError(f"{file} is no backup, or a broken one: {error}") from error
    lines = (line.split("\t") for line in rows.splitlines())
    applied = {(line[1], line[2]) for line in lines if len(line) == 4 and line[0].isdecimal()}
    if ("conversations", "0001_initial") not in applied:
        raise ToolError(f"{file} is a backup of something else.")
    if newer := applied - known_migrations():
        raise ToolError(f"{file} was made by a newer version ({'.'.join(min(newer))}): update first.")


def _read(pg: Tools, file: Path) -> None:
    """In one transaction of psql's, which is committed only when pg_restore has come to its end."""
    with tempfile.TemporaryFile() as said:
        reader = pg.start(
            "pg_restore", "--no-owner", "--no-privileges", "--file=-", file, stdout=subprocess.PIPE, stderr=said
        )
        quiet = ("--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", f"--dbname={pg.address}")
        writer = pg.start("psql", *quiet, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        assert reader.stdout
        assert writer.stdin
        with suppress(BrokenPipeError):  # psql has met an error, and says which
            writer.stdin.write(BEGIN)
            shutil.copyfileobj(reader.stdout, writer.stdin)
            writer.stdin.flush()
        reader.stdout.close()
        is_whole = reader.wait() == 0
        with suppress(BrokenPipeError):
            if is_whole:
                writer.stdin.write(COMMIT)
            writer.stdin.close()
        if writer.wait() or not is_whole:
            said.seek(0)
            raise ToolError(f"The database is as it was: {reason(said.read())}")
