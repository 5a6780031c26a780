"""What models do: from a claimed generation to its last event."""

from __future__ import annotations

import asyncio
import time

from asgiref.sync import sync_to_async

from conversations.models import Conversation, Generation, Message
from tests.conversations.conftest import working
from tests.upstream import Script, Upstream
from usage.models import Call


async def ended(generation: Generation, seconds: float = 10) -> Generation:
    """Wait until an answer has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await generation.arefresh_from_db()
        if not generation.is_live:
            return generation
        await asyncio.sleep(0.01)
    raise AssertionError(f"still {generation.state} after {seconds} s")


async def test_an_answer_is_written_whole_and_the_conversation_gets_a_title(
    upstream: Upstream, generation: Generation, conversation: Conversation
) -> None:
    upstream.play(Script.text("A monad", " is a **burrito**."))
    upstream.play(Script.text('"Monads, explained."'))
    async with working():
        await ended(generation)
        answer = await Message.objects.aget(generation=generation)
        assert answer.text == "A monad is a **burrito**."
        assert generation.state == "done"
        assert generation.finish_reason == "stop"
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and conversation.named_by != "model":
            await asyncio.sleep(0.01)
            await conversation.arefresh_from_db()
    assert conversation.title == "Monads, explained"
    calls = await sync_to_async(lambda: list(Call.objects.order_by("number").values_list("number", "purpose")))()
    assert calls == [(1, "answer"), (2, "title")]
