import django.db.models.deletion
from django.db import migrations, models

import conversa_calendar.kit.clock
from conversa_calendar.accounts.row_security import ProtectTenantTables


class Migration(migrations.Migration):
    initial = True
    dependencies = [("accounts", "0007_inviter"), ("calendars", "0014_change_feed")]
    operations = [
        migrations.CreateModel(
            name="Sight",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=32)),
                ("seen", models.JSONField()),
                ("used_at", models.DateTimeField(default=conversa_calendar.kit.clock.now)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [models.UniqueConstraint(fields=("account", "name"), name="sight_once")],
            },
        ),
        ProtectTenantTables("Sight"),
    ]
