"""What providers do."""

from __future__ import annotations

import time

from tests.faults.crowd import Crowd
from tests.faults.house import House, eventually
from tests.faults.model import words
from tests.faults.pages import Tab
from tests.faults.table import row
from tests.upstream import Gate, Script

CLOCKS = {"FIRST_EVENT_SECONDS": "3", "IDLE_SECONDS": "3", "TOTAL_SECONDS": "25"}
BEGUN = Script().role().tokens(words(0, 20), 40)
KEY = "sk-0123456789"


async def _asked(crowd: Crowd, *scripts: Script, length: int = 40) -> Tab:
    [tab] = await crowd.ask(1, 40, length, *scripts)
    return tab


@row("F9", settings=CLOCKS)
async def a_provider_falls_silent(house: House, crowd: Crowd) -> None:
    """Silence before the first word ends an answer as failed after FIRST_EVENT_SECONDS. In the middle of it, after
    IDLE_SECONDS, it goes on once from its last word; falls it silent again, it has failed, and its words are kept."""
    never = await _asked(crowd, Script().stall())
    once = await _asked(crowd, BEGUN.stall())
    again = await _asked(crowd, BEGUN.stall(), Script().role().tokens(words(20, 25), 40).stall())
    await crowd.ended([never, again], 15, "failed")
    await crowd.done([once], 15)
    assert (never.shown, again.shown) == (0, 25)


@row("F10", quick=True)
async def a_provider_hangs_up(house: House, crowd: Crowd) -> None:
    """FIN, RST or a body that just ends in the middle of answers: each goes on once from its last word; when it is cut
    again it has failed with its words. One that had said that it was finished is whole."""
    rest = Script().role().tokens(words(20, 25), 40)
    for end in (Script.cut, Script.reset):
        gates = Gate(), Gate(), Gate()  # a reset takes with it what was not read yet
        once = await _asked(crowd, end(BEGUN.gate(gates[0])))
        again = await _asked(crowd, end(BEGUN.gate(gates[1])), end(rest.gate(gates[2])))
        finished = await _asked(crowd, end(BEGUN.finish()), length=20)
        for gate, tab, count in zip(gates, (once, again, again), (20, 20, 25), strict=True):
            await crowd.shown([tab], count)
            gate.open()
        await crowd.done([once, finished], 15)
        await crowd.ended([again], 15, "failed")
        assert again.shown == 25


@row("F10-cable")
async def the_way_to_the_provider_is_cut(house: House, crowd: Crowd) -> None:
    """All connections to the provider are cut at once: answers go on from their last words, until so many have failed
    that the provider is left alone for a moment; what was said is kept."""
    tabs = await crowd.ask(20)
    await crowd.shown(tabs, 10)
    house.provider.cut()
    await crowd.ended(tabs, 15, "failed", "done")
    went_on = sum(tab.state == "done" for tab in tabs)
    house.note(f"{went_on} of {len(tabs)} went on")
    assert went_on, "nobody went on"


REFUSALS = {
    "429": (Script.error(429, "slow down"), 4),
    "429 now": (Script.error(429, "slow down", Retry_After="0"), 4),
    "429 in 30 years": (Script.error(429, "slow down", Retry_After="1000000000"), 1),
    "429 with a date": (Script.error(429, "slow down", Retry_After="Wed, 21 Oct 2099 07:28:00 GMT"), 1),
    "429 garbled": (Script.error(429, "slow down", Retry_After="soon\x01"), 4),
    "503": (Script.error(503, "busy"), 4),
    "502 as a page": (Script.reply(502, "<html><h1>Bad Gateway", {"Content-Type": "text/html"}), 4),
    "401": (Script.error(401, f"Your api key: {KEY}abcdef0123456789abcdef is invalid", "authentication_error"), 1),
    "400": (Script.error(400, "no"), 1),
}


@row("F11", seconds=240)
async def a_provider_refuses(house: House, crowd: Crowd) -> None:
    """429, 503, 502, 401 and 400, with and without a sensible Retry-After: asked again at most three times, and only
    where that can help; it ends as failed with a sentence that holds no key."""
    for name, (script, most) in REFUSALS.items():
        await house.forgive_provider()
        tab = await _asked(crowd, *[script] * 10)
        await crowd.ended([tab], 40, "failed")
        asked = len(house.model.requests(tab.question))
        assert asked <= most, f"{name}: asked {asked} times"
        assert "sk-" not in tab.page.html("chat"), name


BAD = b'data: {oops\n\ndata:5\n\ndata: null\r\n\r\ndata: {"choices":[7]}\n\n: hm\n\nevent: ping\nid: 3\n\nretry: 3\n\n'
ODD = {"choices": [{"index": 0, "delta": None, "strange": {}}], "strange": [1]}


@row("F12")
async def a_provider_talks_nonsense(house: House, crowd: Crowd) -> None:
    """Broken events, comments, fields nobody knows, an event a byte at a time: what can be read is read, in order. Too
    much of it, and we hang up: it goes on from what was said, or has failed with that."""
    half = Script().role().text_delta(*words(0, 10)).raw(BAD).data(ODD).data({"choices": []})
    whole = half.text_delta(*words(10, 20)).finish().done().done()
    tabs = [await _asked(crowd, script, length=20) for script in (whole, whole.in_pieces(1), whole.in_pieces(7))]
    too_much = await _asked(crowd, half.raw(BAD * 10).text_delta(*words(10, 20)).finish().done(), length=20)
    await crowd.done(tabs, 15)
    await crowd.ended([too_much], 15, "failed", "done")
    assert too_much.shown >= 10


@row("F15", settings=CLOCKS)
async def a_provider_drips(house: House, crowd: Crowd) -> None:
    """A word now and then, for hours: after TOTAL_SECONDS the answer ends, with what was said."""
    tab = await _asked(crowd, Script().role().tokens(words(0, 1000), 0.8).finish().done(), length=1000)
    await crowd.ended([tab], 40, "failed", "interrupted")
    assert 5 < tab.shown < 100


@row("F16", quick=True)
async def an_answer_is_stopped(house: House, crowd: Crowd) -> None:
    """A member presses Stop while the provider talks on: its connection is closed, and nothing more is taken."""
    tabs = await crowd.ask(5, 20, 5000)
    await crowd.shown(tabs, 5)
    waited = []
    for tab in tabs:
        [request] = house.model.requests(tab.question)
        began = time.monotonic()
        await tab.person.surely_post(f"{tab.path}stop/")
        closed = await eventually(lambda request=request: request.closed_at, "the provider is hung up on")  # type: ignore[misc]  # mypy can't type a default
        waited.append(closed - began)
    house.note(f"hung up after {1000 * min(waited):.0f} to {1000 * max(waited):.0f} ms")
    await crowd.ended(tabs, 5, "stopped")
    assert all(tab.shown < 1000 for tab in tabs)
