"""Settings read from the environment, failing with one sentence that says what to set."""

from __future__ import annotations

import math
import os
import re
import secrets
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

SECRET_LENGTH = 32  # characters, at least

_env = environ.Env()


def database(default: str) -> dict[str, object]:
    """Django's database settings of `DATABASE_URL`, or of `default` when it is unset."""
    url = os.environ.get("DATABASE_URL", "") or default
    try:
        scheme = urlsplit(url).scheme
        config = dict(_env.db_url_config(url))
    except (ValueError, ImproperlyConfigured):
        scheme, config = "", {}
    if scheme not in {"postgres", "postgresql"} or not config.get("NAME"):
        raise ImproperlyConfigured(
            "DATABASE_URL must look like postgres://user:password@host:5432/name; unset, the embedded database is used."
        )
    return config


def email() -> dict[str, object]:
    """Django's mail settings of `EMAIL_URL`; without it mails are printed to the log."""
    url = os.environ.get("EMAIL_URL", "") or "consolemail://"
    try:
        return dict(_env.email_url_config(url))
    except (KeyError, ValueError, ImproperlyConfigured) as error:
        raise ImproperlyConfigured("EMAIL_URL must look like smtp+tls://user:password@host:587.") from error


def public_url(default: str) -> SplitResult:
    """Where people reach the product: `PUBLIC_URL`, a scheme and a host and nothing else."""
    try:
        url = urlsplit(os.environ.get("PUBLIC_URL", "") or default)
        whole = url.scheme in {"http", "https"} and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:  # a port that is no number, a bracket too few
        whole = False
    if not whole or url.path not in {"", "/"} or url.query or url.fragment or "@" in url.netloc:
        raise ImproperlyConfigured("PUBLIC_URL must be a scheme and a host without a path: https://chat.example.org")
    return url


def secret_key(file: Path) -> str:
    """`SECRET_KEY`, or one made on the first start and kept in `file`, readable by its owner alone."""
    if key := os.environ.get("SECRET_KEY", ""):
        if len(key) < SECRET_LENGTH:
            raise ImproperlyConfigured(
                f"SECRET_KEY must have {SECRET_LENGTH} characters or more; unset, one is made and kept."
            )
        return key
    return _kept("SECRET_KEY", file)


def provider_keys_secrets(file: Path) -> tuple[str, ...]:
    """`PROVIDER_KEYS_SECRET`, the newest first, or one that is made and kept in `file` as SECRET_KEY is.

    None when SECRET_KEY alone is set: whoever sets that has processes with no file in common, and a key that one of
    them encrypts must open for all.
    """
    given = [it.strip() for it in os.environ.get("PROVIDER_KEYS_SECRET", "").split(",") if it.strip()]
    if any(len(secret) < SECRET_LENGTH for secret in given):
        raise ImproperlyConfigured(
            f"PROVIDER_KEYS_SECRET must have {SECRET_LENGTH} characters or more; "
            "several are separated by commas, the newest first."
        )
    if given or os.environ.get("SECRET_KEY"):
        return tuple(given)
    return (_kept("PROVIDER_KEYS_SECRET", file),)


def token(name: str) -> str:
    """What somebody has to know; nothing when unset."""
    given = os.environ.get(name, "")
    if given and not re.fullmatch(rf"[!-~]{{{SECRET_LENGTH},}}", given):
        raise ImproperlyConfigured(f"{name} must have {SECRET_LENGTH} characters or more, of ASCII and without spaces.")
    return given


def _kept(name: str, file: Path) -> str:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _make_secret(file)
        secret = file.read_text(errors="surrogateescape")
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is unset and {file} can't be kept: set {name}.") from error
    # A power cut leaves a file empty or full of zeros: only what could have been typed counts.
    if sum(letter.isprintable() for letter in secret) < SECRET_LENGTH:
        raise ImproperlyConfigured(
            f"{file} holds no whole secret: put it back from a backup, or delete it and another one is made. "
            "What the lost one has signed or encrypted is lost with it."
        )
    return secret


def _make_secret(file: Path) -> None:
    # Written aside and linked whole: of two starting processes one makes it, and the other never reads half of it.
    with tempfile.NamedTemporaryFile("w", dir=file.parent) as new, suppress(FileExistsError):  # readable by us alone
        new.write(secrets.token_urlsafe(50))
        new.flush()
        os.fsync(new.fileno())
        os.link(new.name, file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def api_keys() -> dict[str, str]:
    """Every setting whose name ends with _API_KEY: the keys that a provider's row may name."""
    return {name: value for name, value in os.environ.items() if re.fullmatch(r"[A-Z][A-Z0-9_]*_API_KEY", name)}


def hosts(name: str) -> frozenset[str]:
    """Host names and IP addresses, separated by commas; none when unset."""
    found = [host.strip().lower().strip("[]") for host in os.environ.get(name, "").split(",") if host.strip()]
    for host in found:
        if not re.fullmatch(r"[a-z0-9_.-]+|[0-9a-f:.]+", host):
            raise ImproperlyConfigured(f"{name} must be host names or addresses separated by commas: vllm,10.0.0.5")
    return frozenset(found)


def flag(name: str) -> bool:
    """An on/off setting; off when unset."""
    raw = os.environ.get(name, "").strip().lower()
    if raw not in {"", "0", "1", "false", "true", "no", "yes", "off", "on"}:
        raise ImproperlyConfigured(f"{name} must be 1 or 0.")
    return raw in {"1", "true", "yes", "on"}


def port(name: str, default: int) -> int:
    """A TCP port."""
    raw = os.environ.get(name, "") or str(default)
    if not raw.isdecimal() or not 0 < int(raw) < 65536:
        raise ImproperlyConfigured(f"{name} must be a number from 1 to 65535.")
    return int(raw)


def seconds(name: str, default: float) -> float:
    """A span of time in seconds, more than nothing; `default` when unset."""
    raw = os.environ.get(name, "")
    try:
        span = float(raw) if raw else default
    except ValueError:
        span = 0
    if not 0 < span < math.inf:  # nan is neither
        raise ImproperlyConfigured(f"{name} must be a number of seconds, more than 0.")
    return span


def choice(name: str, *values: str) -> str:
    """One of these words; the first when unset."""
    given = os.environ.get(name, "") or values[0]
    if given not in values:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(values)}.")
    return given


def zone(name: str) -> ZoneInfo:
    """A time zone like Europe/Berlin; UTC when unset.

    None with a short name: CET has a summer time in Python, and none in PostgreSQL, where it is an abbreviation.
    """
    given = os.environ.get(name, "") or "UTC"
    try:
        if given == "UTC" or "/" in given:
            return ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise ImproperlyConfigured(f"{name} must be a time zone like Europe/Berlin, not {given!r}.")


def process() -> str:
    """What this process is: the command of `manage.py`, or "python" for anything else."""
    is_command = Path(sys.argv[0]).name == "manage.py" and len(sys.argv) > 1
    return sys.argv[1] if is_command and sys.argv[1].isidentifier() else "python"
