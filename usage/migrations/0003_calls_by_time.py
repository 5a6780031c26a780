"""The administrator's list is read by time. Made while people work."""

from django.db import models

from accounts.large_tables import AddIndex, PatientMigration


class Migration(PatientMigration):
    dependencies = [
        ("usage", "0002_reply"),
    ]

    operations = [
        AddIndex("call", models.Index(fields=["created_at"], name="calls_by_time")),
    ]
