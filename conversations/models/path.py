"""The path that a reader sees through the tree: down to the leaf, from the first question or from any message on.

A conversation may have ten thousand messages. A piece of its path costs what the piece does: it is walked from below,
in the database, and only as far as somebody looks.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection

from conversations.models.conversation import Conversation
from conversations.models.message import Message, Place


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a path."""

    pk: uuid.UUID
    parent: uuid.UUID | None
    changed_seq: int
    siblings: Sequence[uuid.UUID]  # all that stand at its place, itself too, oldest first
    fits: bool = True  # into the window; otherwise it was looked for

    @property
    def place(self) -> Place:
        at = self.siblings.index(self.pk)
        return Place(
            number=at + 1,
            count=len(self.siblings),
            previous=self.siblings[at - 1] if at > 0 else None,
            next=self.siblings[at + 1] if at + 1 < len(self.siblings) else None,
        )


class Path:
    """Some messages of a path, one below the other."""

    def __init__(self, steps: Iterable[Step], *, has_later: bool = False) -> None:
        self.steps = list(steps)
        self.has_later = has_later

    @property
    def ids(self) -> list[uuid.UUID]:
        return [step.pk for step in self.steps]

    @property
    def has_earlier(self) -> bool:
        return bool(self.steps) and self.steps[0].parent is not None

    def window(self) -> Path:
        """Without those that were only looked for."""
        return Path([step for step in self.steps if step.fits], has_later=self.has_later)

    def messages(self) -> list[Message]:
        """Root first, `place` set on each."""
        return self.placed(Message.objects.whole(self.ids))

    def placed(self, found: Mapping[uuid.UUID, Message]) -> list[Message]:
        """Those that were found, root first, `place` set on each."""
        there = [(found[step.pk], step) for step in self.steps if step.pk in found]
        for message, step in there:
            message.place = step.place
        return [message for message, _ in there]


@dataclass(frozen=True)
class Changes:
    """What happened in a conversation, on its path or elsewhere."""

    seqs: dict[uuid.UUID, int] = field(default_factory=dict)  # the latest messages that changed, and when
    live: set[uuid.UUID] = field(default_factory=set)  # those that are being written or are next, see `at_work`

    def beyond(self, seq: int) -> set[uuid.UUID]:
        return {pk for pk, changed in self.seqs.items() if changed > seq}


def changes(since: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, Changes]:
    """Of each conversation beyond a number of its log, of more than a page holds only the latest. One query for all."""
    found = {pk: Changes() for pk in since}
    with connection.cursor() as cursor:
        most = settings.PAGE_MESSAGES + 1
        cursor.execute(_CHANGES, {"conversations": list(since), "seqs": list(since.values()), "most": most})
        for conversation, message, seq in cursor.fetchall():
            if seq is None:
                found[conversation].live.add(message)
            else:
                found[conversation].seqs[message] = seq
    return found


def newest(conversation: Conversation) -> Path:
    """The window that a page opens with: the last messages, as many and as long as a page may hold."""
    return Path(_up([(conversation.leaf_id, settings.PAGE_MESSAGES, ())]).get(conversation.pk, ()))


def found(asked: Mapping[Conversation, tuple[bool, Iterable[uuid.UUID]]]) -> dict[uuid.UUID, Path]:
    """Of each conversation's path the window, if it is wanted, and those of the messages that are looked for.

    One query for all of them. It goes as far up as it has to: to the beginning for one that is on no path.
    """
    starts = [
        (conversation.leaf_id, settings.PAGE_MESSAGES if is_wanted else 0, sought)
        for conversation, (is_wanted, sought) in asked.items()
    ]
    steps = _up(starts)
    return {conversation.pk: Path(steps.get(conversation.pk, ())) for conversation in asked}


def before(message: Message) -> Path:
    """As many again, above this one."""
    return Path(_up([(message.parent_id, settings.PAGE_MESSAGES, ())]).get(message.conversation_id, ()))


def after(message: Message, conversation: Conversation, most: int | None = None) -> Path | None:
    """As many again, below this one. None if it is not on the path. Costs what stands below it."""
    with connection.cursor() as cursor:
        values = {"leaf": conversation.leaf_id, "stop": message.pk, "bytes": settings.PAGE_BYTES}
        cursor.execute(_BELOW, {**values, "most": settings.PAGE_MESSAGES if most is None else most})
        steps = [Step(*row) for row in cursor.fetchall()]
    if not steps or steps.pop(0).pk != message.pk:
        return None
    return Path(steps, has_later=conversation.leaf_id != (steps[-1].pk if steps else message.pk))


def around(message: Message, conversation: Conversation) -> Path | None:
    """A window with this message in its middle. None if it is not on the path that is shown."""
    half = settings.PAGE_MESSAGES // 2
    below = after(message, conversation, half)
    if below is None:
        return None
    above = _up([(message.pk, half, ())]).get(conversation.pk, [])
    return Path([*above, *below.steps], has_later=below.has_later)


def down_to(question: Message, characters: float) -> list[uuid.UUID]:
    """The last of what was said down to `question`, in order: as much as fills so many characters, or all of it."""
    with connection.cursor() as cursor:
        cursor.execute(_DOWN_TO, {"leaf": question.pk, "characters": characters})
        return [pk for (pk,) in cursor.fetchall()]


def newest_leaf_below(message: uuid.UUID) -> uuid.UUID:
    """Where a reader lands who switches to this branch. Itself, if it is gone."""
    with connection.cursor() as cursor:
        cursor.execute(_LEAF, [message])
        return next((pk for (pk,) in cursor.fetchall()), message)


def below(message: Message) -> set[uuid.UUID]:
    """It, and all that stands below it on any branch."""
    with connection.cursor() as cursor:
        cursor.execute(_ALL_BELOW, [message.pk])
        return {pk for (pk,) in cursor.fetchall()}


def beside(message: Message) -> Sequence[uuid.UUID]:
    """All that stand at its place, itself too, oldest first. None if it is gone."""
    steps = _up([(message.pk, 1, ())]).get(message.conversation_id, [])
    return steps[0].siblings if steps else ()


type Start = tuple[uuid.UUID | None, int, Iterable[uuid.UUID]]


def _up(starts: Sequence[Start]) -> dict[uuid.UUID, list[Step]]:
    """From each message upwards, itself too: so many that fit into a window, and whatever of its tree is sought."""
    values: dict[str, Any] = {
        "bytes": settings.PAGE_BYTES,
        "from": [leaf for leaf, _, _ in starts],
        "most": [most for _, most, _ in starts],
        "sought": [pk for _, _, sought in starts for pk in sought],
        "sought_from": [leaf for leaf, _, sought in starts for _ in sought],
    }
    found: dict[uuid.UUID, list[Step]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_UP, values)
        for conversation, *step in cursor.fetchall():
            found.setdefault(conversation, []).append(Step(*step))
    return found


_CHANGES = """
    SELECT asked.conversation_id, m.id, m.changed_seq
      FROM unnest(%(conversations)s::uuid[], %(seqs)s::bigint[]) AS asked (conversation_id, seq), LATERAL (
          SELECT m.id, m.changed_seq FROM conversations_message AS m
           WHERE m.conversation_id = asked.conversation_id AND m.changed_seq > asked.seq
           ORDER BY m.changed_seq DESC LIMIT %(most)s
      ) AS m
     UNION ALL
    SELECT conversation_id, message_id, NULL FROM conversations_generation
     WHERE conversation_id = ANY(%(conversations)s) AND state IN ('queued', 'running')
       AND (state = 'running' OR off_peak_zone = '' OR not_before <= now())"""

# Its words' size without reading them: PostgreSQL keeps it beside those that are stored elsewhere.
_SIZE = "octet_length(m.text) + octet_length(m.reasoning)"

_SIBLINGS = """
    ARRAY(SELECT id FROM (
        SELECT s.id, s.created_at FROM conversations_message AS s WHERE s.parent_id = up.parent_id
         UNION ALL
        SELECT s.id, s.created_at FROM conversations_message AS s
         WHERE up.parent_id IS NULL AND s.parent_id IS NULL AND s.conversation_id = up.conversation_id
    ) AS sibling ORDER BY created_at, id)"""

# A question and its answer always fit, however long they are.
_UP = f"""
    WITH RECURSIVE up AS (
        SELECT m.id, m.parent_id, m.conversation_id, m.changed_seq, 1 AS step, {_SIZE} AS size, start.most,
               start.most > 0 AS fits,
               array_remove(ARRAY(
                   SELECT it.id FROM unnest(%(sought)s::uuid[], %(sought_from)s::uuid[]) AS it (id, leaf)
                    WHERE it.leaf = start.leaf
               ), m.id) AS sought
          FROM unnest(%(from)s::uuid[], %(most)s::int[]) AS start (leaf, most)
          JOIN conversations_message AS m ON m.id = start.leaf
         UNION ALL
        SELECT m.id, m.parent_id, m.conversation_id, m.changed_seq, up.step + 1, up.size + {_SIZE}, up.most,
               up.fits AND up.step < up.most AND (up.size < %(bytes)s OR up.step < 2),
               array_remove(up.sought, m.id)
          FROM up JOIN conversations_message AS m ON m.id = up.parent_id
         WHERE cardinality(up.sought) > 0 OR up.fits AND up.step < up.most AND (up.size < %(bytes)s OR up.step < 2)
    )
    SELECT up.conversation_id, up.id, up.parent_id, up.changed_seq, {_SIBLINGS}, up.fits
      FROM up WHERE up.fits OR up.id = ANY(%(sought)s::uuid[])
     ORDER BY up.conversation_id, up.step DESC"""  # noqa: S608  # of the constants above

_BELOW = f"""
    WITH RECURSIVE walk AS (
        SELECT id, parent_id, 1 AS step FROM conversations_message WHERE id = %(leaf)s
         UNION ALL
        SELECT m.id, m.parent_id, walk.step + 1
          FROM walk JOIN conversations_message AS m ON m.id = walk.parent_id WHERE walk.id <> %(stop)s
    ), near AS (
        SELECT id, step FROM walk ORDER BY step DESC LIMIT %(most)s + 1
    ), up AS (
        SELECT m.id, m.parent_id, m.conversation_id, m.changed_seq, near.step,
               sum(CASE WHEN m.id = %(stop)s THEN 0 ELSE {_SIZE} END) OVER (ORDER BY near.step DESC) - {_SIZE} AS before
          FROM near JOIN conversations_message AS m USING (id)
    )
    SELECT up.id, up.parent_id, up.changed_seq, {_SIBLINGS}
      FROM up WHERE up.before < %(bytes)s ORDER BY up.step DESC"""  # noqa: S608  # of the constants above

_DOWN_TO = """
    WITH RECURSIVE up AS (
        SELECT id, parent_id, 1 AS step, length(text) AS said FROM conversations_message WHERE id = %(leaf)s
         UNION ALL
        SELECT m.id, m.parent_id, up.step + 1, up.said + length(m.text)
          FROM up JOIN conversations_message AS m ON m.id = up.parent_id WHERE up.said <= %(characters)s
    )
    SELECT id FROM up ORDER BY step DESC"""

_LEAF = """
    WITH RECURSIVE down AS (
        SELECT id, 1 AS step FROM conversations_message WHERE id = %s
         UNION ALL
        SELECT child.id, down.step + 1 FROM down, LATERAL (
            SELECT id FROM conversations_message WHERE parent_id = down.id ORDER BY created_at DESC, id DESC LIMIT 1
        ) AS child
    )
    SELECT id FROM down ORDER BY step DESC LIMIT 1"""

_ALL_BELOW = """
    WITH RECURSIVE down AS (
        SELECT id FROM conversations_message WHERE id = %s
         UNION ALL
        SELECT m.id FROM down JOIN conversations_message AS m ON m.parent_id = down.id
    )
    SELECT id FROM down"""
