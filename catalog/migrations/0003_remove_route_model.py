from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_chains")]

    operations = [migrations.RemoveField(model_name="route", name="model")]
