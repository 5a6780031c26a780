"""What a hostile model can make a page cost."""

from __future__ import annotations

from django.test import Client

from conversations.models import Chunk, Conversation
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load

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
