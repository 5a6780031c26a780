"""What a hostile model can make a page cost."""

from __future__ import annotations

from uuid import uuid4

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations import asking, events
from conversations.answering import LONGEST
from conversations.feed.reader import Position
from conversations.feed.turn import Asked, Room, take_turn
from conversations.models import Chunk, Conversation, Generation, Message
from conversations.showing import MEMBERS
from tests.conversations.conftest import working
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load
from tests.upstream import Script, Upstream
from tests.workers import has_ended

KINDS = (Chunk.Kind.REASONING, Chunk.Kind.TEXT)


def test_thinking_and_talking_by_turns_costs_no_more_than_what_is_said(
    browser_of_alice: Client, conversation: Conversation
) -> None:
    """Every change between the two sent the whole message again: 800 of them made 3 MB of 14 kB."""
    process, follower = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    follower.connect()
    [writer] = Writer.claim([(KINDS[number % 2], f"word{number}. ") for number in range(200)])
    sizes = []
    while writer.write():
        process.serve([follower])
        sizes.append(sum(map(len, follower.frames)))
    assert_same(follower.page, load(browser_of_alice, conversation))
    assert sizes[-1] - sizes[99] < 1.2 * (sizes[99] - sizes[9])
    writer.end()
    process.catch_up([follower])
    assert_same(follower.page, load(browser_of_alice, conversation))


async def test_an_answer_without_end_is_ended(upstream: Upstream, generation: Generation) -> None:
    piece = "for ever and ever " * 10_000
    upstream.play(Script().role().text_delta(*[piece] * 50).stall())
    async with working():
        await has_ended(generation)
    assert (generation.state, generation.error_code) == (Generation.State.INTERRUPTED, "too_long")
    message = await Message.objects.aget(pk=generation.message_id)
    assert LONGEST < len(message.text) < LONGEST + 2 * len(piece)


def test_pages_that_are_far_behind_do_not_hold_up_those_that_follow(
    browser_of_alice: Client, conversation: Conversation
) -> None:
    """A turn made the news of every made-up position first: ten sockets on a long conversation froze all streams."""
    [writer] = Writer.claim([(Chunk.Kind.TEXT, f"word{number}. ") for number in range(10)])
    for number in range(8):
        asking.rename(conversation, f"Title {number}")
    page, room = load(browser_of_alice, conversation), Room()
    follower = Follower(page, Position(page.cursor))
    late = [Follower(load(browser_of_alice, conversation), Position(seq)) for seq in range(page.cursor)]

    def turn(readers: list[Follower], *, is_more_to_do: bool = False) -> list[bool]:
        share = Asked(room, [it.position for it in readers if it.position], is_hinted=True)
        assert take_turn({(conversation.pk, MEMBERS): share}, seconds=0) or not is_more_to_do
        before = [len(it.frames) for it in readers]
        for it, told in zip(readers, share.told, strict=True):
            it.take(told)
        return [len(it.frames) > count for it, count in zip(readers, before, strict=True)]

    turn([follower])
    for number in range(len(late)):
        writer.write()
        was_told = turn([follower, *late[number:]], is_more_to_do=number < len(late) - 1)
        assert was_told[0], "the follower has to wait"
        assert sum(was_told[1:]) == 1
        late.sort(key=lambda it: not it.frames)
    writer.end()
    while any(turn([follower, *late])):
        pass
    fresh = load(browser_of_alice, conversation)
    for it in (follower, *late):
        assert_same(it.page, fresh)


def test_what_is_new_costs_the_same_however_much_was_said(transactional_db: None) -> None:
    """PostgreSQL read the logs of all answers that were being written, 9 ms for 65,000 flushes, in every turn."""
    ids = [uuid4() for _ in range(15)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO conversations_chunk (generation_id, seq, epoch, kind, text)"
            " SELECT id, seq, 1, 0, 'some words ' FROM unnest(%s::uuid[]) AS id, generate_series(1, 2000) AS seq",
            [ids],
        )
        cursor.execute("ANALYZE conversations_chunk")
    with CaptureQueriesContext(connection) as asked:
        new = events.since(dict.fromkeys(ids, 1999))
    assert sorted(event.generation_id for event in new) == sorted(ids)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked[0]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan, plan
