"""What every test may use: an embedded PostgreSQL, the test database's address, a Chromium.

There is one of each for every process that runs tests (`-n 2` makes two).

- `db`, `transactional_db` and `@pytest.mark.django_db` are pytest-django's, over the embedded PostgreSQL, or the one
  that DATABASE_URL names.
- `database_url` is the test database's address and `process_environment` what a real web or worker process of a test
  needs; both come with committed rows (`transactional_db`), because another process sees nothing else.
- `browser` is Playwright's, and its `page` a fresh one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.db.models.signals import post_migrate
from django.test import override_settings
from django.utils import translation
from psycopg.conninfo import conninfo_to_dict
from pytest_django import DjangoDbBlocker

from chatsite.postgres import EmbeddedPostgres, places
from tests.browser import chromium
from tests.emptying import empty_quickly
from usage.models import TotalsCalendar

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Nothing in a test's database outlives it, so nothing needs to reach the disk.
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One more than there are cores: tests wait now and then for programs that they have started.

    Only one with a server that is not ours: they take all its connections, and cut those of others.
    """
    return 1 if "DATABASE_URL" in os.environ else (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright's event loop keeps running in this thread, and no other could start beside it.

    It holds for each of several processes too, as they are handed whole files in this order.
    """
    in_a_browser = {item.path for item in items if _uses_browser(item)}
    if mixed := {item.path for item in items if not _uses_browser(item)} & in_a_browser:
        raise pytest.UsageError(f"Browser tests need files of their own: {', '.join(map(str, sorted(mixed)))}")
    items.sort(key=lambda item: item.path in in_a_browser)


def _uses_browser(item: pytest.Item) -> bool:
    return "browser" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session", autouse=True)
def static_files_are_found_when_they_are_asked_for() -> Iterator[None]:
    """Each test client makes the middleware anew, and WhiteNoise would look at all files every time, for 35 ms."""
    with override_settings(WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def the_catalogue_is_read_every_time() -> Iterator[None]:
    """Tests change it all the time, and would find what another test left."""
    with override_settings(CATALOGUE_SECONDS=0):
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_are_hashed_at_once() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=["tests.hashing.OneRound"]):
        yield


@pytest.fixture(autouse=True)
def no_language_is_left_over() -> Iterator[None]:
    """A request of the test client speaks in the test's own context; a real one has a context to itself."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The address of the database server that the tests use."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    home = Path(tempfile.mkdtemp(prefix="chat-tests-"))
    home.chmod(0o711)  # as root, PostgreSQL runs as another user, who must reach the folders below
    try:
        with EmbeddedPostgres(places(home), THROW_AWAY) as server:
            yield server.url
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, server_url: str) -> None:
    """Lead Django to the tests' server, in place: its connections hold this very dictionary."""
    if settings.EMBEDDED_DATABASE:
        _database()["OPTIONS"]["host"] = conninfo_to_dict(server_url)["host"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker, server_url: str) -> Iterator[None]:
    """pytest-django's, and at the end nobody is left in the test database, so that it can be dropped.

    Django empties all tables after a test whose rows were committed, and the accounts let nobody do that.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("call", "reply", "charge"):
            cursor.execute(f"ALTER TABLE usage_{table} DISABLE TRIGGER usage_{table}_is_never_emptied")
    if settings.EMBEDDED_DATABASE:
        empty_quickly(connections["default"])
    else:
        post_migrate.connect(_begin_the_calendar)  # Django sends it when it has emptied all tables
    yield
    name = _database()["NAME"]
    connections.close_all()
    with psycopg.connect(_named(server_url, "postgres"), autocommit=True) as server:
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def _begin_the_calendar(**_: Any) -> None:
    TotalsCalendar.objects.get_or_create(pk=1, defaults={"zone": settings.TEAM_ZONE.key})


@pytest.fixture
def database_url(transactional_db: None, server_url: str) -> str:
    """The test database's address, for psycopg and for DATABASE_URL of a process."""
    return _named(server_url, _database()["NAME"])


@pytest.fixture
def process_environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """What `manage.py web` or `manage.py worker` needs to serve the test database: `Popen(…, env=…)`."""
    ours = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    return ours | {
        "DATABASE_URL": database_url,
        "SECRET_KEY": settings.SECRET_KEY,
        "VAR_DIR": str(tmp_path),
        "PRIVATE_PROVIDERS": "127.0.0.1",  # the scripted one
        "CATALOGUE_SECONDS": "0.001",
    }


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of the session."""
    with chromium() as started:
        # Playwright's synchronous API leaves its event loop marked as running in this thread, so Django would refuse
        # every query of a browser test. Nothing here runs inside that loop.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        yield started
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a window of its own: no cookies, nothing cached."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def _database() -> dict[str, Any]:
    return cast("dict[str, Any]", settings.DATABASES["default"])


def _named(url: str, database: str) -> str:
    address, mark, query = url.partition("?")
    return f"{address.rpartition('/')[0]}/{quote(database, safe='')}{mark}{query}"
