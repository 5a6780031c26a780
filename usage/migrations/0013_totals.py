"""Sums of the ledger by day. From here on each charge is in one of them, or in the list of those that are in none."""

from typing import Any

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

LIST = """
    CREATE FUNCTION usage_list_unsummed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO usage_unsummed (charge_id) VALUES (NEW.id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER usage_charge_is_listed AFTER INSERT ON usage_charge
        FOR EACH ROW EXECUTE FUNCTION usage_list_unsummed()
"""
UNLIST = "DROP TRIGGER usage_charge_is_listed ON usage_charge; DROP FUNCTION usage_list_unsummed"
# Both halves of the second view have the same types to the letter: else no condition would find its way into them, and
# each look at one kind would read all three.
VIEWS = """
    CREATE VIEW usage_unsummed_total AS
    SELECT charge_id, of::varchar(12), (sent_at AT TIME ZONE (SELECT zone FROM usage_totalscalendar))::date AS day,
           CASE WHEN of = 'model' THEN model ELSE '' END::varchar(120) AS model,
           CASE WHEN of = 'model' THEN price_id END AS price_id,
           CASE WHEN of IN ('member', 'conversation') THEN member_id END AS member_id,
           CASE WHEN of = 'member' THEN group_ids END AS group_ids,
           CASE WHEN of = 'conversation' THEN conversation_id END AS conversation_id,
           coalesce(cost, 0)::numeric(30, 12) AS cost, cache_hit_tokens, cache_miss_tokens, output_tokens,
           (kind = 'charge')::int::bigint AS charges,
           (kind = 'charge' AND is_estimated)::int::bigint AS estimates,
           (kind = 'charge' AND cost IS NULL)::int::bigint AS priceless,
           (kind = 'charge' AND purpose = 'answer'
            AND (cache_hit_tokens > 0 OR cache_miss_tokens > 0 OR output_tokens > 0))::int::bigint AS answers
      FROM usage_unsummed JOIN usage_charge ON id = charge_id
     CROSS JOIN (VALUES ('model'), ('member'), ('conversation')) AS kinds (of);

    CREATE VIEW usage_total AS
    SELECT id, of, day, model, price_id, member_id, group_ids, conversation_id,
           cost, cache_hit_tokens, cache_miss_tokens, output_tokens, charges, estimates, priceless, answers
      FROM usage_daytotal
     UNION ALL
    SELECT -charge_id, of, day, model, price_id, member_id, group_ids, conversation_id,
           cost, cache_hit_tokens, cache_miss_tokens, output_tokens, charges, estimates, priceless, answers
      FROM usage_unsummed_total
"""


def begin(apps: Any, _schema_editor: Any) -> None:
    apps.get_model("usage", "TotalsCalendar").objects.create(pk=1, zone=settings.TEAM_ZONE.key)


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0012_mailing"),
    ]

    operations = [
        migrations.CreateModel(
            name="Total",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "of",
                    models.CharField(
                        choices=[
                            ("model", "Model"),
                            ("member", "Member"),
                            ("conversation", "Conversation"),
                        ],
                        max_length=12,
                    ),
                ),
                ("day", models.DateField()),
                ("model", models.CharField(blank=True, max_length=120)),
                ("price_id", models.BigIntegerField(null=True)),
                ("member_id", models.UUIDField(null=True)),
                ("group_ids", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True)),
                ("conversation_id", models.UUIDField(null=True)),
                ("cost", models.DecimalField(decimal_places=12, max_digits=30)),
                ("cache_hit_tokens", models.BigIntegerField()),
                ("cache_miss_tokens", models.BigIntegerField()),
                ("output_tokens", models.BigIntegerField()),
                ("charges", models.BigIntegerField()),
                ("estimates", models.BigIntegerField()),
                ("priceless", models.BigIntegerField()),
                ("answers", models.BigIntegerField()),
            ],
            options={
                "db_table": "usage_total",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="TotalsCalendar",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("zone", models.CharField(max_length=64)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.CheckConstraint(condition=models.Q(("pk", 1)), name="there_is_one_calendar")],
            },
        ),
        migrations.CreateModel(
            name="Unsummed",
            fields=[
                (
                    "charge",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="usage.charge",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DayTotal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "of",
                    models.CharField(
                        choices=[
                            ("model", "Model"),
                            ("member", "Member"),
                            ("conversation", "Conversation"),
                        ],
                        max_length=12,
                    ),
                ),
                ("day", models.DateField()),
                ("model", models.CharField(blank=True, max_length=120)),
                ("price_id", models.BigIntegerField(null=True)),
                ("member_id", models.UUIDField(null=True)),
                ("group_ids", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), null=True)),
                ("conversation_id", models.UUIDField(null=True)),
                ("cost", models.DecimalField(decimal_places=12, max_digits=30)),
                ("cache_hit_tokens", models.BigIntegerField()),
                ("cache_miss_tokens", models.BigIntegerField()),
                ("output_tokens", models.BigIntegerField()),
                ("charges", models.BigIntegerField()),
                ("estimates", models.BigIntegerField()),
                ("priceless", models.BigIntegerField()),
                ("answers", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("of", "day", "model", "price_id", "member_id", "group_ids", "conversation_id"),
                        name="one_total_of_a_day",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
        migrations.RunSQL(VIEWS, "DROP VIEW usage_total; DROP VIEW usage_unsummed_total"),
        migrations.RunSQL(LIST, UNLIST),
    ]
