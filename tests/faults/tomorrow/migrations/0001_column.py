"""Needs the table for itself, for a moment."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("conversations", "0001_initial")]

    operations = [migrations.RunSQL("ALTER TABLE conversations_generation ADD COLUMN mood text NOT NULL DEFAULT ''")]
