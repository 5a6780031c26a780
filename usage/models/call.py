"""Call: one request to a provider, written down before it is sent. Reply: what came of it, written down after."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Value
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
    # What a Charge needs to know, also when nobody is left to tell. Each has a default in the database: workers of the
    # version before this may still run.
    member_label = models.CharField(max_length=254, blank=True, default="", db_default="")
    group_ids = ArrayField(models.IntegerField(), default=list, db_default=Value([], ArrayField(models.IntegerField())))
    model_id = models.BigIntegerField(null=True, help_text="the row of the catalog, if it is there still")
    prompt_tokens = models.PositiveIntegerField(default=0, db_default=0, help_text="estimated, before it was sent")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation_id", "number"], name="one_row_per_call")]
        indexes = [
            models.Index(fields=["member_id", "created_at"], name="calls_of_a_member"),
            models.Index(fields=["created_at"], name="calls_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.number} of {self.generation_id}"


class Reply(models.Model):
    """What came of a Call. Never changed either. A Call without one: its worker is at it, or died of it."""

    call = models.OneToOneField(Call, models.PROTECT, primary_key=True)
    error_code = models.CharField(max_length=60, blank=True, help_text="blank: the answer was whole")
    finish_reason = models.CharField(max_length=60, blank=True)
    returned_model = models.CharField(max_length=120, blank=True)
    fingerprint = models.CharField(max_length=200, blank=True)
    trace_id = models.CharField(max_length=200, blank=True)
    # Tokens as the provider counted them: see providers.deltas.Usage. None: it did not say.
    usage = models.JSONField(null=True)
    first_text_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "replies"

    def __str__(self) -> str:
        return self.error_code or self.finish_reason
