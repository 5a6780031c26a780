"""`manage.py prepare`, and that the migrations hold all of the models."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts import large_tables
from accounts.models import User
from chatsite.management.commands import prepare

pytestmark = pytest.mark.django_db

ADDED = {"conversations_to_sweep", "generations_by_time", "generations_of_a_member", "calls_by_time"}
INDEXES = """
    SELECT indexrelid::regclass::text, indexrelid FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE indisvalid = %s AND (starts_with(relname, 'conversations_') OR starts_with(relname, 'usage_'))
"""
WAITED_FOR = """
    SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%%' AND wait_event_type = 'Lock'
    AND now() - query_start > make_interval(secs => %s)
"""


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
    monkeypatch.setattr(prepare, "WAITS", (0.1, 0.1))
    call_command("migrate", "conversations", "0003", verbosity=0)
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM conversations_generation")  # a long report, or a backup
        with pytest.raises(CommandError, match=r"in use all the time, .* see pg_stat_activity"):
            call_command("prepare")
    call_command("prepare", stdout=io.StringIO())
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_transaction_that_does_not_end_is_told_and_the_next_time_all_is_made(
    before_the_indexes: None, a_backup: psycopg.Connection, impatient: None
) -> None:
    with pytest.raises(CommandError, match="a transaction does not end"):
        call_command("prepare")
    assert indexes(valid=False)  # broken off in the middle
    a_backup.commit()
    call_command("prepare", stdout=io.StringIO())
    assert not indexes(valid=False)
    assert indexes().keys() >= ADDED


def test_what_was_made_before_it_was_broken_off_is_not_made_again(
    before_the_indexes: None, database_url: str, impatient: None
) -> None:
    with psycopg.connect(database_url) as reader:
        reader.execute(
            "SELECT count(*) FROM conversations_message"
        )  # an index of which is dropped, after three are made
        with pytest.raises(CommandError, match="in use all the time"):
            call_command("prepare")
    made = {name: oid for name, oid in indexes().items() if name in ADDED}
    assert len(made) == 3
    call_command("prepare", stdout=io.StringIO())
    assert indexes().items() >= made.items()
    assert not indexes(valid=False)


def test_a_transaction_that_ends_is_waited_for(
    before_the_indexes: None, a_backup: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "WAITS", (0.1,))
    watch = threading.Thread(target=commit_when_waited_for, args=(a_backup, database_url))
    watch.start()
    call_command("prepare", stdout=io.StringIO())
    watch.join()
    assert indexes().keys() >= ADDED


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_EMAIL", "alice")
    with pytest.raises(CommandError, match="ADMIN_EMAIL must be an e-mail address"):
        call_command("prepare")


@pytest.fixture
def alice_signed_in(client: Client) -> User:
    alice = User.objects.create_superuser("alice@example.com", "a throw-away password")
    client.force_login(alice)
    return alice


CONVERSATION_OF_THEN = """
    INSERT INTO conversations_conversation (id, owner_id, title, named_by, parameters, seq, path_seq)
    VALUES (gen_random_uuid(), %s, 'Tides', 'excerpt', '{}', 0, 0)
"""
CALL_OF_THEN = """
    INSERT INTO usage_call (id, generation_id, number, purpose, provider, model, conversation_id, member_id)
    VALUES (gen_random_uuid(), gen_random_uuid(), 1, 'answer', '', '', gen_random_uuid(), gen_random_uuid())
"""


@pytest.fixture
def before_the_indexes(database_url: str) -> Iterator[None]:
    call_command("migrate", "conversations", "0005", verbosity=0)
    call_command("migrate", "usage", "0002", verbosity=0)
    alice = User.objects.create_user("alice@example.com")
    with connection.cursor() as cursor:
        cursor.execute(CONVERSATION_OF_THEN, [alice.pk])
        cursor.execute(CALL_OF_THEN)
    yield
    call_command("migrate", verbosity=0)  # whatever came of it: other tests need it


@pytest.fixture
def a_backup(before_the_indexes: None, database_url: str) -> Iterator[psycopg.Connection]:
    """As pg_dump begins: it sees all as of now, until its transaction ends. No table of ours is held."""
    with psycopg.connect(database_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM django_migrations")
        yield connection


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_tables, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(prepare, "WAITS", (0.1, 0.1))
    monkeypatch.setattr(prepare, "PAUSE_SECONDS", 0)


def indexes(*, valid: bool = True) -> dict[str, int]:
    """Their object ids: an index that is made again has another."""
    with connection.cursor() as cursor:
        cursor.execute(INDEXES, [valid])
        return dict(cursor.fetchall())


def commit_when_waited_for(transaction: psycopg.Connection, database_url: str) -> None:
    """Once somebody has waited for longer than a table is waited for."""
    deadline = time.monotonic() + 30
    try:
        with psycopg.connect(database_url, autocommit=True) as watcher:
            while watcher.execute(WAITED_FOR, [0.3]).fetchone() == (0,) and time.monotonic() < deadline:
                time.sleep(0.02)
    finally:
        transaction.commit()
