"""`manage.py prepare`: makes a database ready to serve; safe to repeat, and to run beside an older version."""

import os
from typing import Any

import psycopg
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts.first import first_administrator
from accounts.models import User


class Command(BaseCommand):
    help = "Migrates the database, fills the catalog, and makes the first administrator when there is no member yet."

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse_a_database_that_does_not_answer()
        call_command("migrate", verbosity=0, interactive=False)
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
    parameters = connection.get_connection_params()
    parameters.pop("pool", None)
    try:
        psycopg.connect(**parameters).close()
    except psycopg.OperationalError as error:
        raise CommandError(f"The database of DATABASE_URL can't be reached: {str(error).splitlines()[0]}") from error
