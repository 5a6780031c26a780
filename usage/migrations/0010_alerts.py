"""What people are told of their budgets, once."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0009_at_once"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject", models.CharField(max_length=50)),
                ("label", models.CharField(blank=True, max_length=150)),
                (
                    "unit",
                    models.CharField(
                        choices=[("money", "money"), ("tokens", "tokens"), ("requests", "answers")], max_length=10
                    ),
                ),
                (
                    "window",
                    models.CharField(
                        choices=[
                            ("minute", "within a minute"),
                            ("hour", "within an hour"),
                            ("day", "within 24 hours"),
                            ("week", "within 7 days"),
                            ("month", "within 30 days"),
                            ("today", "a day"),
                            ("this_week", "a week, from Monday"),
                            ("this_month", "a month"),
                        ],
                        max_length=12,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("percent", models.PositiveSmallIntegerField()),
                ("spent", models.DecimalField(decimal_places=6, max_digits=20)),
                ("amount", models.DecimalField(decimal_places=6, max_digits=20)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name": "alert",
                "verbose_name_plural": "alerts",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subject", "unit", "window", "starts_at", "percent"), name="an_alert_is_given_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("percent__in", (50, 80, 100))), name="an_alert_is_at_a_threshold"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("dismissed_at", models.DateTimeField(null=True)),
                ("mail_at", models.DateTimeField(null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("mailed_at", models.DateTimeField(null=True)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="usage.alert"
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
                "indexes": [
                    models.Index(condition=models.Q(("dismissed_at", None)), fields=["member"], name="notices_to_show"),
                    models.Index(
                        condition=models.Q(("mail_at__isnull", False)), fields=["mail_at"], name="notices_to_mail"
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("alert", "member"), name="everybody_is_told_once")],
            },
        ),
    ]
