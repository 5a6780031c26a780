"""Prices. Models that answered without one before go on to, and are flagged; those we know get theirs at a start."""

from decimal import Decimal

import django.contrib.postgres.constraints
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

ALLOW = """
    UPDATE catalog_languagemodel AS model SET unpriced_allowed = true
      FROM catalog_provider AS provider
     WHERE provider.id = model.provider_id
       AND model.name NOT IN ('deepseek-flash', 'deepseek-v4-pro', 'smollm2-135m')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0004_addresses_and_lists"),
    ]

    operations = [
        migrations.AddField(
            model_name="languagemodel",
            name="unpriced_allowed",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="What it costs is then unknown: its calls are flagged, and never taken for free.",
                verbose_name="may answer without a price",
            ),
        ),
        migrations.AddField(
            model_name="provider",
            name="currency",
            field=models.CharField(
                choices=[("USD", "USD"), ("CNY", "CNY")],
                db_default="USD",
                default="USD",
                max_length=3,
                verbose_name="billed in",
            ),
        ),
        migrations.CreateModel(
            name="Band",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40, unique=True, verbose_name="name")),
                (
                    "hours",
                    models.TextField(help_text="One window a line, like “Mon-Fri 09:00-12:00”.", verbose_name="hours"),
                ),
                (
                    "zone",
                    models.CharField(
                        help_text="Like Asia/Shanghai: whose clocks count.", max_length=60, verbose_name="time zone"
                    ),
                ),
                (
                    "holidays",
                    models.CharField(
                        blank=True,
                        help_text="A country's code, like CN: the band never holds on its public holidays.",
                        max_length=2,
                        verbose_name="without the holidays of",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("zone", ""), _negated=True), models.Q(("hours", ""), _negated=True)
                        ),
                        name="a_band_has_hours_in_a_time_zone",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Rate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "currency",
                    models.CharField(choices=[("USD", "USD"), ("CNY", "CNY")], max_length=3, verbose_name="one"),
                ),
                (
                    "into",
                    models.CharField(
                        choices=[("USD", "USD"), ("CNY", "CNY")], max_length=3, verbose_name="is worth in"
                    ),
                ),
                ("rate", models.DecimalField(decimal_places=8, max_digits=16, verbose_name="rate")),
                ("valid_from", models.DateTimeField(verbose_name="from")),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="Where this is known from.", max_length=200, verbose_name="note"
                    ),
                ),
            ],
            options={
                "verbose_name": "exchange rate",
                "ordering": ["currency", "into", "-valid_from"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("rate__gt", 0), ("rate__lt", 1000000)),
                        name="a_rate_is_above_zero",
                        violation_error_message="A rate is a number above 0.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency", models.F("into")), _negated=True),
                        name="a_rate_is_between_two_currencies",
                        violation_error_message="Choose two different currencies.",
                    ),
                    models.UniqueConstraint(
                        fields=("currency", "into", "valid_from"),
                        name="one_rate_at_a_time",
                        violation_error_message="There is a rate from this moment on already.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BilledAs",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("valid_from", models.DateTimeField(verbose_name="from")),
                (
                    "valid_to",
                    models.DateTimeField(
                        blank=True, help_text="Blank: until further notice.", null=True, verbose_name="until"
                    ),
                ),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="Where this is known from.", max_length=200, verbose_name="note"
                    ),
                ),
                ("name", models.CharField(max_length=120, verbose_name="name in its answers")),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="aliases",
                        to="catalog.languagemodel",
                        verbose_name="is billed as",
                    ),
                ),
                (
                    "provider",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="aliases",
                        to="catalog.provider",
                        verbose_name="provider",
                    ),
                ),
            ],
            options={
                "verbose_name": "billed-as name",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to__isnull", True), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                        ),
                        name="a_name_ends_after_it_began",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            (
                                models.Func(
                                    models.F("provider"), models.F("provider"), models.Value("[]"), function="numrange"
                                ),
                                "&&",
                            ),
                            (
                                models.Func(
                                    models.Func(
                                        models.F("name"),
                                        models.Value(0),
                                        function="hashtextextended",
                                        output_field=models.BigIntegerField(),
                                    ),
                                    models.Func(
                                        models.F("name"),
                                        models.Value(0),
                                        function="hashtextextended",
                                        output_field=models.BigIntegerField(),
                                    ),
                                    models.Value("[]"),
                                    function="numrange",
                                ),
                                "&&",
                            ),
                            (models.Func(models.F("valid_from"), models.F("valid_to"), function="tstzrange"), "&&"),
                        ],
                        name="a_name_is_billed_as_one_model_at_a_time",
                        violation_error_message="This name is billed as another model in part of this time.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("valid_from", models.DateTimeField(verbose_name="from")),
                (
                    "valid_to",
                    models.DateTimeField(
                        blank=True, help_text="Blank: until further notice.", null=True, verbose_name="until"
                    ),
                ),
                (
                    "note",
                    models.CharField(
                        blank=True, help_text="Where this is known from.", max_length=200, verbose_name="note"
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        choices=[("USD", "USD"), ("CNY", "CNY")], default="USD", max_length=3, verbose_name="currency"
                    ),
                ),
                (
                    "cache_hit",
                    models.DecimalField(
                        decimal_places=6,
                        max_digits=12,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="cached input",
                    ),
                ),
                (
                    "cache_miss",
                    models.DecimalField(
                        decimal_places=6,
                        max_digits=12,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="input",
                    ),
                ),
                (
                    "output",
                    models.DecimalField(
                        decimal_places=6,
                        max_digits=12,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="output",
                    ),
                ),
                (
                    "per_call",
                    models.DecimalField(
                        decimal_places=6,
                        default=Decimal("0"),
                        max_digits=12,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="per call",
                    ),
                ),
                (
                    "band",
                    models.ForeignKey(
                        blank=True,
                        help_text="Blank: at all hours that have no other price.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="catalog.band",
                        verbose_name="band",
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="prices",
                        to="catalog.languagemodel",
                        verbose_name="model",
                    ),
                ),
            ],
            options={
                "ordering": ["model", "-valid_from", "band"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cache_hit__gte", 0),
                            ("cache_hit__lt", 1000000),
                            ("cache_miss__gte", 0),
                            ("cache_miss__lt", 1000000),
                            ("output__gte", 0),
                            ("output__lt", 1000000),
                            ("per_call__gte", 0),
                            ("per_call__lt", 1000000),
                        ),
                        name="a_price_is_a_number_and_not_negative",
                        violation_error_message="A price is a number from 0 on.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to__isnull", True), ("valid_to__gt", models.F("valid_from")), _connector="OR"
                        ),
                        name="a_price_ends_after_it_began",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            (
                                models.Func(
                                    models.F("model"), models.F("model"), models.Value("[]"), function="numrange"
                                ),
                                "&&",
                            ),
                            (
                                models.Func(
                                    models.Func(
                                        models.F("currency"),
                                        models.Value(0),
                                        function="hashtextextended",
                                        output_field=models.BigIntegerField(),
                                    ),
                                    models.Func(
                                        models.F("currency"),
                                        models.Value(0),
                                        function="hashtextextended",
                                        output_field=models.BigIntegerField(),
                                    ),
                                    models.Value("[]"),
                                    function="numrange",
                                ),
                                "&&",
                            ),
                            (
                                models.Func(
                                    models.Case(
                                        models.When(band__isnull=True, then=models.Value(0)),
                                        default=models.Value(1),
                                        output_field=models.IntegerField(),
                                    ),
                                    models.Case(
                                        models.When(band__isnull=True, then=models.Value(0)),
                                        default=models.Value(1),
                                        output_field=models.IntegerField(),
                                    ),
                                    models.Value("[]"),
                                    function="numrange",
                                ),
                                "&&",
                            ),
                            (models.Func(models.F("valid_from"), models.F("valid_to"), function="tstzrange"), "&&"),
                        ],
                        name="one_price_at_a_time",
                        violation_error_message="Another price of this model holds in part of this time.",
                    ),
                ],
            },
        ),
        migrations.RunSQL(ALLOW, migrations.RunSQL.noop),
    ]
