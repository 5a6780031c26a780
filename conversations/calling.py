"""One request to a provider: let through by its circuit, written down before it is sent, and when it has ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils import timezone

from catalog import circuits
from catalog.models import LanguageModel
from conversations.log import storable
from conversations.models import Generation
from providers.client import Clients, stream
from providers.deltas import Delta, Finished, Reasoning, Started, Text, Usage
from providers.errors import ProviderError, UnavailableError
from providers.messages import ChatRequest, Clocks, Endpoint
from usage import spending
from usage.models import Call


@dataclass(frozen=True)
class Candidate:
    """A model that may answer, and all that is needed to ask it."""

    model: LanguageModel
    endpoint: Endpoint
    request: ChatRequest
    clocks: Clocks
    attempts: int

    def stream(self, request: ChatRequest, clients: Clients) -> AsyncGenerator[Delta]:
        return stream(self.endpoint, request, clocks=self.clocks, clients=clients)


@dataclass
class OpenCall:
    """A request under way, and what is known of its answer so far: columns of usage.Reply, and of Generation."""

    row: Call
    candidate: Candidate
    is_watched: bool  # by the provider's circuit, which wants to hear of its first word
    facts: dict[str, Any] = field(default_factory=dict)

    def notice(self, delta: Delta) -> None:
        match delta:
            case Text() | Reasoning():
                if "first_text_at" not in self.facts:
                    self.facts["first_text_at"] = timezone.now()
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


class RestingError(UnavailableError):
    """The provider's circuit is open: it is not asked at all."""

    code = "resting"
    retryable = False
    sentence = "The provider has failed several times, so we leave it alone for a moment. Try again soon."


def open_call(generation: Generation, purpose: str, candidate: Candidate) -> OpenCall:
    """Write down that we are about to ask. Raises RestingError instead while the provider's circuit is open."""
    leave = circuits.may_call(candidate.model.provider_id)
    if not leave:
        raise RestingError
    row = spending.open_call(generation.pk, generation.conversation_id, generation.member_id, purpose, candidate.model)
    return OpenCall(row, candidate, is_watched=leave is circuits.Leave.WATCHED)


def has_begun(call: OpenCall) -> None:
    """The provider answers again."""
    call.is_watched = False
    circuits.succeeded(call.candidate.model.provider_id)


def close_call(call: OpenCall, error_code: str = "") -> None:
    """Write down how it ended; a code of ours, or none when the answer was whole."""
    spending.close_call(call.row, error_code=error_code, **call.facts)


def fail_call(call: OpenCall, error: ProviderError) -> None:
    """Write down what went wrong, and let the circuit know."""
    if error.trace_id:
        call.facts["trace_id"] = storable(error.trace_id)[:200]
    close_call(call, error.code)
    if error.retryable or error.is_fatal:
        circuits.failed(call.candidate.model.provider_id, error.code, at_once=error.is_fatal)
