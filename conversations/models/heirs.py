"""What becomes of a member's conversations and answers when their row is deleted.

The admin deletes nobody. If it happens all the same, what others own as well, or only read and wrote in, lives on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models.deletion import Collector

from conversations.models.membership import Membership, Role

type Rows = Iterable[Any]


def to_the_next_owner(collector: Collector, field: Any, conversations: Rows, using: str) -> None:
    """For `on_delete` of Conversation.owner: to the owner who has been in it for longest, or it goes as well."""
    rows = list(conversations)
    heirs = _heirs(row.pk for row in rows)
    models.CASCADE(collector, field, [row for row in rows if row.pk not in heirs], using)  # type: ignore[arg-type]  # any rows do
    for row in rows:
        if heir := heirs.get(row.pk):
            collector.add_field_update(field, heir.member_id, [row])
            collector.add([heir])


def to_its_owner(collector: Collector, field: Any, generations: Rows, using: str) -> None:
    """For `on_delete` of Generation.member: an answer stays as long as its conversation does."""
    rows = list(generations)
    heirs = _heirs(row.conversation_id for row in rows)
    by_owner: dict[UUID | None, list[Any]] = defaultdict(list)
    for row in rows:
        owner = row.conversation.owner_id
        heir = heirs.get(row.conversation_id)
        by_owner[owner if owner != row.member_id else heir.member_id if heir else None].append(row)
    models.CASCADE(collector, field, by_owner.pop(None, []), using)  # type: ignore[arg-type]  # any rows do
    for owner, theirs in by_owner.items():
        collector.add_field_update(field, owner, theirs)


def _heirs(conversations: Iterable[UUID]) -> dict[UUID, Membership]:
    owners = Membership.objects.filter(conversation__in=set(conversations), role=Role.OWNER, member__is_active=True)
    return {it.conversation_id: it for it in owners.order_by("-created_at", "-pk")}
