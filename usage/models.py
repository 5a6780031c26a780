"""Call: one request to a provider, written down before it is sent."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now


class Call(models.Model):
    """One upstream request. Never changed and never deleted: what was sent, was sent.

    Generation, conversation and member are plain ids without a foreign key, so that deleting them touches no account.
    """

    class Purpose(models.TextChoices):
        ANSWER = "answer"
        TITLE = "title"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    generation_id = models.UUIDField()
    number = models.PositiveSmallIntegerField(help_text="1 for the first request of a generation")
    purpose = models.CharField(max_length=10, choices=Purpose)
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=120)
    conversation_id = models.UUIDField()
    member_id = models.UUIDField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation_id", "number"], name="one_row_per_call")]
        indexes = [models.Index(fields=["member_id", "created_at"], name="calls_of_a_member")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.number} of {self.generation_id}"
