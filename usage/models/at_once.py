"""AtOnce: how many answers are written at once. What is asked beyond it waits in the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

MOST = 1000


class AtOnce(models.Model):
    """For one member, each member of a group, each of all, or all together.

    As with limits a member's own row wins, else the tightest of their groups', else everybody's; what all have
    together counts beside these. Read by the claim of the queue, in SQL: see conversations.models.generation.
    """

    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("member")
    )
    group = models.ForeignKey(Group, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("group"))
    shared = models.BooleanField(
        _("for all of them together"), default=False, help_text=_("Otherwise each of them has so many.")
    )
    most = models.PositiveSmallIntegerField(
        _("answers at once"), validators=[MinValueValidator(1), MaxValueValidator(MOST)]
    )

    if TYPE_CHECKING:
        member_id: UUID | None
        group_id: int | None

    class Meta:
        verbose_name, verbose_name_plural = _("answers at once"), _("answers at once")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "group", "shared"],
                nulls_distinct=False,
                name="one_number_at_once",
                violation_error_message=_("There is such a row already. Change that one."),
            ),
            models.CheckConstraint(
                condition=Q(member=None, group=None) | (Q(member=None) | Q(group=None)) & Q(shared=False),
                name="at_once_is_for_a_member_a_group_or_all",
                violation_error_message=_("Choose a member or a group, or neither. Together means everybody."),
            ),
            models.CheckConstraint(
                condition=Q(most__gte=1, most__lte=MOST),
                name="at_once_is_a_number",
                violation_error_message=_("From 1 to 1000."),
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(count)s answers at once") % {"count": self.most}
