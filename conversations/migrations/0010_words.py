"""What administrators see of these rows has its words."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_words"),
        ("conversations", "0009_limits"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="attachment",
            options={"ordering": ["position"], "verbose_name": "attachment", "verbose_name_plural": "attachments"},
        ),
        migrations.AlterModelOptions(
            name="chunk",
            options={"verbose_name": "piece of an answer", "verbose_name_plural": "pieces of answers"},
        ),
        migrations.AlterModelOptions(
            name="conversation",
            options={"verbose_name": "conversation", "verbose_name_plural": "conversations"},
        ),
        migrations.AlterModelOptions(
            name="generation",
            options={"verbose_name": "generation", "verbose_name_plural": "generations"},
        ),
        migrations.AlterModelOptions(
            name="message",
            options={"verbose_name": "message", "verbose_name_plural": "messages"},
        ),
        migrations.AlterModelOptions(
            name="pulse",
            options={"verbose_name": "pulse of a worker", "verbose_name_plural": "pulses of workers"},
        ),
        migrations.AlterField(
            model_name="generation",
            name="created_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="asked at"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="deaths",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="workers that were lost with it", verbose_name="lost workers"
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="ended_at",
            field=models.DateTimeField(null=True, verbose_name="ended at"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="epoch",
            field=models.PositiveIntegerField(default=0, verbose_name="epoch"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="error",
            field=models.TextField(blank=True, help_text="the sentence the member reads", verbose_name="error"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="error_code",
            field=models.CharField(blank=True, max_length=60, verbose_name="error code"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="fingerprint",
            field=models.CharField(blank=True, max_length=200, verbose_name="fingerprint"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="finish_reason",
            field=models.CharField(blank=True, max_length=60, verbose_name="finish reason"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="first_text_at",
            field=models.DateTimeField(null=True, verbose_name="first words at"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="folded_seq",
            field=models.PositiveIntegerField(default=0, verbose_name="events in the message"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="is_fallback",
            field=models.BooleanField(
                default=False, help_text="another model than the route's first answered", verbose_name="fallback"
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="is_unasked",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="since it was claimed, no provider was asked who did not refuse",
                verbose_name="nobody asked yet",
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="lease_until",
            field=models.DateTimeField(null=True, verbose_name="lease until"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="limit_notes",
            field=models.CharField(blank=True, db_default="", default="", max_length=500, verbose_name="limit notes"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="member",
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="model",
            field=models.CharField(blank=True, max_length=120, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="not_before",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="not before"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="output_cap",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="tokens that its Hold is enough for; without one no limit counts",
                null=True,
                verbose_name="output cap",
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="owner",
            field=models.CharField(blank=True, max_length=80, verbose_name="worker"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="parameters",
            field=models.JSONField(blank=True, default=dict, verbose_name="parameters"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="provider",
            field=models.CharField(blank=True, max_length=40, verbose_name="provider"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="resumed_from",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="the end of its log when it last went on after an interruption",
                null=True,
                verbose_name="went on from",
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="returned_model",
            field=models.CharField(blank=True, max_length=120, verbose_name="model by its own account"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="route",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, to="catalog.route", verbose_name="route"
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="routed_because",
            field=models.CharField(blank=True, max_length=60, verbose_name="chosen by Auto because of"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="started_at",
            field=models.DateTimeField(null=True, verbose_name="begun at"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "queued"),
                    ("running", "running"),
                    ("done", "done"),
                    ("stopped", "stopped"),
                    ("failed", "failed"),
                    ("interrupted", "interrupted"),
                ],
                default="queued",
                max_length=12,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="thought_ms",
            field=models.PositiveIntegerField(
                help_text="from its first thoughts to its first words", null=True, verbose_name="thought for (ms)"
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="trace_id",
            field=models.CharField(blank=True, max_length=200, verbose_name="trace id"),
        ),
        migrations.AlterField(
            model_name="generation",
            name="usage",
            field=models.JSONField(null=True, verbose_name="usage"),
        ),
    ]
