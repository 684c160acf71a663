"""The visitor's private page: what is booked, moved, joined by guests, cancelled."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.selectors import administrators
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.booking_pages import asked, limits, visitors
from conversa_calendar.booking_pages.doors import embeddable, public
from conversa_calendar.bookings import acts, availability, letters, mails, selectors
from conversa_calendar.bookings.acts import Visiting
from conversa_calendar.bookings.live import Taken
from conversa_calendar.bookings.models import CANCELLED, Booking
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.kit import clock


@csrf_exempt  # the private link is the authority, and no foreign page knows it
@require_http_methods(["GET", "POST"])
@public
@embeddable
def manage(request: HttpRequest, token: str) -> HttpResponse:
    """The visitor's private page: what is booked, move it, cancel it."""
    account_id, uuid = mails.read_manage_token(token)
    account = Account.objects.get(pk=account_id)
    error = ""
    others: list[datetime] = []
    if request.method == "POST":
        try:
            _change(request, account, UUID(uuid))
            return redirect("booking_manage", token=token)
        except (Taken, Invalid) as problem:
            error = getattr(problem, "message", str(problem))
            others = getattr(problem, "alternatives", [])
    is_from_mail = False
    with tenant(account_id):
        booking = selectors.any_booking(uuid)
        request.embed_origins = booking.page.embed_origins  # type: ignore[attr-defined]
        if booking.page.language:
            translation.activate(booking.page.language)
        if (mark := request.GET.get("mail")) and mails.is_from_mail(mark, booking):
            is_from_mail = True
            acts.show(Visiting(account_id, name=booking.name, booking=booking.uuid), booking.uuid)
        context = {"booking": booking, "account": account, "token": token, "error": error}
        context |= {"when": mails.when_in_words(booking.starts_at, booking.ends_at, booking.time_zone)}
        context |= {
            "is_open": booking.state != CANCELLED and booking.ends_at > clock.now(),
            "is_module_on": account.is_open,
        }
        context["others"] = [(asked.text(at), asked.day_and_time(at, booking.time_zone)) for at in others]
        context["waits_for_host"] = letters.waits_for_host(booking)
        context["people"] = [] if account.is_open else administrators()
        context["siblings"] = list(_siblings(booking)) if booking.group else []
        context |= {"guests_max": acts.GUESTS_MAX, "reason_max": acts.REASON_MAX}
        context["choices"] = _choices(booking) if context["is_open"] and account.is_open else []
        shown = render(request, "booking_pages/manage.html", context, status=409 if error else 200)
    if is_from_mail:
        visitors.remember(request, shown, booking.email)
    return shown


def _change(request: HttpRequest, account: Account, uuid: UUID) -> None:
    """Cancelling works whatever the module's switch says; moving needs it on."""
    with tenant(account.pk):
        booking = selectors.any_booking(uuid)
    doer = Visiting(account.pk, name=booking.name, address=limits.address_of(request), booking=uuid)
    what = request.POST.get("what")
    if what != "cancel" and not account.is_open:
        raise Invalid("start", _("Bookings cannot be moved at the moment."))
    if what not in {"cancel", "guests"}:
        acts.move(doer, uuid, asked.start(request))
        return
    with tenant(account.pk):
        if what == "cancel":
            acts.cancel(doer, uuid, reason=request.POST.get("reason", ""))
        else:
            wanted = re.split(r"[\s,;]+", request.POST.get("guests", ""))
            acts.add_guests(doer, uuid, wanted[: acts.GUESTS_MAX + 1])


def _siblings(booking: Booking) -> Iterator[tuple[str, str]]:
    """The other bookings of one repeating request, with their own private pages."""
    rows = Booking.objects.filter(group=booking.group).exclude(pk=booking.pk).exclude(state=CANCELLED)
    for row in rows.order_by("starts_at"):
        yield mails.manage_token(row), mails.when_in_words(row.starts_at, row.ends_at, row.time_zone)


def _choices(booking: Booking) -> list[tuple[str, str]]:
    """Other free times of the coming weeks, in the visitor's zone."""
    now = clock.now()
    found = availability.slots(booking.page, booking.minutes, now, now + timedelta(days=30), booking.event_id)
    return [(asked.text(at), asked.day_and_time(at, booking.time_zone)) for at in found if at != booking.starts_at][
        :400
    ]
