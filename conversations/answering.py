"""What models do: from a claimed generation to its last event.

begin → (call → deltas → events)* → end → a title, if there is none yet
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from catalog.models import LanguageModel
from conversations import bus, ending, markdown
from conversations.crossing import Crossing
from conversations.deeds import deed
from conversations.ending import Outcome
from conversations.log import Log, storable
from conversations.models import Chunk, Conversation, Generation
from conversations.prompting import naming_prompt, prompt
from providers import retrying
from providers.client import Clients, stream
from providers.deltas import Delta, Finished, Reasoning, Started, Text, Usage
from providers.errors import ProviderError
from providers.messages import ChatMessage, ChatRequest, Clocks, Effort, Endpoint, Secret
from usage import spending
from usage.models import Call

logger = logging.getLogger(__name__)

State = Generation.State

STOPPED = Outcome(State.STOPPED)
HANDED_BACK = Outcome(State.INTERRUPTED, "interrupted", ending.INTERRUPTED)
OVERFLOWED = Outcome(State.INTERRUPTED, "interrupted", "The database could not be reached. What was written is kept.")
BROKEN = Outcome(State.FAILED, "internal", "Something went wrong on our side. The administrator's log has the details.")
ENDLESS = Outcome(
    State.INTERRUPTED, "too_long", "The answer grew longer than any we can show. What was written is kept."
)
UNROUTED = Outcome(State.FAILED, "no_route", "The chosen model is not set up any more. Choose another and try again.")

LONGEST = 4_000_000  # characters of one answer, its reasoning too; the longest that a model is asked for is half of it
TITLE_TOKENS = 40
TITLE_SECONDS = 60.0
TITLE_CHARACTERS = 80
TITLE_READ = 2_000  # characters after which it is no title any more, and we hang up


@dataclass(frozen=True)
class Brief:
    """What a worker needs to know to write one answer."""

    model: LanguageModel
    endpoint: Endpoint
    request: ChatRequest


class Answer:
    """One claimed generation, being written. `run` it as a task; `halt` it from outside."""

    def __init__(self, generation: Generation, log: Log, clients: Clients, cross: Crossing) -> None:
        self.generation = generation
        self._log, self._clients, self._cross = log, clients, cross
        self._writing: asyncio.Task[Outcome] | None = None
        self._naming: asyncio.Task[None] | None = None
        self._halted = self._handed_back = False
        self._verdict: Outcome | None = None  # why it was halted; None: it is not ours any more
        self._brief: Brief | None = None
        self._spoke = False
        self._length = 0  # characters said
        self._ended = False
        self._facts: dict[str, Any] = {}

    @property
    def is_writing(self) -> bool:
        """Whether the generation may still be running; giving a title comes after its end."""
        return not self._ended

    def halt(self, verdict: Outcome | None) -> None:
        """Hang up upstream now and end as `verdict`; with None end nothing: somebody else did or will."""
        if self._halted:
            return
        self._halted, self._verdict = True, verdict
        if self._writing:
            self._writing.cancel()

    def hand_back(self) -> None:
        """The worker goes: end as interrupted now, and let the title be."""
        self._handed_back = True
        self.halt(HANDED_BACK)
        if self._naming:
            self._naming.cancel()

    async def run(self) -> None:
        """Write the answer to its end, whatever that is."""
        self._log.open(self.generation, lambda refused: self.halt(None if refused else OVERFLOWED))
        outcome = await self._written()
        await self._log.close(self.generation.pk)
        done = outcome is not None and await self._end(outcome) and outcome.state == State.DONE
        self._ended = True
        if done and not self._handed_back:
            self._naming = asyncio.create_task(self._name())
            with contextlib.suppress(asyncio.CancelledError):
                await self._naming

    async def _written(self) -> Outcome | None:
        self._writing = asyncio.create_task(self._write())
        if self._halted:  # before there was a task to cancel
            self._writing.cancel()
        try:
            return await self._writing
        except asyncio.CancelledError:
            return self._verdict
        except Exception:
            logger.exception("the answer of generation %s broke", self.generation.pk)
            return BROKEN

    async def _write(self) -> Outcome:
        begun = await self._cross.surely(begin, self.generation)
        if isinstance(begun, Outcome):
            return begun
        self._brief = begun
        waited, attempt = 0.0, 1
        while True:
            try:
                await self._call(self._brief)
            except ProviderError as error:
                delay = None if self._spoke else retrying.retry_delay(error, attempt, waited=waited)
                if delay is None:
                    return Outcome(State.FAILED, error.code, error.sentence)
                logger.info("generation %s: %s, trying again in %.1f s", self.generation.pk, error.code, delay)
                await asyncio.sleep(delay)
                waited, attempt = waited + delay, attempt + 1
            else:
                return Outcome(State.DONE)

    async def _call(self, brief: Brief) -> None:
        """One request, from its Call row to its last delta. Raises ProviderError."""
        await self._cross.surely(_open_call, self.generation, Call.Purpose.ANSWER, brief.model)
        async with contextlib.aclosing(self._stream(brief.endpoint, brief.request)) as deltas:
            async for delta in deltas:
                self._take(delta)

    def _stream(self, endpoint: Endpoint, request: ChatRequest) -> AsyncGenerator[Delta]:
        return stream(endpoint, request, clocks=Clocks(**settings.PROVIDER_CLOCKS), clients=self._clients)

    def _take(self, delta: Delta) -> None:
        match delta:
            case Text(text):
                self._say(Chunk.Kind.TEXT, text)
            case Reasoning(text):
                self._say(Chunk.Kind.REASONING, text)
            case Started(model, fingerprint, trace_id):
                self._facts |= {
                    "returned_model": storable(model)[:120],
                    "fingerprint": storable(fingerprint)[:200],
                    "trace_id": storable(trace_id)[:200],
                }
            case Usage():
                self._facts["usage"] = asdict(delta)
            case Finished(reason):
                self._facts["finish_reason"] = reason[:60]

    def _say(self, kind: Chunk.Kind, text: str) -> None:
        if not self._spoke:
            self._spoke = True
            self._facts["first_text_at"] = timezone.now()
        self._log.add(self.generation.pk, kind, text)
        self._length += len(text)
        if self._length > LONGEST:
            self.halt(ENDLESS)

    async def _end(self, outcome: Outcome) -> bool:
        """End it in the database, once that can be reached; by then the reaper may have been here."""
        outcome = replace(outcome, facts=self._facts)
        epoch = self.generation.epoch
        return await self._cross.surely(ending.end, self.generation, outcome, may=lambda row: row.epoch == epoch)

    async def _name(self) -> None:
        """Let the model give the conversation its title after the first answer. Without one the excerpt stays."""
        assert self._brief is not None  # it answered
        try:
            said = await self._cross(_to_be_named, self.generation)
            if not said:
                return
            request = replace(
                self._brief.request, messages=said, effort=Effort.OFF, max_tokens=TITLE_TOKENS, temperature=None
            )
            async with asyncio.timeout(TITLE_SECONDS):
                await self._cross(_open_call, self.generation, Call.Purpose.TITLE, self._brief.model)
                title = await self._whole_text(self._brief.endpoint, request)
            await self._cross(give_title, self.generation.conversation_id, title)
        except (ProviderError, TimeoutError, DatabaseError) as error:
            logger.info("no title for conversation %s: %s", self.generation.conversation_id, type(error).__name__)

    async def _whole_text(self, endpoint: Endpoint, request: ChatRequest) -> str:
        said = ""
        async with contextlib.aclosing(self._stream(endpoint, request)) as deltas:
            async for delta in deltas:
                said += delta.text if isinstance(delta, Text) else ""
                if len(said) > TITLE_READ:
                    break
        return said


def begin(generation: Generation) -> Brief | Outcome:
    """Tell the readers that the answer has begun, and gather what it needs. An Outcome if it is over already."""
    with transaction.atomic():
        conversation = Conversation.objects.locked().get(pk=generation.conversation_id)
        row = Generation.objects.select_related("message__parent", "route").get(pk=generation.pk)
        # Stopped between the claim and here, when the hint found nobody to tell; or reaped, had we to wait for long.
        if row.stop_requested or row.epoch != generation.epoch:
            return STOPPED
        row.message.changed_seq = conversation.step()
        row.message.save(update_fields=["changed_seq"])
        conversation.save(update_fields=["seq"])
        bus.tell_conversation(conversation.pk, conversation.seq)
    return _brief(row)


def _brief(generation: Generation) -> Brief | Outcome:
    route, question = generation.route, generation.message.parent
    if route is None or not route.is_ready or route.model is None:
        return UNROUTED
    assert question is not None  # an answer always stands below its question
    model = route.model
    request = ChatRequest(
        model=model.name,
        messages=prompt(question, model.context_tokens, model.output_tokens),
        effort=Effort(route.effort),
        max_tokens=model.output_tokens,
        user_id=_pseudonym(generation),
    )
    return Brief(model, _endpoint(model), request)


def _pseudonym(generation: Generation) -> str:
    """Who asks, for the provider's cache and its abuse checks: a keyed hash, never a name."""
    return salted_hmac("conversations.pseudonym", str(generation.member_id), algorithm="sha256").hexdigest()[:32]


def _endpoint(model: LanguageModel) -> Endpoint:
    provider = model.provider
    return Endpoint(provider.name, provider.dialect, provider.base_url, Secret(provider.key), provider.concurrency)


def _open_call(generation: Generation, purpose: str, model: LanguageModel) -> None:
    spending.open_call(generation.pk, generation.conversation_id, generation.member_id, purpose, model)


def _to_be_named(generation: Generation) -> tuple[ChatMessage, ...]:
    """What the model reads to give a title, or nothing when the conversation has one."""
    named = Conversation.objects.filter(
        pk=generation.conversation_id, named_by=Conversation.Named.EXCERPT, deleted_at=None
    )
    answer = generation.message
    answer.refresh_from_db(fields=["text"])
    if not named.exists() or answer.parent is None or not answer.text:
        return ()
    return naming_prompt(answer.parent.text, answer.text)


def give_title(conversation_id: UUID, title: str) -> None:
    """Replace the excerpt by the model's title, unless a member was quicker or the model said nothing."""
    title = _tidy(title)
    if not title:
        return
    with contextlib.suppress(Conversation.DoesNotExist), deed(Conversation(pk=conversation_id)) as conversation:
        if conversation.named_by == Conversation.Named.EXCERPT:
            conversation.title = title
            conversation.named_by = Conversation.Named.MODEL


def _tidy(title: str) -> str:
    """The first line, without the quotes, hashes and full stops that models put around a title.

    Nothing if nobody could see it, or if it is too long for a title: a small model has answered the question once more.
    """
    said = markdown.legible(storable(title))
    lines = [line.strip(" \t#*_`\"'“”«».。") for line in said.splitlines() if not line.startswith("```")]
    first = next((line for line in lines if any(it.isprintable() and not it.isspace() for it in line)), "")
    return first if len(first) <= TITLE_CHARACTERS else ""
