"""A message: one node of its conversation's tree."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from conversations.models.attachment import Attachment
from conversations.models.cost import Cost, find_costs

if TYPE_CHECKING:
    from conversations.models import Generation


def author_mark(conversation: uuid.UUID, member: uuid.UUID | None) -> str:
    """By it a page knows its member's own questions; of the other members it tells no id."""
    return blake2s(conversation.bytes + member.bytes, digest_size=8).hexdigest() if member else ""


@dataclass(frozen=True)
class Place:
    """Where a message stands among its siblings: ‹ number / count ›."""

    number: int
    count: int
    previous: uuid.UUID | None
    next: uuid.UUID | None


class MessageQuerySet(models.QuerySet["Message"]):
    def with_answers(self) -> MessageQuerySet:
        """With what a template needs to show each one."""
        return self.select_related("generation__route", "author")

    def whole(self, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Message]:
        """These, with all that a template needs, their images and what they cost too: three queries."""
        found = {message.pk: message for message in self.filter(pk__in=ids).with_answers()}
        find_images(found.values())
        find_costs(found.values())
        return found


class Message(models.Model):
    """A question or an answer. An answer being written has its words in the log; they move here when it ends."""

    class Role(models.TextChoices):
        USER = "user", "question"
        ASSISTANT = "assistant", "answer"

    # A question's id is the key that its form carried, so that a second click finds the first one's row.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="messages", db_index=False)
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    role = models.CharField(max_length=10, choices=Role)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, db_index=False)
    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    # Kept by a trigger. Of most questions none: then nobody looks for them.
    image_count = models.PositiveSmallIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    changed_seq = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[MessageQuerySet] = MessageQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    place: Place  # set by a Path
    cost: Cost | None = None  # of an answer that was charged for; set by find_costs
    if TYPE_CHECKING:
        conversation_id: uuid.UUID
        parent_id: uuid.UUID | None
        generation: Generation

    class Meta:
        verbose_name, verbose_name_plural = _("message"), _("messages")
        indexes = [
            models.Index(fields=["conversation", "changed_seq"], name="messages_changed_since"),
            models.Index(fields=["conversation"], name="first_questions", condition=models.Q(parent=None)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role="user") | models.Q(parent__isnull=False),
                name="an_answer_stands_below_a_question",
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"

    @property
    def is_answer(self) -> bool:
        return self.role == self.Role.ASSISTANT

    def has_images(self, images: Sequence[Attachment]) -> bool:
        """Whether its images are these, in this order. They are read whole."""
        return self.image_count == len(images) and all(map(Attachment.is_same_image, self.images, images))

    @property
    def images(self) -> list[Attachment]:
        """In their order; without a query where there are none, or after `find_images`."""
        return list(self.attachments.all()) if self.image_count else []

    @property
    def dom_id(self) -> str:
        return f"m-{self.pk}"

    @property
    def stands_below(self) -> str:
        """The DOM id of the one above it, on every path: a page that does not show that one does not show it."""
        return f"m-{self.parent_id}" if self.parent_id else ""

    @property
    def address(self) -> str:
        """Of the page that shows it, wherever it stands."""
        return f"{reverse('conversation', args=[self.conversation_id])}?at={self.pk}#{self.dom_id}"

    @property
    def author_mark(self) -> str:
        return author_mark(self.conversation_id, self.author_id)

    @property
    def short_id(self) -> str:
        """What the ids of its growing pieces start with: short, because every tick sends it."""
        return self.pk.hex[:8]


def find_images(messages: Iterable[Message]) -> None:
    """Where their images are, without their bytes: one query for all, none if there are no images."""
    if not (questions := [message for message in messages if message.image_count]):
        return
    # By their conversations, which are few: by thousands of questions, all images of all members would be read.
    images = Attachment.objects.light().filter(conversation__in={message.conversation_id for message in questions})
    models.prefetch_related_objects(questions, models.Prefetch("attachments", images))
