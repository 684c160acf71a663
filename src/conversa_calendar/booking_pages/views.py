"""Booking without signing in: choose a day and a time, fill in the form.

Works without script. Unknown, unpublished and switched-off pages answer alike.
"""

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.booking_pages import asked, doors, holds, limits, seen, visitors
from conversa_calendar.booking_pages.doors import embeddable, public
from conversa_calendar.bookings import acts, availability, caps, keys, live, mails, proof
from conversa_calendar.bookings.acts import Visiting, Wish
from conversa_calendar.bookings.live import Taken
from conversa_calendar.bookings.models import Booking, BookingOffer, BookingPage
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import names, times
from conversa_calendar.kit import clock, ids

DAYS_SHOWN = 14
_FIELDS = ("start", "duration", "name", "email", "hold", "repeats")
HUMAN_S = 1.5
"""Nobody fills in the form faster than this; programs wait it out."""
EMBED_SCRIPT = """(() => {
  const here = document.currentScript;
  const page = new URL(here.dataset.booking, here.src);
  if (page.origin !== new URL(here.src).origin) return;
  const frame = document.createElement("iframe");
  frame.src = page.href;
  frame.title = here.dataset.title || "Book a time";
  frame.style.cssText = "border:0;width:100%;height:" + (parseInt(here.dataset.height, 10) || 760) + "px";
  window.addEventListener("message", (event) => {
    const height = event.data && event.data.bookingHeight;
    if (event.source === frame.contentWindow && event.origin === page.origin && height > 0 && height < 20000)
      frame.style.height = Math.ceil(height) + "px";
  });
  here.after(frame);
})();
"""


@require_GET
@public
@embeddable
def page(request: HttpRequest, key: str) -> HttpResponse:
    """Days with free times, two weeks at a time, in the visitor's zone."""
    account, uuid = seen.found(key)
    with tenant(account.pk):
        shown = seen.shown(request, uuid)
        zone, refused = _zone(request, shown)
        duration, own = asked.duration(request, shown), holds.own(request)
        since = asked.first_day(request, zone)
        begin = times.instant(times.Timed(times.midnight(since), zone))
        found = availability.slots(
            shown, duration, max(begin, clock.now()), begin + timedelta(days=DAYS_SHOWN), own=own
        )
        is_unread = not found and not availability.hosts(shown) and bool(availability.stale_hosts(shown))
    days: dict[date, list[tuple[str, str]]] = {}
    for start in found:
        local = start.astimezone(times.zone_of(zone))
        days.setdefault(local.date(), []).append((asked.text(start), f"{local:%H:%M}"))
    context = {"page": shown, "account": account, "days": days, "zone": zone, "duration": duration}
    context |= {"refused": refused, "chosen_zone": asked.chosen_zone(request), "zones": sorted(times.ZONES)}
    context |= {
        "since": since,
        "is_unread": is_unread,
        "earlier": since - timedelta(days=DAYS_SHOWN),
        "later": since + timedelta(days=DAYS_SHOWN),
    }
    context["is_first"] = since <= asked.today(zone)
    return render(request, "booking_pages/page.html", context, status=422 if refused else 200)


@csrf_exempt  # nobody is signed in here: there is no authority that a foreign page could borrow
@require_http_methods(["GET", "POST"])
@public
@embeddable
def form(request: HttpRequest, key: str) -> HttpResponse:
    """Name, address and questions for one time; posting books it."""
    account, uuid = seen.found(key)
    with tenant(account.pk):
        shown = seen.shown(request, uuid)
        zone, duration, start = asked.zone(request, shown), asked.duration(request, shown), asked.start(request)
        offered = seen.offered(request, account, shown, start)
    context = _form_context(request, account, shown, zone, duration, start)
    if request.method == "GET":
        if offered is not None and offered.booking_id is not None:
            return _taken(request, context, Taken())
        if offered is None and _may_hold(request, account, shown, start, duration):
            try:
                with live.showing_others(account.pk, uuid, start, duration), tenant(account.pk):
                    doer = Visiting(account.pk, address=limits.address_of(request))
                    kept = acts.hold(doer, uuid, start, duration, holds.own(request))
            except Taken as error:
                return _taken(request, context, error)
            context["v"]["hold"] = str(kept)
            opened = render(request, "booking_pages/form.html", context)
            holds.remember(request, opened, kept)
            return opened
        return render(request, "booking_pages/form.html", context)
    if request.POST.get("website"):
        return doors.said(request, _("Please go back and send the form once more."), 422)
    _wait_for_a_person(request)
    try:
        if offered is None and (answer := _weighed(request, account, shown, start, duration, zone)) is not None:
            return answer
        booking = _booked(request, shown, start, duration, zone, offered)
    except Taken as error:
        return _taken(request, context, error)
    except Invalid as error:
        return render(request, "booking_pages/form.html", context | {"error": error}, status=422)
    return redirect("booking_manage", token=mails.manage_token(booking))


@csrf_exempt  # the mailed link is the authority, and no foreign page knows it
@require_http_methods(["GET", "POST"])
@public
@embeddable
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Behind the link that shows that mail reaches the visitor: the button books what the form said."""
    account_id, asked_uuid = proof.read_token(token)
    with tenant(account_id):
        waiting = proof.waiting(asked_uuid)
    if waiting is None:
        return doors.said(request, _("This link has ended. Please choose a time once more."), 410)
    account, uuid = seen.found(waiting.page.key)
    request.POST = QueryDict(urlencode(waiting.fields))
    with tenant(account.pk):
        shown = seen.shown(request, uuid)
    zone, duration, start = asked.zone(request, shown), asked.duration(request, shown), asked.start(request)
    context = _form_context(request, account, shown, zone, duration, start)
    if request.method == "GET":
        return render(request, "booking_pages/confirm.html", context)
    try:
        booking = _booked(request, shown, start, duration, zone, None, is_shown=True)
        answer: HttpResponse = redirect("booking_manage", token=mails.manage_token(booking))
    except Taken as error:
        answer = _taken(request, context, error)
    except Invalid as error:
        answer = doors.said(request, error.message, 422)
    visitors.remember(request, answer, waiting.email)
    return answer


@require_GET
def embed_script(request: HttpRequest) -> HttpResponse:
    """A few lines for other sites: each `<script data-booking="…">` becomes a frame with that page."""
    return HttpResponse(
        EMBED_SCRIPT, content_type="text/javascript; charset=utf-8", headers={"Cache-Control": "public, max-age=3600"}
    )


def _zone(request: HttpRequest, shown: BookingPage) -> tuple[str, str]:
    """In which zone times are shown, and why it is not the one that the visitor typed."""
    try:
        return asked.zone(request, shown), ""
    except asked.UnknownZone as error:
        return shown.time_zone, str(error)


def _booked(
    request: HttpRequest,
    shown: BookingPage,
    start: datetime,
    duration: int,
    zone: str,
    offered: BookingOffer | None,
    is_shown: bool = False,
) -> Booking:
    visitor, hold = asked.visitor(request, zone, len(shown.questions)), asked.held(request)
    wish = Wish(
        start,
        duration,
        visitor,
        key=keys.of_offer(offered) if offered is not None else keys.of_form(hold),
        hold=hold,
        offered=offered,
        references=offered.references if offered is not None else None,
        is_shown=is_shown or visitors.has_shown(request, visitor.email),
        own=holds.own(request),
    )
    doer = Visiting(shown.account_id, name=names.tidy(visitor.name), address=limits.address_of(request))
    return acts.book(doer, shown.uuid, wish)


def _weighed(
    request: HttpRequest, account: Account, shown: BookingPage, start: datetime, duration: int, zone: str
) -> HttpResponse | None:
    """Counts a booking; the page to show instead when it is one too many, or waits for a look into the mailbox. Raises
    Invalid."""
    visitor = asked.visitor(request, zone, len(shown.questions))
    address, email = limits.address_of(request), visitor.email.strip()
    with tenant(account.pk):
        if acts.repeated(shown, keys.of_form(asked.held(request))):
            return None
        acts.check(shown, visitor)
        acts.repetitions(shown, start, visitor.repeats)
        if (over := caps.refusal(address=address, times=visitor.repeats)) is not None:
            words = _("Too many bookings came from your network. Please try again in %(hours)s hours.")
            return doors.said(request, words % {"hours": -(-over.wait_s // 3600)}, 429)
        is_asked = caps.is_asked(shown, address=address, email=email)
        if not is_asked or visitors.has_shown(request, email):
            return None
        fields = _kept(request, shown) | {"zone": zone}
        fields["hold"] = fields.get("hold") or str(ids.new_uuid())
        proof.ask(shown, fields, email=email, start=start, duration=duration, zone=zone)
    words = _("Almost done: open the link in the mail that was just sent to %(email)s, within half an hour.")
    return doors.said(request, words % {"email": email}, 200)


def _kept(request: HttpRequest, shown: BookingPage) -> dict[str, str]:
    """What a form says that is waited for: its own fields, none longer than an answer can be."""
    fields = [*_FIELDS, *(f"answer{number}" for number in range(len(shown.questions)))]
    return {name: request.POST[name][: acts.ANSWER_MAX] for name in fields if name in request.POST}


def _may_hold(request: HttpRequest, account: Account, shown: BookingPage, start: datetime, duration: int) -> bool:
    """Counts a hold; whether opening the form may keep its time from others."""
    if not caps.may_hold(shown, address=limits.address_of(request)):
        return False
    with tenant(account.pk):
        return caps.leaves_enough(shown, start, duration)


def _wait_for_a_person(request: HttpRequest) -> None:
    """A form that comes back faster than anybody types is slow to be taken; the moment of its making is signed."""
    try:
        age_s = clock.now().timestamp() - float(signing.loads(request.POST.get("made", ""), salt="booking-form"))
    except (signing.BadSignature, ValueError, TypeError):
        age_s = 0.0
    if age_s < HUMAN_S:
        clock.sleep(HUMAN_S - max(age_s, 0.0))


def _form_context(
    request: HttpRequest, account: Account, shown: BookingPage, zone: str, duration: int, start: datetime
) -> dict[str, Any]:
    return {
        "account": account,
        "page": shown,
        "zone": zone,
        "duration": duration,
        "start": asked.text(start),
        "when": mails.when_in_words(start, start + timedelta(minutes=duration), zone),
        "questions": [
            (number, question, request.POST.get(f"answer{number}", ""))
            for number, question in enumerate(shown.questions)
        ],
        "v": {name: request.POST.get(name, "") for name in ("name", "email", "hold", "repeats")},
        "offer": request.POST.get("offer") or request.GET.get("offer") or "",
        "made": request.POST.get("made") or signing.dumps(clock.now().timestamp(), salt="booking-form"),
        "counts": range(2, shown.repeats_max + 1),
    }


def _taken(request: HttpRequest, context: dict[str, Any], error: Taken) -> HttpResponse:
    """What is free near the time that is gone, each with a link to its form."""
    others = [(asked.text(at), asked.day_and_time(at, context["zone"])) for at in error.alternatives]
    return render(request, "booking_pages/taken.html", context | {"message": str(error), "others": others}, status=409)
