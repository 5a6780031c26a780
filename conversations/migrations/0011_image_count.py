"""Messages know how many images they have, so that nobody looks for those of the many that have none."""

from django.db import migrations, models

# Counted in the database: what a process of the version before this adds, while it is replaced, counts as well.
COUNT = """
    CREATE FUNCTION conversations_count_images() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE conversations_message
           SET image_count = (SELECT count(*) FROM conversations_attachment WHERE message_id = conversations_message.id)
         WHERE id IN (SELECT message_id FROM changed);
        RETURN NULL;
    END $$;
    CREATE TRIGGER images_are_counted AFTER INSERT ON conversations_attachment
        REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION conversations_count_images();
    UPDATE conversations_message SET image_count = found.count
      FROM (SELECT message_id, count(*) FROM conversations_attachment GROUP BY 1) AS found
     WHERE id = found.message_id;
"""
FORGET = """
    DROP TRIGGER images_are_counted ON conversations_attachment;
    DROP FUNCTION conversations_count_images();
"""


class Migration(migrations.Migration):
    dependencies = [("conversations", "0010_words")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="image_count",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.RunSQL(COUNT, FORGET),
    ]
