from django.db import migrations, models

from conversa_calendar.accounts.row_security import unforced

# What failed waits for its next attempt, and counts no more as being sent.
RELEASE = """
UPDATE calendars_outgoingmail SET claimed_at = NULL, next_attempt_at = now()
    WHERE sent_at IS NULL AND failures > 0
"""
# What was left behind in the middle of sending is sent after all, but for what is too old to be news.
GIVE_UP = """
UPDATE calendars_outgoingmail SET failures = 8
    WHERE sent_at IS NULL AND failures = 0 AND claimed_at < now() - interval '1 day'
"""


class Migration(migrations.Migration):
    dependencies = [("calendars", "0010_who_reads_past_privacy")]
    operations = [
        migrations.AddField("outgoingmail", "next_attempt_at", models.DateTimeField(null=True)),
        migrations.RunSQL(unforced("calendars_outgoingmail", GIVE_UP), migrations.RunSQL.noop),
        migrations.RunSQL(unforced("calendars_outgoingmail", RELEASE), migrations.RunSQL.noop),
    ]
