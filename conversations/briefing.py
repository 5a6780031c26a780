"""What a worker needs to know to write an answer: which models may, in which order, and what each is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_noop

from catalog.models import Route, Step
from catalog.rules import permits_of
from conversations import seams
from conversations.calling import Candidate
from conversations.deeds import show_anew
from conversations.ending import Outcome
from conversations.models import Conversation, Generation, Message
from conversations.parameters import Parameters
from conversations.prompting import Told, prompt
from providers.messages import ChatRequest, Clocks, Effort, Format

STOPPED = Outcome(Generation.State.STOPPED)
UNROUTED = Outcome(
    Generation.State.FAILED,
    "no_route",
    gettext_noop("The chosen model is not set up any more. Choose another and try again."),
)
NOT_PERMITTED = Outcome(
    Generation.State.FAILED,
    "not_permitted",
    gettext_noop("The chosen model is not open to its asker any more. Choose another and try again."),
)
UNPRICED = Outcome(
    Generation.State.FAILED,
    "unpriced",
    gettext_noop("The chosen model has no price, so it can't be used. An administrator can enter one."),
)
NOT_RESUMED = Outcome(
    Generation.State.INTERRUPTED,
    "interrupted",
    gettext_noop("The answer was interrupted and could not go on by itself. What was written is kept."),
)


@dataclass(frozen=True)
class Brief:
    """The chain, best first, and the words that the answer goes on from: "" for a new one.

    first: whom the page names unless it is told otherwise. left: seconds until the answer has taken too long.
    is_resumed: it goes on by itself, so only with those who truly do. is_unnamed: the conversation has no title yet.
    """

    label: str
    candidates: tuple[Candidate, ...]
    said: str
    first: Candidate
    left: float
    is_resumed: bool
    is_unnamed: bool


def begin(generation: Generation) -> Brief | Outcome:
    """Tell the readers that the answer has begun, and gather what it needs. An Outcome if it is over already."""
    with transaction.atomic():
        show_anew(generation.conversation_id, generation.message_id)
        # Stopped between the claim and here, when the hint found nobody to tell; or reaped, had we to wait for long.
        if not Generation.objects.filter(pk=generation.pk, epoch=generation.epoch, stop_requested=False).exists():
            transaction.set_rollback(True)
            return STOPPED
        generation.message = Message.objects.select_related("parent__conversation").get(pk=generation.message_id)
    return _brief(generation, settings.PROVIDER_CLOCKS["total"] - generation.age.total_seconds())


def turn_to(generation: Generation, candidate: Candidate) -> None:
    """The next one of the chain has its turn; the answer will say so."""
    with transaction.atomic():
        show_anew(generation.conversation_id, generation.message_id)
        mine = Generation.objects.filter(pk=generation.pk, epoch=generation.epoch)
        mine.update(provider=candidate.endpoint.name, model=candidate.model.name, is_fallback=True)


def _brief(generation: Generation, left: float) -> Brief | Outcome:
    route, question = Route.objects.found(generation.route_id), generation.message.parent
    assert question is not None  # an answer always stands below its question
    if route:
        route.permits = permits_of(generation.member_id)
        if not route.is_permitted:
            return NOT_PERMITTED
    steps = route.ready_steps if route and route.enabled else []
    if route is None or not steps:
        return UNROUTED
    if not (steps := route.steps_at(timezone.now())):
        return UNPRICED
    told = Told(question, max(step.model.context_tokens for step in steps))
    chain = tuple(_candidate(generation, step, told, left) for step in steps)
    candidates = tuple(it for it in chain if it.goes_on(it.request)) if generation.is_resumed else chain
    if not candidates or left <= 0:
        return NOT_RESUMED
    is_unnamed = question.conversation.named_by == Conversation.Named.EXCERPT
    return Brief(route.label, candidates, generation.message.text, chain[0], left, generation.is_resumed, is_unnamed)


def _candidate(generation: Generation, step: Step, told: Told, left: float) -> Candidate:
    model, clocks = step.model, replace(Clocks(**settings.PROVIDER_CLOCKS), total=left)
    if step.timeout:
        clocks = replace(clocks, first_event=min(clocks.first_event, step.timeout))
    return Candidate(model, model.provider.endpoint, _request(generation, step, told), clocks, step.attempts)


def _request(generation: Generation, step: Step, told: Told) -> ChatRequest:
    model, answer, asked = step.model, generation.message, Parameters.stored(generation.parameters)
    begun = seams.begun(answer) if answer.text or answer.reasoning else None
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
        max_tokens=min(asked.max_tokens or model.output_tokens, generation.output_cap or model.output_tokens),
        output_limit=model.output_tokens,
        temperature=step.temperature if asked.temperature is None else asked.temperature,
        top_p=asked.top_p,
        stop=asked.stop,
        format=Format(asked.format or Format.TEXT),
        user_id=_pseudonym(generation),
        prefix=begun is not None,
        abilities=model.abilities,
        starts_thinking=model.opens_thinking,
    )


def _pseudonym(generation: Generation) -> str:
    """Who asks, for the provider's cache and its abuse checks: a keyed hash, never a name."""
    return salted_hmac("conversations.pseudonym", str(generation.member_id), algorithm="sha256").hexdigest()[:32]
