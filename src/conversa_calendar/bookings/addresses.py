"""Mail that strangers can cause: an address gets little of it that never answered, over all accounts together.

More is for who has shown, in their own browser or by a link of the booking, that a mail reaches them; nothing of that is
kept here, so that no page tells what an address did elsewhere. What somebody gets as a guest of others counts apart.
"""

import hashlib
import hmac

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.kit import clock

UNVERIFIED_A_DAY, VERIFIED_A_DAY, AS_GUEST_A_DAY = 3, 40, 3


def admit(address: str, *, is_shown: bool) -> None:
    """Counts a mail that a visitor's action is about to send to their address, which they have shown to reach them or not.
    Raises Invalid when it is one too many; call it inside the transaction that queues the mail, so that what fails is not
    counted."""
    if not may_write(address, is_shown=is_shown):
        words = _("This address was written to several times today. Please open a link in one of those mails first.")
        raise Invalid("email", words)


def may_write(address: str, *, is_shown: bool) -> bool:
    """Counts a mail to a visitor; answers whether it may go out, for what cannot be refused for a mail's sake."""
    return _counted(fingerprint(address)) <= (VERIFIED_A_DAY if is_shown else UNVERIFIED_A_DAY)


def admit_guest(address: str) -> None:
    """The same for a mail to a guest, who did nothing for it. Raises Invalid."""
    if not may_write_to_guest(address):
        words = _("“%(address)s” was written to several times today. Please try again tomorrow.")
        raise Invalid("guests", words % {"address": address[:80]})


def may_write_to_guest(address: str) -> bool:
    """Counts a mail to a guest; answers whether it may go out."""
    return _counted(fingerprint(f"guest {address.strip()}")) <= AS_GUEST_A_DAY


def fingerprint(address: str) -> str:
    """What stands for an address in a table that every account shares."""
    return hmac.new(settings.SECRET_KEY.encode(), address.strip().lower().encode(), hashlib.sha256).hexdigest()


def _counted(name: str) -> int:
    query = """
        INSERT INTO bookings_addresscount (fingerprint, day, count) VALUES (%s, %s, 1)
        ON CONFLICT (fingerprint, day) DO UPDATE SET count = bookings_addresscount.count + 1
        RETURNING count
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [name, clock.now().date()])
        count: int = cursor.fetchone()[0]
    return count
