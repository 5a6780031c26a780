"""The feed itself: how soon, how much, at what cost, and what one reader costs the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.signals import template_rendered
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.sessions import digest
from catalog.models import Route
from conversations import asking
from conversations.feed import Reader
from conversations.feed.admission import Admission, withdrawn
from conversations.feed.feed import GONE, SIGNED_OUT, TOO_SLOW
from conversations.feed.reader import PATIENCE_SECONDS, UNACKNOWLEDGED_CHARACTERS, UNACKNOWLEDGED_FRAMES, Position
from conversations.feed.turn import Asked, Room, take_turn
from conversations.models import Chunk, Conversation
from conversations.pace import SHORTEST as TICK
from conversations.showing import MEMBERS
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load, words
from tests.feeding import SELDOM, Desk, Socket, feeding, listeners, until_listening
from tests.workers import SECONDS


async def test_the_first_words_come_at_once_and_by_the_bus_alone(desk: Desk) -> None:
    """Within less than a tick, as soon as the machine has time for it: had they to wait for one, they never would."""
    async with feeding(poll_seconds=SELDOM) as feed:
        socket = desk.open(feed)
        await socket.until(lambda: socket.frames)
        await until_listening()
        latency, number = TICK, 0
        while latency >= TICK:
            await asyncio.sleep(0.15)  # quiet, as before a first word
            began = time.monotonic()
            await desk.write(words(1, number))
            await socket.until_shown(f"word{number}.")
            latency, number = socket.given_at[-1] - began, number + 1
            assert number < 100


async def test_who_joins_is_given_the_page_at_once_whoever_else_is_there(desk: Desk) -> None:
    async with feeding(poll_seconds=SELDOM) as feed:
        for _ in range(5):
            socket = desk.open(feed)
            await socket.until_told()


async def test_who_never_acknowledges_gets_four_frames_then_one_that_brings_them_up_to_date(desk: Desk) -> None:
    async with feeding() as feed:
        brisk, silent = desk.open(feed), desk.open(feed, acknowledges=False)
        for number in range(30):
            await desk.write(words(1, number))
            await brisk.until_shown(f"word{number}.")
        assert len(silent.frames) == UNACKNOWLEDGED_FRAMES
        assert len(brisk.frames) > 20
        feed.acknowledged(silent.reader)
        await silent.until_shown("word29.")
        assert len(silent.frames) == UNACKNOWLEDGED_FRAMES + 1  # twenty-six skipped, in one
        silent.acknowledges = True
        for _ in range(UNACKNOWLEDGED_FRAMES):
            feed.acknowledged(silent.reader)
        fresh = await desk.end()
        for socket in (brisk, silent):
            await socket.until_at(fresh.cursor)
            assert_same(socket.page, fresh)


async def test_who_never_acknowledges_gets_no_more_than_64_kB_and_one_frame(desk: Desk) -> None:
    async with feeding() as feed:
        brisk, silent = desk.open(feed), desk.open(feed, acknowledges=False)
        await silent.until(lambda: silent.frames)
        for number in range(10):
            await desk.write([(Chunk.Kind.TEXT, f"word{number}. {'long ' * 8_000}\n\n")])
            await brisk.until_shown(f"word{number}.")
        assert len(silent.frames) < UNACKNOWLEDGED_FRAMES
        assert sum(map(len, silent.frames[:-1])) < UNACKNOWLEDGED_CHARACTERS
        assert not silent.reader.is_ready


async def test_who_does_not_acknowledge_in_time_is_closed_and_the_others_go_on(desk: Desk) -> None:
    assert PATIENCE_SECONDS == 30
    async with feeding(poll_seconds=0.1) as feed:
        brisk, silent = desk.open(feed), desk.open(feed, acknowledges=False, patience=0.5)
        await desk.write(words(1))
        await silent.until(lambda: silent.closed)
        assert silent.closed == TOO_SLOW
        told = len(silent.frames)
        await desk.write(words(1, 1))
        await brisk.until_shown("word1.")
        assert (len(silent.frames), brisk.closed) == (told, None)


async def test_what_a_slow_reader_skips_is_kept_nowhere(desk: Desk) -> None:
    """The same memory, whether a hundred frames were skipped or none: a place, and when it was last given something."""
    async with feeding() as feed:
        brisk, silent = desk.open(feed), desk.open(feed, acknowledges=False)
        await desk.write(words(1))
        await silent.until(lambda: silent.frames)
        sizes = []
        for number in range(1, 101):
            await desk.write(words(1, number))
            await brisk.until_shown(f"word{number}.")
            sizes.append(len(silent.reader.unacknowledged))
        assert max(sizes) <= UNACKNOWLEDGED_FRAMES
        position = silent.reader.position
        assert position.standings is not None
        assert len(position.standings) == 1
        assert not brisk.reader.unacknowledged


async def test_two_hundred_readers_are_given_one_and_the_same_frame(desk: Desk) -> None:
    async with feeding() as feed:
        with counting_renders() as rendered:
            sockets = [desk.open(feed) for _ in range(200)]
            for socket in sockets:
                await socket.until_told()
        assert rendered.count("conversations/_message.html") <= 4  # question and answer, in at most two turns
        await desk.write(words(5))
        for socket in sockets:
            await socket.until_shown("word4.")
        assert len({id(socket.frames[-1]) for socket in sockets}) == 1


@contextmanager
def counting_renders() -> Iterator[list[str]]:
    rendered: list[str] = []

    def note(template: Any, **_: Any) -> None:
        rendered.append(template.name)

    template_rendered.connect(note)
    try:
        yield rendered
    finally:
        template_rendered.disconnect(note)


def test_a_turn_asks_the_database_the_same_however_many_read_and_in_however_many_rooms(
    alice: User, route: Route, browser_of_alice: Client
) -> None:
    counts = {}
    for rooms, readers in ((1, 1), (1, 50), (12, 1), (12, 20)):
        conversations = [asking.start(alice, "First?", uuid4(), route).conversation for _ in range(rooms)]
        writers = Writer.claim([])
        places = {(it.pk, MEMBERS): Asked(Room(), [Position(0)] * readers, True) for it in conversations}
        take_turn(places, SECONDS)  # nobody is put off, however slow the machine
        for writer in writers:
            writer.pieces = words(1)
            writer.write()
        asked = {pk: Asked(it.room, [told.position for told in it.told], False) for pk, it in places.items()}
        counts[rooms, readers, "words"] = queries_of(asked)
        assert all(told.frame for share in asked.values() for told in share.told)
        asked = {pk: Asked(it.room, [told.position for told in it.told], True) for pk, it in asked.items()}
        counts[rooms, readers, "nothing new"] = queries_of(asked)
        for writer in writers:
            writer.end()
    assert {count for (_, _, what), count in counts.items() if what == "words"} == {1}
    assert {count for (_, _, what), count in counts.items() if what == "nothing new"} == {2}


def queries_of(asked: dict[Any, Asked]) -> int:
    with CaptureQueriesContext(connection) as queries:
        take_turn(asked, SECONDS)
    return len(queries)


def test_a_deed_costs_its_room_the_same_however_many_read(
    alice: User, route: Route, browser_of_alice: Client, conversation: Conversation
) -> None:
    counts = set()
    for readers in (1, 100):
        process = WebProcess(conversation)
        followers = [Follower(load(browser_of_alice, conversation)) for _ in range(readers)]
        for follower in followers:
            follower.connect()
        process.catch_up(followers)
        asking.rename(conversation, f"For {readers}")
        with CaptureQueriesContext(connection) as queries:
            told = process.turn(followers)
        counts.add(len(queries))
        assert len({id(it.frame) for it in told}) == 1
    assert len(counts) == 1
    assert counts.pop() <= 5


async def test_a_lost_hint_costs_a_second_never_a_word(desk: Desk) -> None:
    """The listening connection dies; what is said before it is back is found by looking."""
    async with feeding(poll_seconds=0.2) as feed:
        socket = desk.open(feed)
        await socket.until(lambda: socket.frames)
        await until_listening()
        for number in range(5):
            await sync_to_async(kill_listeners)()
            await desk.write(words(1, number))
            await socket.until_shown(f"word{number}.", 1.5)
        await until_listening()


def kill_listeners() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [listeners()])


async def test_a_busy_bus_does_not_keep_it_from_looking_behind_it(
    desk: Desk, alice: User, route: Route, browser_of_alice: Client, admission: Admission
) -> None:
    """Hints of one room come all the time; the hint of another was lost."""

    def quiet_room() -> Conversation:
        return asking.start(alice, "In another room?", uuid4(), route).conversation

    other = await sync_to_async(quiet_room)()
    page = await sync_to_async(load)(browser_of_alice, other)
    async with feeding(poll_seconds=0.3) as feed:
        busy, quiet = desk.open(feed), Socket(feed, page, other, admission)
        feed.join(quiet.reader)
        await quiet.until_told()
        await until_listening()
        await desk.write(words(1))
        await busy.until_shown("word0.")
        await sync_to_async(rename_unheard)(other)
        async with asyncio.timeout(3):
            for number in range(1, 1_000):
                await desk.write(words(1, number))
                await busy.until_shown(f"word{number}.")
                if quiet.page.html("title") == '<h1 id="title">Unheard</h1>':
                    break


def rename_unheard(conversation: Conversation) -> None:
    """As `rename` does, without a NOTIFY."""
    row = Conversation.objects.get(pk=conversation.pk)
    Conversation.objects.filter(pk=row.pk).update(seq=row.seq + 1, title="Unheard")


async def test_hints_of_another_version_or_of_nobody_are_passed_over(desk: Desk) -> None:
    async with feeding(poll_seconds=SELDOM) as feed:
        socket = desk.open(feed)
        await socket.until(lambda: socket.frames)
        await until_listening()
        await sync_to_async(notify)('{"v": 2, "x": [1]}')
        await sync_to_async(notify)(f'{{"g": [["{uuid4()}", 1]]}}')
        await desk.write(words(1))
        await socket.until_shown("word0.")


@pytest.mark.parametrize("nonsense", ["", "no json", "[]", '{"c": 1}', '{"g": [["x", 1]]}'])
async def test_a_hint_that_nobody_can_read_costs_nobody_the_bus(desk: Desk, nonsense: str) -> None:
    async with feeding(poll_seconds=SELDOM) as feed:
        socket = desk.open(feed)
        await socket.until(lambda: socket.frames)
        await until_listening()
        await sync_to_async(notify)(nonsense)
        await desk.write(words(1))
        await socket.until_shown("word0.")


def notify(payload: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('chat_feed', %s)", [payload])


async def test_a_reader_whose_socket_breaks_costs_the_others_nothing(desk: Desk) -> None:
    async with feeding(poll_seconds=0.2) as feed:

        async def broken(_: Any) -> None:
            raise ConnectionResetError

        sockets = [desk.open(feed) for _ in range(5)]
        feed.join(Reader(desk.conversation.pk, desk.admission, Position(0), broken, broken))
        for number in range(3):
            await desk.write(words(1, number))
            for socket in sockets:
                await socket.until_shown(f"word{number}.", 2.5)


async def test_who_is_signed_out_or_deactivated_is_closed_within_two_seconds(desk: Desk, alice: User) -> None:
    def other_session() -> Admission:
        client = Client()
        client.force_login(alice)
        return Admission(alice.pk, digest(client.session.session_key or ""), alice.get_session_auth_hash())

    gone = await sync_to_async(other_session)()
    async with feeding() as feed:
        stays, goes = desk.open(feed), Socket(feed, desk.open(feed).page, desk.conversation, gone)
        feed.join(goes.reader)
        await desk.write(words(1))
        await goes.until(lambda: goes.frames)
        await sync_to_async(Session.objects.filter(session_key=gone.session_key).delete)()
        await goes.until(lambda: goes.closed, 2)
        assert (goes.closed, stays.closed) == (SIGNED_OUT, None)
        await sync_to_async(User.objects.filter(pk=alice.pk).update)(is_active=False)
        await stays.until(lambda: stays.closed, 2)
        assert stays.closed == SIGNED_OUT


async def test_who_has_another_password_is_closed(desk: Desk, alice: User) -> None:
    async with feeding() as feed:
        socket = desk.open(feed)
        await socket.until(lambda: socket.frames)
        alice.set_password("another horse battery")
        await sync_to_async(alice.save)(update_fields=["password"])
        await socket.until(lambda: socket.closed, 2)
        assert socket.closed == SIGNED_OUT


async def test_a_deleted_conversation_is_closed_at_once(desk: Desk) -> None:
    async with feeding() as feed:
        sockets = [desk.open(feed) for _ in range(3)]
        for socket in sockets:
            await socket.until_told()
        await sync_to_async(asking.delete)(desk.conversation)
        for socket in sockets:
            await socket.until_closed()
            assert socket.closed == GONE


async def test_the_rights_of_all_readers_cost_two_queries(desk: Desk, admission: Admission) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            withdrawn([admission] * 100)
        return len(queries)

    assert await sync_to_async(count)() == 2
