"""LISTEN/NOTIFY: "look again from here". A hint that may be lost; the log behind it makes things right.

Two channels: `chat_feed` wakes the readers in the web processes, `chat_work` wakes the workers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from conversations import metrics
from conversations.aside import conninfo

logger = logging.getLogger(__name__)

FEED, WORK = "chat_feed", "chat_work"
HEARTBEAT_SECONDS = 10
_PAYLOAD_LIMIT = 7000  # bytes; PostgreSQL refuses 8000
MOST_PEOPLE = 100  # of one conversation and process that are told: they have to fit into one notice

type Place = tuple[str, Sequence[str], int]  # a conversation, its members who are there, how many of the first type


def tell_conversation(conversation_id: UUID, seq: int, *, is_listed_anew: bool = False) -> None:
    """A deed changed a conversation. Inside the deed's transaction: PostgreSQL delivers at commit, or never.

    is_listed_anew: its line in the lists of others than its owner is another one.
    """
    _notify(FEED, {"c": [str(conversation_id), seq], **({"l": 1} if is_listed_anew else {})})


def tell_people(conversation_id: UUID, out: UUID | int | None = None) -> None:
    """Who may do what in a conversation has changed: let the right of everybody who is there be looked at.

    out: the member, or the number of the group, that is in it no more.
    """
    _notify(FEED, {"r": str(conversation_id), **({"out": out if isinstance(out, int) else str(out)} if out else {})})


def tell_links(conversation_id: UUID) -> None:
    """A link to it shows something else, or nothing: let the right of everybody who follows one be looked at."""
    _notify(FEED, {"s": str(conversation_id)})


def tell_generations(places: Iterable[tuple[UUID, int]]) -> None:
    """A flush lengthened these answers. One NOTIFY for the whole flush: each takes a database-wide lock at commit."""
    for batch in _batches((60, [str(generation_id), seq]) for generation_id, seq in places):
        _notify(FEED, {"g": batch})


def tell_presence(process: str, places: Iterable[Place], *, asks: bool = False) -> None:
    """Whom a web process has, and whether it asks the others for the same. One NOTIFY for some hundred people."""
    for batch in _batches((50 + 39 * len(place[1]), place) for place in places):
        _notify(FEED, {"p": process, "at": batch, "asks": asks})


def _batches(entries: Iterable[tuple[int, Any]]) -> Iterator[list[Any]]:
    """As many as fit into one notice, each with its bytes."""
    batch: list[Any] = []
    size = 0
    for more, entry in entries:
        if batch and size + more > _PAYLOAD_LIMIT:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += more
    if batch:
        yield batch


def tell_workers() -> None:
    """Something was queued."""
    _notify(WORK, {"queued": 1})


def tell_stop(generation_id: UUID) -> None:
    """A member wants this answer to end now."""
    _notify(WORK, {"stop": str(generation_id)})


def _notify(channel: str, payload: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, json.dumps(payload, separators=(",", ":"))])


async def listen(channel: str, heard: Callable[[dict[str, Any]], None], lost: Callable[[], None]) -> None:
    """Call `heard` with each payload on a channel, for ever, over one connection of its own.

    Whenever the connection was lost and is back, `lost` is called: look at everything again, hints may have gone by.
    Every HEARTBEAT_SECONDS the connection says something to itself; a silent one is replaced.
    """
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(_address(channel), autocommit=True) as listener:
                echo = f"{channel}_{listener.info.backend_pid}"
                for name in (channel, echo):
                    await listener.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(name)))
                lost()
                while True:
                    async for notice in listener.notifies(timeout=HEARTBEAT_SECONDS):
                        if notice.channel == echo:
                            metrics.BUS_LAG.labels(channel).observe(time.monotonic() - float(notice.payload))
                        else:
                            _pass_on(notice.payload, heard)
                    async with asyncio.timeout(5):
                        await listener.execute("SELECT pg_notify(%s, %s)", [echo, str(time.monotonic())])
        except (psycopg.Error, TimeoutError, OSError) as error:
            logger.warning("lost the %s channel, listening again: %s", channel, type(error).__name__)
            await asyncio.sleep(0.5)


def _pass_on(payload: str, heard: Callable[[dict[str, Any]], None]) -> None:
    """A hint that nobody can read, of another version perhaps, must not end the listening."""
    try:
        heard(json.loads(payload))
    except Exception:
        logger.exception("a hint could not be read: %.200s", payload)


def _address(channel: str) -> str:
    """Where to listen: past any transaction pooler, which would hand our connection to others. Named, to be found."""
    if settings.DATABASE_LISTEN_URL:
        return make_conninfo(str(settings.DATABASE_LISTEN_URL), application_name=channel)
    return conninfo(application_name=channel)
