"""What a worker needs to know to write an answer: which models may, in which order, and what each is asked."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import prefetch_related_objects
from django.utils.crypto import salted_hmac

from catalog.models import Step
from conversations import bus
from conversations.calling import Candidate
from conversations.ending import Outcome
from conversations.models import Conversation, Generation, Message
from conversations.parameters import Parameters
from conversations.prompting import Told, prompt
from providers.messages import ChatMessage, ChatRequest, Clocks, Effort, Format

STOPPED = Outcome(Generation.State.STOPPED)
UNROUTED = Outcome(
    Generation.State.FAILED, "no_route", "The chosen model is not set up any more. Choose another and try again."
)


@dataclass(frozen=True)
class Brief:
    """The chain, best first, and the words that the answer goes on from: "" for a new one."""

    label: str
    candidates: tuple[Candidate, ...]
    said: str


def begin(generation: Generation) -> Brief | Outcome:
    """Tell the readers that the answer has begun, and gather what it needs. An Outcome if it is over already."""
    with transaction.atomic():
        conversation = Conversation.objects.locked().get(pk=generation.conversation_id)
        row = Generation.objects.select_related("message__parent__conversation", "route").get(pk=generation.pk)
        # Stopped between the claim and here, when the hint found nobody to tell; or reaped, had we to wait for long.
        if row.stop_requested or row.epoch != generation.epoch:
            return STOPPED
        _tell(conversation, row.message)
    return _brief(row)


def turn_to(generation: Generation, candidate: Candidate) -> None:
    """The next one of the chain has its turn; the answer will say so."""
    with transaction.atomic():
        conversation = Conversation.objects.locked().get(pk=generation.conversation_id)
        mine = Generation.objects.filter(pk=generation.pk, epoch=generation.epoch)
        mine.update(provider=candidate.endpoint.name, model=candidate.model.name, is_fallback=True)
        _tell(conversation, generation.message)


def _tell(conversation: Conversation, message: Message) -> None:
    message.changed_seq = conversation.step()
    message.save(update_fields=["changed_seq"])
    conversation.save(update_fields=["seq"])
    bus.tell_conversation(conversation.pk, conversation.seq)


def _brief(generation: Generation) -> Brief | Outcome:
    prefetch_related_objects([generation], "route__steps__model__provider")
    route, question = generation.route, generation.message.parent
    assert question is not None  # an answer always stands below its question
    steps = route.ready_steps if route and route.enabled else []
    if route is None or not steps:
        return UNROUTED
    told = Told(question)
    candidates = tuple(_candidate(generation, step, told) for step in steps)
    return Brief(route.label, candidates, generation.message.text)


def _candidate(generation: Generation, step: Step, told: Told) -> Candidate:
    model, clocks = step.model, Clocks(**settings.PROVIDER_CLOCKS)
    if step.timeout:
        clocks = Clocks(clocks.connect, min(clocks.first_event, step.timeout), clocks.idle, clocks.total)
    return Candidate(model, model.provider.endpoint, _request(generation, step, told), clocks, step.attempts)


def _request(generation: Generation, step: Step, told: Told) -> ChatRequest:
    model, answer, asked = step.model, generation.message, Parameters.stored(generation.parameters)
    goes_on = bool(answer.text or answer.reasoning)
    begun = ChatMessage("assistant", answer.text, reasoning=answer.reasoning) if goes_on else None
    return ChatRequest(
        model=model.name,
        messages=prompt(
            told,
            model.context_tokens,
            model.output_tokens,
            step.route.instructions,
            begun,
            sees=model.sees,
        ),
        effort=Effort(asked.effort or step.route.effort),
        max_tokens=asked.max_tokens or model.output_tokens,
        output_limit=model.output_tokens,
        temperature=step.temperature if asked.temperature is None else asked.temperature,
        top_p=asked.top_p,
        stop=asked.stop,
        format=Format(asked.format or Format.TEXT),
        user_id=_pseudonym(generation),
        prefix=goes_on,
        abilities=model.abilities,
        starts_thinking=model.opens_thinking,
    )


def _pseudonym(generation: Generation) -> str:
    """Who asks, for the provider's cache and its abuse checks: a keyed hash, never a name."""
    return salted_hmac("conversations.pseudonym", str(generation.member_id), algorithm="sha256").hexdigest()[:32]
