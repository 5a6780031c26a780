"""The only writer of what people spend."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from catalog.models import LanguageModel
from usage.models import Call, Reply


def open_call(
    key: UUID, generation_id: UUID, conversation_id: UUID, member_id: UUID, purpose: str, model: LanguageModel
) -> Call:
    """Write down a request that is about to be sent, and commit it. One writer per generation: its worker.

    Told twice, as when a commit's reply was lost, there is still one row.
    """
    with transaction.atomic(durable=True):
        numbers = dict(Call.objects.filter(generation_id=generation_id).values_list("pk", "number"))
        call = Call(
            id=key,
            generation_id=generation_id,
            number=numbers.get(key) or max(numbers.values(), default=0) + 1,
            purpose=purpose,
            provider=model.provider.name,
            model=model.name,
            conversation_id=conversation_id,
            member_id=member_id,
        )
        if key not in numbers:
            call.save(force_insert=True)
        return call


def close_call(call: Call, **facts: Any) -> None:
    """Write down what came of a request: columns of Reply. Told twice, the first telling stands."""
    Reply.objects.bulk_create([Reply(call=call, **facts)], ignore_conflicts=True)
