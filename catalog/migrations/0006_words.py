"""What administrators see of these rows has its words."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import catalog.models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_prices"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="band",
            options={"verbose_name": "band", "verbose_name_plural": "bands"},
        ),
        migrations.AlterModelOptions(
            name="billedas",
            options={"verbose_name": "billed-as name", "verbose_name_plural": "billed-as names"},
        ),
        migrations.AlterModelOptions(
            name="circuit",
            options={"verbose_name": "circuit", "verbose_name_plural": "circuits"},
        ),
        migrations.AlterModelOptions(
            name="languagemodel",
            options={"verbose_name": "model", "verbose_name_plural": "models"},
        ),
        migrations.AlterModelOptions(
            name="price",
            options={
                "ordering": ["model", "-valid_from", "band"],
                "verbose_name": "price",
                "verbose_name_plural": "prices",
            },
        ),
        migrations.AlterModelOptions(
            name="provider",
            options={"verbose_name": "provider", "verbose_name_plural": "providers"},
        ),
        migrations.AlterModelOptions(
            name="rate",
            options={
                "ordering": ["currency", "into", "-valid_from"],
                "verbose_name": "exchange rate",
                "verbose_name_plural": "exchange rates",
            },
        ),
        migrations.AlterModelOptions(
            name="route",
            options={"verbose_name": "route", "verbose_name_plural": "routes"},
        ),
        migrations.AlterModelOptions(
            name="step",
            options={"ordering": ["position", "pk"], "verbose_name": "step", "verbose_name_plural": "steps"},
        ),
        migrations.AlterField(
            model_name="languagemodel",
            name="context_tokens",
            field=models.PositiveIntegerField(default=8192, verbose_name="tokens of its window"),
        ),
        migrations.AlterField(
            model_name="languagemodel",
            name="opens_thinking",
            field=models.BooleanField(
                default=False,
                help_text="Its template opens the thinking itself: answers show </think> and never <think>.",
                verbose_name="opens the thinking",
            ),
        ),
        migrations.AlterField(
            model_name="languagemodel",
            name="provider",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="models",
                to="catalog.provider",
                verbose_name="provider",
            ),
        ),
        migrations.AlterField(
            model_name="languagemodel",
            name="thinks",
            field=models.BooleanField(default=False, verbose_name="thinks"),
        ),
        migrations.AlterField(
            model_name="languagemodel",
            name="uses_tools",
            field=models.BooleanField(default=True, verbose_name="uses tools"),
        ),
        migrations.AlterField(
            model_name="provider",
            name="dialect",
            field=models.CharField(
                choices=catalog.models.dialects, default="openai", max_length=20, verbose_name="dialect"
            ),
        ),
        migrations.AlterField(
            model_name="provider",
            name="enabled",
            field=models.BooleanField(default=True, verbose_name="enabled"),
        ),
        migrations.AlterField(
            model_name="provider",
            name="name",
            field=models.SlugField(max_length=40, unique=True, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="route",
            name="enabled",
            field=models.BooleanField(default=True, verbose_name="enabled"),
        ),
        migrations.AlterField(
            model_name="route",
            name="instructions",
            field=models.TextField(
                blank=True, help_text="Told to the model before everything else.", verbose_name="instructions"
            ),
        ),
        migrations.AlterField(
            model_name="route",
            name="label",
            field=models.CharField(max_length=60, verbose_name="label"),
        ),
        migrations.AlterField(
            model_name="route",
            name="name",
            field=models.SlugField(max_length=60, unique=True, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="route",
            name="position",
            field=models.PositiveSmallIntegerField(
                default=50, help_text="The first one that is ready is the default.", verbose_name="position"
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="attempts",
            field=models.PositiveSmallIntegerField(
                default=4,
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10)],
                verbose_name="attempts",
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="model",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="steps",
                to="catalog.languagemodel",
                verbose_name="model",
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="position",
            field=models.PositiveSmallIntegerField(default=1, verbose_name="position"),
        ),
        migrations.AlterField(
            model_name="step",
            name="route",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="steps",
                to="catalog.route",
                verbose_name="route",
            ),
        ),
        migrations.AlterField(
            model_name="step",
            name="temperature",
            field=models.FloatField(
                blank=True,
                help_text="Unless a member says.",
                null=True,
                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(2)],
                verbose_name="temperature",
            ),
        ),
    ]
