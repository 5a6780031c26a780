"""How long an answer thought: measured by its worker, from the first thought to the first word, and kept."""

from __future__ import annotations

from django.test import Client

from conversations.models import Conversation, Generation
from tests.conversations.conftest import working
from tests.upstream import Gate, Script, Upstream
from tests.workers import has_ended

PAUSE = 0.3  # seconds that it thinks at least


async def test_from_the_first_thought_to_the_first_word(upstream: Upstream, generation: Generation) -> None:
    gate = Gate()
    script = Script().role(reasoning=True).reasoning("Hm.").pause(PAUSE).text_delta("A monad").gate(gate).finish()
    upstream.play(script.done())
    async with working():
        await gate.reached()
        gate.open()
        await has_ended(generation)
    assert generation.thought_ms is not None
    assert generation.thought_ms >= PAUSE * 1000 * 0.9


async def test_one_that_did_not_think_has_no_time_for_it(upstream: Upstream, generation: Generation) -> None:
    upstream.play(Script.text("At once."))
    async with working():
        await has_ended(generation)
    assert generation.thought_ms is None


async def test_one_that_is_stopped_while_it_thinks_has_thought_until_then(
    upstream: Upstream, generation: Generation
) -> None:
    upstream.play(Script().role(reasoning=True).reasoning("Hm.").pause(PAUSE).cut())
    async with working():
        await has_ended(generation)
    assert generation.thought_ms is not None
    assert generation.thought_ms >= PAUSE * 1000 * 0.9


def test_the_page_says_it_once_it_has_ended(
    browser_of_alice: Client, conversation: Conversation, generation: Generation
) -> None:
    here = conversation.get_absolute_url()
    generation.message.reasoning = "Hm."
    generation.message.save(update_fields=["reasoning"])
    for milliseconds, said in ((None, ""), (0, "1 s"), (400, "1 s"), (12_400, "12 s")):
        Generation.objects.filter(pk=generation.pk).update(
            thought_ms=milliseconds, state="done", ended_at="2026-01-01T00:00Z"
        )
        assert f'<span class="seconds">{said}</span>' in browser_of_alice.get(here).content.decode()
