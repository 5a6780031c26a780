"""Alice owns it, Bob and Carol may be let in, Charlie is not. The provider is a real server that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.sessions import digest
from catalog.models import LanguageModel, Provider, Route
from conversations import asking, joining
from conversations.feed.admission import Admission
from conversations.models import Conversation, Generation, Membership, Message, Role
from conversations.worker import Worker
from tests.conversations.replaying import Writer, words
from tests.feeding import Desk
from tests.serving import Web, environment, web
from tests.shares import answered
from tests.sockets import Tab
from tests.upstream import Upstream

PASSWORD = "correct horse battery"


@pytest.fixture
def alice(transactional_db: None) -> User:
    return User.objects.create_user("alice@example.org", PASSWORD, name="Alice")


@pytest.fixture
def bob(transactional_db: None) -> User:
    return User.objects.create_user("bob@example.org", name="Bob")


@pytest.fixture
def carol(transactional_db: None) -> User:
    return User.objects.create_user("carol@example.org", name="Carol")


@pytest.fixture
def charlie(transactional_db: None) -> User:
    return User.objects.create_user("charlie@example.org", PASSWORD, name="Charlie")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def route(transactional_db: None, upstream: Upstream, settings: Settings) -> Route:
    settings.DEEPSEEK_API_KEY = "sk-0123456789abcdef"
    settings.PRIVATE_PROVIDERS = frozenset({"127.0.0.1"})
    provider = Provider.objects.create(
        name="deepseek",
        dialect="deepseek",
        base_url=upstream.base_url,
        key_setting="DEEPSEEK_API_KEY",
        concurrency=500,
    )
    model = LanguageModel.objects.create(
        provider=provider, name="deepseek-flash", context_tokens=100_000, thinks=True, unpriced_allowed=True
    )
    return Route.objects.through(model, name="quick", label="Quick")


@pytest.fixture
def question(alice: User, route: Route) -> Message:
    """Alice's first question, with its answer queued."""
    return asking.start(alice, "What is a monad?", uuid4(), route)


@pytest.fixture
def conversation(question: Message) -> Conversation:
    return question.conversation


@pytest.fixture
def membership(conversation: Conversation, bob: User) -> Membership:
    """Bob's, as a writer in Alice's conversation."""
    membership = joining.invite(conversation, bob, Role.WRITER)
    assert membership
    return membership


@pytest.fixture
def generation(question: Message) -> Generation:
    return Generation.objects.get(message__parent=question)


@pytest.fixture
def said(question: Message) -> Message:
    """Alice's question has its answer: this one."""
    return answered(question, "A monoid in the category of endofunctors.", reasoning="Let me think.")


@pytest.fixture
def browser_of_alice(alice: User, client: Client) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture(scope="module")
def webs(django_db_setup: None, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Web]]:
    """Two web processes for all tests here."""
    folder = tmp_path_factory.mktemp("webs")
    env = environment(server_url, folder)
    with web(env, folder) as one, web(env, folder) as other:
        yield [one, other]


@pytest.fixture
def server(webs: list[Web]) -> Iterator[Web]:
    """The first of them, which must not have stumbled when the test is over."""
    before = len(webs[0].said)
    yield webs[0]
    assert "Traceback" not in webs[0].said[before:], webs[0].said[before:]
    assert webs[0].program.process.poll() is None


@pytest.fixture
def writer(conversation: Conversation) -> Writer:
    [writer] = Writer.claim(words(10))
    return writer


@pytest.fixture
def tab(server: Web, browser_of_alice: Client, conversation: Conversation) -> Iterator[Callable[..., Tab]]:
    tabs: list[Tab] = []

    def open_tab(at: Web = server) -> Tab:
        tabs.append(Tab(at, browser_of_alice, conversation))
        return tabs[-1]

    yield open_tab
    for it in tabs:
        it.socket.close()


@pytest.fixture
def admission(alice: User, browser_of_alice: Client) -> Admission:
    return Admission(alice.pk, digest(browser_of_alice.session.session_key or ""), alice.get_session_auth_hash())


@pytest.fixture
def desk(browser_of_alice: Client, conversation: Conversation, admission: Admission) -> Desk:
    return Desk(browser_of_alice, conversation, admission)


@asynccontextmanager
async def working(count: int = 1) -> AsyncIterator[list[Worker]]:
    """Workers in this process, told to go at the end."""
    workers = [Worker() for _ in range(count)]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.leave()
            worker.leave()
        await asyncio.gather(*tasks)
