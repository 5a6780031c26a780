"""What a model costs: Price, dated and by band; Band, the hours of the week that have prices of their own; BilledAs,
under which other names it is billed; Rate, what one currency is worth in another."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.utils.translation import gettext_lazy as _

from catalog import calendars
from catalog.calendars import WeekCalendar

if TYPE_CHECKING:
    from catalog.models import LanguageModel

PER_MILLION = Decimal(1_000_000)
MOST = (
    10**6
)  # of a currency for a million tokens. Every comparison with NaN is false but the one with itself: none is NaN


class Currency(models.TextChoices):
    USD = "USD", "USD"
    CNY = "CNY", "CNY"


def _same(expression: Any) -> tuple[Func, str]:
    """That two rows have the same of this. A range of one number: those need no extension for such an index."""
    number = Func(expression, Value(0), function="hashtextextended", output_field=models.BigIntegerField())
    return _same_number(number)


def _same_number(expression: Any) -> tuple[Func, str]:
    return Func(expression, expression, Value("[]"), function="numrange"), RangeOperators.OVERLAPS


def _meanwhile() -> tuple[Func, str]:
    return Func(F("valid_from"), F("valid_to"), function="tstzrange"), RangeOperators.OVERLAPS


class Dated(models.Model):
    """In force from an instant on, that one included, up to another, or for good."""

    valid_from = models.DateTimeField(_("from"))
    valid_to = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Blank: until further notice."))
    note = models.CharField(_("note"), max_length=200, blank=True, help_text=_("Where this is known from."))

    class Meta:
        abstract = True

    def clean(self) -> None:
        if self.valid_from and self.valid_to and self.valid_to <= self.valid_from:
            raise ValidationError({"valid_to": _("It ends after it began.")})

    def covers(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


_ends_later = Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from"))


class Band(models.Model):
    """Hours of the week with prices of their own, as DeepSeek's peak hours."""

    name = models.CharField(_("name"), max_length=40, unique=True)
    hours = models.TextField(_("hours"), help_text=_("One window a line, like “Mon-Fri 09:00-12:00”."))
    zone = models.CharField(_("time zone"), max_length=60, help_text=_("Like Asia/Shanghai: whose clocks count."))
    holidays = models.CharField(
        _("without the holidays of"),
        max_length=2,
        blank=True,
        help_text=_("A country's code, like CN: the band never holds on its public holidays."),
    )

    class Meta:
        verbose_name, verbose_name_plural = _("band"), _("bands")
        constraints = [
            models.CheckConstraint(condition=~Q(zone="") & ~Q(hours=""), name="a_band_has_hours_in_a_time_zone")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def calendar(self) -> WeekCalendar:
        return WeekCalendar.read(self.hours, self.zone, self.holidays)

    def clean(self) -> None:
        problems = {}
        if self.zone and self.zone not in calendars.zones():
            problems["zone"] = _("There is no such time zone. Enter one like Asia/Shanghai or Europe/Berlin.")
        if self.holidays and self.holidays not in calendars.countries():
            problems["holidays"] = _("The holidays of this country are not known. Enter a code like CN.")
        if problems:
            raise ValidationError(problems)
        try:
            WeekCalendar.read(self.hours, "UTC")
        except calendars.NotAWindowError as error:
            raise ValidationError({"hours": error.sentence}) from None


class PriceManager(models.Manager["Price"]):
    def get_queryset(self) -> models.QuerySet[Price]:
        """With their bands: a price is never looked at without."""
        return super().get_queryset().select_related("band")


def _amount(label: Any) -> Any:
    return models.DecimalField(label, max_digits=12, decimal_places=6, validators=[MinValueValidator(0)])


class Price(Dated):
    """What a model costs, in its provider's currency, for a million tokens. All 0: it is free, and somebody said so."""

    model = models.ForeignKey("catalog.LanguageModel", models.CASCADE, related_name="prices", verbose_name=_("model"))
    currency = models.CharField(_("currency"), max_length=3, choices=Currency, default=Currency.USD)
    band = models.ForeignKey(
        Band,
        models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("band"),
        help_text=_("Blank: at all hours that have no other price."),
    )
    cache_hit = _amount(_("cached input"))
    cache_miss = _amount(_("input"))
    output = _amount(_("output"))
    per_call = models.DecimalField(
        _("per call"), max_digits=12, decimal_places=6, default=Decimal(0), validators=[MinValueValidator(0)]
    )

    objects: ClassVar[PriceManager] = PriceManager()

    if TYPE_CHECKING:
        model_id: int
        band_id: int | None

    class Meta:
        verbose_name, verbose_name_plural = _("price"), _("prices")
        ordering = ["model", "-valid_from", "band"]
        constraints = [
            models.CheckConstraint(
                condition=Q(cache_hit__gte=0, cache_hit__lt=MOST)
                & Q(cache_miss__gte=0, cache_miss__lt=MOST)
                & Q(output__gte=0, output__lt=MOST)
                & Q(per_call__gte=0, per_call__lt=MOST),
                name="a_price_is_a_number_and_not_negative",
                violation_error_message=_("A price is a number from 0 on."),
            ),
            models.CheckConstraint(condition=_ends_later, name="a_price_ends_after_it_began"),
            # At every instant one price for all hours at most, and one for the hours of a band: nothing to choose from.
            ExclusionConstraint(
                name="one_price_at_a_time",
                expressions=[
                    _same_number(F("model")),
                    _same(F("currency")),
                    _same_number(
                        Case(
                            When(band__isnull=True, then=Value(0)), default=Value(1), output_field=models.IntegerField()
                        )
                    ),
                    _meanwhile(),
                ],
                violation_error_message=_("Another price of this model holds in part of this time."),
            ),
        ]

    def __str__(self) -> str:
        band = f", {self.band}" if self.band else ""
        return f"{self.cache_hit:f} / {self.cache_miss:f} / {self.output:f} {self.currency}{band}"

    def of(self, hit: int, miss: int, output: int) -> Decimal:
        """What these tokens cost, exactly: tokens are whole, and a price has six places."""
        amount: Decimal = hit * self.cache_hit + miss * self.cache_miss + output * self.output
        return amount / PER_MILLION + self.per_call


class BilledAs(Dated):
    """Another name that a provider gives or gave a model: what answers under it costs what the model costs."""

    provider = models.ForeignKey("catalog.Provider", models.CASCADE, related_name="aliases", verbose_name=_("provider"))
    name = models.CharField(_("name in its answers"), max_length=120)
    model = models.ForeignKey(
        "catalog.LanguageModel", models.CASCADE, related_name="aliases", verbose_name=_("is billed as")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("billed-as name"), _("billed-as names")
        constraints = [
            models.CheckConstraint(condition=_ends_later, name="a_name_ends_after_it_began"),
            ExclusionConstraint(
                name="a_name_is_billed_as_one_model_at_a_time",
                expressions=[_same_number(F("provider")), _same(F("name")), _meanwhile()],
                violation_error_message=_("This name is billed as another model in part of this time."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} → {self.model.name}"

    def clean(self) -> None:
        super().clean()
        if self.model_id and self.provider_id and self.model.provider_id != self.provider_id:
            raise ValidationError({"model": _("Choose a model of the same provider.")})


class RateManager(models.Manager["Rate"]):
    def at(self, currency: str, into: str, at: datetime) -> Decimal | None:
        """What one unit of a currency was worth in another; None if nobody entered it."""
        if currency == into:
            return Decimal(1)
        rates = self.filter(currency=currency, into=into, valid_from__lte=at).order_by("-valid_from")
        return rates.values_list("rate", flat=True).first()


class Rate(models.Model):
    """What a currency is worth in another one from an instant on, until a newer row. Entered by hand."""

    currency = models.CharField(_("one"), max_length=3, choices=Currency)
    into = models.CharField(_("is worth in"), max_length=3, choices=Currency)
    rate = models.DecimalField(_("rate"), max_digits=16, decimal_places=8)
    valid_from = models.DateTimeField(_("from"))
    note = models.CharField(_("note"), max_length=200, blank=True, help_text=_("Where this is known from."))

    objects: ClassVar[RateManager] = RateManager()

    class Meta:
        verbose_name, verbose_name_plural = _("exchange rate"), _("exchange rates")
        ordering = ["currency", "into", "-valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rate__gt=0, rate__lt=MOST),
                name="a_rate_is_above_zero",
                violation_error_message=_("A rate is a number above 0."),
            ),
            models.CheckConstraint(
                condition=~Q(currency=F("into")),
                name="a_rate_is_between_two_currencies",
                violation_error_message=_("Choose two different currencies."),
            ),
            models.UniqueConstraint(
                fields=["currency", "into", "valid_from"],
                name="one_rate_at_a_time",
                violation_error_message=_("There is a rate from this moment on already."),
            ),
        ]

    def __str__(self) -> str:
        return f"1 {self.currency} = {self.rate.normalize():f} {self.into}"


def in_force(prices: Any, currency: str, at: datetime) -> Price | None:
    """The one of these prices that counts at an instant: that of a band which holds then, before that of all hours."""
    now = [price for price in prices if price.currency == currency and price.covers(at)]
    banded = (price for price in now if price.band and price.band.calendar.holds(at))
    return next(banded, next((price for price in now if price.band is None), None))


def billed_as(model: LanguageModel, returned: str, at: datetime) -> LanguageModel:
    """Whose prices an answer costs: those of the model that its provider says has answered, if we know it."""
    if not returned or returned == model.name:
        return model
    alias = model.provider.aliases.filter(name=returned).select_related("model")
    known = next((it.model for it in alias if it.covers(at)), None)
    return known or model.provider.models.filter(name=returned).first() or model
