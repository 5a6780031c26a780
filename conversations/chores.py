"""Sweeping up behind the chat: folded chunks and deleted conversations, in batches."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.models.functions import Now

from conversations.models import Conversation, Generation

BATCH = 2000  # rows a statement, so that it never holds anybody up
KEEP = timedelta(minutes=1)  # a reader may still be catching up from the log of an answer that just ended


def sweep() -> None:
    """Remove the log of answers that ended, then conversations that were deleted and have no answer left running."""
    while _sweep_chunks() == BATCH:  # hundreds of answers write thousands of chunks between two sweeps
        pass
    live = Generation.objects.live().values("conversation")
    gone = Conversation.objects.filter(deleted_at__lt=Now() - KEEP).exclude(pk__in=live)[:20]
    Conversation.objects.filter(pk__in=list(gone.values_list("pk", flat=True))).delete()


def _sweep_chunks() -> int:
    """How many are gone. SKIP LOCKED: two workers that sweep at once must not wait for each other in a circle."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM conversations_chunk WHERE (generation_id, seq) IN ("
            " SELECT c.generation_id, c.seq FROM conversations_chunk AS c"
            " LEFT JOIN conversations_generation AS g ON g.id = c.generation_id"
            " WHERE g.id IS NULL OR g.ended_at < now() - make_interval(secs => %s)"
            " LIMIT %s FOR UPDATE OF c SKIP LOCKED)",
            [KEEP.total_seconds(), BATCH],
        )
        return int(cursor.rowcount)
