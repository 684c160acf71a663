"""Mail that strangers can cause: an address that never answered gets little of it, over all accounts together.

An address counts as verified once somebody opened a link that only a mail to it carried.
"""

import hashlib
import hmac

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from conversa_calendar.bookings.models import AddressCount
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.kit import clock

UNVERIFIED_A_DAY, VERIFIED_A_DAY = 3, 40


def admit(address: str, mails: int = 1) -> None:
    """Counts mails that a visitor's action is about to send to an address. Raises Invalid when they are too many; call
    it inside the transaction that queues them, so that what fails is not counted."""
    name, today = fingerprint(address), clock.now().date()
    query = """
        INSERT INTO bookings_addresscount (fingerprint, day, count, is_verified) VALUES (%s, %s, %s, false)
        ON CONFLICT (fingerprint, day) DO UPDATE SET count = bookings_addresscount.count + EXCLUDED.count
        RETURNING count
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [name, today, mails])
        count = cursor.fetchone()[0]
    is_verified = AddressCount.objects.filter(fingerprint=name, is_verified=True).exists()
    if count > (VERIFIED_A_DAY if is_verified else UNVERIFIED_A_DAY):
        raise Invalid(
            "email",
            _("This address was written to several times today. Please open a link in one of those mails first."),
        )


def verify(address: str) -> None:
    """Somebody read a mail to this address."""
    row, _is_new = AddressCount.objects.get_or_create(fingerprint=fingerprint(address), day=clock.now().date())
    AddressCount.objects.filter(pk=row.pk, is_verified=False).update(is_verified=True)


def fingerprint(address: str) -> str:
    """What stands for an address in a table that every account shares."""
    return hmac.new(settings.SECRET_KEY.encode(), address.strip().lower().encode(), hashlib.sha256).hexdigest()
