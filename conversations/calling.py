"""One request to a provider: let through by its circuit, written down before it is sent, and when it has ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from catalog import circuits
from catalog.choosing import estimated_tokens
from catalog.models import LanguageModel
from conversations import crashing
from conversations.deeds import show_anew
from conversations.log import storable
from conversations.models import Conversation, Generation, Message
from conversations.models.attachment import IMAGE_TOKENS
from conversations.prompting import AROUND
from providers.client import Gather, OnTurn, stream
from providers.connections import Clients
from providers.deltas import Delta, Finished, Reasoning, Started, Text, Usage
from providers.dialects import DIALECTS
from providers.errors import ProviderError, RefusedError, UnavailableError
from providers.messages import ChatRequest, Clocks, Endpoint
from providers.requests import goes_on
from providers.retrying import FORGIVEN_ONCE
from usage import holding, spending
from usage.errors import LimitReachedError
from usage.models import Call, Charge
from usage.tokens import Tokens, count


@dataclass(frozen=True)
class Candidate:
    """A model that may answer, and all that is needed to ask it."""

    model: LanguageModel
    endpoint: Endpoint
    request: ChatRequest
    clocks: Clocks
    attempts: int

    @property
    def prompt_tokens(self) -> int:
        """Estimated from above: it is not sent yet, and may be held back for."""
        messages = self.request.messages
        images = sum(len(it.images) for it in messages)
        return sum(estimated_tokens(it.content) + AROUND for it in messages) + images * IMAGE_TOKENS

    def stream(
        self, request: ChatRequest, clients: Clients, on_turn: OnTurn | None = None, gather: Gather | None = None
    ) -> AsyncGenerator[Delta]:
        return stream(self.endpoint, request, clocks=self.clocks, clients=clients, on_turn=on_turn, gather=gather)

    def goes_on(self, request: ChatRequest) -> bool:
        """Whether its answer would truly begin at the last character of what was said before."""
        return goes_on(DIALECTS[self.endpoint.dialect], request)


# Columns of usage.Reply, and of Generation.
UNKNOWN: dict[str, Any] = {
    "first_text_at": None,
    "returned_model": "",
    "fingerprint": "",
    "trace_id": "",
    "finish_reason": "",
    "usage": None,
}


@dataclass
class OpenCall:
    """A request under way, and what is known of its answer so far."""

    row: Call
    epoch: int  # of the generation
    candidate: Candidate
    is_watched: bool  # by the provider's circuit, which wants to hear of its first word
    facts: dict[str, Any] = field(default_factory=lambda: {**UNKNOWN})
    said: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)

    def notice(self, delta: Delta) -> None:
        match delta:
            case Text(text) | Reasoning(text):
                self.facts["first_text_at"] = self.facts["first_text_at"] or timezone.now()
                (self.said if isinstance(delta, Text) else self.thought).append(text)
            case Started(model, fingerprint, trace_id):
                self.facts |= {
                    "returned_model": storable(model)[:120],
                    "fingerprint": storable(fingerprint)[:200],
                    "trace_id": storable(trace_id)[:200],
                }
            case Usage():
                self.facts["usage"] = asdict(delta)
            case Finished(reason):
                self.facts["finish_reason"] = reason[:60]

    @property
    def columns(self) -> dict[str, Any]:
        """What a Generation keeps of it, and nothing of the one before it."""
        return {"provider": self.row.provider, "model": self.row.model, **self.facts}

    def tokens(self) -> Tokens:
        """As its provider counted them; without, or without a count that can be believed, as we estimate them."""
        counted = Tokens.counted(self.facts["usage"], self.candidate.model.context_tokens)
        if counted:
            return counted
        prompt = self.candidate.request.messages
        read = count("\n".join(it.content for it in prompt)) + sum(IMAGE_TOKENS * len(it.images) for it in prompt)
        return Tokens.estimated(read + AROUND * len(prompt), "".join(self.said), "".join(self.thought))


class RestingError(UnavailableError):
    """The provider's circuit is open: it is not asked at all."""

    code = "resting"
    retryable = False
    sentence = gettext_noop("The provider has failed several times, so we leave it alone for a moment. Try again soon.")


class NoRoomError(UnavailableError):
    """A limit of its member's has no room for it any more. Nobody is asked, and nobody is to blame."""

    code = "limit_reached"
    retryable = False


class TakenError(Exception):
    """The answer is not this worker's any more: it was taken for dead."""


def covered(generation: Generation, candidate: Candidate, request: ChatRequest) -> ChatRequest:
    """The request with as many tokens as its Hold is enough for, now and with this model.

    Raises NoRoomError, and TakenError for an answer that has ended: its Hold is freed, and a new one nobody would free.
    """
    wanted = request.max_tokens or candidate.model.output_tokens
    try:
        with transaction.atomic():
            if not Generation.objects.keep_claimed(generation):
                raise TakenError
            cap = holding.cover(generation.pk, generation.member_id, candidate.model, candidate.prompt_tokens, wanted)
    except LimitReachedError as error:
        raise NoRoomError(error.sentence) from None
    return replace(request, max_tokens=cap)


def open_call(
    generation: Generation, key: UUID, purpose: str, candidate: Candidate, hold: Callable[[], None] | None = None
) -> OpenCall:
    """Write down that we are about to ask, and with it, by `hold`, take what it may cost.

    Raises RestingError instead while the provider's circuit is open, and TakenError for an answer that has ended, or
    was given to another worker: two would be paid for it. And LimitReachedError, if `hold` does.
    """
    leave = circuits.may_call(candidate.model.provider_id)
    if not leave:
        raise RestingError
    if purpose == Call.Purpose.ANSWER and not Generation.objects.mark_asked(generation):
        if leave is circuits.Leave.WATCHED:
            circuits.let_go(candidate.model.provider_id)
        raise TakenError
    try:
        row = spending.open_call(
            key,
            generation.pk,
            generation.conversation_id,
            generation.member_id,
            purpose,
            candidate.model,
            candidate.prompt_tokens,
            hold,
        )
    except LimitReachedError:
        if leave is circuits.Leave.WATCHED:
            circuits.let_go(candidate.model.provider_id)
        raise
    crashing.here("after-call")
    return OpenCall(row, generation.epoch, candidate, is_watched=leave is circuits.Leave.WATCHED)


def has_begun(call: OpenCall) -> None:
    """The provider answers again."""
    call.is_watched = False
    circuits.succeeded(call.candidate.model.provider_id)


def close_call(call: OpenCall, error_code: str = "", *, is_refused: bool = False) -> None:
    """Write down how it ended and what it cost: a code of ours, or none when the answer was whole.

    Told twice, the first stands. `is_refused`: its provider did nothing for it.
    """
    tokens = Tokens() if is_refused else call.tokens()
    booked = spending.close_call(call.row, tokens, call.candidate.model, error_code=error_code, **call.facts)
    if booked and booked.kind == Charge.Kind.LATE:
        _show_what_it_cost(call.row)
    if call.is_watched:
        call.is_watched = False
        (circuits.let_go if error_code else circuits.succeeded)(call.candidate.model.provider_id)


def _show_what_it_cost(call: Call) -> None:
    """Its answer has ended without us, and pages show an estimate below it."""
    if message := Message.objects.filter(generation=call.generation_id).first():
        with suppress(Conversation.DoesNotExist), transaction.atomic():
            show_anew(message.conversation_id, message.pk)


def fail_call(call: OpenCall, error: ProviderError) -> None:
    """Write down what went wrong, and let the circuit know."""
    call.facts["trace_id"] = storable(error.trace_id)[:200] or call.facts["trace_id"]
    is_the_providers_fault = error.is_fatal or (error.retryable and not isinstance(error, FORGIVEN_ONCE))
    if is_the_providers_fault:
        call.is_watched = False
    is_refused = isinstance(error, RefusedError | UnavailableError) and not call.facts["first_text_at"]
    close_call(call, error.code, is_refused=is_refused and call.facts["usage"] is None)
    if is_the_providers_fault:
        circuits.failed(call.candidate.model.provider_id, error.code, at_once=error.is_fatal)
    if not call.facts["first_text_at"]:  # it would be asked again, here or elsewhere
        Generation.objects.filter(pk=call.row.generation_id, epoch=call.epoch).update(is_unasked=True)
