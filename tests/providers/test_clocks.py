"""A provider that is slow, and one that has stopped."""

import asyncio
import time

import pytest

from providers import Clocks, Finished, stream
from providers.errors import ConnectionFailedError, StalledError
from providers.watch import Watch
from tests.providers.asking import QUESTION, Asking
from tests.upstream import Gate, Script

BLINK = 0.15  # seconds: long for a loopback, short for a test
COMMENTS = [Script().comment().pause(BLINK / 10)] * 40


def alive() -> Script:
    """Keep-alive comments for much longer than a blink."""
    script = Script()
    for each in COMMENTS:
        script += each
    return script


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Script().stall(), id="not even headers"),
        pytest.param(Script().head().stall(), id="headers only"),
        pytest.param(alive().stall(), id="only comments"),
        pytest.param(Script().raw(b"data: {").stall(), id="half an event"),
    ],
)
async def test_the_first_event_has_its_own_clock(ask: Asking, script: Script) -> None:
    answer = await ask(script, clocks=Clocks(first_event=BLINK))
    assert isinstance(answer.error, StalledError)
    assert (answer.error.clock, answer.error.retryable) == ("first_event", True)
    await ask.upstream.requests[0].closed()


@pytest.mark.parametrize("script", [Script().stall(), alive().stall(), Script().raw(b"data: {").stall()])
async def test_silence_in_the_middle_ends_the_answer_and_keeps_its_part(ask: Asking, script: Script) -> None:
    answer = await ask(Script().role().text_delta("part") + script, clocks=Clocks(idle=BLINK))
    assert answer.text == "part"
    assert isinstance(answer.error, StalledError)
    assert (answer.error.clock, answer.error.retryable) == ("idle", True)
    await ask.upstream.requests[0].closed()


async def test_a_drip_that_never_pauses_long_enough_is_ended_all_the_same(ask: Asking) -> None:
    drip = Script().tokens(["drop "] * 1000, per_second=200)
    answer = await ask(drip, clocks=Clocks(idle=BLINK, total=3 * BLINK))
    assert answer.text.startswith("drop drop ")
    assert isinstance(answer.error, StalledError)
    assert (answer.error.clock, answer.error.retryable) == ("total", False)


async def test_a_flood_is_ended_too_although_its_reader_never_waits_for_it(ask: Asking) -> None:
    flood = Script().text_delta(*["drop "] * 1000)
    ask.upstream.play(flood + flood.stall())
    begin, read = time.monotonic(), 0
    with pytest.raises(StalledError) as raised:
        async for _ in ask.open(clocks=Clocks(total=BLINK)):
            read += 1
            await asyncio.sleep(BLINK / 100)
    assert raised.value.clock == "total"
    assert 10 < read < 1000
    assert time.monotonic() - begin < 4 * BLINK


async def test_each_event_starts_the_idle_clock_again(ask: Asking) -> None:
    steady = Script().tokens(["word "] * 30, per_second=60).finish().done()
    answer = await ask(steady, clocks=Clocks(first_event=BLINK, idle=BLINK))
    assert (len(answer.text), answer.finished) == (150, Finished("stop"))


async def test_a_finish_is_not_waited_out_for_its_done(ask: Asking) -> None:
    answer = await ask(Script().text_delta("a").finish().stall(), clocks=Clocks(idle=BLINK))
    assert answer.finished == Finished("stop")
    assert answer.usage


async def test_a_slow_reader_is_not_held_against_the_provider(ask: Asking) -> None:
    gate = Gate()
    ask.upstream.play(Script().text_delta("a").gate(gate).text_delta("b").finish().done())
    deltas = ask.open(clocks=Clocks(first_event=BLINK, idle=BLINK))
    assert [await anext(deltas) for _ in range(2)]
    gate.open()
    await asyncio.sleep(2 * BLINK)
    assert isinstance([delta async for delta in deltas][-1], Finished)


async def test_a_stall_after_a_slow_reader_is_still_noticed(ask: Asking) -> None:
    ask.upstream.play(Script().text_delta("a").stall())
    deltas = ask.open(clocks=Clocks(first_event=BLINK, idle=BLINK))
    assert [await anext(deltas) for _ in range(2)]
    await asyncio.sleep(2 * BLINK)
    with pytest.raises(StalledError):
        await anext(deltas)


async def test_waiting_for_a_turn_does_not_run_the_clocks(ask: Asking) -> None:
    ask.concurrency = 1
    gate = Gate()
    ask.upstream.play(Script().text_delta("first").gate(gate).finish().done(), Script.text("second"))
    first = ask.start()
    await gate.reached()
    second = asyncio.create_task(ask(clocks=Clocks(total=BLINK)))
    await asyncio.sleep(2 * BLINK)
    gate.open()
    assert [(await first).text, (await second).text] == ["first", "second"]


async def test_a_connection_that_is_not_accepted_has_its_own_clock(ask: Asking) -> None:
    # TEST-NET-1: nobody answers there, or nobody lets us out; both are no connection.
    endpoint = ask.endpoint.__class__("far", "openai", "http://192.0.2.1:81")
    begin = time.monotonic()
    with pytest.raises(ConnectionFailedError):
        await anext(stream(endpoint, QUESTION, clocks=Clocks(connect=BLINK), clients=ask.clients))
    assert time.monotonic() - begin < 20 * BLINK


async def test_a_timeout_of_the_caller_stays_a_timeout(ask: Asking) -> None:
    ask.upstream.play(Script().stall())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(BLINK):
            await anext(ask.open(clocks=Clocks(first_event=10 * BLINK)))


async def test_our_clock_leaves_no_cancellation_behind(ask: Asking) -> None:
    await ask(Script().stall(), clocks=Clocks(first_event=BLINK))
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_cancellation_in_the_moment_of_the_stall_is_a_cancellation() -> None:
    with Watch(Clocks(first_event=BLINK)) as watch:
        task = asyncio.ensure_future(watch.wait(asyncio.Event().wait()))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(BLINK, task.cancel)
        # Hold the loop up, so that both timers are due in the same round.
        time.sleep(2 * BLINK)  # noqa: ASYNC251
        with pytest.raises(asyncio.CancelledError):
            await task
