"""The administrator's list is read by time. Made while people work."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("usage", "0002_reply"),
    ]

    operations = [
        AddIndexConcurrently("call", models.Index(fields=["created_at"], name="calls_by_time")),
    ]
