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


def admit(address: str) -> None:
    """Counts a mail that a visitor's action is about to send to an address. Raises Invalid when it is one too many; call
    it inside the transaction that queues the mail, so that what fails is not counted."""
    if not may_write(address):
        words = _("This address was written to several times today. Please open a link in one of those mails first.")
        raise Invalid("email", words)


def may_write(address: str) -> bool:
    """Counts a mail that a visitor causes; answers whether it may go out, for what cannot be refused for a mail's sake."""
    name = fingerprint(address)
    query = """
        INSERT INTO bookings_addresscount (fingerprint, day, count, is_verified) VALUES (%s, %s, 1, false)
        ON CONFLICT (fingerprint, day) DO UPDATE SET count = bookings_addresscount.count + 1
        RETURNING count
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [name, clock.now().date()])
        count: int = cursor.fetchone()[0]
    return count <= (VERIFIED_A_DAY if is_verified(address) else UNVERIFIED_A_DAY)


def is_verified(address: str) -> bool:
    """Whether somebody opened a link that only a mail to it carried."""
    return AddressCount.objects.filter(fingerprint=fingerprint(address), is_verified=True).exists()


def verify(address: str) -> None:
    """Somebody read a mail to this address."""
    row, _is_new = AddressCount.objects.get_or_create(fingerprint=fingerprint(address), day=clock.now().date())
    AddressCount.objects.filter(pk=row.pk, is_verified=False).update(is_verified=True)


def fingerprint(address: str) -> str:
    """What stands for an address in a table that every account shares."""
    return hmac.new(settings.SECRET_KEY.encode(), address.strip().lower().encode(), hashlib.sha256).hexdigest()
