"""What an attacker finds: one real web process, and the people of the other tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from conversations.feed.flooding import Buckets
from conversations.views import shared
from tests.attacks.routes import World, build_world
from tests.conversations.conftest import (  # noqa: F401  # fixtures work by being here
    admission,
    alice,
    browser_of_alice,
    charlie,
    conversation,
    generation,
    question,
    route,
    said,
    upstream,
)
from tests.serving import Web, environment, web


@pytest.fixture(scope="package")
def _served(django_db_setup: None, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("attacked")
    env = environment(server_url, folder)
    with web(env, folder) as served:
        yield served


@pytest.fixture
def server(_served: Web) -> Iterator[Web]:
    """It must not have stumbled when the test is over."""
    before = len(_served.said)
    yield _served
    assert "Traceback" not in _served.said[before:], _served.said[before:]
    assert _served.program.process.poll() is None


@pytest.fixture
def world(db: None, settings: Settings) -> World:
    """Somebody of each kind, and something of each kind to ask for; undone when the test is over."""
    settings.CAN_MAIL = True
    shared.misses = Buckets(**shared.MISSES)  # nobody was slowed before
    return build_world()
