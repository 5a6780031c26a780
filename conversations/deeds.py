"""The conversation's log, the slow one: every change that readers see is a deed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import transaction

from accounts.models import User
from conversations import bus
from conversations.models import Conversation, Role

COLUMNS = ["seq", "path_seq", "leaf", "title", "named_by", "asked_at", "deleted_at", "route", "parameters"]


@contextmanager
def deed(conversation: Conversation, by: User | None = None, role: Role = Role.WRITER) -> Iterator[Conversation]:
    """One transaction: the row locked and read anew, its counter stepped, its columns saved, the readers told.

    `by` a member, it is asked under the lock whether they still have this role: who takes it from them waits for us,
    or we for them. Raises NotAllowedError, and Conversation.DoesNotExist for a deleted one or a stranger.
    """
    with transaction.atomic():
        locked = Conversation.objects.locked().get(pk=conversation.pk, deleted_at=None)
        if by is not None:
            locked.require(by, role)
        locked.step()
        yield locked
        locked.save(update_fields=COLUMNS)
        bus.tell_conversation(locked.pk, locked.seq, is_listed_anew=locked.is_shared)


def show_anew(conversation_id: UUID, message_id: UUID) -> None:
    """Tell the readers that a message looks different now, by nobody's deed.

    Takes the conversation's lock, so it comes first in its transaction. Raises Conversation.DoesNotExist.
    """
    seq = Conversation.objects.stamp(conversation_id, message_id)
    bus.tell_conversation(conversation_id, seq)
