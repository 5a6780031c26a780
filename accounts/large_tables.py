"""How migrations change tables that are large and in use: nobody waits for them, and they may be broken off anywhere.

For the migrations of the floors above. What is made or dropped CONCURRENTLY waits for every older transaction, a
backup's too, and lets others pass meanwhile. Broken off, it leaves an INVALID index behind: written, never read.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState

# For one wait. Beyond PostgreSQL's deadlock_timeout, when an autovacuum is told to give way.
PATIENCE_SECONDS = 600.0

STANDS = "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid)"


class PatientMigration(migrations.Migration):
    """One whose operations keep nobody waiting and may be repeated: it starts at the first of them again."""

    atomic = False

    def apply(
        self, project_state: ProjectState, schema_editor: BaseDatabaseSchemaEditor, collect_sql: bool = False
    ) -> ProjectState:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            (before,) = cursor.fetchone()
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{PATIENCE_SECONDS * 1000:.0f}"])
            state = super().apply(project_state, schema_editor, collect_sql)
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])
        return state


class AddIndex(AddIndexConcurrently):
    """What stands stays; what an attempt left behind that was broken off is dropped and made anew."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        if _stands(self.index.name, schema_editor):
            return
        self.database_backwards(app_label, schema_editor, to_state, from_state)
        super().database_forwards(app_label, schema_editor, from_state, to_state)


def _stands(index: str, schema_editor: BaseDatabaseSchemaEditor) -> bool:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(STANDS, [schema_editor.quote_name(index)])
        return bool(cursor.fetchone()[0])
