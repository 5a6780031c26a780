"""Pages give back what they hold: files, and their connections to the database, however a request ends."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.core.signals import request_started
from django.db import connection
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from pytest_django import Settings

from accounts.models import User
from chatsite.pages import Pages, Turnstile

FILES: list[io.BytesIO] = []


def look(request: HttpRequest) -> None:
    assert User.objects.count() == 0


def breaks(request: HttpRequest) -> HttpResponse:
    look(request)
    raise ValueError("ours")


def reads_a_form(request: HttpRequest) -> HttpResponse:
    look(request)
    return HttpResponse(str(request.POST))


def streams(request: HttpRequest) -> StreamingHttpResponse:
    look(request)
    FILES.append(io.BytesIO(b"a" * 200_000))
    return FileResponse(FILES[-1], content_type="text/plain")


urlpatterns = [
    path("breaks/", breaks),
    path("form/", reads_a_form),
    path("streams/", streams),
    path("manifest.webmanifest", breaks, name="manifest"),  # which every page names, also one that says what broke
]


@pytest.fixture
def pages(settings: Settings, transactional_db: None) -> Iterator[Pages]:
    settings.ROOT_URLCONF = __name__
    settings.ALLOWED_HOSTS = ["*"]
    settings.MIDDLEWARE = []
    yield Pages()
    FILES.clear()


class GoneError(Exception):
    """The client hung up."""


def taken() -> int:
    """Connections that somebody has out of the pool."""
    stats = cast(Any, connection).pool.get_stats()
    return int(stats["pool_size"]) - int(stats["pool_available"])


class Client:
    def __init__(self, *, leaves: bool = False) -> None:
        self.leaves = leaves
        self.status = 0
        self.taken: list[int] = []  # with each message that came

    async def ask(self, pages: Pages, path: str, body: bytes = b"", kind: str = "") -> None:
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        scope = {"type": "http", "method": "POST" if body else "GET", "path": path, "headers": headers}

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        await pages(scope | {"query_string": b""}, receive, self._send)

    async def _send(self, message: Any) -> None:
        self.taken.append(taken())
        self.status = message.get("status", self.status)
        if self.leaves and message["type"] == "http.response.body":
            raise GoneError


@pytest.mark.parametrize(
    ("path", "body", "kind", "status"),
    [
        ("/breaks/", b"", "", 500),
        ("/form/", b"a=1", "multipart/form-data", 400),
        ("/form/", b"--b\r\nnothing", "multipart/form-data; boundary=\xff", 400),
        ("/streams/", b"", "", 200),
    ],
)
async def test_while_a_page_is_sent_its_connection_is_back_in_the_pool(
    pages: Pages, path: str, body: bytes, kind: str, status: int
) -> None:
    before = taken()
    client = Client()
    await client.ask(pages, path, body, kind)
    assert client.status == status
    assert set(client.taken) == {before}


async def test_what_breaks_before_there_is_a_page_gives_its_connection_back(pages: Pages) -> None:
    def look_and_break(**_: Any) -> None:
        assert User.objects.count() == 0
        raise ValueError("ours")

    before = taken()
    request_started.connect(look_and_break)
    try:
        with pytest.raises(ValueError, match="ours"):
            await Client().ask(pages, "/streams/")
    finally:
        request_started.disconnect(look_and_break)
    assert taken() == before


async def test_a_file_is_closed_when_the_client_goes_in_the_middle_of_it(pages: Pages) -> None:
    with pytest.raises(GoneError):
        await Client(leaves=True).ask(pages, "/streams/")
    assert [it.closed for it in FILES] == [True]


async def inside(turnstile: Turnstile, entered: list[int], number: int, stay: asyncio.Event) -> None:
    async with turnstile.place():
        entered.append(number)
        await stay.wait()


async def test_of_many_requests_a_few_are_begun_and_the_next_when_one_is_done() -> None:
    turnstile, entered = Turnstile(2, seconds=3600), list[int]()
    stays = [asyncio.Event() for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(inside(turnstile, entered, n, stay)) for n, stay in enumerate(stays)]
        await asyncio.sleep(0)
        assert entered == [0, 1]
        stays[1].set()
        await tasks[1]
        await asyncio.sleep(0)
        assert entered == [0, 1, 2]
        tasks[0].cancel()
        await asyncio.wait([tasks[0]])
        await asyncio.sleep(0)
        assert entered == [0, 1, 2, 3]
        for stay in stays:
            stay.set()


async def test_those_that_take_long_keep_nobody_waiting_and_give_their_place_back_once() -> None:
    turnstile, all_six = Turnstile(2, seconds=0.01), asyncio.Barrier(6)

    async def meets() -> None:
        async with turnstile.place():
            await all_six.wait()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(meets())
    entered, stay = list[int](), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(inside(turnstile, entered, number, stay))
        await asyncio.sleep(0)
        assert entered == [0, 1]
        stay.set()
