"""`manage.py prepare`, and that the migrations hold all of the models."""

from __future__ import annotations

import io

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from chatsite.management.commands import prepare

pytestmark = pytest.mark.django_db


def test_the_migrations_say_all_that_the_models_say() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)  # exits when something is missing


def test_the_first_administrator_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_EMAIL", "alice@example.com")
    alice_reads, next_time = io.StringIO(), io.StringIO()
    call_command("prepare", stdout=alice_reads)
    call_command("prepare", stdout=next_time)
    alice = User.objects.get()
    assert alice.is_superuser
    password = alice_reads.getvalue().partition("alice@example.com with the password ")[2].split()[0]
    assert alice.check_password(password)
    assert password not in next_time.getvalue()
    assert "Nobody has signed in yet. The first administrator is alice@example.com" in next_time.getvalue()


def test_where_somebody_has_signed_in_it_says_nothing(alice_signed_in: User) -> None:
    said = io.StringIO()
    call_command("prepare", stdout=said)
    assert said.getvalue() == ""
    assert User.objects.get() == alice_signed_in


@pytest.mark.django_db(transaction=True)
def test_a_table_that_is_in_use_is_waited_for_without_keeping_others_from_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "TRIES", 2)
    call_command("migrate", "conversations", "0003", verbosity=0)
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM conversations_generation")  # a long report, or a backup
        with pytest.raises(CommandError, match="in use all the time: see who holds it in pg_stat_activity"):
            call_command("prepare")
    call_command("prepare", stdout=io.StringIO())
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_EMAIL", "alice")
    with pytest.raises(CommandError, match="ADMIN_EMAIL must be an e-mail address"):
        call_command("prepare")


@pytest.fixture
def alice_signed_in(client: Client) -> User:
    alice = User.objects.create_superuser("alice@example.com", "a throw-away password")
    client.force_login(alice)
    return alice
