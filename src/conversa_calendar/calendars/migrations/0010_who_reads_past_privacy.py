import django.db.models.deletion
from django.db import migrations, models

WALL = """
ALTER TABLE calendars_history ADD CONSTRAINT calendars_history_private_for_id_tenant
    FOREIGN KEY (account_id, private_for_id) REFERENCES accounts_member (account_id, id)
    ON DELETE SET NULL (private_for_id) DEFERRABLE INITIALLY DEFERRED
"""
# Who read an event when an entry was written follows from where it lies now only if it did not come there since, and no
# two people come into question: the author while it lived only here, the owner once its calendar was mirrored.
CARRY_OVER = """
ALTER TABLE calendars_history NO FORCE ROW LEVEL SECURITY;
ALTER TABLE calendars_event NO FORCE ROW LEVEL SECURITY;
ALTER TABLE calendars_calendar NO FORCE ROW LEVEL SECURITY;
UPDATE calendars_history h SET private_for_id = COALESCE(e.private_for_id, CASE
        WHEN EXISTS (SELECT 1 FROM calendars_history m WHERE m.account_id = h.account_id AND m.event_id = h.event_id
            AND m.cause = 'moved' AND m.id >= h.id) THEN NULL
        WHEN NOT c.is_mirrored THEN COALESCE(e.author_id, c.owner_id)
        WHEN e.is_private OR e.author_id IS NULL OR e.author_id = c.owner_id THEN c.owner_id
    END)
    FROM calendars_event e JOIN calendars_calendar c ON c.account_id = e.account_id AND c.id = e.calendar_id
    WHERE h.was_private AND h.private_for_id IS NULL AND e.account_id = h.account_id AND e.id = h.event_id;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE calendars_calendar FORCE ROW LEVEL SECURITY;
ALTER TABLE calendars_event FORCE ROW LEVEL SECURITY;
ALTER TABLE calendars_history FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("calendars", "0009_owed_mail")]
    operations = [
        migrations.AddField(
            "history",
            "private_for",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="accounts.member",
            ),
        ),
        migrations.RunSQL(
            WALL, "ALTER TABLE calendars_history DROP CONSTRAINT calendars_history_private_for_id_tenant"
        ),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
    ]
