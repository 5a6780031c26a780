"""How a generation ends: once, whoever ends it (the worker, a stop while queued, the reaper).

Or does not end yet: what was interrupted is handed on to the next worker, where that costs nobody a second answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from conversations import bus, crashing, events, metrics, seams
from conversations.models import Conversation, Generation, Message
from usage import holding, spending

State = Generation.State

COLUMNS = ["state", "error_code", "error", "epoch", "lease_until", "ended_at", "folded_seq", "deaths"]

INTERRUPTED = gettext_noop("The answer was interrupted: its worker stopped. What was written is kept.")
CUT_OFF = gettext_noop(
    "The answer was interrupted: it was being written when the backup was made. What was written by then is kept."
)
MOST_DEATHS = 1  # an answer that a second worker dies of is at an end: it may be the answer that kills them


@dataclass(frozen=True)
class Outcome:
    """How it went: a final state, and in words if it went wrong. Unless it may, and can, go on instead."""

    state: State
    error_code: str = ""
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)  # columns of Generation: finish_reason, returned_model, …
    may_go_on: bool = False  # it was interrupted
    is_death: bool = False  # its worker died
    is_unheard: bool = False  # nobody is left to tell what became of its calls


RESTORED = Outcome(State.INTERRUPTED, "interrupted", CUT_OFF, is_unheard=True)
HANDED_BACK = Outcome(State.INTERRUPTED, "interrupted", INTERRUPTED, may_go_on=True)
ABANDONED = Outcome(State.INTERRUPTED, "interrupted", INTERRUPTED, may_go_on=True, is_death=True, is_unheard=True)


def end(generation: Generation, outcome: Outcome, *, may: Callable[[Generation], bool]) -> bool:
    """Fold the log into the message and close the generation, or hand it on.

    False if `may`, asked under the lock, says no. Both step the epoch, so whoever still writes is refused from then on.
    """
    with transaction.atomic():
        conversation = Conversation.objects.locked().get(pk=generation.conversation_id)
        generation.lock()
        if not generation.is_live or not may(generation):
            return False
        message, said = _fold(generation, conversation)
        if outcome.is_unheard:
            spending.charge_abandoned(generation.pk, *said)
        for name, value in outcome.facts.items():
            setattr(generation, name, value)
        if not _hand_on(generation, message, outcome):
            _close(generation, outcome)
        conversation.save(update_fields=["seq"])
        bus.tell_conversation(conversation.pk, conversation.seq, is_listed_anew=conversation.is_shared)
        bus.tell_workers()  # this one, or the next question of this conversation, may be waiting
        crashing.here("inside-end")
    return True


def _fold(generation: Generation, conversation: Conversation) -> tuple[Message, tuple[str, str]]:
    """The message, and what was said and thought since it was last folded."""
    message = Message.objects.get(pk=generation.message_id)  # its words as of now, with the lock held
    text, reasoning, generation.folded_seq = events.beyond(generation)
    message.text += text
    message.reasoning += reasoning
    message.changed_seq = conversation.step()
    message.save(update_fields=["text", "reasoning", "changed_seq"])
    return message, (text, reasoning)


def _hand_on(generation: Generation, message: Message, outcome: Outcome) -> bool:
    """Queue it again, if that is right: whether it was.

    A second call costs money and gives another text, so it goes on where nobody is at work on it yet; and from the
    stored words where a model truly does that, once.
    """
    generation.deaths += outcome.is_death
    if not outcome.may_go_on or generation.stop_requested or generation.deaths > MOST_DEATHS:
        return False
    if generation.is_unasked:
        generation.started_at = generation.started_at if generation.is_resumed else None
    elif generation.is_resumed or not seams.can_be_spared(generation, message):
        return False
    else:
        generation.resumed_from = generation.folded_seq
        metrics.RESUMED.inc()
    generation.hand_on(*outcome.facts)
    return True


def _close(generation: Generation, outcome: Outcome) -> None:
    if generation.output_cap is not None:
        holding.free(generation.pk)
    is_stop = outcome.may_go_on and generation.stop_requested  # a member's word, whatever broke meanwhile
    generation.state = State.STOPPED if is_stop else outcome.state
    generation.error_code = "" if is_stop else outcome.error_code
    generation.error = "" if is_stop else outcome.error
    generation.epoch += 1  # whoever still writes is refused from here on
    generation.lease_until = None
    generation.ended_at = Now()  # the database's clock
    generation.save(update_fields=[*COLUMNS, *outcome.facts])


def reap(limit: int = 50) -> int:
    """Hand on what its worker abandoned, or end it. Any worker may call it, any number at once; how many there were."""
    abandoned = Generation.objects.abandoned().order_by("pk")[:limit]
    return sum(end(generation, ABANDONED, may=_is_abandoned) for generation in abandoned)


def _is_abandoned(generation: Generation) -> bool:
    """Still so under the lock: a worker that was only slow may have lengthened its lease meanwhile."""
    return Generation.objects.abandoned().filter(pk=generation.pk).exists()


def end_restored() -> int:
    """End all that a backup holds as queued or running, before any worker comes; how many there were.

    Nothing of it goes on by itself: what it would be, or was, answered meanwhile is not in the backup.
    """
    live = list(Generation.objects.live().order_by("pk"))
    return sum(end(generation, RESTORED, may=lambda _: True) for generation in live)
