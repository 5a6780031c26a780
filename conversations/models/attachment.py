"""An attachment: an image in a question, as it is shown and as models are given it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from conversations.models import Message

NAME_LIMIT = 100  # characters
IMAGE_TOKENS = 1000  # about what one costs in a prompt; DeepSeek's docs of 2026-09-18 name less, others measured 994


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def light(self) -> AttachmentQuerySet:
        """Without their bytes: what a page needs to show where they are."""
        return self.defer("data")

    def hang(self, question: Message, images: Sequence[Attachment]) -> None:
        """Save images, new or another question's, as this question's, in this order."""
        self.bulk_create(image.copy_for(question, place) for place, image in enumerate(images, start=1))
        question.image_count = len(images)

    def newest_within(self, count: int, size: int, questions: Iterable[uuid.UUID]) -> list[uuid.UUID]:
        """The ids of the last images of these questions, oldest question first, that fit: so many, of so many bytes."""
        order = {pk: number for number, pk in enumerate(questions)}
        rows = self.filter(message__in=order).values_list("pk", "message", "position", "bytes")
        fitting = []
        for pk, _, _, its_bytes in sorted(rows, key=lambda row: (order[row[1]], row[2]), reverse=True)[:count]:
            size -= its_bytes
            if size < 0:
                break
            fitting.append(pk)
        return fitting


class Attachment(models.Model):
    """An image in a question. conversations.attachments makes it; nothing else of the file that was chosen is kept."""

    class MediaType(models.TextChoices):
        """The two that every server takes. What we serve is one of these, whatever was uploaded."""

        JPEG = "image/jpeg", "jpg"
        PNG = "image/png", "png"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="attachments")
    message = models.ForeignKey("Message", models.CASCADE, related_name="attachments", db_index=False)
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=NAME_LIMIT)  # a label; it decides nothing
    media_type = models.CharField(max_length=10, choices=MediaType)
    data = models.BinaryField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    bytes = models.PositiveIntegerField()

    objects: ClassVar[AttachmentQuerySet] = AttachmentQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    if TYPE_CHECKING:
        conversation_id: uuid.UUID
        message_id: uuid.UUID

    class Meta:
        verbose_name, verbose_name_plural = gettext_lazy("attachment"), gettext_lazy("attachments")
        ordering = ["position"]
        constraints = [
            # A question that is posted twice at once must not have its images twice.
            models.UniqueConstraint(fields=["message", "position"], name="an_image_has_a_place_of_its_own"),
            models.CheckConstraint(
                condition=models.Q(media_type__in=["image/jpeg", "image/png"]), name="an_image_is_of_a_type_we_serve"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("image", args=[self.conversation_id, self.pk])

    @property
    def file_name(self) -> str:
        """Under which a browser saves it: the label, with the suffix of what it is."""
        return f"{self.name.rpartition('.')[0] or self.name}.{self.MediaType(self.media_type).label}"

    def is_same_image(self, other: Attachment) -> bool:
        return self.name == other.name and memoryview(self.data) == memoryview(other.data)

    def copy_for(self, question: Message, position: int) -> Attachment:
        return Attachment(
            conversation_id=question.conversation_id,
            message=question,
            position=position,
            name=self.name,
            media_type=self.media_type,
            data=self.data,
            width=self.width,
            height=self.height,
            bytes=self.bytes,
        )
