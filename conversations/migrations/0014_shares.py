"""Links: what they show and to whom, how they were visited, and what administrators allow."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("conversations", "0013_seen"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Guess",
            fields=[
                ("whose", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                ("until", models.DateTimeField(db_index=True)),
            ],
            options={
                "verbose_name": "wrong password for a link",
                "verbose_name_plural": "wrong passwords for links",
            },
        ),
        migrations.CreateModel(
            name="Share",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("edition", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("snapshot", "As it is now"), ("live", "As it goes on")],
                        max_length=10,
                        verbose_name="shows the conversation",
                    ),
                ),
                ("ending", models.JSONField(default=dict)),
                ("shows_thinking", models.BooleanField(default=False, verbose_name="thinking")),
                ("shows_names", models.BooleanField(default=False, verbose_name="names")),
                ("shows_images", models.BooleanField(default=True, verbose_name="images")),
                ("title", models.CharField(blank=True, max_length=120, verbose_name="title")),
                ("note", models.TextField(blank=True, max_length=1000, verbose_name="note")),
                (
                    "audience",
                    models.CharField(
                        choices=[
                            ("anyone", "Anyone with the link"),
                            ("members", "Members who are signed in"),
                            ("named", "Only members and groups that I name"),
                        ],
                        max_length=10,
                        verbose_name="for",
                    ),
                ),
                ("password", models.CharField(blank=True, max_length=128)),
                ("most_visits", models.PositiveIntegerField(blank=True, null=True, verbose_name="most visits")),
                ("may_fork", models.BooleanField(default=False, verbose_name="may be continued")),
                ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="ends")),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="made"),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed")),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to="conversations.conversation",
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(blank=True, related_name="+", to="auth.group", verbose_name="groups"),
                ),
                (
                    "leaf",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="conversations.message",
                    ),
                ),
                (
                    "maker",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="maker",
                    ),
                ),
                (
                    "members",
                    models.ManyToManyField(
                        blank=True, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="members"
                    ),
                ),
            ],
            options={
                "verbose_name": "link",
                "verbose_name_plural": "links",
            },
        ),
        migrations.CreateModel(
            name="SharingRules",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                (
                    "anonymous_allowed",
                    models.BooleanField(
                        default=True,
                        help_text="Without it all such links are closed at once, and none can be made.",
                        verbose_name="links that need no sign-in",
                    ),
                ),
                (
                    "default_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="days that a link lasts, unless its maker chooses",
                    ),
                ),
                (
                    "most_days",
                    models.PositiveSmallIntegerField(
                        default=365,
                        help_text="For links that are made or changed from now on.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3650),
                        ],
                        verbose_name="days that a link may last",
                    ),
                ),
                (
                    "most_links",
                    models.PositiveIntegerField(
                        default=1000,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="links that a member may have open",
                    ),
                ),
            ],
            options={
                "verbose_name": "rules for links",
                "verbose_name_plural": "rules for links",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="there_is_one_row_of_rules_for_links")
                ],
            },
        ),
        migrations.CreateModel(
            name="Visit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("count", models.PositiveIntegerField()),
                ("last_at", models.DateTimeField()),
                (
                    "member",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "share",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="visits",
                        to="conversations.share",
                    ),
                ),
            ],
            options={
                "verbose_name": "visit",
                "verbose_name_plural": "visits",
            },
        ),
        migrations.AddIndex(
            model_name="share",
            index=models.Index(fields=["maker", "-created_at"], name="shares_of_a_member"),
        ),
        migrations.AddIndex(
            model_name="share",
            index=models.Index(fields=["created_at"], name="shares_by_time"),
        ),
        migrations.AddConstraint(
            model_name="share",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "snapshot"), ("leaf", None), _connector="OR"),
                name="only_a_snapshot_names_its_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="share",
            constraint=models.CheckConstraint(
                condition=models.Q(("most_visits", None), ("most_visits__gt", 0), _connector="OR"),
                name="a_link_allows_a_visit_or_more",
            ),
        ),
        migrations.AddConstraint(
            model_name="visit",
            constraint=models.UniqueConstraint(
                fields=("share", "hour", "member"), name="visits_are_counted_by_the_hour", nulls_distinct=False
            ),
        ),
    ]
