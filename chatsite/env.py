"""Settings read from the environment, failing with one sentence that says what to set."""

from __future__ import annotations

import math
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

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
        if len(key) < 32:
            raise ImproperlyConfigured("SECRET_KEY must have 32 characters or more; unset, one is made and kept.")
        return key
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _make_secret(file)
        return file.read_text()
    except OSError as error:
        raise ImproperlyConfigured(f"SECRET_KEY is unset and {file} can't be kept: set SECRET_KEY.") from error


def _make_secret(file: Path) -> None:
    # Written aside and linked whole: of two starting processes one makes it, and the other never reads half of it.
    with tempfile.NamedTemporaryFile("w", dir=file.parent) as new, suppress(FileExistsError):  # readable by us alone
        new.write(secrets.token_urlsafe(50))
        new.flush()
        os.link(new.name, file)


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
