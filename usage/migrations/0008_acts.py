"""Acts: what is changed of limits, raises, prices and their kin is noted by the database, whoever changes it.

Who did it says `chat.actor`, a setting of the transaction (accounts/acting.py). The rest gives columns their names.
"""

from decimal import Decimal

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# A model has no secrets; a provider's row would have, so none is noted whole.
NOTE = """
    CREATE FUNCTION usage_note_act() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
        stands jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
        actor uuid := nullif(current_setting('chat.actor', true), '')::uuid;
        changed jsonb;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            SELECT jsonb_object_agg(key, value) INTO changed FROM jsonb_each(was)
             WHERE stands -> key IS DISTINCT FROM value;
            IF changed IS NULL THEN
                RETURN NULL;
            END IF;
        END IF;
        INSERT INTO usage_act (created_at, by_id, by_label, deed, "table", row_id, row, before)
        VALUES (clock_timestamp(), actor,
                coalesce((SELECT coalesce(nullif(name, ''), email) FROM accounts_user WHERE id = actor), ''),
                lower(TG_OP), TG_TABLE_NAME, (coalesce(stands, was) ->> 'id')::bigint, coalesce(stands, was), changed);
        RETURN NULL;
    END $$
"""
NOTED = (
    "usage_limit",
    "usage_raise",
    "usage_raiserequest",
    "catalog_price",
    "catalog_band",
    "catalog_billedas",
    "catalog_rate",
)
WATCH = """
    CREATE TRIGGER {0}_is_noted AFTER INSERT OR UPDATE OR DELETE ON {0} FOR EACH ROW EXECUTE FUNCTION usage_note_act()
"""
WATCH_MODELS = """
    CREATE TRIGGER catalog_languagemodel_is_noted AFTER UPDATE OF unpriced_allowed ON catalog_languagemodel
        FOR EACH ROW WHEN (OLD.unpriced_allowed IS DISTINCT FROM NEW.unpriced_allowed)
        EXECUTE FUNCTION usage_note_act()
"""
UNWATCH = "DROP TRIGGER {0}_is_noted ON {0}"
PROTECT = """
    CREATE TRIGGER usage_act_is_only_written_on BEFORE UPDATE OR DELETE ON usage_act
        FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse_change();
    CREATE TRIGGER usage_act_is_never_emptied BEFORE TRUNCATE ON usage_act
        FOR EACH STATEMENT EXECUTE FUNCTION usage_refuse_change()
"""
LEAVE = "DROP TRIGGER usage_act_is_only_written_on ON usage_act; DROP TRIGGER usage_act_is_never_emptied ON usage_act"


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0006_words"),
        ("usage", "0007_words"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="balance",
            name="cost",
            field=models.DecimalField(decimal_places=12, default=Decimal("0"), max_digits=20, verbose_name="spent"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="ends_at",
            field=models.DateTimeField(verbose_name="until"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="held_cost",
            field=models.DecimalField(decimal_places=12, default=Decimal("0"), max_digits=20, verbose_name="promised"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="held_requests",
            field=models.BigIntegerField(default=0, verbose_name="answers promised"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="held_tokens",
            field=models.BigIntegerField(default=0, verbose_name="tokens promised"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="is_rolling",
            field=models.BooleanField(default=False, verbose_name="rolling"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="requests",
            field=models.BigIntegerField(default=0, verbose_name="answers"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="starts_at",
            field=models.DateTimeField(verbose_name="from"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="subject",
            field=models.CharField(max_length=50, verbose_name="whose"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="tokens",
            field=models.BigIntegerField(default=0, verbose_name="tokens spent"),
        ),
        migrations.AlterField(
            model_name="balance",
            name="window",
            field=models.CharField(
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
                verbose_name="window",
            ),
        ),
        migrations.AlterField(
            model_name="hold",
            name="balances",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), verbose_name="balances"
            ),
        ),
        migrations.AlterField(
            model_name="hold",
            name="cost",
            field=models.DecimalField(decimal_places=12, max_digits=20, verbose_name="promised"),
        ),
        migrations.AlterField(
            model_name="hold",
            name="created_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="hold",
            name="member_id",
            field=models.UUIDField(verbose_name="member id"),
        ),
        migrations.AlterField(
            model_name="hold",
            name="requests",
            field=models.BigIntegerField(verbose_name="answers promised"),
        ),
        migrations.AlterField(
            model_name="hold",
            name="tokens",
            field=models.BigIntegerField(verbose_name="tokens promised"),
        ),
        migrations.AlterField(
            model_name="raise",
            name="created_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="created at"),
        ),
        migrations.AlterField(
            model_name="raiserequest",
            name="answer",
            field=models.CharField(
                blank=True, help_text="In your words. The member reads them.", max_length=500, verbose_name="answer"
            ),
        ),
        migrations.AlterField(
            model_name="raiserequest",
            name="created_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="asked at"),
        ),
        migrations.AlterField(
            model_name="raiserequest",
            name="decided_at",
            field=models.DateTimeField(null=True, verbose_name="decided at"),
        ),
        migrations.AlterField(
            model_name="raiserequest",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="decided by",
            ),
        ),
        migrations.AlterField(
            model_name="raiserequest",
            name="granted",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="request",
                to="usage.raise",
                verbose_name="what was granted",
            ),
        ),
        migrations.AlterField(
            model_name="raiserequest",
            name="state",
            field=models.CharField(
                choices=[("open", "waits"), ("granted", "granted"), ("refused", "refused")],
                default="open",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="reading",
            name="currency",
            field=models.CharField(max_length=3, verbose_name="currency"),
        ),
        migrations.AlterField(
            model_name="reading",
            name="granted",
            field=models.DecimalField(decimal_places=6, max_digits=20, verbose_name="of that, granted"),
        ),
        migrations.AlterField(
            model_name="reading",
            name="is_available",
            field=models.BooleanField(verbose_name="can be spent"),
        ),
        migrations.AlterField(
            model_name="reading",
            name="provider",
            field=models.CharField(max_length=40, verbose_name="provider"),
        ),
        migrations.AlterField(
            model_name="reading",
            name="taken_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="read at"),
        ),
        migrations.AlterField(
            model_name="reading",
            name="topped_up",
            field=models.DecimalField(decimal_places=6, max_digits=20, verbose_name="of that, topped up"),
        ),
        migrations.AlterField(
            model_name="reading",
            name="total",
            field=models.DecimalField(decimal_places=6, max_digits=20, verbose_name="left"),
        ),
        migrations.CreateModel(
            name="Act",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="at"),
                ),
                ("by_id", models.UUIDField(null=True, verbose_name="by whom (id)")),
                ("by_label", models.CharField(blank=True, max_length=254, verbose_name="by whom")),
                (
                    "deed",
                    models.CharField(
                        choices=[("insert", "added"), ("update", "changed"), ("delete", "deleted")],
                        max_length=6,
                        verbose_name="deed",
                    ),
                ),
                ("table", models.CharField(max_length=63, verbose_name="table")),
                ("row_id", models.BigIntegerField(verbose_name="row")),
                ("row", models.JSONField(help_text="of what was deleted: as it was", verbose_name="as it is now")),
                (
                    "before",
                    models.JSONField(
                        help_text="the columns that were changed", null=True, verbose_name="as it was before"
                    ),
                ),
            ],
            options={
                "verbose_name": "act on money",
                "verbose_name_plural": "acts on money",
                "indexes": [
                    models.Index(fields=["created_at"], name="acts_by_time"),
                    models.Index(fields=["by_id", "created_at"], name="acts_of_a_member"),
                    models.Index(fields=["table", "row_id", "created_at"], name="acts_on_a_row"),
                ],
            },
        ),
        migrations.RunSQL(PROTECT, LEAVE),
        migrations.RunSQL(NOTE, "DROP FUNCTION usage_note_act"),
        *(migrations.RunSQL(WATCH.format(it), UNWATCH.format(it)) for it in NOTED),
        migrations.RunSQL(WATCH_MODELS, UNWATCH.format("catalog_languagemodel")),
    ]
