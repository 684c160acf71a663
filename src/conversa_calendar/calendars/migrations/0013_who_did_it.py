from django.db import migrations, models

# What was written before: the side says who it was, beside people by name and guests, who alone answer without one.
CARRY_OVER = """
ALTER TABLE calendars_history NO FORCE ROW LEVEL SECURITY;
UPDATE calendars_history SET done_by = CASE
    WHEN side = 'remote' THEN 'google'
    WHEN side = 'sync' THEN 'sync'
    WHEN cause = 'booked' THEN 'visitor'
    WHEN actor_id IS NOT NULL THEN 'member'
    WHEN cause = 'answered' THEN 'guest'
    ELSE 'platform'
END;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE calendars_history FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("calendars", "0012_notices")]
    operations = [
        migrations.AddField("history", "done_by", models.CharField(max_length=10, default="", db_default="")),
        migrations.AddField("history", "done_by_name", models.CharField(max_length=200, default="", db_default="")),
        migrations.AddField("change", "done_by", models.CharField(max_length=10, default="", db_default="")),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
    ]
