"""Every request that was written down has its Reply, however it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from asgiref.sync import sync_to_async

from catalog.models import LanguageModel
from conversations import asking, events, naming
from conversations.answering import STOPPED, Answer
from conversations.crossing import Crossing
from conversations.log import Log
from conversations.models import Conversation, Generation
from providers.connections import Clients
from tests.conversations.conftest import working
from tests.upstream import Gate, Script, Upstream
from tests.workers import SECONDS, eventually, has_ended, waiters
from usage.models import Call

SPEECHLESS = Script().stall()
HALF = Script().role().text_delta("Half an ans").stall()


async def replies() -> list[tuple[int, str]]:
    """The number of each call, and what came of it: "" is well, None (whatever the types say) was never told."""
    rows = Call.objects.order_by("number").values_list("number", "reply__error_code")
    return await sync_to_async(lambda: list(rows))()


@pytest.mark.parametrize("script", [SPEECHLESS, HALF], ids=["before the headers", "in the middle"])
async def test_of_one_that_was_stopped(
    upstream: Upstream, generation: Generation, conversation: Conversation, script: Script
) -> None:
    upstream.play(script)
    async with working():
        await upstream.requested()
        await sync_to_async(asking.stop)(conversation)
        await has_ended(generation)
    assert await replies() == [(1, "stopped")]


async def test_of_one_that_failed_before_the_pause_in_which_it_was_stopped(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    upstream.play(Script.error(429, "Slow down", Retry_After="20"))
    async with working():
        await upstream.requested()
        await eventually(Call.objects.filter(reply__isnull=False).exists, "its Reply")
        await sync_to_async(asking.stop)(conversation)
        await has_ended(generation)
    assert await replies() == [(1, "rate_limited")]


@pytest.mark.parametrize("script", [SPEECHLESS, HALF], ids=["before the headers", "in the middle"])
async def test_of_one_whose_worker_went(upstream: Upstream, generation: Generation, script: Script) -> None:
    await LanguageModel.objects.aupdate(continues=False)
    upstream.play(script)
    async with working() as (worker,):
        await upstream.requested()
        worker.leave()
        worker.leave()
        await has_ended(generation)
    assert generation.state == "interrupted"
    assert await replies() == [(1, "interrupted")]


async def test_of_one_whose_lease_was_lost(upstream: Upstream, generation: Generation) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("One").gate(gate).text_delta(" two").stall())
    async with working():
        await gate.reached()
        await Generation.objects.filter(pk=generation.pk).aupdate(epoch=99, owner="another worker")
        gate.open()
        await upstream.requests[0].closed()
        await eventually(Call.objects.filter(reply__isnull=False).exists, "its Reply")
        await generation.arefresh_from_db()
        assert generation.state == "running"
    assert await replies() == [(1, "interrupted")]


@contextmanager
def nobody_calls(database_url: str) -> Iterator[None]:
    """Whoever writes a Call waits until the end of this."""
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE usage_call IN EXCLUSIVE MODE")
        yield


async def test_of_one_that_was_stopped_while_it_was_written_down(
    upstream: Upstream, generation: Generation, database_url: str
) -> None:
    (claimed,) = await sync_to_async(Generation.objects.claim)("a worker", 1)
    cross = Crossing(2, "test")
    async with Clients() as clients:
        answer = Answer(claimed, Log(cross), clients, cross)
        with nobody_calls(database_url):
            task = asyncio.create_task(answer.run())
            await eventually(lambda: waiters() == 1, "it is being written")
            answer.halt(STOPPED)
        await asyncio.wait_for(task, SECONDS)
    cross.close()
    await generation.arefresh_from_db()
    assert (generation.state, upstream.requests) == ("stopped", [])
    assert await replies() == [(1, "stopped")]


async def test_who_was_asleep_ends_nothing_that_another_writes(upstream: Upstream, generation: Generation) -> None:
    """It was taken for dead, its answer was continued elsewhere, and now it is done. Its own call it closes."""
    gate = Gate()
    upstream.play(Script().role().text_delta("One").gate(gate).finish().done())
    async with working():
        await gate.reached()
        await eventually(lambda: events.beyond(generation)[0] == "One", "its words")
        await Generation.objects.filter(pk=generation.pk).aupdate(epoch=99, owner="another worker")
        gate.open()
        await eventually(Call.objects.filter(reply__isnull=False).exists, "its Reply")
    await generation.arefresh_from_db()
    assert (generation.state, generation.epoch) == ("running", 99)
    assert await replies() == [(1, "")]


async def test_of_a_title_that_took_too_long(
    upstream: Upstream, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "SECONDS", 0.3)
    upstream.play(Script.text("A monad is a burrito."), Script().role().text_delta("Mon").stall())
    async with working():
        await has_ended(generation)
        await eventually(Call.objects.filter(number=2, reply__isnull=False).exists, "the title's Reply")
    assert await replies() == [(1, ""), (2, "stopped")]


async def test_of_a_title_whose_worker_went(upstream: Upstream, generation: Generation) -> None:
    upstream.play(Script.text("A monad is a burrito."), Script().stall())
    async with working():
        await upstream.requested(2)
    assert await replies() == [(1, ""), (2, "stopped")]
