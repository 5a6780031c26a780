"""Where the first question's other words are found, in a conversation of any length."""

from django.db import models

from accounts.large_tables import AddIndex, PatientMigration


class Migration(PatientMigration):
    dependencies = [("conversations", "0007_thought")]
    operations = [
        AddIndex(
            "message",
            models.Index(condition=models.Q(("parent", None)), fields=["conversation"], name="first_questions"),
        ),
    ]
