"""The worker: claims what was queued, writes hundreds of answers at once, reaps what others abandoned."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import Error as DatabaseError

from conversations import answering, asking, bus, chores, ending, mentioning, metrics
from conversations.answering import Answer
from conversations.crossing import Crossing
from conversations.log import Log
from conversations.models import Generation, Pulse
from conversations.tracing import trace
from providers.connections import Clients
from usage import alerting, reconciling, spending, totalling

logger = logging.getLogger(__name__)

CAPACITY = 400  # answers at once
POLL_SECONDS = 1.0  # behind the bus: a lost hint costs a second
SWEEP_SECONDS = 5.0
CHARGE_SECONDS = 60.0
ALERT_SECONDS = 10.0
MAIL_SECONDS = 10.0
TOTALS_SECONDS = 10.0  # what is not added up yet, each who looks at the spending of a month adds up
BALANCE_SECONDS = 60.0  # between two looks at which providers are to be asked for theirs
THREADS = 4  # into the database, for beginnings and endings, of which hundreds may be waiting


class Worker:
    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        self._cross = Crossing(THREADS, "worker")
        # Words that were said, and that this worker lives: behind hundreds of beginnings its leases would run out.
        self._cross_now = Crossing(2, "now")
        self._post = Crossing(1, "mail")  # a mail server that hangs must hold up nobody else
        self._log = Log(self._cross_now)
        self._clients = Clients()
        # By answer, not by generation: one may still give a title while another continues what it wrote.
        self._answers: dict[Answer, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._leaving = asyncio.Event()
        self._gone = False
        self._beaten_at = time.monotonic()
        # It may have come with the database: whoever is well has beaten by then.
        self._reaps_from = self._beaten_at + 2 * settings.HEARTBEAT_SECONDS

    def leave(self) -> None:
        """Claim nothing more; running answers get settings.GRACE_SECONDS. Told a second time: hand them on now."""
        if self._leaving.is_set():
            self._hand_back()
        self._leaving.set()
        logger.info("worker %s claims nothing more", self.name)
        self._wake.set()

    async def run(self) -> None:
        """Work until told to leave and the last answer has ended."""
        loops = [
            asyncio.create_task(bus.listen(bus.WORK, self._heard, self._wake.set)),
            asyncio.create_task(self._log.run()),
            asyncio.create_task(self._often(settings.HEARTBEAT_SECONDS, self._beat)),
            asyncio.create_task(self._often(settings.REAPER_SECONDS, self._reap)),
            asyncio.create_task(self._often(SWEEP_SECONDS, self._sweep)),
            asyncio.create_task(self._often(CHARGE_SECONDS, self._charge)),
            asyncio.create_task(self._often(TOTALS_SECONDS, self._add_up)),
            asyncio.create_task(self._often(BALANCE_SECONDS, self._reconcile)),
            asyncio.create_task(self._often(ALERT_SECONDS, self._alert)),
            asyncio.create_task(self._often(MAIL_SECONDS, self._mail)),
        ]
        for loop in loops:
            loop.add_done_callback(_must_go_on)
        await self._try(self._beat)
        logger.info("worker %s is ready", self.name)
        await self._claim_until_leaving()
        await asyncio.gather(self._try(self._end_pulse), self._finish())
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await self._try(self._end_pulse)  # a beat that was under way may have put it back
        await self._clients.close()
        self._cross.close()
        self._cross_now.close()
        self._post.close()

    def _heard(self, hint: dict[str, Any]) -> None:
        if "stop" in hint:
            if answer := self._written().get(UUID(hint["stop"])):
                answer.halt(answering.STOPPED)
        else:
            self._wake.set()

    def _written(self) -> dict[UUID, Answer]:
        """The answers that are being written, by generation."""
        return {answer.generation.pk: answer for answer in self._answers if answer.is_writing}

    async def _claim_until_leaving(self) -> None:
        while not self._leaving.is_set():
            self._wake.clear()
            try:
                while claimed := await self._claim():
                    for generation in claimed:
                        self._start(generation)
            except DatabaseError as error:
                logger.warning("nothing can be claimed: %s", type(error).__name__)
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _claim(self) -> list[Generation]:
        free = CAPACITY - len(self._answers)
        if free <= 0 or self._leaving.is_set():
            return []
        return await self._cross(Generation.objects.claim, self.name, min(free, 50))

    def _start(self, generation: Generation) -> None:
        answer = Answer(generation, self._log, self._clients, self._cross)
        older = self._written().get(generation.pk)
        if older:  # it was taken from us while we slept, and now we are given it anew
            older.halt(None)
        self._answers[answer] = asyncio.create_task(self._answer(answer, self._answers[older] if older else None))
        if self._gone:  # claimed while we were told to go
            answer.hand_back()

    async def _answer(self, answer: Answer, older: asyncio.Task[None] | None) -> None:
        trace(generation_id=answer.generation.pk, conversation_id=answer.generation.conversation_id)
        try:
            if older:
                await older  # the log has one writer of an answer
            await answer.run()
        except MemoryError as error:
            _end_now(error)
        except Exception:
            logger.exception("generation %s is left to the reaper", answer.generation.pk)
        finally:
            del self._answers[answer]
            self._wake.set()

    async def _often(self, seconds: float, deed: Any) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._try(deed)

    async def _try(self, deed: Any) -> None:
        try:
            await deed()
        except DatabaseError as error:
            logger.warning("%s has to wait: %s", deed.__name__, type(error).__name__)
        except MemoryError as error:
            _end_now(error)
        except Exception:  # the next turn may do better; without any, nobody would reap
            logger.exception("%s failed", deed.__name__)

    async def _beat(self) -> None:
        """Lengthen the leases, learn of stops whose hint was lost, and drop what is not ours any more."""
        answers = self._written()
        held = await self._cross_now(Generation.objects.beat, self.name, answers)
        for pk, answer in answers.items():
            if pk not in held:
                answer.halt(None)
            elif held[pk]:
                answer.halt(answering.STOPPED)
        if not self._leaving.is_set():
            await self._cross_now(Pulse.objects.beat, self.name)
        now = time.monotonic()
        if self._is_late():  # the others are, too, if it was the database that was away: they may beat first
            self._reaps_from = now + settings.LEASE_SECONDS
        self._beaten_at = now

    def _is_late(self) -> bool:
        """Whether beats failed: workers that are well may have lost their leases meanwhile."""
        return time.monotonic() - self._beaten_at > 2 * settings.HEARTBEAT_SECONDS

    async def _end_pulse(self) -> None:
        await self._cross(Pulse.objects.filter(pk=self.name).delete)

    async def _reap(self) -> None:
        if self._is_late() or time.monotonic() < self._reaps_from:
            return
        if reaped := await self._cross(ending.reap):
            metrics.REAPED.inc(reaped)
            logger.warning("took over %d answers whose worker was gone", reaped)

    async def _sweep(self) -> None:
        await self._cross(chores.sweep)
        await self._cross(asking.stop_unseen)  # whose group was changed: that tells nobody

    async def _charge(self) -> None:
        if charged := await self._cross(spending.charge_forgotten):
            logger.warning("charged %d calls that nobody told of", charged)
        if freed := await self._cross(chores.free_holds):
            logger.warning("freed %d holds of answers that are no more", freed)

    async def _add_up(self) -> None:
        while await self._cross(totalling.add_up) == totalling.BATCH:
            pass

    async def _reconcile(self) -> None:
        for provider in await self._cross(reconciling.due):
            if balances := await reconciling.read(provider, self._clients):
                await self._cross(reconciling.keep, provider, balances)

    async def _alert(self) -> None:
        await self._cross(alerting.look)

    async def _mail(self) -> None:
        for mail in (alerting.mail, mentioning.mail):
            if mailed := await self._post(mail):
                logger.info("mailed %d letters of %s", mailed, mail.__module__)

    async def _finish(self) -> None:
        """Let running answers end by themselves for a while, then hand on the rest at once, not after their lease."""
        if self._answers:
            await asyncio.wait(self._answers.values(), timeout=settings.GRACE_SECONDS)
        self._hand_back()
        if self._answers:
            await asyncio.wait(self._answers.values(), timeout=10)

    def _hand_back(self) -> None:
        self._gone = True
        for answer in self._answers:
            answer.hand_back()


def _must_go_on(loop: asyncio.Task[None]) -> None:
    """A worker that has lost one of its loops would keep its answers and write nothing."""
    if not loop.cancelled():
        _end_now(loop.exception())


def _end_now(error: BaseException | None) -> None:
    """End without another word: soon the leases run out, and the next worker goes on from the last stored ones.

    A process without memory, or without a part of itself, can't tidy up; whoever started it starts another.
    """
    with contextlib.suppress(MemoryError):
        logger.critical("this worker can't go on and ends", exc_info=error)
    os._exit(1)
