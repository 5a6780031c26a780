"""The answer's log: append-only pieces of an answer that is being written."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Chunk(models.Model):
    """One flush's worth of one answer. Written by events.append alone; folded into the Message when the answer ends.

    No foreign key: it would take a lock on the hot generation row with every insert, and a lock that guards nothing
    (see tests/conversations/test_fencing.py).
    """

    class Kind(models.IntegerChoices):
        TEXT = 0
        REASONING = 1

    pk = models.CompositePrimaryKey("generation_id", "seq")
    generation_id = models.UUIDField()
    seq = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    kind = models.PositiveSmallIntegerField(choices=Kind)
    text = models.TextField()

    class Meta:
        verbose_name, verbose_name_plural = _("piece of an answer"), _("pieces of answers")

    def __str__(self) -> str:
        return f"{self.generation_id} {self.seq}"
