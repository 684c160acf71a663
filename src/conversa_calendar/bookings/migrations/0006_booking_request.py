"""Forms that wait for a visitor to show that mail reaches them."""

import django.db.models.deletion
from django.db import migrations, models

import conversa_calendar.kit.ids
from conversa_calendar.accounts.row_security import ProtectTenantTables


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_counters"), ("bookings", "0005_told_uid")]
    operations = [
        migrations.CreateModel(
            name="BookingRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=conversa_calendar.kit.ids.new_uuid, editable=False, unique=True)),
                ("email", models.EmailField(max_length=254)),
                ("fields", models.JSONField()),
                ("expires_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
                (
                    "page",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="bookings.bookingpage",
                    ),
                ),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        ProtectTenantTables("BookingRequest"),
    ]
