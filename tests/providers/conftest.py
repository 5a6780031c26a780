"""A scripted upstream, and a way to ask it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from providers import Clients
from tests.providers.asking import Asking
from tests.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[Clients]:
    async with Clients() as clients:
        yield clients


@pytest.fixture
def ask(upstream: Upstream, clients: Clients) -> Asking:
    return Asking(upstream, clients)
