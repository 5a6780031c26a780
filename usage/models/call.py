"""Call: one request to a provider, written down before it is sent. Reply: what came of it, written down after."""

from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Call(models.Model):
    """One upstream request. Never changed and never deleted: what was sent, was sent.

    Generation, conversation and member are plain ids without a foreign key, so that deleting them touches no account.
    """

    class Purpose(models.TextChoices):
        ANSWER = "answer", _("answer")
        TITLE = "title", _("title")

    id = models.UUIDField(_("id"), primary_key=True, default=uuid.uuid4, editable=False)
    generation_id = models.UUIDField(_("generation id"))
    number = models.PositiveSmallIntegerField(_("number"), help_text=_("1 for the first request of a generation"))
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose)
    provider = models.CharField(_("provider"), max_length=40)
    model = models.CharField(_("model"), max_length=120)
    conversation_id = models.UUIDField(_("conversation id"))
    member_id = models.UUIDField(_("member id"))
    # What a Charge needs to know, also when nobody is left to tell. Each has a default in the database: workers of the
    # version before this may still run.
    member_label = models.CharField(_("member label"), max_length=254, blank=True, default="", db_default="")
    group_ids = ArrayField(
        models.IntegerField(),
        default=list,
        db_default=Value([], ArrayField(models.IntegerField())),
        verbose_name=_("group ids"),
    )
    model_id = models.BigIntegerField(
        _("model id"), null=True, help_text=_("the row of the catalog, if it is there still")
    )
    prompt_tokens = models.PositiveIntegerField(
        _("prompt tokens"), default=0, db_default=0, help_text=_("estimated, before it was sent")
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("call"), _("calls")
        constraints = [models.UniqueConstraint(fields=["generation_id", "number"], name="one_row_per_call")]
        indexes = [
            models.Index(fields=["member_id", "created_at"], name="calls_of_a_member"),
            models.Index(fields=["created_at"], name="calls_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} {self.number}, {self.generation_id}"


class Reply(models.Model):
    """What came of a Call. Never changed either. A Call without one: its worker is at it, or died of it."""

    call = models.OneToOneField(Call, models.PROTECT, primary_key=True, verbose_name=_("call"))
    error_code = models.CharField(
        _("error code"), max_length=60, blank=True, help_text=_("blank: the answer was whole")
    )
    finish_reason = models.CharField(_("finish reason"), max_length=60, blank=True)
    returned_model = models.CharField(_("returned model"), max_length=120, blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=200, blank=True)
    trace_id = models.CharField(_("trace id"), max_length=200, blank=True)
    # Tokens as the provider counted them: see providers.deltas.Usage. None: it did not say.
    usage = models.JSONField(_("usage"), null=True)
    first_text_at = models.DateTimeField(_("first text at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), db_default=Now())

    class Meta:
        verbose_name, verbose_name_plural = _("reply"), _("replies")
        indexes = [
            models.Index(fields=["error_code", "ended_at"], name="replies_that_failed", condition=~Q(error_code=""))
        ]

    def __str__(self) -> str:
        return self.error_code or self.finish_reason
