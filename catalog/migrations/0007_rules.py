"""Who may ask which model, and use which ability."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("catalog", "0006_words"),
    ]

    operations = [
        migrations.CreateModel(
            name="Rule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "ability",
                    models.CharField(
                        blank=True,
                        choices=[("thinking", "thinking"), ("images", "images in questions"), ("auto", "Auto")],
                        max_length=10,
                        verbose_name="or ability",
                    ),
                ),
                ("is_allowed", models.BooleanField(default=False, verbose_name="allowed")),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        help_text="Blank: everybody. A group's own rule comes before it.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rules",
                        to="auth.group",
                        verbose_name="group",
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rules",
                        to="catalog.languagemodel",
                        verbose_name="model",
                    ),
                ),
            ],
            options={
                "verbose_name": "rule",
                "verbose_name_plural": "rules",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("group", "model", "ability"),
                        name="one_rule_about_a_thing",
                        nulls_distinct=False,
                        violation_error_message="There is such a rule already. Change that one.",
                    ),
                    models.CheckConstraint(
                        condition=Q(Q(("model", None), ~Q(("ability", ""))))
                        | Q(("ability", ""), ("model__isnull", False)),
                        name="a_rule_is_about_a_model_or_an_ability",
                        violation_error_message="Choose a model or an ability, one of them.",
                    ),
                ],
            },
        ),
    ]
