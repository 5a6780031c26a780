"""A database whose connections can be held up and cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.cable import Cable


@pytest.fixture
def cable(database_url: str) -> Iterator[Cable]:
    """Between a process and its database."""
    parts = conninfo_to_dict(database_url)
    host = str(parts["host"])
    with Cable() as cable:
        cable.lead_to(Path(host) / ".s.PGSQL.5432" if host.startswith("/") else int(parts.get("port") or 5432))
        yield cable


@pytest.fixture
def through_cable(process_environment: dict[str, str], cable: Cable, database_url: str) -> dict[str, str]:
    """The environment of a web process at the far end of the cable."""
    parts = conninfo_to_dict(database_url)
    secret = f":{parts['password']}" if parts.get("password") else ""
    url = f"postgres://{parts['user']}{secret}@127.0.0.1:{cable.port}/{parts['dbname']}"
    return process_environment | {"DATABASE_URL": url, "PUBLIC_URL": "https://chat.example.org"}
