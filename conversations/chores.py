"""Sweeping up behind the chat: folded chunks, deleted conversations and the pulses of dead workers, in batches."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.models.functions import Now

from conversations.models import Conversation, Generation, Guess, Pulse
from usage import holding
from usage.models import Hold

BATCH = 2000  # rows a statement, so that it never holds anybody up
KEEP = timedelta(minutes=1)  # a reader may still be catching up from the log of an answer that just ended
KEEP_HOLDS = timedelta(minutes=10)  # of a title that is being asked for
KEEP_PULSES = timedelta(days=1)  # of workers that died: an administrator may want to know which


def sweep() -> None:
    """Remove the log of answers that ended, then conversations that were deleted and have no answer left running."""
    while _sweep_chunks() == BATCH:  # hundreds of answers write thousands of chunks between two sweeps
        pass
    live = Generation.objects.live().values("conversation")
    gone = Conversation.objects.filter(deleted_at__lt=Now() - KEEP).exclude(pk__in=live)[:20]
    Conversation.objects.filter(pk__in=list(gone.values_list("pk", flat=True))).delete()
    Pulse.objects.filter(seen_at__lt=Now() - KEEP_PULSES).delete()
    Guess.objects.filter(until__lt=Now()).delete()


def free_holds() -> int:
    """Free what is held for answers that are gone with their member, and for titles that were never asked for."""
    live = Generation.objects.live().values("pk")
    orphans = Hold.objects.filter(created_at__lt=Now() - KEEP_HOLDS).exclude(pk__in=live).values_list("pk", flat=True)
    return sum(map(holding.free, orphans[:BATCH]))


def _sweep_chunks() -> int:
    """How many are gone. SKIP LOCKED: two workers that sweep at once must not wait for each other in a circle."""
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP, [KEEP.total_seconds(), BATCH])
        return int(cursor.rowcount)


# Which answers are in the log is found by leaping through its index from one to the next: hundreds of answers that are
# being written have hundreds of thousands of chunks with nothing to sweep. By ctid, because no chunk ever changes.
_SWEEP = """
    WITH RECURSIVE written AS (
        (SELECT generation_id AS id FROM conversations_chunk ORDER BY 1 LIMIT 1)
         UNION ALL
        SELECT next.id FROM written, LATERAL (
            SELECT generation_id AS id FROM conversations_chunk WHERE generation_id > written.id ORDER BY 1 LIMIT 1
        ) AS next
    )
    DELETE FROM conversations_chunk WHERE ctid = ANY(ARRAY(
        SELECT c.ctid
          FROM written JOIN conversations_chunk AS c ON c.generation_id = written.id
          LEFT JOIN conversations_generation AS g ON g.id = written.id
         WHERE g.id IS NULL OR g.ended_at < now() - make_interval(secs => %s)
         LIMIT %s FOR UPDATE OF c SKIP LOCKED))
"""
