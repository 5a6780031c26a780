"""The ledger: a Charge for every Call. Calls, Replies and Charges are written on, and never changed, by anybody."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

TABLES = ("usage_call", "usage_reply", "usage_charge")
REFUSE = """
    CREATE FUNCTION usage_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE restrict_violation USING MESSAGE = TG_TABLE_NAME || ' is only ever written on: nothing in it is changed';
    END $$
"""
PROTECT = """
    CREATE TRIGGER {0}_is_only_written_on BEFORE UPDATE OR DELETE ON {0}
        FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse_change();
    CREATE TRIGGER {0}_is_never_emptied BEFORE TRUNCATE ON {0}
        FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse_change()
"""
LEAVE = "DROP TRIGGER {0}_is_only_written_on ON {0}; DROP TRIGGER {0}_is_never_emptied ON {0}"


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0003_calls_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="call",
            name="group_ids",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(),
                db_default=models.Value(
                    [], django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField())
                ),
                default=list,
            ),
        ),
        migrations.AddField(
            model_name="call",
            name="member_label",
            field=models.CharField(blank=True, db_default="", default="", max_length=254),
        ),
        migrations.AddField(
            model_name="call",
            name="model_id",
            field=models.BigIntegerField(help_text="the row of the catalog, if it is there still", null=True),
        ),
        migrations.AddField(
            model_name="call",
            name="prompt_tokens",
            field=models.PositiveIntegerField(db_default=0, default=0, help_text="estimated, before it was sent"),
        ),
        migrations.CreateModel(
            name="Charge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("charge", "charge"),
                            ("late", "what its provider counted, told after it had been estimated"),
                            ("correction", "correction"),
                        ],
                        default="charge",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, help_text="of a correction", max_length=200)),
                ("generation_id", models.UUIDField()),
                ("conversation_id", models.UUIDField()),
                ("member_id", models.UUIDField()),
                ("member_label", models.CharField(blank=True, max_length=254)),
                (
                    "group_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), default=list),
                ),
                ("purpose", models.CharField(choices=[("answer", "Answer"), ("title", "Title")], max_length=10)),
                ("provider", models.CharField(max_length=40)),
                ("model", models.CharField(max_length=120)),
                ("returned_model", models.CharField(blank=True, max_length=120)),
                ("sent_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("cache_hit_tokens", models.BigIntegerField(default=0)),
                ("cache_miss_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("reasoning_tokens", models.BigIntegerField(default=0)),
                (
                    "is_estimated",
                    models.BooleanField(default=False, help_text="its provider did not count, or nobody heard it"),
                ),
                ("price_id", models.BigIntegerField(null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("cache_hit_price", models.DecimalField(decimal_places=6, max_digits=12, null=True)),
                ("cache_miss_price", models.DecimalField(decimal_places=6, max_digits=12, null=True)),
                ("output_price", models.DecimalField(decimal_places=6, max_digits=12, null=True)),
                ("call_price", models.DecimalField(decimal_places=6, max_digits=12, null=True)),
                (
                    "amount",
                    models.DecimalField(
                        decimal_places=12, help_text="in the price's currency", max_digits=20, null=True
                    ),
                ),
                ("rate", models.DecimalField(decimal_places=8, max_digits=16, null=True)),
                (
                    "cost",
                    models.DecimalField(
                        decimal_places=12, help_text="in the reporting currency", max_digits=20, null=True
                    ),
                ),
                ("reported_in", models.CharField(max_length=3)),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="charges", to="usage.call"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["created_at"], name="charges_by_time"),
                    models.Index(fields=["member_id", "created_at"], name="charges_of_a_member_by_time"),
                    models.Index(fields=["sent_at"], name="charges_by_start"),
                    models.Index(fields=["member_id", "sent_at"], name="charges_of_a_member"),
                    models.Index(fields=["conversation_id"], name="charges_of_a_conversation"),
                    models.Index(fields=["generation_id"], name="charges_of_an_answer"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "correction"), _negated=True),
                        fields=("call", "kind"),
                        name="a_call_is_charged_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("amount__isnull", True), ("cost__isnull", True)),
                            models.Q(("amount__isnull", False), ("currency__gt", "")),
                            _connector="OR",
                        ),
                        name="what_has_no_price_has_no_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "charge"), _negated=True),
                            models.Q(
                                ("cache_hit_tokens__gte", 0),
                                ("cache_miss_tokens__gte", 0),
                                ("output_tokens__gte", 0),
                                ("reasoning_tokens__gte", 0),
                                models.Q(
                                    ("amount", None),
                                    models.Q(("amount__gte", 0), ("amount__lt", 100000000)),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="only_a_correction_takes_away",
                    ),
                ],
            },
        ),
        migrations.RunSQL(REFUSE, "DROP FUNCTION usage_refuse_change"),
        *(migrations.RunSQL(PROTECT.format(it), LEAVE.format(it)) for it in TABLES),
    ]
