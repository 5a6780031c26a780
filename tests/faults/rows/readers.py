"""What happens to readers: tabs, sockets, and the way between them and us."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import aiohttp
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.faults.crowd import Crowd
from tests.faults.house import BUSY, House, eventually
from tests.faults.pages import Glance, Tab
from tests.faults.promises import LIVE, open_sockets
from tests.faults.table import row

TOO_SLOW, SIGNED_OUT, GONE = 4408, 4401, 4404


@row("F18")
async def tabs_are_closed(house: House, crowd: Crowd) -> None:
    """Every tab is closed in the middle of its answer: the answers go on, and are whole when somebody comes back."""
    tabs = await crowd.ask(20)
    await crowd.shown(tabs, 5)
    crowd.leave()
    await house.until_value(0, LIVE)
    for tab in tabs:
        await tab.open()
        crowd.follow(tab)
    await crowd.done(tabs, 5)


@row("F18-cuts", quick=True)
async def the_network_changes_again_and_again(house: House, crowd: Crowd) -> None:
    """All connections of readers are cut, several times in an answer: each comes back with where it stands and gets the
    rest; nothing is lost or doubled."""
    tabs = await crowd.ask(20)
    for words in (5, 15, 25, 35):
        await crowd.shown(tabs, words)
        house.front.cut()
    await crowd.done(tabs, 10)


@row("F19", seconds=240)
async def laptops_sleep(house: House, crowd: Crowd) -> None:
    """Sockets go dead without an end: we close them within the pings' patience (50 s), and the pages come back."""
    tabs = await crowd.ask(10)
    await crowd.shown(tabs, 10)
    began = time.monotonic()
    with house.front.held():
        await eventually(lambda: not open_sockets(house), "the server closes dead sockets", 55 + BUSY)
        house.note(f"closed after {time.monotonic() - began:.0f} s")
    await crowd.done(tabs, 10)


@row("F20", seconds=300)
async def five_hundred_pages_come_back_at_once(house: House, crowd: Crowd) -> None:
    """A web process dies and a proxy restarts, so 500 pages knock at the one that is left: all get their rest; other
    pages are served meanwhile, without a 5xx."""
    tabs = await crowd.ask(25, rate=1, length=60)
    glances = [Glance(tab.person, tab.conversation) for tab in tabs for _ in range(20)]
    for glance in glances:
        crowd.follow(glance)
    await eventually(lambda: all(glance.newest >= 0 for glance in glances), "all are there", 30 + BUSY)
    crowd.keep(crowd.visit())
    house.webs[0].kill()
    house.front.cut()
    began = time.monotonic()
    seen = {glance: glance.newest for glance in glances}
    waiting, back = set(glances), []
    while waiting:
        assert time.monotonic() - began < 60 + BUSY, f"{len(waiting)} did not come back"
        for glance in [it for it in waiting if it.connected > 1 and it.newest > seen[it]]:
            waiting.remove(glance)
            back.append(time.monotonic() - began)
        await asyncio.sleep(0.02)
    house.note(f"500 back: p50 {sorted(back)[250]:.1f} s, p99 {sorted(back)[495]:.1f} s")
    wrong = [failure for failure in crowd.failures if failure.startswith("5")]
    assert not wrong, wrong
    await house.mend()
    await crowd.done(tabs, 60)


@row("F21", seconds=180)
async def some_readers_never_read(house: House, crowd: Crowd) -> None:
    """Sockets that take nothing, and sockets that never say that a frame arrived: each is closed after 30 s, and
    the others notice nothing."""
    tabs = await crowd.ask(10, rate=1.5)
    await crowd.shown(tabs, 1)
    deaf, mute = [await _silent(tab) for tab in tabs], [await _silent(tab) for tab in tabs]
    reading = [asyncio.create_task(_only_read(socket)) for socket in mute]
    await eventually(lambda: len(open_sockets(house)) == len(tabs), "the silent ones are closed", 45 + BUSY)
    codes = await asyncio.gather(*reading)
    for socket in deaf:
        socket.transport.abort()
    assert set(codes) <= {TOO_SLOW, 1006}, codes
    await crowd.done(tabs, 40)
    assert all(tab.connected == 1 for tab in tabs)


async def _silent(tab: Tab) -> ClientConnection:
    socket = await tab.socket(max_queue=1)
    await socket.send('{"seq": 0}')
    return socket


async def _only_read(socket: ClientConnection) -> int | None:
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()
    return socket.close_code


@row("F23", quick=True)
async def a_form_is_sent_twenty_times(house: House, crowd: Crowd) -> None:
    """Twenty POSTs of one form at once are one question and one answer, and all replies lead to it."""
    for _ in range(3):
        tab = Tab(crowd.person(), house.model.question(40, 20))
        replies = await asyncio.gather(
            *(tab.person.surely_post("/c/", text=tab.question, key=tab.key) for _ in range(20))
        )
        [address] = {reply["HX-Push-Url"] for reply in replies}
        tab.conversation = address.split("/")[2]
        await tab.open()
        crowd.tabs.append(tab)
        crowd.follow(tab)
        await crowd.done([tab], 10)
        assert len(house.model.requests(tab.question)) == 1
    assert not crowd.failures, crowd.failures


@row("F23-cut")
async def the_reply_to_a_form_is_lost(house: House, crowd: Crowd) -> None:
    """The question is stored, its reply is cut; the form is sent again and finds the same question."""
    tab = Tab(crowd.person(), house.model.question(40, 20))
    house.front.delay = 1.0
    try:
        lost = asyncio.create_task(tab.person.post("/c/", text=tab.question, key=tab.key))
        await house.until_value(1, "SELECT count(*) FROM conversations_message WHERE id = %s", tab.key)
        house.front.cut()
        with suppress(aiohttp.ClientError):
            await lost
    finally:
        house.front.delay = 0.0
    await crowd.send(tab)
    await crowd.done([tab], 10)
    assert len(house.model.requests(tab.question)) == 1


@row("F25", quick=True)
async def a_conversation_is_deleted(house: House, crowd: Crowd) -> None:
    """Deleted in the middle of its answer: the provider is hung up on, the pages leave, nothing is sent any more."""
    tabs = await crowd.ask(5, 20, 5000)
    await crowd.shown(tabs, 5)
    for tab in tabs:
        await tab.person.surely_post(f"{tab.path}delete/")
        crowd.tabs.remove(tab)
    requests = [request for tab in tabs for request in house.model.requests(tab.question)]
    await eventually(lambda: all(request.closed_at for request in requests), "the provider is hung up on")
    await eventually(lambda: all(GONE in tab.codes for tab in tabs), "the pages leave")
    assert all(request.hung_up for request in requests)


@row("F25-member")
async def a_member_is_switched_off(house: House, crowd: Crowd) -> None:
    """Deactivated in the middle of an answer: their sockets are closed, nothing is sent to them any more."""
    [tab, other] = await crowd.ask(2, 10, 60)
    await crowd.shown([tab, other], 5)
    owner = "(SELECT owner_id FROM conversations_conversation WHERE id = %s)"
    switch = f"UPDATE accounts_user SET is_active = %s WHERE id = {owner}"
    await house.database.rows(switch, False, tab.conversation)
    try:
        await eventually(lambda: SIGNED_OUT in tab.codes, "the socket is closed")
        assert (await tab.person.get(tab.path))[0] == 302
        await crowd.done([other], 15)
    finally:
        await house.database.rows(switch, True, tab.conversation)
    tab.codes.clear()  # switched on again, they open the page anew
    await tab.open()
    crowd.follow(tab)


@row("F43")
async def sockets_are_blocked(house: House, crowd: Crowd) -> None:
    """A proxy that lets no websocket through: the page asks for news every two seconds and shows the same."""
    tabs = []
    for _ in range(5):
        tab = Tab(crowd.person(), house.model.question(8, 40))
        await tab.ask()
        await tab.open()
        crowd.tabs.append(tab)
        crowd.keep(tab.look_for_news())
        tabs.append(tab)
    await crowd.done(tabs, 15)
    assert not any(tab.connected for tab in tabs)
