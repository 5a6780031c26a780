"""The answer's log: append and read. It makes the stream right; the bus makes it quick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from conversations import bus
from conversations.models import Chunk, Generation


@dataclass(frozen=True, slots=True)
class Event:
    """A piece of an answer at its place in the log."""

    generation_id: UUID
    seq: int
    epoch: int
    kind: Chunk.Kind
    text: str


def append(events: Sequence[Event]) -> set[UUID]:
    """Write one tick's events of all a worker's answers, and say so once. The ids that were refused.

    Refused are answers that ended or were given to another worker: this writer's epoch is over and it must stop.
    Writing the same events again is harmless, so after a lost connection a worker just repeats its flush.
    """
    with transaction.atomic():
        epochs = _lock_for_appending({event.generation_id for event in events})
        accepted = [event for event in events if epochs.get(event.generation_id) == event.epoch]
        if accepted:
            _insert(sorted(accepted, key=lambda event: (event.generation_id, event.seq)))  # one order, no deadlock
            # At commit, never before: so what anybody saw is stored.
            bus.tell_generations({event.generation_id: event.seq for event in accepted}.items())
    return {event.generation_id for event in events} - {event.generation_id for event in accepted}


def _lock_for_appending(ids: set[UUID]) -> dict[UUID, int]:
    """The epochs of those that are running. FOR SHARE makes an ending wait for us, and us for it.

    A check without the lock is no guard, and FOR KEY SHARE, which a foreign key takes, holds nobody up either: in both
    cases an ending can slip between check and insert, and the late words are lost behind it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, epoch FROM conversations_generation "
            "WHERE id = ANY(%s) AND state = 'running' ORDER BY id FOR SHARE",
            [list(ids)],
        )
        return dict(cursor.fetchall())


def _insert(events: Sequence[Event]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO conversations_chunk (generation_id, seq, epoch, kind, text) "
            "SELECT * FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::smallint[], %s::text[]) "
            "ON CONFLICT (generation_id, seq) DO NOTHING",
            [
                [event.generation_id for event in events],
                [event.seq for event in events],
                [event.epoch for event in events],
                [int(event.kind) for event in events],
                [event.text for event in events],
            ],
        )


def since(places: Mapping[UUID, int]) -> list[Event]:
    """Everything beyond each answer's place, in order: one query for all readers of a process."""
    if not places:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            # LATERAL … OFFSET 0: each answer's own end of the index. The planner, which can't know how far the places
            # are, would read the whole log of everybody's answers for a plain join.
            "SELECT c.* FROM unnest(%s::uuid[], %s::int[]) AS place(generation_id, seq), LATERAL ("
            " SELECT c.generation_id, c.seq, c.epoch, c.kind, c.text FROM conversations_chunk AS c"
            " WHERE c.generation_id = place.generation_id AND c.seq > place.seq ORDER BY c.seq OFFSET 0) AS c "
            "ORDER BY c.generation_id, c.seq",
            [list(places), list(places.values())],
        )
        return [Event(row[0], row[1], row[2], Chunk.Kind(row[3]), row[4]) for row in cursor.fetchall()]


def beyond(generation: Generation) -> tuple[str, str, int]:
    """What the log holds of an answer beyond what stands in its message: text, reasoning, and where the log ends."""
    new = Chunk.objects.filter(generation_id=generation.pk, seq__gt=generation.folded_seq)
    rows = list(new.order_by("seq").values_list("seq", "kind", "text"))
    text = "".join(piece for _, kind, piece in rows if kind == Chunk.Kind.TEXT)
    reasoning = "".join(piece for _, kind, piece in rows if kind == Chunk.Kind.REASONING)
    return text, reasoning, rows[-1][0] if rows else generation.folded_seq
