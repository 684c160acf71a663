"""Name, zone, language and sign-outs become those of a membership; what people had is carried over."""

from django.db import migrations, models

from conversa_calendar.accounts.row_security import unforced

CARRY_OVER = """
UPDATE accounts_member SET
    name = person.name, time_zone = person.time_zone, language = person.language,
    accepted_at = accounts_member.created_at, is_vouched = accounts_member.external_id <> ''
FROM accounts_user person WHERE person.id = accounts_member.user_id
"""
GIVE_BACK = """
UPDATE accounts_user SET name = place.name, time_zone = place.time_zone, language = place.language
FROM (SELECT DISTINCT ON (user_id) * FROM accounts_member ORDER BY user_id, id) place
WHERE place.user_id = accounts_user.id
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_sessions_ended")]
    operations = [
        migrations.AddField("user", "email_verified_at", models.DateTimeField(null=True)),
        migrations.AddField("member", "name", models.CharField(blank=True, default="", max_length=120), False),
        migrations.AddField("member", "time_zone", models.CharField(blank=True, default="", max_length=64), False),
        migrations.AddField("member", "language", models.CharField(blank=True, default="", max_length=8), False),
        migrations.AddField("member", "is_vouched", models.BooleanField(default=False)),
        migrations.AddField("member", "accepted_at", models.DateTimeField(null=True)),
        migrations.AddField("member", "invitation", models.CharField(blank=True, default="", max_length=64), False),
        migrations.AddField("member", "invited_at", models.DateTimeField(null=True)),
        migrations.AddField("member", "declined_at", models.DateTimeField(null=True)),
        migrations.AddField("member", "sessions_ended_at", models.DateTimeField(null=True)),
        migrations.RunSQL(unforced("accounts_member", CARRY_OVER), unforced("accounts_member", GIVE_BACK)),
        migrations.RemoveField("user", "name"),
        migrations.RemoveField("user", "time_zone"),
        migrations.RemoveField("user", "language"),
    ]
