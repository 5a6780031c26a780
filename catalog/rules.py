"""Rule: which groups may ask which models, and use which abilities. Permits: what that comes to for one member."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.recent import Recent

NO_IMAGES = _("Images are not open to you. Ask without them, or ask an administrator.")


class Ability(models.TextChoices):
    THINKING = "thinking", _("thinking")
    IMAGES = "images", _("images in questions")
    AUTO = "auto", _("Auto")


class RuleQuerySet(models.QuerySet["Rule"]):
    def that_concern(self, member_id: UUID) -> RuleQuerySet:
        """Everybody's, and those of the member's groups."""
        return self.filter(Q(group=None) | Q(group__in=Group.objects.filter(user=member_id)))


class Rule(models.Model):
    """A model or an ability is allowed or refused, to a group or to everybody. What no rule is about is allowed.

    A group's rules come before everybody's; who is in several groups may do what any of these allows.
    """

    group = models.ForeignKey(
        Group,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="rules",
        verbose_name=_("group"),
        help_text=_("Blank: everybody. A group's own rule comes before it."),
    )
    model = models.ForeignKey(
        "catalog.LanguageModel", models.CASCADE, null=True, blank=True, related_name="rules", verbose_name=_("model")
    )
    ability = models.CharField(_("or ability"), max_length=10, choices=Ability, blank=True)
    is_allowed = models.BooleanField(_("allowed"), default=False)

    objects: ClassVar[RuleQuerySet] = RuleQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    if TYPE_CHECKING:
        group_id: int | None
        model_id: int | None

    class Meta:
        verbose_name, verbose_name_plural = _("rule"), _("rules")
        constraints = [
            models.UniqueConstraint(
                fields=["group", "model", "ability"],
                nulls_distinct=False,
                name="one_rule_about_a_thing",
                violation_error_message=_("There is such a rule already. Change that one."),
            ),
            models.CheckConstraint(
                condition=Q(model=None) & ~Q(ability="") | Q(model__isnull=False, ability=""),
                name="a_rule_is_about_a_model_or_an_ability",
                violation_error_message=_("Choose a model or an ability, one of them."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {_('allowed') if self.is_allowed else _('refused')}"

    @property
    def subject(self) -> str:
        return str(self.model) if self.model_id else str(self.get_ability_display())


@dataclass(frozen=True)
class Permits:
    """What the rules refuse to one member; to nobody in particular, nothing."""

    member_id: UUID | None = None
    models: frozenset[int] = frozenset()
    abilities: frozenset[str] = frozenset()

    def may_ask(self, model_id: int) -> bool:
        return model_id not in self.models

    def may_use(self, ability: Ability) -> bool:
        return ability.value not in self.abilities


EVERYTHING = Permits()


are_there = Recent(Rule.objects.exists, lambda: settings.CATALOGUE_SECONDS)


def permits_of(member_id: UUID) -> Permits:
    """One query, and mostly none where there are no rules at all."""
    if not are_there():
        return Permits(member_id)
    about = defaultdict[tuple[int | None, str], list[Rule]](list)
    for rule in Rule.objects.that_concern(member_id):
        about[rule.model_id, rule.ability].append(rule)
    refused = {subject for subject, rules in about.items() if not _is_allowed(rules)}
    return Permits(
        member_id,
        frozenset(model_id for model_id, _ability in refused if model_id is not None),
        frozenset(ability for model_id, ability in refused if model_id is None),
    )


def _is_allowed(rules: Sequence[Rule]) -> bool:
    """By the groups' rules where there are any, else by everybody's."""
    of_groups = [rule for rule in rules if rule.group_id is not None]
    return any(rule.is_allowed for rule in of_groups or rules)
