"""A claim knows its page, so that a hold is given back and prolonged only there. Holds of the last ten minutes end with the
upgrade: their forms book all the same while the time is free. Claims of bookings need no page."""

import django.db.models.deletion
from django.db import migrations, models

from conversa_calendar.accounts.row_security import unforced

END = """DELETE FROM bookings_bookingclaim AS c WHERE c.booking_id IS NULL
AND NOT EXISTS (SELECT FROM bookings_bookingoffer o WHERE o.uuid = c.hold)"""
NAME = """UPDATE bookings_bookingclaim AS c SET page_id = o.page_id FROM bookings_bookingoffer o
WHERE o.uuid = c.hold AND c.booking_id IS NULL"""
TENANT = """ALTER TABLE bookings_bookingclaim ADD CONSTRAINT bookings_bookingclaim_page_id_tenant
FOREIGN KEY (account_id, page_id) REFERENCES bookings_bookingpage (account_id, id)
ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"""


def carried(statement: str) -> str:
    return unforced("bookings_bookingoffer", unforced("bookings_bookingclaim", statement))


class Migration(migrations.Migration):
    dependencies = [("bookings", "0008_who_has_shown_an_address")]
    operations = [
        migrations.AddField(
            "bookingclaim",
            "page",
            models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="bookings.bookingpage",
            ),
        ),
        migrations.RunSQL(carried(END), migrations.RunSQL.noop),
        migrations.RunSQL(carried(NAME), migrations.RunSQL.noop),
        migrations.RunSQL(
            TENANT, "ALTER TABLE bookings_bookingclaim DROP CONSTRAINT bookings_bookingclaim_page_id_tenant"
        ),
    ]
