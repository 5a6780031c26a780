"""A wrong setting stops the start with one sentence that says what to set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from chatsite import env
from tests.chatsite.processes import ROOT

HERE = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "url",
    [
        "chat.example.org",
        "ftp://chat.example.org",
        "https://",
        "https://h/chat",
        "https://u@h",
        "https://h:x",
        "http://[",
    ],
)
def test_a_public_url_is_a_scheme_and_a_host(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    with pytest.raises(ImproperlyConfigured, match="PUBLIC_URL must be a scheme and a host"):
        env.public_url(HERE)


def test_a_public_url_may_end_with_a_slash_and_be_left_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://chat.example.org/")
    assert env.public_url(HERE).hostname == "chat.example.org"
    monkeypatch.setenv("PUBLIC_URL", "")
    assert env.public_url(HERE).port == 8000


@pytest.mark.parametrize("url", ["sqlite:///chat.db", "postgres://host:5432", "chat", "postgres://h:port/chat"])
def test_a_database_url_names_a_postgres_database(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must look like postgres://"):
        env.database("postgres:///chat")


def test_a_short_secret_key_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY", "short")
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY must have 32 characters or more"):
        env.secret_key(tmp_path / "key")


def test_a_secret_key_is_made_once_and_is_its_owners_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    file = tmp_path / "var" / "secret_key"
    key = env.secret_key(file)
    assert len(key) > 50
    assert env.secret_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_secret_key_that_cannot_be_kept_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    (tmp_path / "secret_key").mkdir()
    with pytest.raises(ImproperlyConfigured, match="set SECRET_KEY"):
        env.secret_key(tmp_path / "secret_key")


@pytest.mark.parametrize("left", [b"", b"\n", bytes(67), b"cut off", b"\xff" * 67], ids=str)
def test_a_kept_secret_that_is_not_whole_is_refused_in_words(
    left: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a power cut leaves a file, or a full disk a copy of it: everybody could guess what it encrypts."""
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("PROVIDER_KEYS_SECRET", raising=False)
    file = tmp_path / "secret"
    file.write_bytes(left)
    for read in (env.secret_key, env.provider_keys_secrets):
        with pytest.raises(ImproperlyConfigured, match="holds no whole secret: put it back from a backup, or delete"):
            read(file)
    assert file.read_bytes() == left


def test_a_secret_is_on_the_disk_before_it_has_its_name_and_then_the_name_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    file = tmp_path / "secret_key"
    synced: list[tuple[str, bool]] = []
    sync = os.fsync  # not ours: it looks what is synced, and when

    def look(descriptor: int) -> None:
        is_folder = os.path.samestat(os.fstat(descriptor), tmp_path.stat())
        synced.append(("folder" if is_folder else f"{os.fstat(descriptor).st_size} bytes", file.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    key = env.secret_key(file)
    assert synced == [(f"{len(key)} bytes", False), ("folder", True)]


@pytest.mark.parametrize("raw", ["0", "65536", "-1", "http", "80.5"])
def test_a_port_is_a_number_that_a_port_can_have(raw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", raw)
    with pytest.raises(ImproperlyConfigured, match="PORT must be a number from 1 to 65535"):
        env.port("PORT", 8000)


@pytest.mark.parametrize("raw", ["soon", "0", "-1", "nan", "inf"])
def test_a_span_of_time_is_a_number_of_seconds(raw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_SECONDS", raw)
    with pytest.raises(ImproperlyConfigured, match="LEASE_SECONDS must be a number of seconds, more than 0"):
        env.seconds("LEASE_SECONDS", 15)


@pytest.mark.parametrize("raw", ["CET", "Europe", "Nowhere/At_all", "../../etc/passwd", "Etc/", "UTC+1"])
def test_a_time_zone_has_a_long_name(raw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_ZONE", raw)
    with pytest.raises(ImproperlyConfigured, match="TEAM_ZONE must be a time zone like Europe/Berlin"):
        env.zone("TEAM_ZONE")


def test_without_one_it_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    for raw, zone in {"": "UTC", "UTC": "UTC", "Asia/Kolkata": "Asia/Kolkata"}.items():
        monkeypatch.setenv("TEAM_ZONE", raw)
        assert env.zone("TEAM_ZONE").key == zone


def test_flags_say_what_they_want(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEHIND_PROXY", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="BEHIND_PROXY must be 1 or 0"):
        env.flag("BEHIND_PROXY")


def test_mail_needs_an_address_to_go_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_URL", "pigeon://host")
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL must look like"):
        env.email()


@pytest.mark.parametrize("command", ["up", "web", "worker", "prepare", "migrate"])
def test_every_command_ends_with_that_sentence_alone(command: str) -> None:
    environment = os.environ | {"PUBLIC_URL": "chat.example.org"}
    ended = subprocess.run(
        [sys.executable, "manage.py", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert ended.stderr == "PUBLIC_URL must be a scheme and a host without a path: https://chat.example.org\n"


# Providers ----------------------------------------------------------------------------------------------------------

SECRET, NEWER = "an old secret of forty characters or more", "a newer secret of forty characters or more"


def test_the_secret_for_keys_is_made_once_beside_the_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("PROVIDER_KEYS_SECRET", raising=False)
    file = tmp_path / "provider_keys_secret"
    (secret,) = env.provider_keys_secrets(file)
    assert len(secret) > 50
    assert env.provider_keys_secrets(file) == (secret,)
    assert secret != env.secret_key(tmp_path / "secret_key")
    assert file.stat().st_mode & 0o777 == 0o600


def test_several_secrets_for_keys_are_a_rotation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROVIDER_KEYS_SECRET", f"{NEWER}, {SECRET},")
    assert env.provider_keys_secrets(tmp_path / "unused") == (NEWER, SECRET)
    assert not (tmp_path / "unused").exists()


def test_whoever_sets_one_secret_sets_the_other_too_or_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each of their machines would make another one, and none could open what another has encrypted."""
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.delenv("PROVIDER_KEYS_SECRET", raising=False)
    assert env.provider_keys_secrets(tmp_path / "unused") == ()
    assert not (tmp_path / "unused").exists()


def test_a_short_secret_for_keys_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROVIDER_KEYS_SECRET", f"{NEWER},short")
    with pytest.raises(ImproperlyConfigured, match="PROVIDER_KEYS_SECRET must have 32 characters or more") as refused:
        env.provider_keys_secrets(tmp_path / "unused")
    assert NEWER not in str(refused.value)


def test_a_secret_for_keys_that_cannot_be_kept_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("PROVIDER_KEYS_SECRET", raising=False)
    with pytest.raises(ImproperlyConfigured, match="set PROVIDER_KEYS_SECRET"):
        env.provider_keys_secrets(tmp_path)


@pytest.mark.parametrize("raw", ["http://vllm", "vllm:8000", "vllm/v1", "10.0.0.0/8", "a b", "*"])
def test_private_providers_are_hosts(raw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVATE_PROVIDERS", f"vllm,{raw}")
    with pytest.raises(ImproperlyConfigured, match="PRIVATE_PROVIDERS must be host names or addresses"):
        env.hosts("PRIVATE_PROVIDERS")


def test_private_providers_are_compared_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVATE_PROVIDERS", "vLLM, 10.0.0.5,[::1],")
    assert env.hosts("PRIVATE_PROVIDERS") == {"vllm", "10.0.0.5", "::1"}
    monkeypatch.delenv("PRIVATE_PROVIDERS")
    assert env.hosts("PRIVATE_PROVIDERS") == frozenset()


def test_every_api_key_of_the_environment_can_be_named_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEBODYS_API_KEY", "sk-1")
    monkeypatch.setenv("lower_API_KEY", "no")
    found = env.api_keys()
    assert found["SOMEBODYS_API_KEY"] == "sk-1"
    assert all(name.endswith("_API_KEY") and name.isupper() for name in found)


@pytest.mark.parametrize("word", ["short", "with a space " * 4, "ü" * 40])
def test_a_token_that_could_be_guessed_or_not_be_sent_is_refused(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", word)
    with pytest.raises(ImproperlyConfigured, match="METRICS_TOKEN must have 32 characters or more, of ASCII"):
        env.token("METRICS_TOKEN")


def test_a_process_is_named_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/app/manage.py", "worker", "--verbosity", "2"])
    assert env.process() == "worker"
    for other in (["manage.py"], ["manage.py", "--help"], ["/usr/bin/pytest", "web"]):
        monkeypatch.setattr(sys, "argv", other)
        assert env.process() == "python"
