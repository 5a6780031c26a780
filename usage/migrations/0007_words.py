"""What administrators see of these rows has its words."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0006_readings"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="balance",
            options={"verbose_name": "balance", "verbose_name_plural": "balances"},
        ),
        migrations.AlterModelOptions(
            name="call",
            options={"verbose_name": "call", "verbose_name_plural": "calls"},
        ),
        migrations.AlterModelOptions(
            name="charge",
            options={"verbose_name": "charge", "verbose_name_plural": "charges"},
        ),
        migrations.AlterModelOptions(
            name="hold",
            options={"verbose_name": "hold", "verbose_name_plural": "holds"},
        ),
        migrations.AlterModelOptions(
            name="limit",
            options={"verbose_name": "limit", "verbose_name_plural": "limits"},
        ),
        migrations.AlterModelOptions(
            name="raise",
            options={"verbose_name": "raise", "verbose_name_plural": "raises"},
        ),
        migrations.AlterModelOptions(
            name="raiserequest",
            options={"verbose_name": "request for a raise", "verbose_name_plural": "requests for raises"},
        ),
        migrations.AlterModelOptions(
            name="reading",
            options={"verbose_name": "reading of a balance", "verbose_name_plural": "readings of balances"},
        ),
        migrations.AlterModelOptions(
            name="reply",
            options={"verbose_name": "reply", "verbose_name_plural": "replies"},
        ),
        migrations.AlterField(
            model_name="call",
            name="conversation_id",
            field=models.UUIDField(verbose_name="conversation id"),
        ),
        migrations.AlterField(
            model_name="call",
            name="created_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="call",
            name="generation_id",
            field=models.UUIDField(verbose_name="generation id"),
        ),
        migrations.AlterField(
            model_name="call",
            name="group_ids",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(),
                db_default=models.Value(
                    [], django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField())
                ),
                default=list,
                verbose_name="group ids",
            ),
        ),
        migrations.AlterField(
            model_name="call",
            name="id",
            field=models.UUIDField(
                default=uuid.uuid4, editable=False, primary_key=True, serialize=False, verbose_name="id"
            ),
        ),
        migrations.AlterField(
            model_name="call",
            name="member_id",
            field=models.UUIDField(verbose_name="member id"),
        ),
        migrations.AlterField(
            model_name="call",
            name="member_label",
            field=models.CharField(blank=True, db_default="", default="", max_length=254, verbose_name="member label"),
        ),
        migrations.AlterField(
            model_name="call",
            name="model",
            field=models.CharField(max_length=120, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="call",
            name="model_id",
            field=models.BigIntegerField(
                help_text="the row of the catalog, if it is there still", null=True, verbose_name="model id"
            ),
        ),
        migrations.AlterField(
            model_name="call",
            name="number",
            field=models.PositiveSmallIntegerField(
                help_text="1 for the first request of a generation", verbose_name="number"
            ),
        ),
        migrations.AlterField(
            model_name="call",
            name="prompt_tokens",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="estimated, before it was sent", verbose_name="prompt tokens"
            ),
        ),
        migrations.AlterField(
            model_name="call",
            name="provider",
            field=models.CharField(max_length=40, verbose_name="provider"),
        ),
        migrations.AlterField(
            model_name="call",
            name="purpose",
            field=models.CharField(
                choices=[("answer", "answer"), ("title", "title")], max_length=10, verbose_name="purpose"
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="amount",
            field=models.DecimalField(
                decimal_places=12, help_text="in the price's currency", max_digits=20, null=True, verbose_name="amount"
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="cache_hit_price",
            field=models.DecimalField(decimal_places=6, max_digits=12, null=True, verbose_name="cache hit price"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="cache_hit_tokens",
            field=models.BigIntegerField(default=0, verbose_name="cache hit tokens"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="cache_miss_price",
            field=models.DecimalField(decimal_places=6, max_digits=12, null=True, verbose_name="cache miss price"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="cache_miss_tokens",
            field=models.BigIntegerField(default=0, verbose_name="cache miss tokens"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="call",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="charges",
                to="usage.call",
                verbose_name="call",
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="call_price",
            field=models.DecimalField(decimal_places=6, max_digits=12, null=True, verbose_name="call price"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="conversation_id",
            field=models.UUIDField(verbose_name="conversation id"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="cost",
            field=models.DecimalField(
                decimal_places=12, help_text="in the reporting currency", max_digits=20, null=True, verbose_name="cost"
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="created_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="currency",
            field=models.CharField(blank=True, max_length=3, verbose_name="currency"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="finished_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), verbose_name="finished at"
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="generation_id",
            field=models.UUIDField(verbose_name="generation id"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="group_ids",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(), default=list, verbose_name="group ids"
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="is_estimated",
            field=models.BooleanField(
                default=False, help_text="its provider did not count, or nobody heard it", verbose_name="is estimated"
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="kind",
            field=models.CharField(
                choices=[
                    ("charge", "charge"),
                    ("late", "what its provider counted, told after it had been estimated"),
                    ("correction", "correction"),
                ],
                default="charge",
                max_length=10,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="member_id",
            field=models.UUIDField(verbose_name="member id"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="member_label",
            field=models.CharField(blank=True, max_length=254, verbose_name="member label"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="model",
            field=models.CharField(max_length=120, verbose_name="model"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="output_price",
            field=models.DecimalField(decimal_places=6, max_digits=12, null=True, verbose_name="output price"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="output_tokens",
            field=models.BigIntegerField(default=0, verbose_name="output tokens"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="price_id",
            field=models.BigIntegerField(null=True, verbose_name="price id"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="provider",
            field=models.CharField(max_length=40, verbose_name="provider"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="purpose",
            field=models.CharField(
                choices=[("answer", "answer"), ("title", "title")], max_length=10, verbose_name="purpose"
            ),
        ),
        migrations.AlterField(
            model_name="charge",
            name="rate",
            field=models.DecimalField(decimal_places=8, max_digits=16, null=True, verbose_name="rate"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="reason",
            field=models.CharField(blank=True, help_text="of a correction", max_length=200, verbose_name="reason"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="reasoning_tokens",
            field=models.BigIntegerField(default=0, verbose_name="reasoning tokens"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="reported_in",
            field=models.CharField(max_length=3, verbose_name="reported in"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="returned_model",
            field=models.CharField(blank=True, max_length=120, verbose_name="returned model"),
        ),
        migrations.AlterField(
            model_name="charge",
            name="sent_at",
            field=models.DateTimeField(verbose_name="sent at"),
        ),
        migrations.AlterField(
            model_name="reply",
            name="call",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                primary_key=True,
                serialize=False,
                to="usage.call",
                verbose_name="call",
            ),
        ),
        migrations.AlterField(
            model_name="reply",
            name="ended_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="ended at"),
        ),
        migrations.AlterField(
            model_name="reply",
            name="error_code",
            field=models.CharField(
                blank=True, help_text="blank: the answer was whole", max_length=60, verbose_name="error code"
            ),
        ),
        migrations.AlterField(
            model_name="reply",
            name="fingerprint",
            field=models.CharField(blank=True, max_length=200, verbose_name="fingerprint"),
        ),
        migrations.AlterField(
            model_name="reply",
            name="finish_reason",
            field=models.CharField(blank=True, max_length=60, verbose_name="finish reason"),
        ),
        migrations.AlterField(
            model_name="reply",
            name="first_text_at",
            field=models.DateTimeField(null=True, verbose_name="first text at"),
        ),
        migrations.AlterField(
            model_name="reply",
            name="returned_model",
            field=models.CharField(blank=True, max_length=120, verbose_name="returned model"),
        ),
        migrations.AlterField(
            model_name="reply",
            name="trace_id",
            field=models.CharField(blank=True, max_length=200, verbose_name="trace id"),
        ),
        migrations.AlterField(
            model_name="reply",
            name="usage",
            field=models.JSONField(null=True, verbose_name="usage"),
        ),
    ]
