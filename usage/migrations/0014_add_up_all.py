"""What was charged before is listed to be added up. By itself, so that no charge waits for all of them."""

from django.db import migrations

# Behind the lock of who adds up (usage/totalling.py): a worker that came too early might be at it.
ALL = """
    SELECT pg_advisory_xact_lock(x'746F74616C73'::bigint);
    DELETE FROM usage_daytotal;
    INSERT INTO usage_unsummed (charge_id) SELECT id FROM usage_charge ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0013_totals"),
    ]

    operations = [
        migrations.RunSQL(ALL, migrations.RunSQL.noop),
    ]
