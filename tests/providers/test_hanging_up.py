"""Whoever stops asking hangs up at once: the provider's own end of the connection says when."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from providers import ChatMessage, Clients, Delta, Endpoint, Text, stream
from tests.providers.asking import QUESTION, Asking
from tests.upstream import Gate, Recorded, Script

AT_ONCE = 0.05  # seconds


async def cancelled(task: "asyncio.Task[object]") -> float:
    """Cancel it, and say when."""
    moment = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return moment


async def assert_hung_up(request: Recorded, since: float) -> None:
    assert await request.closed() - since < AT_ONCE
    assert request.hung_up


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(Script(), id="before the headers"),
        pytest.param(Script().head(), id="after the headers"),
        pytest.param(Script().comment(), id="while queued"),
        pytest.param(Script().role().text_delta("a", "b"), id="in the middle"),
        pytest.param(Script().head(500).raw(b"{"), id="within a refusal"),
        pytest.param(Script().text_delta("a").finish(), id="between finish and done"),
    ],
)
async def test_cancelling_the_task_hangs_up(ask: Asking, before: Script) -> None:
    gate = Gate()
    ask.upstream.play(before.gate(gate).stall())
    task = ask.start()
    await gate.reached()
    await assert_hung_up(ask.upstream.requests[0], await cancelled(task))


async def test_closing_the_generator_hangs_up(ask: Asking) -> None:
    ask.upstream.play(Script().role().text_delta("a").stall())
    async with contextlib.aclosing(ask.open()) as deltas:
        await until_text(deltas)
        moment = time.monotonic()
    await assert_hung_up(ask.upstream.requests[0], moment)


async def test_hanging_up_does_not_wait_until_the_question_was_read(clients: Clients) -> None:
    size, hung_up, arrived = 20_000_000, asyncio.Event(), asyncio.get_running_loop().create_future()

    async def answer_before_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + Script().role().text_delta("a").body())
        await hung_up.wait()
        bytes_read = 0
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(1_000_000):
                bytes_read += len(piece)
        arrived.set_result(bytes_read)
        writer.close()

    async with await asyncio.start_server(answer_before_reading, "127.0.0.1") as server:
        endpoint = Endpoint("x", "openai", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        question = replace(QUESTION, messages=(ChatMessage("user", "x" * size),))
        async with contextlib.aclosing(stream(endpoint, question, clients=clients)) as deltas:
            await until_text(deltas)
        hung_up.set()
        assert await arrived < size


async def test_an_error_of_the_reader_hangs_up(ask: Asking) -> None:
    ask.upstream.play(Script().role().text_delta("a").stall())
    with pytest.raises(ZeroDivisionError):
        async with contextlib.aclosing(ask.open()) as deltas:
            await until_text(deltas)
            moment = time.monotonic()
            raise ZeroDivisionError
    await assert_hung_up(ask.upstream.requests[0], moment)


async def test_a_forgotten_generator_hangs_up_too(ask: Asking) -> None:
    ask.upstream.play(Script().role().text_delta("a").stall())
    await until_text(ask.open())
    await asyncio.sleep(0)
    await ask.upstream.requests[0].closed()


async def test_giving_up_ones_turn_asks_nothing_and_frees_the_place(ask: Asking) -> None:
    ask.concurrency = 1
    gate = Gate()
    ask.upstream.play(Script().text_delta("first").gate(gate).finish().done(), Script.text("third"))
    first = ask.start()
    await gate.reached()
    second = ask.start()
    await asyncio.sleep(0)
    await cancelled(second)
    third = ask.start()
    gate.open()
    assert [(await first).text, (await third).text] == ["first", "third"]
    assert len(ask.upstream.requests) == 2


async def test_hanging_up_frees_the_place_for_the_next(ask: Asking) -> None:
    ask.concurrency = 1
    ask.upstream.play(Script().text_delta("a").stall(), Script.text("next"))
    task = ask.start()
    await ask.upstream.requested()
    await cancelled(task)
    assert (await ask()).text == "next"


async def test_no_more_than_the_limit_are_asked_at_once(ask: Asking) -> None:
    ask.concurrency = 3
    gates = [Gate() for _ in range(9)]
    ask.upstream.play(*(Script().text_delta("a").gate(gate).finish().done() for gate in gates))
    tasks = [ask.start() for _ in gates]
    for gate in gates[:3]:
        await gate.reached()
    assert len(ask.upstream.requests) == 3
    for gate in gates:
        gate.open()
    assert [answer.text for answer in await asyncio.gather(*tasks)] == ["a"] * 9


async def test_two_hundred_answers_run_side_by_side(ask: Asking) -> None:
    ask.concurrency = 200
    gates = [Gate() for _ in range(200)]
    ask.upstream.play(*(Script().text_delta("a").gate(gate).finish().done() for gate in gates))
    tasks = [ask.start() for _ in gates]
    for gate in gates:
        await gate.reached()
    for gate in gates:
        gate.open()
    assert {answer.text for answer in await asyncio.gather(*tasks)} == {"a"}


async def test_cancelling_one_leaves_the_others_alone(ask: Asking) -> None:
    gates = [Gate(), Gate()]
    ask.upstream.play(*(Script().text_delta("a").gate(gate).text_delta("b").finish().done() for gate in gates))
    tasks = [ask.start(), ask.start()]
    for gate in gates:
        await gate.reached()
    await cancelled(tasks[0])
    for gate in gates:
        gate.open()
    assert (await tasks[1]).text == "ab"


async def test_closing_the_clients_hangs_up_on_idle_connections(ask: Asking) -> None:
    async with Clients() as clients:
        await Asking(ask.upstream, clients)(Script.text("a"))
    await ask.upstream.requests[0].closed()


async def until_text(deltas: AsyncGenerator[Delta]) -> None:
    while not isinstance(await anext(deltas), Text):
        pass
