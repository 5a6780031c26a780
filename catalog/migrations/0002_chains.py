from typing import Any

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import catalog.models


def chains(apps: Any, schema_editor: Any) -> None:
    """A route had one model; now it has a chain, and Quick its part. What DeepSeek's models can do is known better."""
    Step = apps.get_model("catalog", "Step")
    routes = apps.get_model("catalog", "Route").objects.all()
    for route in routes:
        Step.objects.create(route=route, position=1, model_id=route.model_id)
    routes.filter(name="quick").update(auto="otherwise")
    models = apps.get_model("catalog", "LanguageModel").objects.filter(provider__name="deepseek")
    models.update(fills=True)
    models.filter(name="deepseek-flash").update(sees=True)


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Circuit",
            fields=[
                (
                    "provider",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="catalog.provider",
                    ),
                ),
                ("failures", models.JSONField(blank=True, default=list)),
                ("opened_at", models.DateTimeField(blank=True, null=True)),
                ("retry_at", models.DateTimeField(blank=True, null=True)),
                ("pause", models.PositiveIntegerField(default=0)),
                ("probed_until", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=60)),
            ],
        ),
        migrations.AddField(
            model_name="languagemodel",
            name="answers_json",
            field=models.BooleanField(default=True, verbose_name="has a JSON mode"),
        ),
        migrations.AddField(
            model_name="languagemodel",
            name="continues",
            field=models.BooleanField(
                default=True,
                help_text="Goes on from the last character, where its server can.",
                verbose_name="continues an answer",
            ),
        ),
        migrations.AddField(
            model_name="languagemodel",
            name="fills",
            field=models.BooleanField(default=False, verbose_name="fills in the middle"),
        ),
        migrations.AddField(
            model_name="languagemodel",
            name="opens_thinking",
            field=models.BooleanField(
                default=False,
                help_text="Its template opens the thinking itself: answers show </think> and never <think>.",
            ),
        ),
        migrations.AddField(
            model_name="languagemodel",
            name="sees",
            field=models.BooleanField(default=False, verbose_name="sees images"),
        ),
        migrations.AddField(
            model_name="languagemodel",
            name="uses_tools",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="provider",
            name="encrypted_key",
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name="route",
            name="auto",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "not chosen by Auto"),
                    ("chooser", "is Auto: chooses another route for every question"),
                    ("images", "for questions with images"),
                    ("code", "for questions with code"),
                    ("long", "for what is too long for the others"),
                    ("otherwise", "for all other questions"),
                ],
                default="",
                max_length=10,
                verbose_name="Auto",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="instructions",
            field=models.TextField(blank=True, help_text="Told to the model before everything else."),
        ),
        migrations.AlterField(
            model_name="provider",
            name="dialect",
            field=models.CharField(choices=catalog.models.dialects, default="openai", max_length=20),
        ),
        migrations.AlterField(
            model_name="provider",
            name="key_setting",
            field=models.CharField(
                blank=True,
                help_text="For example DEEPSEEK_API_KEY. Blank: needs no key, or one that is entered here.",
                max_length=60,
                verbose_name="setting with the key",
            ),
        ),
        migrations.CreateModel(
            name="Step",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField(default=1)),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(
                        default=4,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10),
                        ],
                    ),
                ),
                (
                    "temperature",
                    models.FloatField(
                        blank=True,
                        help_text="Unless a member says.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(2),
                        ],
                    ),
                ),
                (
                    "timeout",
                    models.FloatField(
                        blank=True,
                        help_text="Blank: the FIRST_EVENT_SECONDS of the settings.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="seconds for its first word",
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="catalog.languagemodel"
                    ),
                ),
                (
                    "route",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="catalog.route"
                    ),
                ),
            ],
            options={
                "ordering": ["position", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("attempts__gte", 1)), name="a_step_is_tried_at_least_once"
                    )
                ],
            },
        ),
        migrations.RunPython(chains, migrations.RunPython.noop),
    ]
