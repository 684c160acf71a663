"""Tokens say everything they may do, where they reach, and where they come from; tokens of before keep what they could do."""

import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

FORMER = (
    "ARRAY['events.read','events.write','calendars.manage','integrations.manage','bookings.manage','account.manage']"
)
EVERY = "ARRAY['events.read','events.write','bookings.read','bookings.write','calendars.manage','integrations.manage','bookings.manage','account.manage']"
SAY = f"""
UPDATE accounts_apitoken SET scopes = CASE
    WHEN scopes @> ({FORMER} || ARRAY['events.private'])::varchar[] THEN ARRAY['all']
    WHEN scopes = '{{}}' THEN {EVERY}
    ELSE scopes::text[] || CASE WHEN 'events.read' = ANY(scopes) THEN ARRAY['bookings.read'] ELSE ARRAY[]::text[] END
                        || CASE WHEN 'events.write' = ANY(scopes) THEN ARRAY['bookings.write'] ELSE ARRAY[]::text[] END
END::varchar[]
"""
FORGET = f"""
UPDATE accounts_apitoken SET scopes = CASE
    WHEN 'all' = ANY(scopes) THEN {FORMER} || ARRAY['events.private']
    ELSE array_remove(array_remove(scopes::text[], 'bookings.read'), 'bookings.write')
END::varchar[]
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_memberships")]
    operations = [
        migrations.AddField(
            "apitoken",
            "parent",
            models.ForeignKey(
                "accounts.ApiToken", null=True, on_delete=django.db.models.deletion.CASCADE, related_name="children"
            ),
        ),
        migrations.AddField("apitoken", "teams", ArrayField(models.UUIDField(), default=list, db_default=[])),
        migrations.AddField("apitoken", "inboxes", ArrayField(models.UUIDField(), default=list, db_default=[])),
        migrations.RunSQL(SAY, FORGET),
    ]
