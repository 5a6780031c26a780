"""What models do: from a claimed generation to its last event.

begin → down the chain: (call → deltas → events)* → end → a title, if there is none yet
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from functools import partial
from uuid import uuid4

from django.utils.translation import gettext_noop

from catalog.sentences import NOBODY
from conversations import briefing, calling, crashing, ending, naming
from conversations.briefing import STOPPED, Brief
from conversations.calling import Candidate, OpenCall
from conversations.crossing import Crossing
from conversations.ending import HANDED_BACK, Outcome
from conversations.log import Log
from conversations.models import Chunk, Generation
from conversations.prompting import shortened
from conversations.seams import Seam
from providers.connections import Clients
from providers.deltas import Delta, Reasoning, Text
from providers.errors import (
    AccessDeniedError,
    ContextTooLongError,
    EmptyAnswerError,
    ImagesRefusedError,
    ModelMissingError,
    PrefixRefusedError,
    ProviderError,
)
from providers.messages import ChatRequest
from providers.repairs import repaired
from providers.retrying import FORGIVEN_ONCE, retry_delay
from usage.models import Call

logger = logging.getLogger(__name__)

State = Generation.State

OVERFLOWED = Outcome(
    State.INTERRUPTED,
    "interrupted",
    gettext_noop("The database could not be reached. What was written is kept."),
)
BROKEN = Outcome(
    State.FAILED,
    "internal",
    gettext_noop("Something went wrong on our side. The administrator's log has the details."),
)
ENDLESS = Outcome(
    State.INTERRUPTED,
    "too_long",
    gettext_noop("The answer grew longer than any we can show. What was written is kept."),
)

# What cut one answer has often cut many, and then their provider is left alone for a while: they wait for it. Seconds.
REST, REST_LOOK = 60.0, 2.0
LONGEST = 4_000_000  # characters of one answer, its reasoning too; the longest that a model is asked for is half of it

__all__ = ["STOPPED", "Answer"]


class Answer:
    """One claimed generation, being written. `run` it as a task; `halt` it from outside."""

    def __init__(self, generation: Generation, log: Log, clients: Clients, cross: Crossing) -> None:
        self.generation = generation
        self._epoch = generation.epoch  # ours; ending reads the row anew
        self._log, self._clients, self._cross = log, clients, cross
        self._writing: asyncio.Task[Outcome] | None = None
        self._naming: asyncio.Task[None] | None = None
        self._halted = self._handed_back = False
        self._verdict: Outcome | None = None  # why it was halted; None: it is not ours any more
        self._turn: Candidate | None = None  # whom the page names
        self._is_unnamed = False  # a title is still wanted
        self._opening: asyncio.Task[None] | None = None
        self._call: OpenCall | None = None  # the last one
        self._length = 0  # characters said
        self._thinking_since: float | None = None  # on the event loop's clock
        self._thought = 0.0  # seconds
        self._most = LONGEST
        self._ended = False

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
        """The worker goes: leave it to another now, or end as interrupted, and let the title be."""
        self._handed_back = True
        self.halt(HANDED_BACK)
        if self._naming:
            self._naming.cancel()

    async def run(self) -> None:
        """Write the answer to its end, whatever that is."""
        self._log.open(self.generation, lambda refused: self.halt(None if refused else OVERFLOWED))
        outcome = await self._written()
        await self._log.close(self.generation.pk)
        crashing.here("before-end")
        done = await self._end(outcome)
        self._ended = True
        if done and self._call and self._is_unnamed and not self._handed_back:
            self._naming = asyncio.create_task(
                naming.name(self.generation, self._call.candidate, self._cross, self._clients)
            )
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
        except calling.TakenError:
            return None
        except MemoryError:
            raise  # it is the worker that is at an end, not the answer
        except Exception:
            logger.exception("the answer of generation %s broke", self.generation.pk)
            return BROKEN

    async def _write(self) -> Outcome:
        """Down the chain, until one has answered, or has begun to, or refuses what all would refuse."""
        begun = await self._cross.surely(briefing.begin, self.generation)
        if isinstance(begun, Outcome):
            return begun
        self._most -= len(begun.said)
        # Not each attempt's: ten models that are tried ten times must not keep anybody waiting for a day.
        patience = asyncio.get_running_loop().time() + begun.left
        self._turn, self._is_unnamed = begun.first, begun.is_unnamed
        errors: list[ProviderError] = []
        for candidate in begun.candidates:
            try:
                await self._ask(candidate, begun)
            except ProviderError as error:
                errors.append(error)
                is_late = asyncio.get_running_loop().time() > patience
                if self._spoke or is_late or not _may_another_do_better(error):
                    break
            else:
                return Outcome(State.DONE)
        return replace(_failed(errors, begun), may_go_on=self._spoke and _is_interruption(errors[-1]))

    async def _ask(self, candidate: Candidate, brief: Brief) -> None:
        """As often as it may be asked. Raises the last ProviderError; after the first word, the only one."""
        request, waited, attempt = candidate.request, 0.0, 1
        while True:
            if self.generation.output_cap is not None:
                request = await self._cross.surely(calling.covered, self.generation, candidate, request)
            try:
                return await self._attempt(candidate, request, brief.said)
            except ProviderError as error:
                if self._spoke:
                    raise
                mended = _otherwise(request, error, candidate)
                if mended and (candidate.goes_on(mended) or not brief.is_resumed):
                    logger.info("generation %s: %s, asking otherwise", self.generation.pk, error.code)
                    request = mended
                    continue
                delay = _pause(error, candidate, brief, attempt, waited)
                if delay is None:
                    raise
                logger.info("generation %s: %s, trying again in %.1f s", self.generation.pk, error.code, delay)
                await asyncio.sleep(delay)
                waited, attempt = waited + delay, attempt + 1

    async def _attempt(self, candidate: Candidate, request: ChatRequest, said: str) -> None:
        """One request, from its turn to its last delta. Raises ProviderError."""
        must_join = request.prefix and not candidate.goes_on(request)
        try:
            await self._read(candidate, request, Seam(said if must_join else ""))
        except calling.RestingError:
            raise  # nobody was asked
        except ProviderError as error:
            if said and isinstance(error, EmptyAnswerError):
                return  # there was nothing left to say
            assert self._call is not None  # it was our turn
            await self._cross.surely(calling.fail_call, self._call, error)
            raise

    async def _on_turn(self, candidate: Candidate) -> None:
        """Write the Call, or be told that the provider is not to be asked: it may have failed while we waited."""
        # Not cancelled with us: a row that is just being written has to have its Reply as well.
        self._opening = asyncio.create_task(self._open(candidate))
        await asyncio.shield(self._opening)
        if candidate is not self._turn:
            self._turn = candidate
            await self._cross.surely(briefing.turn_to, self.generation, candidate)

    async def _open(self, candidate: Candidate) -> None:
        self._call = await self._cross.surely(
            calling.open_call, self.generation, uuid4(), Call.Purpose.ANSWER, candidate
        )

    async def _read(self, candidate: Candidate, request: ChatRequest, seam: Seam) -> None:
        answer = candidate.stream(
            request, self._clients, partial(self._on_turn, candidate), partial(self._log.next_flush, self.generation.pk)
        )
        async with contextlib.aclosing(answer) as deltas:
            async for delta in deltas:
                assert self._call is not None  # written before anything was sent
                if self._call.is_watched and isinstance(delta, Text | Reasoning):
                    await self._cross.surely(calling.has_begun, self._call)
                self._call.notice(delta)
                self._take(delta, seam)
        # Only now: of what is held back when it is broken off nobody knows if it was new, and nobody has seen it.
        self._say(Chunk.Kind.TEXT, seam.flush())

    def _take(self, delta: Delta, seam: Seam) -> None:
        match delta:
            case Text(text):
                self._has_thought()
                self._say(Chunk.Kind.TEXT, seam.take(text))
            case Reasoning(text):
                self._thinking_since = self._thinking_since or asyncio.get_running_loop().time()
                self._say(Chunk.Kind.REASONING, text)

    def _has_thought(self) -> None:
        if self._thinking_since is not None:
            self._thought += asyncio.get_running_loop().time() - self._thinking_since
            self._thinking_since = None

    def _say(self, kind: Chunk.Kind, text: str) -> None:
        self._log.add(self.generation.pk, kind, text)
        self._length += len(text)
        if self._length > self._most:
            self.halt(ENDLESS)

    @property
    def _spoke(self) -> bool:
        return self._length > 0

    async def _end(self, outcome: Outcome | None) -> bool:
        """Write down its end, once the database can be reached; by then the reaper may have been here.

        With None somebody has, and only the call is closed. Whether it is done, and by us.
        """
        if self._opening:
            await asyncio.gather(self._opening, return_exceptions=True)
        self._has_thought()
        return await self._cross.surely(
            _end, self.generation, self._epoch, outcome or HANDED_BACK, self._call, self._thought
        )


def _end(generation: Generation, epoch: int, outcome: Outcome, call: OpenCall | None, thought: float) -> bool:
    if call:
        calling.close_call(call, "" if outcome.state == State.DONE else outcome.error_code or str(outcome.state))
    facts = call.columns if call else {}
    if thought:
        facts["thought_ms"] = (generation.thought_ms or 0) + round(thought * 1000)
    ended = ending.end(generation, replace(outcome, facts=facts), may=lambda row: row.epoch == epoch)
    return ended and outcome.state == State.DONE


def _otherwise(request: ChatRequest, error: ProviderError, candidate: Candidate) -> ChatRequest | None:
    """Another way to ask for the same, if there is one that was not tried yet."""
    is_whole = request.messages is candidate.request.messages
    if isinstance(error, ContextTooLongError) and is_whole and (fewer := shortened(request.messages)):
        return replace(request, messages=fewer)
    return repaired(request, error)


def _pause(error: ProviderError, candidate: Candidate, brief: Brief, attempt: int, waited: float) -> float | None:
    """Seconds until it is asked again. None: it is not; but who goes on waits for the last one who could let it."""
    is_last_hope = brief.is_resumed and candidate is brief.candidates[-1]
    if is_last_hope and isinstance(error, calling.RestingError) and waited < REST:
        return REST_LOOK
    return retry_delay(error, attempt, waited=waited, attempts=candidate.attempts)


def _may_another_do_better(error: ProviderError) -> bool:
    """Whether the provider is at fault, or what its model can take. What all would refuse is asked of nobody else."""
    can_help = (
        calling.RestingError,
        calling.NoRoomError,
        AccessDeniedError,
        ContextTooLongError,
        ImagesRefusedError,
        ModelMissingError,
        PrefixRefusedError,
    )
    return error.retryable or error.is_fatal or isinstance(error, can_help)


def _is_interruption(error: ProviderError) -> bool:
    """In the middle of an answer: whether another attempt may get further. The model's own mistakes it would repeat."""
    return error.retryable and not isinstance(error, FORGIVEN_ONCE)


def _failed(errors: list[ProviderError], brief: Brief) -> Outcome:
    """One sentence, however many were asked; rather what went wrong than that somebody was not asked for it."""
    last = next((it for it in reversed(errors) if not isinstance(it, calling.RestingError)), errors[-1])
    if len(errors) == 1 or len(errors) < len(brief.candidates):
        return Outcome(State.FAILED, last.code, last.sentence)
    sentence = NOBODY % {"count": len(errors), "label": brief.label, "why": last.sentence}
    return Outcome(State.FAILED, "all_down", sentence)
