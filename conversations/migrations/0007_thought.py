from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0006_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="generation",
            name="thought_ms",
            field=models.PositiveIntegerField(help_text="from its first thoughts to its first words", null=True),
        ),
    ]
