"""Backups that were made while the house worked, and what becomes of them."""

from __future__ import annotations

import http.client
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from psycopg import sql

from accounts.models import User
from catalog.models import Provider, Route
from chatsite.pg_tools import ToolError, _folder
from conversations import asking, events
from conversations.events import Event
from conversations.models import Chunk, Generation, Message, Pulse
from providers.messages import Secret
from tests.chatsite.processes import ROOT
from tests.conversations.conftest import alice, generation, question, route, upstream
from tests.serving import web
from tests.upstream import Script, Upstream
from tests.workers import wait_until, worker_process

__all__ = ["alice", "generation", "question", "route", "upstream"]  # fixtures

type Said = subprocess.CompletedProcess[str]
type Environment = dict[str, str]


def manage(environment: Environment, *arguments: str | Path, typed: str = "") -> Said:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, input=typed, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def elsewhere(process_environment: Environment, database_url: str) -> Iterator[Environment]:
    """Another database at the same server, with nothing in it."""
    name = sql.Identifier(f"restored_{uuid4().hex[:8]}")
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        other = database_url.replace(f"/{server.info.dbname}", f"/{name.as_string(None).strip(chr(34))}")
        yield process_environment | {"DATABASE_URL": other}
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def in_it(environment: Environment, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(environment["DATABASE_URL"]) as database:
        return database.execute(question.encode()).fetchall()


@pytest.fixture(scope="module")
def made() -> list[bytes]:
    return []


@pytest.fixture
def backup(process_environment: Environment, tmp_path: Path, under_way: Generation, made: list[bytes]) -> Path:
    """Of what is under way. Made once: the next test's rows have other keys, and say the same."""
    file = tmp_path / "chat.backup"
    if not made:
        said = manage(process_environment, "backup", file)
        assert said.returncode == 0, said.stderr
        made.append(file.read_bytes())
    file.write_bytes(made[0])
    return file


@pytest.fixture
def under_way(alice: User, question: Message, generation: Generation, route: Route) -> Generation:
    """An answer that is being written, behind it another that waits, and a worker."""
    (claimed,) = Generation.objects.claim("a worker", 1)
    events.append([Event(claimed.pk, seq, 1, Chunk.Kind.TEXT, f"word {seq}, ") for seq in (1, 2)])
    asking.start(alice, "The next question", uuid4(), route)
    Pulse.objects.beat("a worker")
    return claimed


def test_all_of_it_comes_back_and_answers_that_were_under_way_end_with_their_words(
    backup: Path, elsewhere: Environment, client: Client, alice: User, process_environment: Environment
) -> None:
    said = manage(elsewhere, "restore", backup)
    assert said.returncode == 0, said.stderr
    assert "Restored: 1 members, 2 conversations, 4 messages." in said.stdout
    assert "2 answers that were under way ended as interrupted" in said.stdout
    assert in_it(elsewhere, "SELECT state, count(*) FROM conversations_generation GROUP BY 1") == [("interrupted", 2)]
    assert ("word 1, word 2, ",) in in_it(elsewhere, "SELECT text FROM conversations_message")
    assert in_it(elsewhere, "SELECT * FROM conversations_pulse") == []
    assert Generation.objects.get(state="running")  # where it was made everything goes on
    assert Pulse.objects.exists()
    again = backup.with_name("again")
    assert manage(elsewhere, "backup", again).returncode == 0
    said = manage(elsewhere, "restore", again, "--replace", "--yes")
    assert said.stdout == "Restored: 1 members, 2 conversations, 4 messages.\n", said.stderr


def test_it_is_its_owners_alone_and_leaves_nothing_beside_it(process_environment: Environment, tmp_path: Path) -> None:
    assert manage(process_environment, "backup", tmp_path / "file").returncode == 0
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert [it.name for it in tmp_path.iterdir() if it.name.startswith(".")] == []


def test_people_are_still_signed_in(
    process_environment: Environment, elsewhere: Environment, tmp_path: Path, alice: User, client: Client
) -> None:
    client.force_login(alice)
    assert manage(process_environment, "backup", tmp_path / "file").returncode == 0
    assert manage(elsewhere, "restore", tmp_path / "file").returncode == 0
    assert len(in_it(elsewhere, "SELECT * FROM django_session")) == Session.objects.count() == 1


def test_while_an_answer_is_written_each_backup_holds_its_beginning(
    process_environment: Environment, elsewhere: Environment, tmp_path: Path, upstream: Upstream, generation: Generation
) -> None:
    upstream.play(Script().role().tokens([f"{n} " for n in range(100_000)], 400).finish().done())
    environment = process_environment | {"DEEPSEEK_API_KEY": "sk-0123456789abcdef"}
    with worker_process(environment, tmp_path):
        for length in (5, 20):
            wait_until(lambda: Chunk.objects.count() > length, "some words")  # noqa: B023  # asked at once
            assert manage(environment, "backup", tmp_path / "file").returncode == 0
    said = manage(elsewhere, "restore", tmp_path / "file")
    assert said.returncode == 0, said.stderr
    ((text,),) = in_it(elsewhere, "SELECT text FROM conversations_message WHERE text LIKE '0 1 2 %'")
    words = str(text).split()
    assert words == [str(n) for n in range(len(words))]


def test_what_is_there_is_kept_unless_it_is_given_up(backup: Path, process_environment: Environment) -> None:
    said = manage(process_environment, "restore", backup)
    assert (said.returncode, said.stdout) == (1, "")
    assert "Nothing was restored. The database is not empty: --replace gives up" in said.stderr
    said = manage(process_environment, "restore", backup, "--replace", typed="yes\n")
    assert "Nothing was restored. It was not wanted." in said.stderr
    assert Generation.objects.filter(state="running").exists()
    said = manage(process_environment, "restore", backup, "--replace", typed="replace\n")
    assert said.returncode == 0, said.stderr
    assert not Generation.objects.live().exists()


def test_what_was_under_way_is_asked_of_nobody_if_a_restore_ends_before_it_is_through(
    backup: Path, elsewhere: Environment, process_environment: Environment, tmp_path: Path, upstream: Upstream
) -> None:
    """Here the newest tables are there, and no migration of theirs is written down: it fails after the data came."""
    with psycopg.connect(process_environment["DATABASE_URL"], autocommit=True) as database:
        newest = "app = 'conversations' AND name >= '0004_pulse'"
        rows = database.execute(f"DELETE FROM django_migrations WHERE {newest} RETURNING *".encode()).fetchall()
        try:
            assert manage(process_environment, "backup", backup).returncode == 0
        finally:
            database.cursor().executemany("INSERT INTO django_migrations VALUES (%s, %s, %s, %s)", rows)
    said = manage(elsewhere, "restore", backup)
    assert said.returncode == 1
    assert "run `restore` again, with --replace" in said.stderr
    states = "SELECT state FROM conversations_generation ORDER BY state"
    assert in_it(elsewhere, states) == [("queued",), ("running",)]
    with worker_process(elsewhere | {"DEEPSEEK_API_KEY": "sk-0123456789abcdef"}, tmp_path):
        wait_until(lambda: in_it(elsewhere, states) == [("queued",), ("stopped",)], "the reaper")
    assert upstream.requests == []
    assert ("word 1, word 2, ",) in in_it(elsewhere, "SELECT text FROM conversations_message")


def test_who_else_is_connected_is_told(backup: Path, elsewhere: Environment) -> None:
    """A worker of another version may go by another name."""
    with psycopg.connect(elsewhere["DATABASE_URL"], application_name="chat_older"):
        said = manage(elsewhere, "restore", backup)
    assert said.returncode == 0, said.stderr
    assert "Also connected: chat_older. A web or worker of another version has to be stopped as well." in said.stderr
    assert "Also connected" not in manage(elsewhere, "restore", backup, "--replace", "--yes").stderr


def test_nobody_may_be_at_work_meanwhile(backup: Path, process_environment: Environment, tmp_path: Path) -> None:
    with worker_process(process_environment, tmp_path):
        said = manage(process_environment, "restore", backup, "--replace", "--yes")
        assert "The database is in use by chat_work, chat_worker: stop web and workers first." in said.stderr
    with web(process_environment, tmp_path) as served:
        _open_a_page(served.port)
        said = manage(process_environment, "restore", backup, "--replace", "--yes")
        assert "The database is in use by chat_web: stop web and workers first." in said.stderr


def _open_a_page(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/", headers={"Cookie": "session=" + "a" * 32})
    assert connection.getresponse().status == 302


@pytest.mark.parametrize("damage", ["cut", "nothing", "text", "flipped"])
def test_a_broken_file_leaves_what_was_there(backup: Path, process_environment: Environment, damage: str) -> None:
    whole = backup.read_bytes()
    middle = len(whole) // 2
    flipped = bytes(255 - byte for byte in whole[middle : middle + 200])
    broken = {"cut": whole[:-2000], "nothing": b"", "text": b"SELECT 1;", "flipped": whole[:middle] + flipped}
    backup.write_bytes(broken[damage])
    said = manage(process_environment, "restore", backup, "--replace", "--yes")
    assert said.returncode == 1
    assert f"{backup} is no backup, or a broken one: " in said.stderr
    assert Generation.objects.filter(state="running").exists()


def test_what_goes_wrong_in_the_database_leaves_what_was_there(
    backup: Path, process_environment: Environment, database_url: str
) -> None:
    with psycopg.connect(database_url) as report:
        report.execute("SELECT count(*) FROM conversations_message")
        said = manage(process_environment, "restore", backup, "--replace", "--yes")
    assert "The database is as it was: canceling statement due to lock timeout" in said.stderr
    assert Generation.objects.filter(state="running").exists()


def test_a_backup_of_something_else_or_of_a_newer_version_is_refused(
    process_environment: Environment, elsewhere: Environment, tmp_path: Path, database_url: str
) -> None:
    in_it_now = psycopg.connect(elsewhere["DATABASE_URL"], autocommit=True)
    in_it_now.execute("CREATE TABLE other AS SELECT 1")
    in_it_now.close()
    assert manage(elsewhere, "backup", tmp_path / "other").returncode == 0
    said = manage(process_environment, "restore", tmp_path / "other", "--replace", "--yes")
    assert "is a backup of something else" in said.stderr
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('usage', '9999_new', now())")
        assert manage(process_environment, "backup", tmp_path / "newer").returncode == 0
        database.execute("DELETE FROM django_migrations WHERE name = '9999_new'")
    said = manage(process_environment, "restore", tmp_path / "newer", "--replace", "--yes")
    assert "was made by a newer version (usage.9999_new): update first" in said.stderr


def test_on_a_full_disk_there_is_a_sentence_and_no_file(
    process_environment: Environment, tmp_path: Path, under_way: Generation
) -> None:
    User.objects.update(name="x" * 40)
    Message.objects.update(text=os.urandom(200_000).hex())
    small = tmp_path / "small"
    small.mkdir()
    script = 'mount -t tmpfs -o size=64k tmpfs "$1" && "$2" manage.py backup "$1/file"; echo "$?"; ls -A "$1"'
    said = subprocess.run(
        [
            "unshare",
            *([] if os.geteuid() == 0 else ["--map-root-user"]),
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
            small,
            sys.executable,
        ],
        cwd=ROOT,
        env=process_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == "1\n"
    assert "There is no backup. could not write" in said.stderr
    assert "No space left on device" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_folder_that_is_not_there_is_named(process_environment: Environment, tmp_path: Path) -> None:
    said = manage(process_environment, "backup", tmp_path / "none" / "file")
    assert "There is no backup. " in said.stderr
    assert "can't be written: No such file or directory." in said.stderr


def test_the_password_is_in_no_command_line(
    process_environment: Environment, tmp_path: Path, database_url: str
) -> None:
    for name in ("pg_dump", "pg_restore", "psql"):
        program = tmp_path / name
        program.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 18.0" && exit\n'
            f'echo "$@" > {tmp_path}/said; echo "$PGPASSWORD" > {tmp_path}/secret; echo "x: error: no" >&2; exit 1\n'
        )
        program.chmod(0o755)
    environment = process_environment | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "DATABASE_URL": database_url.replace("user=chat", "user=chat&password=hush-hush"),
    }
    said = manage(environment, "backup", tmp_path / "file")
    assert "There is no backup. no" in said.stderr
    assert (tmp_path / "secret").read_text() == "hush-hush\n"
    assert "hush" not in (tmp_path / "said").read_text() + said.stderr + said.stdout


def test_tools_that_are_older_than_the_server_are_refused_in_words() -> None:
    with pytest.raises(ToolError, match=r"The server is PostgreSQL 99, and the newest found is 18: put pg_dump, "):
        _folder(99)


def test_the_secrets_are_written_beside_it_when_asked_for(process_environment: Environment, tmp_path: Path) -> None:
    environment = process_environment | {"PROVIDER_KEYS_SECRET": "p" * 32 + "," + "it's" * 8}
    said = manage(environment, "backup", tmp_path / "file", "--secrets")
    assert "keep it elsewhere" in said.stdout
    secrets = tmp_path / "file.secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    shown = subprocess.run(
        ["sh", "-c", '. "$1"; echo "$SECRET_KEY $PROVIDER_KEYS_SECRET"', "sh", secrets],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown == f"{environment['SECRET_KEY']} {environment['PROVIDER_KEYS_SECRET']}\n"


def test_a_backup_whose_secrets_cannot_be_written_stands(
    process_environment: Environment, elsewhere: Environment, tmp_path: Path, alice: User
) -> None:
    (tmp_path / "file.secrets").mkdir()
    said = manage(process_environment, "backup", tmp_path / "file", "--secrets")
    assert said.returncode == 1
    assert f"{tmp_path}/file holds the database" in said.stdout
    assert "The backup stands, without the secrets. " in said.stderr
    assert "file.secrets can't be written: Is a directory." in said.stderr
    assert manage(elsewhere, "restore", tmp_path / "file").returncode == 0


def test_keys_that_no_secret_opens_are_told(
    process_environment: Environment, elsewhere: Environment, tmp_path: Path, route: Route, settings: object
) -> None:
    provider = Provider.objects.get()
    provider.keep_key(Secret("sk-of-the-team"))
    provider.save()
    assert manage(process_environment, "backup", tmp_path / "file").returncode == 0
    said = manage(elsewhere | {"PROVIDER_KEYS_SECRET": "another" * 8}, "restore", tmp_path / "file")
    assert said.returncode == 0
    assert "deepseek: Its key can't be opened: the secret that encrypted it is gone." in said.stdout


def test_the_embedded_database_is_started_for_it_and_ended_after(backup: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="chat-backup-"))
    home.chmod(0o711)
    ours = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment = ours | {"VAR_DIR": str(home)}
    try:
        said = manage(environment, "backup", home / "file")
        assert f"There is no database in {home} yet." in said.stderr
        said = manage(environment, "restore", backup)
        assert "Restored: 1 members, 2 conversations, 4 messages." in said.stdout, said.stderr
        assert not (home / "postgres" / "postmaster.pid").exists()
        said = manage(environment, "backup", home / "file")
        assert said.returncode == 0, said.stderr
        assert not (home / "postgres" / "postmaster.pid").exists()
    finally:
        subprocess.run(["rm", "-rf", home], check=True)
