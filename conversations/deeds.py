"""The conversation's log, the slow one: every change that readers see is a deed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from conversations import bus
from conversations.models import Conversation

COLUMNS = ["seq", "path_seq", "leaf", "title", "named_by", "asked_at", "deleted_at", "route", "parameters"]


@contextmanager
def deed(conversation: Conversation) -> Iterator[Conversation]:
    """One transaction: the row locked and read anew, its counter stepped, its columns saved, the readers told.

    Raises Conversation.DoesNotExist for a deleted one.
    """
    with transaction.atomic():
        locked = Conversation.objects.locked().get(pk=conversation.pk, deleted_at=None)
        locked.step()
        yield locked
        locked.save(update_fields=COLUMNS)
        bus.tell_conversation(locked.pk, locked.seq)
