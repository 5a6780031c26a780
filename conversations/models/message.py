"""A message: one node of its conversation's tree."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from conversations.models.attachment import Attachment

if TYPE_CHECKING:
    from conversations.models import Conversation, Generation


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


class Message(models.Model):
    """A question or an answer. An answer being written has its words in the log; they move here when it ends."""

    class Role(models.TextChoices):
        USER = "user", "question"
        ASSISTANT = "assistant", "answer"

    # A question's id is the key that its form carried, so that a second click finds the first one's row.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    role = models.CharField(max_length=10, choices=Role)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    changed_seq = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[MessageQuerySet] = MessageQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    place: Place  # set by Path
    if TYPE_CHECKING:
        conversation_id: uuid.UUID
        parent_id: uuid.UUID | None
        generation: Generation

    class Meta:
        indexes = [models.Index(fields=["conversation", "changed_seq"], name="messages_changed_since")]
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
        """Whether its images are these, in this order."""
        ours = list(self.attachments.all())
        return len(ours) == len(images) and all(map(Attachment.is_same_image, ours, images))

    @property
    def dom_id(self) -> str:
        return f"m-{self.pk}"

    @property
    def short_id(self) -> str:
        """What the ids of its growing pieces start with: short, because every tick sends it."""
        return self.pk.hex[:8]


def find_images(messages: Iterable[Message]) -> None:
    """Where the images of those that are questions are, without their bytes: one query for all, none for answers."""
    questions = [message for message in messages if not message.is_answer]
    models.prefetch_related_objects(questions, models.Prefetch("attachments", Attachment.objects.light()))


class Path:
    """The messages a reader sees, in order, each with its place among its siblings."""

    def __init__(self, conversation: Conversation, leaf: uuid.UUID | None = None) -> None:
        self._parents: dict[uuid.UUID, uuid.UUID | None] = {}
        self._children: dict[uuid.UUID | None, list[uuid.UUID]] = {}
        rows = Message.objects.filter(conversation=conversation).order_by("created_at", "pk")
        for pk, parent in rows.values_list("pk", "parent_id"):
            self._parents[pk] = parent
            self._children.setdefault(parent, []).append(pk)
        self.ids = self._up_from(leaf or conversation.leaf_id)

    def _up_from(self, leaf: uuid.UUID | None) -> list[uuid.UUID]:
        ids = []
        while leaf is not None and leaf in self._parents:
            ids.append(leaf)
            leaf = self._parents[leaf]
        return ids[::-1]

    def siblings(self, pk: uuid.UUID) -> list[uuid.UUID]:
        """All messages that stand at this one's place, oldest first."""
        return self._children[self._parents[pk]]

    def newest_leaf_below(self, pk: uuid.UUID) -> uuid.UUID:
        """Where a reader lands who switches to this branch."""
        while children := self._children.get(pk):
            pk = children[-1]
        return pk

    def messages(self, among: MessageQuerySet | None = None) -> list[Message]:
        """The path's messages, or those of them in a set; root first, `place` set on each."""
        rows = Message.objects.all() if among is None else among
        found = {message.pk: message for message in rows.filter(pk__in=self.ids).with_answers()}
        find_images(found.values())
        return [self._placed(found[pk]) for pk in self.ids if pk in found]

    def _placed(self, message: Message) -> Message:
        siblings = self.siblings(message.pk)
        at = siblings.index(message.pk)
        message.place = Place(
            number=at + 1,
            count=len(siblings),
            previous=siblings[at - 1] if at > 0 else None,
            next=siblings[at + 1] if at + 1 < len(siblings) else None,
        )
        return message
