"""Provider, LanguageModel, Route: rows an administrator edits, not code. What they cost is in prices.py, who may use
them in rules.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext, gettext_noop, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from catalog import addresses, keys, rules
from catalog.prices import Band, BilledAs, Currency, Price, Rate, in_force
from catalog.recent import Recent
from catalog.rules import EVERYTHING, Permits, Rule, permits_of
from catalog.rules import Ability as Permitted
from providers.dialects import DIALECTS
from providers.messages import Ability, Effort, Endpoint, Secret

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

__all__ = [
    "Band",
    "BilledAs",
    "Circuit",
    "LanguageModel",
    "NoRouteError",
    "NotPermittedError",
    "Offer",
    "Price",
    "Provider",
    "Rate",
    "Route",
    "Rule",
    "Step",
]

# An administrator names the setting, so it must be none of the others: they would be sent to the provider as its key.
KEY_SETTING = re.compile(r"^[A-Z][A-Z0-9_]*_API_KEY\Z")
names_a_key = RegexValidator(KEY_SETTING, _("Enter a name like DEEPSEEK_API_KEY, ending in _API_KEY."))


# Of the routes of a fresh install; see catalog.defaults.
FRESH_LABELS = {
    gettext_noop("Auto"),
    gettext_noop("Quick"),
    gettext_noop("Deep"),
    gettext_noop("Max"),
    gettext_noop("Vision"),
    gettext_noop("Code"),
    gettext_noop("Local (SmolLM2)"),
}


def dialects() -> list[tuple[str, StrOrPromise]]:
    return [(name, _(dialect.label)) for name, dialect in DIALECTS.items()]


class Provider(models.Model):
    """A server that answers. Its key comes from the environment, or is kept here encrypted."""

    name = models.SlugField(_("name"), max_length=40, unique=True)
    dialect = models.CharField(_("dialect"), max_length=20, choices=dialects, default="openai")
    base_url = models.CharField(
        pgettext_lazy("of a server", "address"),
        max_length=200,
        blank=True,
        help_text=_("Without an address the provider is not offered."),
    )
    key_setting = models.CharField(
        _("setting with the key"),
        max_length=60,
        blank=True,
        validators=[names_a_key],
        help_text=_("For example DEEPSEEK_API_KEY. Blank: needs no key, or one that is entered here."),
    )
    # See keys.py. Left out of dumpdata.
    encrypted_key = models.TextField(blank=True, editable=False, serialize=False)
    currency = models.CharField(
        _("billed in"), max_length=3, choices=Currency, default=Currency.USD, db_default=Currency.USD
    )
    concurrency = models.PositiveIntegerField(_("answers at once"), default=16, validators=[MinValueValidator(1)])
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("provider"), _("providers")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(concurrency__gte=1), name="a_provider_answers_at_least_one_at_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> Secret:
        """The key that was entered, else the environment's; empty when none is needed, or none can be had."""
        with suppress(keys.KeyLostError):
            return self.kept_key or Secret(self._key_in_environment)
        return Secret()

    @property
    def kept_key(self) -> Secret:
        """The key that an administrator entered; empty without one. Raises KeyLostError."""
        return keys.opened(self.encrypted_key, self._place) if self.encrypted_key else Secret()

    def keep_key(self, key: Secret) -> None:
        """Keep this key, encrypted, and only for the address that the row has now; an empty one keeps none."""
        self.encrypted_key = keys.sealed(key, self._place) if key else ""
        self.save(update_fields=["encrypted_key"])

    @property
    def _place(self) -> str:
        return f"{self.pk} {addresses.origin(self.base_url)}"

    @property
    def _key_in_environment(self) -> str:
        return str(getattr(settings, self.key_setting, "")) if KEY_SETTING.match(self.key_setting) else ""

    @property
    def not_ready_because(self) -> str:
        """Why it can't be asked, in a sentence for administrators; "" when it can."""
        if not self.enabled:
            return gettext("It is switched off.")
        if not self.base_url:
            return gettext("It has no address.")
        try:
            key = self.kept_key or Secret(self._key_in_environment)
        except keys.KeyLostError as error:
            return error.sentence
        if self.key_setting and not key:
            sentence = gettext("It has no key: set %(setting)s in the environment, or enter a key.")
            return sentence % {"setting": self.key_setting}
        return addresses.refusal(self.base_url, has_key=bool(key))

    @property
    def is_ready(self) -> bool:
        return not self.not_ready_because

    @property
    def circuit_state(self) -> str:
        return self.circuit.state if hasattr(self, "circuit") else gettext("closed")

    @property
    def endpoint(self) -> Endpoint:
        """Where and how to ask it, for one that is ready."""
        return Endpoint(
            self.name,
            self.dialect,
            self.base_url,
            self.key,
            self.concurrency,
            public_only=not addresses.is_the_operators(self.base_url),
        )


class LanguageModel(models.Model):
    """A model as its provider names it."""

    provider = models.ForeignKey(Provider, models.CASCADE, related_name="models", verbose_name=_("provider"))
    name = models.CharField(_("name at the provider"), max_length=120)
    context_tokens = models.PositiveIntegerField(_("tokens of its window"), default=8192)
    output_tokens = models.PositiveIntegerField(_("most tokens of one answer"), default=2048)
    thinks = models.BooleanField(_("thinks"), default=False)
    sees = models.BooleanField(_("sees images"), default=False)
    uses_tools = models.BooleanField(_("uses tools"), default=True)
    answers_json = models.BooleanField(_("has a JSON mode"), default=True)
    continues = models.BooleanField(
        _("continues an answer"), default=True, help_text=_("Goes on from the last character, where its server can.")
    )
    fills = models.BooleanField(_("fills in the middle"), default=False)
    opens_thinking = models.BooleanField(
        _("opens the thinking"),
        default=False,
        help_text=_("Its template opens the thinking itself: answers show </think> and never <think>."),
    )
    unpriced_allowed = models.BooleanField(
        _("may answer without a price"),
        default=False,
        db_default=False,
        help_text=_("What it costs is then unknown: its calls are flagged, and never taken for free."),
    )

    class Meta:
        verbose_name, verbose_name_plural = _("model"), _("models")
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="one_row_per_model_of_a_provider")]

    def __str__(self) -> str:
        return f"{self.name} ({self.provider})"

    def clean(self) -> None:
        if self.context_tokens is not None and (self.output_tokens or 0) > self.context_tokens:
            raise ValidationError({"output_tokens": _("An answer can't be longer than the window that it stands in.")})
        if not self.output_tokens:
            raise ValidationError({"output_tokens": _("An answer needs at least one token.")})

    @property
    def abilities(self) -> frozenset[Ability]:
        has = {
            Ability.THINKING: self.thinks,
            Ability.VISION: self.sees,
            Ability.TOOLS: self.uses_tools,
            Ability.JSON: self.answers_json,
            Ability.PREFIX: self.continues,
            Ability.FIM: self.fills,
        }
        return frozenset(ability for ability, it_has in has.items() if it_has)

    def price_at(self, at: datetime) -> Price | None:
        """What it costs at an instant; None if nobody has said. `prices` may be prefetched."""
        return in_force(self.prices.all(), self.provider.currency, at)

    def may_be_charged(self, at: datetime) -> bool:
        """Whether it may answer: it has a price, or an administrator allowed it without."""
        return self.unpriced_allowed or self.price_at(at) is not None

    def takes(self, effort: str) -> frozenset[str]:
        """The parameters that change its answers when it thinks as much as `effort` says."""
        return DIALECTS[self.provider.dialect].takes(self.abilities, Effort(effort))


class RouteQuerySet(models.QuerySet["Route"]):
    def whole(self) -> RouteQuerySet:
        """With their chains, models, prices and providers: three queries for all of them."""
        chains = Step.objects.select_related("model__provider").prefetch_related("model__prices")
        return self.prefetch_related(models.Prefetch("steps", chains))

    def recent(self) -> list[Route]:
        """All of them, whole and best first, as they stood CATALOGUE_SECONDS ago at most: mostly without a query."""
        return [copy(route) for route in _routes()]  # each caller says for itself what is choosable

    def found(self, pk: int | None) -> Route | None:
        """The recent one, if it can answer; else it is looked for again: it may have been set up just now."""
        route = next((route for route in self.recent() if route.pk == pk), None)
        can_answer = route and route.enabled and route.steps_at(timezone.now())
        return route if can_answer or pk is None else self.whole().filter(pk=pk).first()

    def offered(self, permits: Permits = EVERYTHING) -> Offer:
        """The recent ones of which a provider is ready, best first; Auto among them when it has a choice."""
        ready = [route for route in self.recent() if route.is_ready]
        for route in ready:
            route.permits = permits
        permitted = [route for route in ready if route.is_permitted and route.is_ready]
        choosable = [route for route in permitted if not route.is_auto]
        parts = {route.auto for route in choosable} - {Route.Auto.NONE}
        for route in permitted:
            route.choosable = choosable
        offered = [route for route in permitted if not route.is_auto or len(parts) > 1]
        return Offer(offered, (route for route in ready if route not in permitted), permits)

    def offered_to(self, member_id: UUID) -> Offer:
        """What this member may choose from, by the rules of now."""
        return self.offered(permits_of(member_id))

    def through(self, *models: LanguageModel, **fields: Any) -> Route:
        """Create a route whose chain tries these models, in this order."""
        route = self.create(**fields)
        Step.objects.bulk_create([Step(route=route, position=n, model=it) for n, it in enumerate(models, start=1)])
        return route


_routes = Recent(lambda: list(Route.objects.whole().order_by("position", "pk")), lambda: settings.CATALOGUE_SECONDS)


def forget(**_signal: Any) -> None:
    """Read all of it again, once what was changed is committed."""
    transaction.on_commit(_routes.forget)
    transaction.on_commit(rules.are_there.forget)


class NoRouteError(Exception):
    """No provider is ready."""

    sentence: StrOrPromise = _("No model is set up yet. An administrator can set DEEPSEEK_API_KEY or add a provider.")


class NotPermittedError(NoRouteError):
    """There is one, and a rule refuses it to this member."""

    sentence: StrOrPromise = _("No model is open to you. An administrator can change that.")

    def __init__(self, sentence: StrOrPromise = "") -> None:
        self.sentence = sentence or self.sentence
        super().__init__(self.sentence)


def not_open(route: Route) -> str:
    sentence = gettext("“%(route)s” is not open to you. Choose another model, or ask an administrator.")
    return sentence % {"route": route.title}


class Offer(list["Route"]):
    """The routes that somebody may choose from, best first; beside them those that a rule refuses them."""

    def __init__(
        self, routes: Iterable[Route] = (), refused: Iterable[Route] = (), permits: Permits = EVERYTHING
    ) -> None:
        super().__init__(routes)
        self.refused = {route.name: route for route in refused}
        self.permits = permits

    def named(self, name: str) -> Route:
        """The route a member chose, or the default when it is gone. Raises NoRouteError, NotPermittedError."""
        if name in self.refused:
            raise NotPermittedError(not_open(self.refused[name]))
        if not self:
            raise NotPermittedError if self.refused else NoRouteError
        return next((route for route in self if route.name == name), self[0])


class Route(models.Model):
    """The name members choose, and what stands behind it: a chain of models, of which the first that can answers."""

    class Effort(models.TextChoices):
        OFF = "off", _("no thinking")
        LOW = "low", _("a little thinking")
        HIGH = "high", pgettext_lazy("how much", "thinking")
        MAX = "max", _("much thinking")

    class Auto(models.TextChoices):
        """The part that a route plays when members let us choose."""

        NONE = "", _("not chosen by Auto")
        CHOOSER = "chooser", _("is Auto: chooses another route for every question")
        IMAGES = "images", _("for questions with images")
        CODE = "code", _("for questions with code")
        LONG = "long", _("for what is too long for the others")
        OTHERWISE = "otherwise", _("for all other questions")

    name = models.SlugField(_("name"), max_length=60, unique=True)
    label = models.CharField(_("label"), max_length=60)
    effort = models.CharField(_("thinking"), max_length=4, choices=Effort, default=Effort.OFF)
    instructions = models.TextField(
        _("instructions"), blank=True, help_text=_("Told to the model before everything else.")
    )
    auto = models.CharField(_("Auto"), max_length=10, choices=Auto, default=Auto.NONE, blank=True)
    position = models.PositiveSmallIntegerField(
        _("position"), default=50, help_text=_("The first one that is ready is the default.")
    )
    listed = models.BooleanField(
        _("in the short list"), default=True, help_text=_("Others are offered as well, out of the way of newcomers.")
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name, verbose_name_plural = _("route"), _("routes")

    objects: ClassVar[RouteQuerySet] = RouteQuerySet.as_manager()  # type: ignore[assignment]  # a Manager, to the stubs

    permits: Permits = EVERYTHING  # of whoever asks by it

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """Its label as members read it: those of a fresh install in their language, others as they were written."""
        return gettext(self.label) if self.label in FRESH_LABELS else self.label

    @property
    def is_auto(self) -> bool:
        return self.auto == self.Auto.CHOOSER

    @cached_property
    def choosable(self) -> list[Route]:
        """The routes that Auto may take, best first."""
        return [route for route in Route.objects.offered(self.permits) if not route.is_auto]

    def bind(self, member_id: UUID) -> None:
        """From here on it is the route of this member: without what the rules refuse them. Raises NotPermittedError.

        One query, unless it was offered to them.
        """
        if self.permits.member_id != member_id:
            self.permits = permits_of(member_id)
            self.__dict__.pop("choosable", None)
        if not self.is_permitted:
            raise NotPermittedError(not_open(self))

    @property
    def is_permitted(self) -> bool:
        """A route is refused with the first model of its chain; others that are refused are passed over."""
        if self.is_auto:
            return self.permits.may_use(Permitted.AUTO)
        return all(self.permits.may_ask(step.model_id) for step in list(self.steps.all())[:1])

    @property
    def thinks(self) -> bool:
        """Whether its models think unless a member says otherwise."""
        return self.effort != self.Effort.OFF and self.permits.may_use(Permitted.THINKING)

    @property
    def ready_steps(self) -> list[Step]:
        """The chain without those that are switched off, have no key or are refused to whoever asks."""
        return [
            step for step in self.steps.all() if step.model.provider.is_ready and self.permits.may_ask(step.model_id)
        ]

    def steps_at(self, at: datetime) -> list[Step]:
        """Those whose models may be charged then."""
        return [step for step in self.ready_steps if step.model.may_be_charged(at)]

    @property
    def is_ready(self) -> bool:
        return self.enabled and (self.is_auto or bool(self.ready_steps))

    @property
    def model(self) -> LanguageModel | None:
        """The one that answers unless it fails; None for Auto."""
        steps = self.ready_steps
        return steps[0].model if steps else None

    @property
    def window(self) -> int:
        """Tokens that the one that answers can read; 0 when there is none."""
        model = self.model
        return model.context_tokens if model else 0


class Step(models.Model):
    """One model of a route's chain, and how hard we try it before the next one's turn."""

    route = models.ForeignKey(Route, models.CASCADE, related_name="steps", verbose_name=_("route"))
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    model = models.ForeignKey(LanguageModel, models.CASCADE, related_name="steps", verbose_name=_("model"))
    attempts = models.PositiveSmallIntegerField(
        _("attempts"), default=4, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    temperature = models.FloatField(
        _("temperature"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(2)],
        help_text=_("Unless a member says."),
    )
    timeout = models.FloatField(
        _("seconds for its first word"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Blank: the FIRST_EVENT_SECONDS of the settings."),
    )

    class Meta:
        verbose_name, verbose_name_plural = _("step"), _("steps")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(attempts__gte=1), name="a_step_is_tried_at_least_once")
        ]

    if TYPE_CHECKING:
        model_id: int

    def __str__(self) -> str:
        return f"{self.position}. {self.model}"


class Circuit(models.Model):
    """Whether a provider is worth asking, as all processes have seen it. No row: nothing went wrong yet."""

    provider = models.OneToOneField(Provider, models.CASCADE, primary_key=True)
    failures = models.JSONField(default=list, blank=True)  # when the latest happened, in seconds since 1970
    opened_at = models.DateTimeField(null=True, blank=True)  # None: closed
    retry_at = models.DateTimeField(null=True, blank=True)  # when one request may try again
    pause = models.PositiveIntegerField(default=0)  # seconds between opening and trying again
    probed_until = models.DateTimeField(null=True, blank=True)  # one request is trying, and has so long to tell
    reason = models.CharField(max_length=60, blank=True)  # the error code that opened it

    class Meta:
        verbose_name, verbose_name_plural = _("circuit"), _("circuits")

    def __str__(self) -> str:
        return f"{self.provider}: {self.state}"

    @property
    def state(self) -> str:
        """In words, for administrators."""
        if self.retry_at is None:
            if not self.failures:
                return gettext("closed")
            return gettext("closed, %(count)s failed lately") % {"count": len(self.failures)}
        values = {"reason": self.reason, "time": date_format(timezone.localtime(self.retry_at), "H:i:s T")}
        if self.probed_until:
            return gettext("open (%(reason)s); one request is trying") % values
        return gettext("open (%(reason)s); tries again after %(time)s") % values
