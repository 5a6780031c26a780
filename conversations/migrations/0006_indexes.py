"""Indexes for what is asked, and none for what is not. Made and dropped while people work."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations, models

from accounts.large_tables import AddIndex, PatientMigration


class DropIndexOfForeignKey(migrations.SeparateDatabaseAndState):
    """A foreign key without an index of its own. AlterField would drop the constraint too, and check every row anew."""

    def __init__(self, model_name: str, name: str, index: str, field: "models.Field[Any, Any]") -> None:
        table = f"conversations_{model_name}"
        drop = migrations.RunSQL(
            f"DROP INDEX CONCURRENTLY IF EXISTS {index}",
            f"CREATE INDEX CONCURRENTLY {index} ON {table} ({name}_id)",
        )
        super().__init__([drop], [migrations.AlterField(model_name, name, field)])


class Migration(PatientMigration):
    dependencies = [
        ("conversations", "0005_going_on"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndex(
            "conversation",
            models.Index(
                condition=models.Q(("deleted_at__isnull", False)), fields=["deleted_at"], name="conversations_to_sweep"
            ),
        ),
        AddIndex("generation", models.Index(fields=["created_at"], name="generations_by_time")),
        AddIndex("generation", models.Index(fields=["member", "created_at"], name="generations_of_a_member")),
        DropIndexOfForeignKey(  # messages_changed_since begins with it
            "message",
            "conversation",
            "conversations_message_conversation_id_f1a2d5e9",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="messages",
                to="conversations.conversation",
            ),
        ),
        DropIndexOfForeignKey(  # nothing is looked for by author, and no member is ever deleted
            "message",
            "author",
            "conversations_message_author_id_3d2a10d9",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        DropIndexOfForeignKey(  # an_image_has_a_place_of_its_own begins with it
            "attachment",
            "message",
            "conversations_attachment_message_id_9179b1e8",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="attachments",
                to="conversations.message",
            ),
        ),
        # Those that run are few: one_answer_at_a_time_in_a_conversation finds them. Without an index of leases, and
        # with room left in the pages, a lease is lengthened within its page and touches no index: a quarter of the WAL.
        RemoveIndexConcurrently("generation", "generations_running"),
        migrations.RunSQL(
            "ALTER TABLE conversations_generation SET (fillfactor = 90)",
            "ALTER TABLE conversations_generation RESET (fillfactor)",
        ),
    ]
