"""What a member should know stands before them until they have read it."""

import django.db.models.deletion
from django.db import migrations, models

import conversa_calendar.kit.clock
import conversa_calendar.kit.ids
from conversa_calendar.accounts.row_security import ProtectTenantTables


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_inviter"), ("calendars", "0011_next_attempt_of_mail")]
    operations = [
        migrations.AddField("preference", "mails_losses", models.BooleanField(db_default=False, default=False)),
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "uuid",
                    models.UUIDField(default=conversa_calendar.kit.ids.new_uuid, editable=False, unique=True),
                ),
                ("at", models.DateTimeField(default=conversa_calendar.kit.clock.now)),
                ("read_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="calendars.history",
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="accounts.member",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("read_at", None)), fields=["member"], name="notice_unread")
                ],
                "constraints": [models.UniqueConstraint(fields=("member", "entry"), name="notice_once")],
            },
        ),
        ProtectTenantTables("Notice"),
    ]
