"""Row-level security and composite keys for this app's tenant tables."""

from django.db import migrations

from conversa_calendar.accounts.row_security import ProtectTenantTables


class Migration(migrations.Migration):
    dependencies = [("calendars", "0001_initial"), ("accounts", "0002_walls")]
    operations = [
        ProtectTenantTables(
            "Calendar",
            "Assignment",
            "Event",
            "History",
            "OutgoingMail",
            "Preference",
            derived=("Occurrence", "Change"),
        )
    ]
