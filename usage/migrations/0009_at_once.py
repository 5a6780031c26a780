"""How many answers are written at once. Who changes that, or a rule, is noted as with limits."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

WATCH = """
    CREATE TRIGGER {0}_is_noted AFTER INSERT OR UPDATE OR DELETE ON {0} FOR EACH ROW EXECUTE FUNCTION usage_note_act()
"""
UNWATCH = "DROP TRIGGER {0}_is_noted ON {0}"
NOTED = ("usage_atonce", "catalog_rule")


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("catalog", "0007_rules"),
        ("usage", "0008_acts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AtOnce",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "shared",
                    models.BooleanField(
                        default=False,
                        help_text="Otherwise each of them has so many.",
                        verbose_name="for all of them together",
                    ),
                ),
                (
                    "most",
                    models.PositiveSmallIntegerField(
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                        verbose_name="answers at once",
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="auth.group",
                        verbose_name="group",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="member",
                    ),
                ),
            ],
            options={
                "verbose_name": "answers at once",
                "verbose_name_plural": "answers at once",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("member", "group", "shared"),
                        name="one_number_at_once",
                        nulls_distinct=False,
                        violation_error_message="There is such a row already. Change that one.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("group", None), ("member", None)),
                            models.Q(models.Q(("member", None), ("group", None), _connector="OR"), ("shared", False)),
                            _connector="OR",
                        ),
                        name="at_once_is_for_a_member_a_group_or_all",
                        violation_error_message="Choose a member or a group, or neither. Together means everybody.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("most__gte", 1), ("most__lte", 1000)),
                        name="at_once_is_a_number",
                        violation_error_message="From 1 to 1000.",
                    ),
                ],
            },
        ),
        *(migrations.RunSQL(WATCH.format(it), UNWATCH.format(it)) for it in NOTED),
    ]
