"""Lets others pass, and waits for every older transaction."""

from django.db import migrations

from accounts.large_tables import PatientMigration


class Migration(PatientMigration):
    dependencies = [("tomorrow", "0001_column")]

    operations = [
        migrations.RunSQL("CREATE INDEX CONCURRENTLY generations_by_mood ON conversations_generation (mood)"),
    ]
