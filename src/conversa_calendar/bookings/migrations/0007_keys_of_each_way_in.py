"""Each way in has its own keys. Those that stand do not tell which way they came, so they are kept and answer nobody: a
form or call that is sent once more across the upgrade finds its time taken."""

from django.db import migrations

from conversa_calendar.accounts.row_security import unforced

KEEP = "UPDATE bookings_booking SET key = left('old:' || key, 200) WHERE key <> ''"
BACK = "UPDATE bookings_booking SET key = substr(key, 5) WHERE key LIKE 'old:%'"


class Migration(migrations.Migration):
    dependencies = [("bookings", "0006_booking_request")]
    operations = [
        migrations.RunSQL(unforced("bookings_booking", KEEP), unforced("bookings_booking", BACK)),
    ]
