"""Booking without signing in: choose a day and a time, fill in the form, change or cancel by a private link.

Works without script. Unknown, unpublished and switched-off pages answer alike.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import dateformat, translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.selectors import administrators
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.booking_pages import limits, visitors
from conversa_calendar.bookings import (
    addresses,
    availability,
    caps,
    keys,
    letters,
    live,
    mails,
    proof,
    selectors,
    services,
)
from conversa_calendar.bookings.live import Taken
from conversa_calendar.bookings.models import CANCELLED, Booking, BookingOffer, BookingPage
from conversa_calendar.bookings.services import Visitor
from conversa_calendar.calendars import outgoing
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import times
from conversa_calendar.kit import clock, ids, reading

View = Callable[..., HttpResponse]
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


def public(view: View) -> View:
    """A page for strangers: floods are turned away, what is not there is said alike."""

    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        window = limits.submits if request.method == "POST" else limits.views
        if window.is_over(limits.address_of(request)):
            return _said(request, _("Too many requests. Please wait a minute."), 429)
        try:
            with outgoing.by_visitors():
                return view(request, **kwargs)
        except (NotFound, signing.BadSignature):
            return _said(request, _("There is no such page."), 404)

    return guarded


def embeddable(view: View) -> View:
    """Lets the origins that a booking page names show it in a frame, and nobody else."""

    @wraps(view)
    def framed(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        response = view(request, **kwargs)
        if origins := getattr(request, "embed_origins", []):
            response.frame_origins = origins  # type: ignore[attr-defined]
        response["Referrer-Policy"] = "no-referrer"
        return response

    return framed


@require_GET
@public
@embeddable
def page(request: HttpRequest, key: str) -> HttpResponse:
    """Days with free times, two weeks at a time, in the visitor's zone."""
    account, uuid = _found(key)
    with tenant(account.pk):
        shown = _shown(request, uuid)
        zone, duration = _zone(request, shown), _duration(request, shown)
        since = _first_day(request, zone)
        begin = times.instant(times.Timed(datetime(since.year, since.month, since.day), zone))
        found = availability.slots(shown, duration, max(begin, clock.now()), begin + timedelta(days=DAYS_SHOWN))
        is_unread = not found and not availability.hosts(shown) and bool(availability.stale_hosts(shown))
    days: dict[date, list[tuple[str, str]]] = {}
    for start in found:
        local = start.astimezone(times.zone_of(zone))
        days.setdefault(local.date(), []).append((_text(start), f"{local:%H:%M}"))
    context = {"page": shown, "account": account, "days": days, "zone": zone, "duration": duration}
    context |= {
        "since": since,
        "is_unread": is_unread,
        "earlier": since - timedelta(days=DAYS_SHOWN),
        "later": since + timedelta(days=DAYS_SHOWN),
    }
    return render(request, "booking_pages/page.html", context | {"is_first": since <= _today(zone)})


@csrf_exempt  # nobody is signed in here: there is no authority that a foreign page could borrow
@require_http_methods(["GET", "POST"])
@public
@embeddable
def form(request: HttpRequest, key: str) -> HttpResponse:
    """Name, address and questions for one time; posting books it."""
    account, uuid = _found(key)
    with tenant(account.pk):
        shown = _shown(request, uuid)
        zone, duration, start = _zone(request, shown), _duration(request, shown), _start(request)
        offered = _offered(request, account, shown, start)
    context = _form_context(request, account, shown, zone, duration, start)
    if request.method == "GET":
        if offered is not None and offered.booking_id is not None:
            return _taken(request, context, Taken())
        if offered is None and _may_hold(request, account, shown, start, duration):
            try:
                with live.showing_others(account.pk, uuid, start, duration), tenant(account.pk):
                    context["v"]["hold"] = str(services.hold(shown, start, duration))
            except Taken as error:
                return _taken(request, context, error)
        return render(request, "booking_pages/form.html", context)
    if request.POST.get("website"):
        return _said(request, _("Please go back and send the form once more."), 422)
    _wait_for_a_person(request)
    try:
        if offered is None and (answer := _weighed(request, account, shown, start, duration, zone)) is not None:
            return answer
        with live.showing_others(account.pk, uuid, start, duration):
            booking = _booked(request, account, uuid, start, duration, zone, len(shown.questions), offered)
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
        asked = proof.waiting(asked_uuid)
    if asked is None:
        return _said(request, _("This link has ended. Please choose a time once more."), 410)
    account, uuid = _found(asked.page.key)
    request.POST = QueryDict(urlencode(asked.fields))
    with tenant(account.pk):
        shown = _shown(request, uuid)
    zone, duration, start = _zone(request, shown), _duration(request, shown), _start(request)
    context = _form_context(request, account, shown, zone, duration, start)
    if request.method == "GET":
        return render(request, "booking_pages/confirm.html", context)
    try:
        with live.showing_others(account.pk, uuid, start, duration):
            booking = _booked(request, account, uuid, start, duration, zone, len(shown.questions), None, is_shown=True)
        answer: HttpResponse = redirect("booking_manage", token=mails.manage_token(booking))
    except Taken as error:
        answer = _taken(request, context, error)
    except Invalid as error:
        answer = _said(request, error.message, 422)
    visitors.remember(request, answer, asked.email)
    return answer


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
        booking = _booking(UUID(uuid))
        request.embed_origins = booking.page.embed_origins  # type: ignore[attr-defined]
        if booking.page.language:
            translation.activate(booking.page.language)
        if (mark := request.GET.get("mail")) and mails.is_from_mail(mark, booking):
            is_from_mail = True
            services.show(booking)
        context = {"booking": booking, "account": account, "token": token, "error": error}
        context |= {"when": mails.when_in_words(booking.starts_at, booking.ends_at, booking.time_zone)}
        context |= {
            "is_open": booking.state != CANCELLED and booking.ends_at > clock.now(),
            "is_module_on": account.is_open,
        }
        context["others"] = [(_text(at), _day_and_time(at, booking.time_zone)) for at in others]
        context["waits_for_host"] = letters.waits_for_host(booking)
        context["people"] = [] if account.is_open else administrators()
        context["siblings"] = list(_siblings(booking)) if booking.group else []
        context["guests_max"] = services.GUESTS_MAX
        context["choices"] = _choices(booking) if context["is_open"] and account.is_open else []
        shown = render(request, "booking_pages/manage.html", context, status=409 if error else 200)
    if is_from_mail:
        visitors.remember(request, shown, booking.email)
    return shown


def _booked(
    request: HttpRequest,
    account: Account,
    uuid: UUID,
    start: datetime,
    duration: int,
    zone: str,
    questions: int,
    offered: BookingOffer | None,
    is_shown: bool = False,
) -> Booking:
    visitor = _visitor(request, zone, questions)
    is_shown = is_shown or visitors.has_shown(request, visitor.email)
    hold = _held(request)
    key = keys.of_offer(offered) if offered is not None else keys.of_form(hold)
    with tenant(account.pk):
        shown = _published(uuid)
        if known := services.repeated(shown, key):
            return known
        services.check(shown, visitor)
        starts = services.repetitions(shown, start, visitor.repeats)
        if offered is not None:
            services.release_offered(offered, start)
        if hold is not None:
            services.release(shown, hold)
    try:
        willing = live.choice(account.pk, uuid, starts, duration)
    except Taken:
        with tenant(account.pk):
            if known := services.repeated(_published(uuid), key):
                return known
        raise
    with tenant(account.pk):
        addresses.admit(visitor.email, is_shown=is_shown)
        references = offered.references if offered is not None else None
        options: dict[str, Any] = {"only": willing, "key": key, "references": references, "is_shown": is_shown}
        booking = services.book(_published(uuid), start, duration, visitor, **options)
        if offered is not None:
            services.settle_offer(offered, booking)
        return booking


def _visitor(request: HttpRequest, zone: str, questions: int) -> Visitor:
    repeats = request.POST.get("repeats", "1")
    return Visitor(
        language=translation.get_language() or "",
        repeats=reading.whole(repeats) or 1,
        name=request.POST.get("name", ""),
        email=request.POST.get("email", ""),
        time_zone=zone,
        answers=tuple(request.POST.get(f"answer{number}", "") for number in range(questions)),
    )


def _weighed(
    request: HttpRequest, account: Account, shown: BookingPage, start: datetime, duration: int, zone: str
) -> HttpResponse | None:
    """Counts a booking; the page to show instead when it is one too many, or waits for a look into the mailbox. Raises
    Invalid."""
    visitor = _visitor(request, zone, len(shown.questions))
    address, email = limits.address_of(request), visitor.email.strip()
    with tenant(account.pk):
        if services.repeated(shown, keys.of_form(_held(request))):
            return None
        services.check(shown, visitor)
        services.repetitions(shown, start, visitor.repeats)
        if (over := caps.refusal(address=address, times=visitor.repeats)) is not None:
            words = _("Too many bookings came from your network. Please try again in %(hours)s hours.")
            return _said(request, words % {"hours": -(-over.wait_s // 3600)}, 429)
        is_asked = caps.is_asked(shown, address=address, email=email)
        if not is_asked or visitors.has_shown(request, email):
            return None
        fields = _kept(request, shown) | {"zone": zone}
        fields["hold"] = fields.get("hold") or str(ids.new_uuid())
        proof.ask(shown, fields, email=email, start=start, duration=duration, zone=zone)
    words = _("Almost done: open the link in the mail that was just sent to %(email)s, within half an hour.")
    return _said(request, words % {"email": email}, 200)


def _kept(request: HttpRequest, shown: BookingPage) -> dict[str, str]:
    """What a form says that is waited for: its own fields, none longer than an answer can be."""
    fields = [*_FIELDS, *(f"answer{number}" for number in range(len(shown.questions)))]
    return {name: request.POST[name][: services.ANSWER_MAX] for name in fields if name in request.POST}


def _may_hold(request: HttpRequest, account: Account, shown: BookingPage, start: datetime, duration: int) -> bool:
    """Counts a hold; whether opening the form may keep its time from others."""
    if not caps.may_hold(shown, address=limits.address_of(request)):
        return False
    with tenant(account.pk):
        return caps.leaves_enough(shown, start, duration)


def _offered(request: HttpRequest, account: Account, shown: BookingPage, start: datetime) -> BookingOffer | None:
    """The offer that a link carries; None when it is over, as its times may still be free for everyone."""
    token = request.POST.get("offer") or request.GET.get("offer")
    if not token:
        return None
    account_id, uuid = mails.read_offer_token(token)
    found = BookingOffer.objects.filter(uuid=uuid, page=shown).first() if account_id == account.pk else None
    is_over = found is None or start not in found.starts or found.expires_at < clock.now()
    return None if is_over else found


def _wait_for_a_person(request: HttpRequest) -> None:
    """A form that comes back faster than anybody types is slow to be taken; the moment of its making is signed."""
    try:
        age_s = clock.now().timestamp() - float(signing.loads(request.POST.get("made", ""), salt="booking-form"))
    except (signing.BadSignature, ValueError, TypeError):
        age_s = 0.0
    if age_s < HUMAN_S:
        clock.sleep(HUMAN_S - max(age_s, 0.0))


def _siblings(booking: Booking) -> Iterator[tuple[str, str]]:
    """The other bookings of one repeating request, with their own private pages."""
    rows = Booking.objects.filter(group=booking.group).exclude(pk=booking.pk).exclude(state=CANCELLED)
    for row in rows.order_by("starts_at"):
        yield mails.manage_token(row), mails.when_in_words(row.starts_at, row.ends_at, row.time_zone)


def _change(request: HttpRequest, account: Account, uuid: UUID) -> None:
    """Cancelling works whatever the module's switch says; moving needs it on."""
    if request.POST.get("what") == "cancel":
        with tenant(account.pk):
            booking = _booking(uuid)
            muted = _not_told(booking) if booking.state != CANCELLED else frozenset()
            services.cancel(booking, viewer=None, muted=muted)
            return
    if not account.is_open:
        raise Invalid("start", _("Bookings cannot be moved at the moment."))
    if request.POST.get("what") == "guests":
        _invite(request, account, uuid)
    else:
        _move(request, account, uuid, _start(request))


def _not_told(booking: Booking) -> frozenset[str]:
    """Those who had their share of mails for the day; the end of a booking is never refused for a mail's sake."""
    guests = {guest for guest in sorted(booking.guests) if not addresses.may_write_to_guest(guest)}
    return frozenset(
        guests if addresses.may_write(booking.email, is_shown=booking.is_shown) else {*guests, booking.email}
    )


def _invite(request: HttpRequest, account: Account, uuid: UUID) -> None:
    """Adds guests to the booking of a visitor who has shown that mail reaches them: strangers mail nobody in our name."""
    asked = re.split(r"[\s,;]+", request.POST.get("guests", ""))[: services.GUESTS_MAX + 1]
    with tenant(account.pk):
        booking = _booking(uuid)
        if not booking.is_shown:
            words = _("Please open the link in the mail that was sent to you first; then you can add guests.")
            raise Invalid("guests", words)
        known = {address.lower() for address in (booking.email, *booking.guests)}
        fresh = list(dict.fromkeys(address for address in asked if address and address.lower() not in known))
        if fresh:
            caps.count_change(booking, address=limits.address_of(request), mails=len(fresh))
        for address in fresh:
            addresses.admit_guest(address)
        services.add_guests(booking, fresh, viewer=None)


def _move(request: HttpRequest, account: Account, uuid: UUID, start: datetime) -> None:
    with tenant(account.pk):
        booking = _booking(uuid)
        caps.count_change(booking, address=limits.address_of(request), mails=1 + len(booking.guests))
    minutes, event_id = booking.minutes, booking.event_id
    with live.showing_others(account.pk, booking.page.uuid, start, minutes, event_id):
        willing = live.choice(account.pk, booking.page.uuid, [start], minutes, event_id)
        with tenant(account.pk):
            addresses.admit(booking.email, is_shown=booking.is_shown)
            for guest in booking.guests:
                addresses.admit_guest(guest)
            services.reschedule(_booking(uuid), start, viewer=None, only=willing)


def _choices(booking: Booking) -> list[tuple[str, str]]:
    """Other free times of the coming weeks, in the visitor's zone."""
    now = clock.now()
    found = availability.slots(booking.page, booking.minutes, now, now + timedelta(days=30), booking.event_id)
    return [(_text(at), _day_and_time(at, booking.time_zone)) for at in found if at != booking.starts_at][:400]


@require_GET
def embed_script(request: HttpRequest) -> HttpResponse:
    """A few lines for other sites: each `<script data-booking="…">` becomes a frame with that page."""
    return HttpResponse(
        EMBED_SCRIPT, content_type="text/javascript; charset=utf-8", headers={"Cache-Control": "public, max-age=3600"}
    )


def _found(key: str) -> tuple[Account, UUID]:
    found = selectors.address(key)
    if found is None:
        raise NotFound
    return found


def _shown(request: HttpRequest, uuid: UUID) -> BookingPage:
    """The published page; remembers who may frame it. Raises NotFound."""
    shown = _published(uuid)
    request.embed_origins = shown.embed_origins  # type: ignore[attr-defined]
    if shown.language:
        translation.activate(shown.language)
    return shown


def _published(uuid: UUID) -> BookingPage:
    shown = selectors.page(uuid)
    if not shown.is_published:
        raise NotFound
    return shown


def _booking(uuid: UUID) -> Booking:
    rows = Booking.objects.select_related("page", "host__user", "event__calendar")
    found = rows.filter(uuid=uuid).first()
    if found is None:
        raise NotFound
    return found


def _zone(request: HttpRequest, shown: BookingPage) -> str:
    wanted = request.POST.get("zone") or request.GET.get("zone") or ""
    return wanted if times.is_zone(wanted) else shown.time_zone


def _duration(request: HttpRequest, shown: BookingPage) -> int:
    wanted = request.POST.get("duration") or request.GET.get("duration") or ""
    offered = {str(minutes): int(minutes) for minutes in shown.durations}
    return offered.get(wanted, int(shown.durations[0]))


def _today(zone: str) -> date:
    return clock.now().astimezone(times.zone_of(zone)).date()


def _first_day(request: HttpRequest, zone: str) -> date:
    today = _today(zone)
    try:
        return max(today, min(times.read_date(request.GET.get("from", "")), today + timedelta(days=366)))
    except ValueError:
        return today


def _start(request: HttpRequest) -> datetime:
    text = request.POST.get("start") or request.GET.get("start") or ""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise NotFound from None


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _held(request: HttpRequest) -> UUID | None:
    """The hold that a form was given, before anything is looked up by it. Raises NotFound for what is none."""
    text = request.POST.get("hold", "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise NotFound from None


def _form_context(
    request: HttpRequest, account: Account, shown: BookingPage, zone: str, duration: int, start: datetime
) -> dict[str, Any]:
    return {
        "account": account,
        "page": shown,
        "zone": zone,
        "duration": duration,
        "start": _text(start),
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
    others = [(_text(at), _day_and_time(at, context["zone"])) for at in error.alternatives]
    return render(request, "booking_pages/taken.html", context | {"message": str(error), "others": others}, status=409)


def _day_and_time(at: datetime, zone: str) -> str:
    return dateformat.format(at.astimezone(times.zone_of(zone)), "D j M H:i")


def _said(request: HttpRequest, message: str, status: int) -> HttpResponse:
    return render(request, "booking_pages/said.html", {"message": message}, status=status)
