"""`manage.py prepare`: makes a database ready to serve; safe to repeat, and to run beside an older version."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from accounts.first import first_administrator
from accounts.models import User
from conversations.aside import conninfo

# A migration that waits for a table lets nobody else at that table, so it waits for a moment only, but often. The last
# waits are beyond PostgreSQL's deadlock_timeout (1 s), when an autovacuum is told to give way. In seconds.
WAITS = 15 * (0.5,) + 5 * (1.5,)
PAUSE_SECONDS = 1.0
IN_THE_WAY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


class Command(BaseCommand):
    help = "Migrates the database, fills the catalog, and makes the first administrator when there is no member yet."

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse_a_database_that_does_not_answer()
        _migrate()
        call_command("catalog")
        self._welcome(os.environ.get("ADMIN_EMAIL", "") or "admin@example.com")

    def _welcome(self, email: str) -> None:
        try:
            password = first_administrator(email)
        except ValidationError as error:
            raise CommandError("ADMIN_EMAIL must be an e-mail address.") from error
        if password:
            self.stdout.write(f"\nThe first administrator is {email} with the password {password}")
            self.stdout.write("It is shown this once. Sign in and change it.\n\n")
        elif not User.objects.filter(last_login__isnull=False).exists():
            first = (
                User.objects.filter(is_superuser=True).order_by("date_joined").values_list("email", flat=True).first()
            )
            self.stdout.write(f"Nobody has signed in yet. The first administrator is {first}; if the password")
            self.stdout.write(f"is lost, `python manage.py changepassword {first}` sets another.")


def _refuse_a_database_that_does_not_answer() -> None:
    """Asked without the pool, which would try for a while and then not say why."""
    try:
        psycopg.connect(conninfo()).close()
    except psycopg.OperationalError as error:
        raise CommandError(f"The database of DATABASE_URL can't be reached: {str(error).splitlines()[0]}") from error


def _migrate() -> None:
    """Each migration wholly or not at all, or, where it keeps nobody waiting (`PatientMigration`), so that it can be
    repeated. Raises CommandError when a table is in use all the time, or a transaction does not end."""
    for seconds in WAITS:
        try:
            with _short_waits(seconds):
                call_command("migrate", verbosity=0, interactive=False)
                return
        except OperationalError as error:
            if not isinstance(error.__cause__, IN_THE_WAY):
                raise
        time.sleep(PAUSE_SECONDS)
    raise CommandError(
        "A table that has to be changed is in use all the time, or a transaction does not end (a backup's, say): see "
        "pg_stat_activity, and run this again. What is done already stays done, and what is half done is made anew."
    )


@contextmanager
def _short_waits(seconds: float) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{seconds * 1000:.0f}"])
        yield
        cursor.execute("RESET lock_timeout")
