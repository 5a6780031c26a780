"""What members have set for themselves."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_cache")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="preferences",
            field=models.JSONField(blank=True, db_default={}, default=dict, editable=False),
        )
    ]
