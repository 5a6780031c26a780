"""What administrators look for among millions and find little of: charges without a price, requests that failed. Made
while people work."""

from django.db import models

from accounts.large_tables import AddIndex, PatientMigration


class Migration(PatientMigration):
    dependencies = [
        ("usage", "0010_alerts"),
    ]

    operations = [
        AddIndex(
            "charge",
            models.Index(fields=["sent_at"], name="charges_without_a_price", condition=models.Q(("cost", None))),
        ),
        AddIndex(
            "reply",
            models.Index(
                fields=["error_code", "ended_at"],
                name="replies_that_failed",
                condition=models.Q(("error_code", ""), _negated=True),
            ),
        ),
    ]
