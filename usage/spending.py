"""The only writer of what people spend."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction

from catalog.models import LanguageModel
from usage.models import Call, Reply


def open_call(
    key: UUID, generation_id: UUID, conversation_id: UUID, member_id: UUID, purpose: str, model: LanguageModel
) -> Call:
    """Write down a request that is about to be sent, and commit it. One writer per generation: its worker.

    Told twice, as when a commit's reply was lost, there is still one row.
    """
    call = Call(
        id=key,
        generation_id=generation_id,
        purpose=purpose,
        provider=model.provider.name,
        model=model.name,
        conversation_id=conversation_id,
        member_id=member_id,
    )
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_OPEN, {field.attname: getattr(call, field.attname) for field in Call._meta.concrete_fields})
        written = cursor.fetchone()
    if written is None:
        return Call.objects.get(pk=key)
    (call.number,) = written
    return call


_OPEN = """
    INSERT INTO usage_call (id, generation_id, number, purpose, provider, model, conversation_id, member_id)
    SELECT %(id)s, %(generation_id)s, coalesce(max(number), 0) + 1,
           %(purpose)s, %(provider)s, %(model)s, %(conversation_id)s, %(member_id)s
      FROM usage_call WHERE generation_id = %(generation_id)s
        ON CONFLICT (id) DO NOTHING
 RETURNING number
"""


def close_call(call: Call, **facts: Any) -> None:
    """Write down what came of a request: columns of Reply. Told twice, the first telling stands."""
    Reply.objects.bulk_create([Reply(call=call, **facts)], ignore_conflicts=True)
