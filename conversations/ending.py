"""How a generation ends: once, whoever ends it (the worker, a stop while queued, the reaper)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from conversations import bus, events
from conversations.models import Conversation, Generation, Message

State = Generation.State

COLUMNS = ["state", "error_code", "error", "epoch", "lease_until", "ended_at", "folded_seq"]

INTERRUPTED = "The answer was interrupted: its worker stopped. What was written is kept."


@dataclass(frozen=True)
class Outcome:
    """How it went: a final state, and in words if it went wrong."""

    state: State
    error_code: str = ""
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)  # columns of Generation: finish_reason, returned_model, …


def end(generation: Generation, outcome: Outcome, *, may: Callable[[Generation], bool]) -> bool:
    """Fold the log into the message and close the generation. False if `may`, asked under the lock, says no.

    Closing steps the epoch, so whoever still writes is refused from then on.
    """
    with transaction.atomic():
        conversation = Conversation.objects.locked().get(pk=generation.conversation_id)
        generation.lock()
        if not generation.is_live or not may(generation):
            return False
        _fold(generation, conversation)
        _close(generation, outcome)
        conversation.save(update_fields=["seq"])
        bus.tell_conversation(conversation.pk, conversation.seq)
        bus.tell_workers()  # the next question of this conversation may be waiting
    return True


def _fold(generation: Generation, conversation: Conversation) -> None:
    message = Message.objects.get(pk=generation.message_id)  # its words as of now, with the lock held
    text, reasoning, generation.folded_seq = events.beyond(generation)
    message.text += text
    message.reasoning += reasoning
    message.changed_seq = conversation.step()
    message.save(update_fields=["text", "reasoning", "changed_seq"])


def _close(generation: Generation, outcome: Outcome) -> None:
    generation.state = outcome.state
    generation.error_code = outcome.error_code
    generation.error = outcome.error
    generation.epoch += 1  # whoever still writes is refused from here on
    generation.lease_until = None
    generation.ended_at = Now()  # the database's clock
    for name, value in outcome.facts.items():
        setattr(generation, name, value)
    generation.save(update_fields=[*COLUMNS, *outcome.facts])


def reap(limit: int = 50) -> int:
    """End what its worker abandoned. Any worker may call it, any number at once; how many it ended.

    The text is kept and nothing is asked again by itself: a second call costs money and gives another text.
    """
    abandoned = Generation.objects.abandoned().order_by("pk")[:limit]
    return sum(end(generation, _abandoned(generation), may=_is_abandoned) for generation in abandoned)


def _abandoned(generation: Generation) -> Outcome:
    if generation.stop_requested:
        return Outcome(State.STOPPED)
    return Outcome(State.INTERRUPTED, "interrupted", INTERRUPTED)


def _is_abandoned(generation: Generation) -> bool:
    """Still so under the lock: a worker that was only slow may have lengthened its lease meanwhile."""
    return Generation.objects.abandoned().filter(pk=generation.pk).exists()
