"""A booking that waits until its visitor shows that a mail reaches them: kept as it was filled in, booked by a button
behind the mailed link. The mail says nothing that the visitor typed."""

from datetime import datetime, timedelta
from urllib.parse import quote

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from conversa_calendar.bookings import addresses, caps, mails
from conversa_calendar.bookings.models import BookingPage, BookingRequest
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.kit import clock

SALT, WAITS = "booking-request", timedelta(minutes=30)
MAIL_SOON = "conversa_calendar.bookings.tasks.mail_soon"


def ask(page: BookingPage, fields: dict[str, str], *, email: str, start: datetime, duration: int, zone: str) -> None:
    """Keeps a form, and its hold a little longer, and mails the link that books it. Raises Invalid."""
    now = clock.now()
    addresses.admit(email, is_shown=False)
    BookingRequest.objects.filter(expires_at__lt=now).delete()
    made = BookingRequest(page=page, fields=fields, email=email, expires_at=now + WAITS)
    made.save(force_insert=True)
    if fields.get("hold"):
        caps.held_by_visitors(page).filter(hold=fields["hold"]).update(expires_at=made.expires_at)
    title = " ".join(page.title.split())
    when = mails.when_in_words(start, start + timedelta(minutes=duration), zone)
    lines = [title, when, "", _("Open this link and confirm, within %(count)s minutes:") % {"count": 30}, _url(made)]
    lines += ["", _("If you did not ask for this, ignore this mail: nothing is booked.")]
    OutgoingMail(to=email, subject=_("Please confirm: %(title)s") % {"title": title}, body="\n".join(lines)).save(
        force_insert=True
    )
    app.configure_task(MAIL_SOON).defer(account_id=page.account_id)


def read_token(token: str) -> tuple[int, str]:
    """The (account id, request uuid) of a link. Raises signing.BadSignature."""
    account_id, uuid = signing.loads(token, salt=SALT)
    return int(account_id), str(uuid)


def waiting(uuid: str) -> BookingRequest | None:
    """The request behind a link, while it waits."""
    rows = BookingRequest.objects.select_related("page")
    return rows.filter(uuid=uuid, expires_at__gt=clock.now()).first()


def _url(made: BookingRequest) -> str:
    token = signing.dumps([made.account_id, str(made.uuid)], salt=SALT)
    return f"{settings.PUBLIC_URL}/book/confirm/{quote(token)}"
