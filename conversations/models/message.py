"""A message: one node of its conversation's tree."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
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

    def whole(self, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Message]:
        """These, with all that a template needs, their images too: two queries."""
        found = {message.pk: message for message in self.filter(pk__in=ids).with_answers()}
        find_images(found.values())
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
    # By their conversations, which are few: by thousands of questions, all images of all members would be read.
    images = Attachment.objects.light().filter(conversation__in={message.conversation_id for message in questions})
    models.prefetch_related_objects(questions, models.Prefetch("attachments", images))


def _trees(conversations: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Node]]:
    """All messages of each conversation, oldest first, as little of them as there can be."""
    trees: dict[uuid.UUID, list[Node]] = {pk: [] for pk in conversations}
    rows = Message.objects.filter(conversation__in=trees).order_by("created_at", "pk")
    for conversation, pk, parent, changed_seq in rows.values_list("conversation", "pk", "parent", "changed_seq"):
        trees[conversation].append(Node(pk, parent, changed_seq))
    return trees


@dataclass(frozen=True, slots=True)
class Node:
    """What the tree knows of a message."""

    pk: uuid.UUID
    parent: uuid.UUID | None
    changed_seq: int


class Path:
    """The messages a reader sees, in order, each with its place among its siblings."""

    def __init__(
        self, conversation: Conversation, leaf: uuid.UUID | None = None, nodes: Sequence[Node] | None = None
    ) -> None:
        if nodes is None:
            nodes = _trees([conversation.pk])[conversation.pk]
        self._nodes = {node.pk: node for node in nodes}
        self._children: dict[uuid.UUID | None, list[uuid.UUID]] = {}
        for node in self._nodes.values():
            self._children.setdefault(node.parent, []).append(node.pk)
        self.ids = self._up_from(leaf or conversation.leaf_id)

    @classmethod
    def of(cls, conversations: Iterable[Conversation]) -> dict[uuid.UUID, Path]:
        """Those of many conversations, by their ids: one query for all of them."""
        asked = {conversation.pk: conversation for conversation in conversations}
        trees = _trees(asked)
        return {pk: cls(conversation, nodes=trees[pk]) for pk, conversation in asked.items()}

    def _up_from(self, leaf: uuid.UUID | None) -> list[uuid.UUID]:
        ids = []
        while leaf is not None and leaf in self._nodes:
            ids.append(leaf)
            leaf = self._nodes[leaf].parent
        return ids[::-1]

    def changed_beyond(self, seq: int) -> list[uuid.UUID]:
        """Those of the path that changed beyond `seq` of the slow log."""
        return [pk for pk in self.ids if self._nodes[pk].changed_seq > seq]

    def siblings(self, pk: uuid.UUID) -> list[uuid.UUID]:
        """All messages that stand at this one's place, oldest first."""
        return self._children[self._nodes[pk].parent]

    def below(self, pk: uuid.UUID) -> list[uuid.UUID]:
        """It, and all that stands below it on any branch."""
        found = [pk]
        for it in found:
            found += self._children.get(it, [])
        return found

    def newest_leaf_below(self, pk: uuid.UUID) -> uuid.UUID:
        """Where a reader lands who switches to this branch."""
        while children := self._children.get(pk):
            pk = children[-1]
        return pk

    def messages(self) -> list[Message]:
        """The path's messages, root first, `place` set on each."""
        return self.placed(Message.objects.whole(self.ids))

    def placed(self, found: Mapping[uuid.UUID, Message]) -> list[Message]:
        """Those of the path that were found, root first, `place` set on each."""
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
