"""Links as tests make them: for anyone, unless they say otherwise."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from conversations import sharing
from conversations.attachments import prepare
from conversations.models import Attachment, Conversation, Generation, Message, Share
from conversations.sharing import Terms
from tests.images import upload


def snapshot(leaf: Message | None, **terms: Any) -> Terms:
    return Terms(**{"kind": Share.Kind.SNAPSHOT, "leaf": leaf, "audience": Share.Audience.ANYONE, **terms})


def live(**terms: Any) -> Terms:
    return Terms(**{"kind": Share.Kind.LIVE, "leaf": None, "audience": Share.Audience.ANYONE, **terms})


def answered(
    question: Message, text: str, *, reasoning: str = "", state: Generation.State = Generation.State.DONE
) -> Message:
    """The question's answer, as if a model had written it."""
    generation = Generation.objects.select_related("message").get(message__parent=question)
    Generation.objects.filter(pk=generation.pk).update(state=state, ended_at=timezone.now(), finish_reason="stop")
    Message.objects.filter(pk=generation.message_id).update(text=text, reasoning=reasoning)
    return Message.objects.with_answers().select_related("conversation", "parent").get(pk=generation.message_id)


def make(conversation: Conversation, terms: Terms, key: UUID | None = None) -> Share:
    """By its owner."""
    conversation.refresh_from_db()
    return sharing.make(conversation, conversation.owner, terms, key or uuid4())


def illustrate(question: Message) -> None:
    """It has an image."""
    Attachment.objects.hang(question, prepare([upload()]))
    question.save(update_fields=["image_count"])
