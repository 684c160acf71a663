"""Row-level security, composite keys, and the constraint that makes a double booking impossible."""

from django.db import migrations

from conversa_calendar.accounts.row_security import ProtectTenantTables

CLAIM = """
ALTER TABLE bookings_bookingclaim ADD CONSTRAINT claim_once
EXCLUDE USING gist (int8range(member_id, member_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&)
"""


class Migration(migrations.Migration):
    dependencies = [("bookings", "0001_initial"), ("accounts", "0002_walls"), ("calendars", "0002_walls")]
    operations = [
        ProtectTenantTables("BookingPage", "BookingHost", "Booking", "BookingClaim"),
        migrations.RunSQL(CLAIM, "ALTER TABLE bookings_bookingclaim DROP CONSTRAINT claim_once"),
    ]
