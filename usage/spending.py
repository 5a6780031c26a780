"""The only writer of what people spend."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from catalog.models import LanguageModel
from usage.models import Call, Reply


def open_call(generation_id: UUID, conversation_id: UUID, member_id: UUID, purpose: str, model: LanguageModel) -> Call:
    """Write down a request that is about to be sent, and commit it. One writer per generation: its worker."""
    with transaction.atomic(durable=True):
        last = Call.objects.filter(generation_id=generation_id).aggregate(last=Max("number"))["last"] or 0
        return Call.objects.create(
            generation_id=generation_id,
            number=last + 1,
            purpose=purpose,
            provider=model.provider.name,
            model=model.name,
            conversation_id=conversation_id,
            member_id=member_id,
        )


def close_call(call: Call, **facts: Any) -> None:
    """Write down what came of a request: columns of Reply. Told twice, the first telling stands."""
    Reply.objects.bulk_create([Reply(call=call, **facts)], ignore_conflicts=True)
