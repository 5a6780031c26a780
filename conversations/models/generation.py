"""A generation: the one row at which asking and answering meet."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.calendars import clock
from conversations.models.heirs import to_its_owner

QUEUED_ANEW = [
    "not_before",
    "state",
    "stop_requested",
    "is_fallback",
    "ended_at",
    "error_code",
    "error",
    "finish_reason",
]
TRIES = ["started_at", "resumed_from", "deaths"]

# Answers of one member, in as many conversations, unless a usage.AtOnce says otherwise: more than anybody watches.
# Without an end one member and one slow provider could take all the places of all workers.
MOST_AT_ONCE = 20
MOMENT = timedelta(seconds=1.5)  # a question that waits for longer is told its place in the queue


class GenerationQuerySet(models.QuerySet["Generation"]):
    def live(self) -> GenerationQuerySet:
        """Queued or running: something will still be said."""
        return self.filter(state__in=Generation.LIVE)

    def waiting(self) -> GenerationQuerySet:
        """For the cheap hours: their member said so, and they have not come."""
        return self.filter(state=Generation.State.QUEUED, off_peak_zone__gt="", not_before__gt=Now())

    def at_work(self) -> GenerationQuerySet:
        """Live and not waiting for hours: being written, or next in the queue."""
        return self.live().filter(~Q(state=Generation.State.QUEUED) | Q(off_peak_zone="") | Q(not_before__lte=Now()))

    def claim(self, owner: str, limit: int) -> list[Generation]:
        """Take up to `limit` queued generations for a worker, each under a new epoch and a lease.

        One at a time per conversation, oldest first, so that a question is answered with the answer before it in
        sight; members take turns, and none has more running than they may have at once, nor all together.
        SKIP LOCKED: two workers never wait for, nor take, the same row.
        """
        values = {"owner": owner, "limit": limit, "lease": settings.LEASE_SECONDS, "most": MOST_AT_ONCE}
        return list(self.raw(_CLAIM, values))

    def places(self, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
        """Which numbers in the queue these have, as it would be claimed now to its end: the first is 1.

        Those that wait for an hour, or for an answer of their own conversation, have none.
        """
        with connection.cursor() as cursor:
            cursor.execute(_PLACES, {"ids": list(ids)})
            return dict(cursor.fetchall())

    def beat(self, owner: str, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, bool]:
        """Lengthen a worker's leases. The ids it still holds, each with whether a stop was asked for."""
        mine = self.filter(pk__in=list(ids), owner=owner, state=Generation.State.RUNNING)
        with transaction.atomic():
            # Locked by id first, as a flush does; an update locks in any order, and the two could deadlock.
            held = dict(mine.order_by("pk").select_for_update(no_key=True).values_list("pk", "stop_requested"))
            self.filter(pk__in=held).update(lease_until=Now() + timedelta(seconds=settings.LEASE_SECONDS))
        return held

    def mark_asked(self, generation: Generation) -> bool:
        """A provider is about to be asked for it, and may be paid. False if it is not this worker's any more."""
        return self._as_claimed(generation).update(is_unasked=False) == 1

    def keep_claimed(self, generation: Generation) -> bool:
        """Until the commit nobody can end it or take it over. False if it is not this worker's any more."""
        return self._as_claimed(generation).select_for_update(no_key=True).first() is not None

    def _as_claimed(self, generation: Generation) -> GenerationQuerySet:
        return self.filter(pk=generation.pk, epoch=generation.epoch, state=Generation.State.RUNNING)

    def abandoned(self) -> GenerationQuerySet:
        """Running, but their worker has not been heard of within its lease, on the database's clock."""
        return self.filter(state=Generation.State.RUNNING, lease_until__lt=Now())


class Generation(models.Model):
    """One answer to be written: queued by a page, claimed by a worker, fenced by its epoch."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")
        INTERRUPTED = "interrupted", _("interrupted")

    LIVE = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="generations")
    message = models.OneToOneField("Message", models.CASCADE, related_name="generation")
    member = models.ForeignKey(settings.AUTH_USER_MODEL, to_its_owner, related_name="+", verbose_name=_("member"))
    route = models.ForeignKey("catalog.Route", models.SET_NULL, null=True, verbose_name=_("route"))
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.QUEUED)
    stop_requested = models.BooleanField(default=False)
    not_before = models.DateTimeField(_("not before"), db_default=Now())
    off_peak_zone = models.CharField(
        _("waits for the cheap hours of"),
        max_length=60,
        blank=True,
        default="",
        db_default="",
        help_text=_("A time zone, whose clocks they go by. Blank: it waits for no hours."),
    )
    # How it was asked for: a Parameters, and why Auto chose this route.
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    routed_because = models.CharField(_("chosen by Auto because of"), max_length=60, blank=True)
    # What a limit made of it. Defaults in the database: workers of the version before this may still run.
    output_cap = models.PositiveIntegerField(
        _("output cap"),
        null=True,
        blank=True,
        help_text=_("tokens that its Hold is enough for; without one no limit counts"),
    )
    limit_notes = models.CharField(_("limit notes"), max_length=500, blank=True, default="", db_default="")

    # Who writes it. An append names the epoch; a writer of an older one is refused.
    epoch = models.PositiveIntegerField(_("epoch"), default=0)
    owner = models.CharField(_("worker"), max_length=80, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True)
    # The log's events up to here stand in the message already. An answer that is continued goes on counting.
    folded_seq = models.PositiveIntegerField(_("events in the message"), default=0)

    # How it goes on by itself. Each has a default in the database: workers of the version before this may still run.
    is_unasked = models.BooleanField(
        _("nobody asked yet"),
        default=False,
        db_default=False,
        help_text=_("since it was claimed, no provider was asked who did not refuse"),
    )
    resumed_from = models.PositiveIntegerField(
        _("went on from"),
        null=True,
        blank=True,
        help_text=_("the end of its log when it last went on after an interruption"),
    )
    deaths = models.PositiveSmallIntegerField(
        _("lost workers"), default=0, db_default=0, help_text=_("workers that were lost with it")
    )

    # How it went.
    created_at = models.DateTimeField(_("asked at"), db_default=Now())
    started_at = models.DateTimeField(_("begun at"), null=True)  # when it was first claimed; its hour runs from here
    first_text_at = models.DateTimeField(_("first words at"), null=True)
    thought_ms = models.PositiveIntegerField(
        _("thought for (ms)"), null=True, help_text=_("from its first thoughts to its first words")
    )
    ended_at = models.DateTimeField(_("ended at"), null=True)
    provider = models.CharField(_("provider"), max_length=40, blank=True)
    model = models.CharField(_("model"), max_length=120, blank=True)
    is_fallback = models.BooleanField(
        _("fallback"), default=False, help_text=_("another model than the route's first answered")
    )
    returned_model = models.CharField(_("model by its own account"), max_length=120, blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=200, blank=True)
    trace_id = models.CharField(_("trace id"), max_length=200, blank=True)
    finish_reason = models.CharField(_("finish reason"), max_length=60, blank=True)
    usage = models.JSONField(_("usage"), null=True)
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    error = models.TextField(_("error"), blank=True, help_text=_("the sentence the member reads"))

    objects: ClassVar[GenerationQuerySet] = GenerationQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    place: int | None = None  # in the queue; set by whoever shows it
    age: timedelta  # since its first claim, as of this one; set by `claim`, on the database's clock
    if TYPE_CHECKING:
        conversation_id: uuid.UUID
        message_id: uuid.UUID
        member_id: uuid.UUID
        route_id: int | None

    class Meta:
        verbose_name, verbose_name_plural = _("generation"), _("generations")
        indexes = [
            models.Index(fields=["not_before", "created_at"], name="generations_to_claim", condition=Q(state="queued")),
            models.Index(fields=["created_at"], name="generations_by_time"),
            models.Index(fields=["member", "created_at"], name="generations_of_a_member"),
            models.Index(
                fields=["conversation"], name="generations_live", condition=Q(state__in=("queued", "running"))
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"], condition=Q(state="running"), name="one_answer_at_a_time_in_a_conversation"
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(lease_until__isnull=False), name="a_running_generation_has_a_lease"
            ),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running")) | Q(ended_at__isnull=False),
                name="an_ended_generation_has_its_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.pk}"

    @property
    def is_live(self) -> bool:
        return self.state in self.LIVE

    @property
    def has_waited(self) -> bool:
        """In the queue, and longer than a moment: somebody may wonder for how long."""
        return self.state == self.State.QUEUED and timezone.now() - self.not_before > MOMENT

    @property
    def is_waiting(self) -> bool:
        """For the cheap hours: nothing of it is under way."""
        return self.state == self.State.QUEUED and bool(self.off_peak_zone) and self.not_before > timezone.now()

    @property
    def waits_until(self) -> str:
        """“12:00 Beijing time”: by whose clocks prices change, since a message is shown to all its readers alike."""
        return clock(self.not_before, self.off_peak_zone)

    @property
    def is_at_work(self) -> bool:
        return self.is_live and not self.is_waiting

    @property
    def phase(self) -> str:
        """Its state as a page shows it."""
        return "waiting" if self.is_waiting else self.state

    @property
    def is_whole(self) -> bool:
        """It came to its own end; otherwise it can be continued, if it has any words."""
        return self.state == self.State.DONE and self.finish_reason != "length"

    @property
    def is_resumed(self) -> bool:
        """It was interrupted, and goes on or went on by itself from the words that were stored."""
        return self.resumed_from is not None

    def queue_again(self) -> None:
        """Let a worker go on with it, because a member said so. Saves."""
        self.started_at = self.resumed_from = None
        self.deaths = 0
        self._queue("route", "routed_because", "member", "parameters", "output_cap", "limit_notes")

    def hand_on(self, *changed: str) -> None:
        """Let the next worker go on with it, under another epoch: whoever still writes is refused. Saves."""
        self.epoch += 1
        self.lease_until = None
        self._queue("epoch", "lease_until", "folded_seq", *changed)

    def _queue(self, *changed: str) -> None:
        self.state = self.State.QUEUED
        self.not_before = Now()  # from when it waits
        self.stop_requested = self.is_fallback = False
        self.ended_at = None
        self.error_code = self.error = self.finish_reason = ""
        self.save(update_fields=[*QUEUED_ANEW, *TRIES, *changed])

    def lock(self) -> None:
        """Lock the row and read it anew. The conversation's lock comes first.

        A statement of its own: what follows it then sees everything committed while it waited. One statement that
        locks and reads chunks at once would read them as of before the wait, and lose the last ones.
        """
        fresh: Any = Generation.objects.select_for_update(of=("self",)).get(pk=self.pk)
        for field in self._meta.concrete_fields:
            setattr(self, field.attname, getattr(fresh, field.attname))


# Each member's place in the line: what is running for them, and what they asked before. Ranked first and locked then:
# PostgreSQL locks no rows of a query that ranks. Ranked in one pass: its statistics say that nothing is queued, so a
# join would be done row by row, for a thousand in the queue a thousand times. By epoch, which every claim steps: asked
# for its state once more, the planner would take it for rare and nest the loops again.
# MATERIALIZED, or the planner may ask the inner query once for every row that it updates, and each time for others.
# Of one that goes on by itself the first start counts; a member's Continue begins anew, also one that was queued by an
# older version, which left the first start there.
_LINE = """
    WITH ranked AS (
        SELECT id, epoch, member_id, state, created_at, not_before,
               row_number() OVER (PARTITION BY conversation_id ORDER BY state = 'queued', created_at, id) AS turn,
               count(*) FILTER (WHERE state = 'running') OVER (PARTITION BY member_id) AS answers,
               count(*) FILTER (WHERE state = 'running') OVER () AS all_answers
          FROM conversations_generation WHERE state IN ('queued', 'running')
    ), line AS (
        SELECT id, epoch, member_id, created_at, all_answers,
               answers + row_number() OVER (PARTITION BY member_id ORDER BY created_at, id) AS place
          FROM ranked WHERE state = 'queued' AND turn = 1 AND not_before <= now()
    )"""
_PLACES = f"""{_LINE}, numbered AS (
        SELECT id, row_number() OVER (ORDER BY place, created_at, id) AS number FROM line
    )
    SELECT id, number FROM numbered WHERE id = ANY(%(ids)s)
"""  # noqa: S608  # of our own words
# How many a member may have at once: their own number, else their groups' tightest, else everybody's. Counted by what
# each worker sees, so two that claim at the same instant do not take more between them.
_CLAIM = f"""{_LINE}, allowed AS (
        SELECT id, epoch, created_at, place,
               all_answers + row_number() OVER (ORDER BY place, created_at, id) AS together
          FROM line
         WHERE place <= coalesce((
               SELECT most FROM usage_atonce AS a
                WHERE NOT a.shared
                  AND (a.member_id = line.member_id
                       OR a.group_id IN (SELECT group_id FROM accounts_user_groups WHERE user_id = line.member_id)
                       OR (a.member_id IS NULL AND a.group_id IS NULL))
                ORDER BY a.member_id IS NULL, a.group_id IS NULL, a.most LIMIT 1), %(most)s)
    ), claimable AS MATERIALIZED (
        SELECT q.id, allowed.together
          FROM allowed JOIN conversations_generation AS q ON q.id = allowed.id AND q.epoch = allowed.epoch
         WHERE allowed.together <= coalesce((SELECT most FROM usage_atonce WHERE shared), 2147483647)
         ORDER BY allowed.together
         LIMIT %(limit)s
           FOR UPDATE OF q SKIP LOCKED
    ), claimed AS (
        UPDATE conversations_generation AS g
           SET state = 'running', epoch = g.epoch + 1, owner = %(owner)s, is_unasked = true,
               started_at = CASE WHEN resumed_from IS NULL THEN now() ELSE coalesce(started_at, now()) END,
               lease_until = now() + make_interval(secs => %(lease)s)
          FROM claimable
         WHERE g.id = claimable.id
     RETURNING g.*, now() - g.started_at AS age, together
    )
    SELECT * FROM claimed ORDER BY together
"""  # noqa: S608  # of our own words
