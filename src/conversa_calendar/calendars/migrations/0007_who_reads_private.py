import django.db.models.deletion
from django.db import migrations, models

WALL = """
ALTER TABLE calendars_event ADD CONSTRAINT calendars_event_private_for_id_tenant
    FOREIGN KEY (account_id, private_for_id) REFERENCES accounts_member (account_id, id)
    ON DELETE SET NULL (private_for_id) DEFERRABLE INITIALLY DEFERRED
"""
# Which entries were written while an event was private is not known any more; all up to the last one that says so are.
CARRY_OVER = """
ALTER TABLE calendars_history NO FORCE ROW LEVEL SECURITY;
ALTER TABLE calendars_event NO FORCE ROW LEVEL SECURITY;
UPDATE calendars_history h SET was_private = true FROM calendars_event e
    WHERE e.id = h.event_id AND e.account_id = h.account_id AND e.is_private;
UPDATE calendars_history h SET was_private = true FROM (
    SELECT account_id, event_id, max(id) AS last FROM calendars_history
    WHERE changes->'visibility'->>'before' IN ('private', 'confidential')
        OR changes->'visibility'->>'after' IN ('private', 'confidential')
    GROUP BY account_id, event_id
) p WHERE p.account_id = h.account_id AND p.event_id = h.event_id AND h.id <= p.last;
ALTER TABLE calendars_event FORCE ROW LEVEL SECURITY;
ALTER TABLE calendars_history FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("calendars", "0006_publishing")]
    operations = [
        migrations.AddField(
            "event",
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
        migrations.AddField("history", "was_private", models.BooleanField(db_default=False, default=False)),
        migrations.RunSQL(WALL, "ALTER TABLE calendars_event DROP CONSTRAINT calendars_event_private_for_id_tenant"),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
    ]
