"""Bookings for members: what is booked, the pages, and why a time is or is not offered."""

import re
from contextlib import suppress
from datetime import date, datetime, timedelta, tzinfo

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.bookings import acts, availability, pages, presenting, selectors
from conversa_calendar.bookings import why as explaining
from conversa_calendar.bookings.live import Taken
from conversa_calendar.bookings.models import CANCELLED, Booking, BookingPage
from conversa_calendar.bookings.why import Obstacle
from conversa_calendar.calendars.acts import NotAllowed
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard import booking_forms, differences
from conversa_calendar.dashboard.differences import BothChanged
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.domain import times
from conversa_calendar.kit import clock

SHOWN = 200
OFFERED_DAYS = 10
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@require_GET
@page()
def overview(request: MemberRequest) -> HttpResponse:
    member = request.member
    rows = selectors.bookings(member).filter(ends_at__gt=clock.now() - timedelta(days=30)).order_by("starts_at")
    now = clock.now()
    found = list(rows[:SHOWN])
    upcoming = [row for row in found if row.ends_at >= now and row.state != "cancelled"]
    able = {shown: [host.member for host in availability.hosts(shown)] for shown in {row.page for row in upcoming}}
    context = {
        "upcoming": [(row, _takers(row, able[row.page])) for row in upcoming],
        "past": [row for row in found[::-1] if row.ends_at < now or row.state == "cancelled"],
        "pages": [(shown, presenting.page(shown)["url"]) for shown in selectors.pages()],
        "may_make": member.may(Permission.OWN_PAGES),
        "own": {shown.pk for shown in selectors.own_pages(member)},
        "can_mail": pages.can_mail(),
    }
    return render(request, "dashboard/bookings.html", context)


@require_http_methods(["GET", "POST"])
@page(Permission.OWN_PAGES)
def create(request: MemberRequest) -> HttpResponse:
    member = request.member
    if request.method == "GET":
        zone = member.zone
        draft = BookingPage(
            title="", time_zone=zone, durations=[30], reminders=[1440], weekly=pages.WORKWEEK, location={"kind": "meet"}
        )
        return render(request, "dashboard/booking_page.html", booking_forms.context(member, draft, [(member.pk, None)]))
    try:
        made = acts.add_page(viewer(request), booking_forms.values(request.POST, request.FILES))
    except Invalid as error:
        return render(
            request,
            "dashboard/booking_page.html",
            booking_forms.again(request.member, request.POST, None, error),
            status=422,
        )
    messages.success(request, _("The page is saved."))
    return redirect("booking_page", uuid=made.uuid)


@require_http_methods(["GET", "POST"])
@page(Permission.OWN_PAGES)
def edit(request: MemberRequest, uuid: str) -> HttpResponse:
    if request.POST.get("what") == "copy":
        return _copied(request, uuid)
    shown = acts.own_page(viewer(request), uuid)
    if request.method == "GET":
        return render(request, "dashboard/booking_page.html", booking_forms.context(request.member, shown))
    if request.POST.get("what") == "delete":
        acts.delete_page(viewer(request), uuid)
        messages.success(request, _("The page is gone. Its bookings stay."))
        return redirect("bookings")
    try:
        acts.change_page(
            viewer(request), uuid, booking_forms.changed(request.member, request.POST, request.FILES, shown)
        )
    except BothChanged as both:
        address, words = reverse("booking_page", args=[shown.uuid]), booking_forms.words()
        return differences.ask(request, both, address, booking_forms.label, words)
    except Invalid as error:
        return render(
            request,
            "dashboard/booking_page.html",
            booking_forms.again(request.member, request.POST, shown, error),
            status=422,
        )
    messages.success(request, _("The page is saved."))
    return redirect("booking_page", uuid=shown.uuid)


def _copied(request: MemberRequest, uuid: str) -> HttpResponse:
    """The same page once more, opened to be changed."""
    try:
        made = acts.copy_page(viewer(request), uuid)
    except Invalid as error:
        messages.error(request, error.message)
        return redirect("booking_page", uuid=uuid)
    messages.success(request, _("This is a copy, which nobody sees until you publish it."))
    return redirect("booking_page", uuid=made.uuid)


@require_GET
@page(Permission.OWN_PAGES)
def why(request: MemberRequest, uuid: str) -> HttpResponse:
    """Every start that the hours allow on one day, and what stands against it; visitors never see this."""
    shown = acts.own_page(viewer(request), uuid)
    zone = times.zone_of(shown.time_zone)
    try:
        day = times.read_date(request.GET.get("day", ""))
    except ValueError:
        day = clock.now().astimezone(zone).date()
    begin = times.instant(times.Timed(times.midnight(day), shown.time_zone))
    rows = explaining.explained(shown, shown.durations[0], begin, begin + timedelta(days=1), viewer(request))
    found = [(f"{row.start.astimezone(zone):%H:%M}", row.reason, _named(row.obstacles, zone)) for row in rows]
    context = {"page": shown, "day": day, "rows": found, "hosts": availability.hosts(shown)}
    context["unwritable"] = availability.unwritable_hosts(shown)
    context["stale"] = availability.stale_hosts(shown)
    return render(request, "dashboard/booking_why.html", context)


def _named(obstacles: tuple[Obstacle, ...], zone: tzinfo) -> list[tuple[Obstacle, str]]:
    """Each with its time in the page's zone."""
    return [(one, f"{one.starts_at.astimezone(zone):%H:%M}–{one.ends_at.astimezone(zone):%H:%M}") for one in obstacles]


@require_http_methods(["GET", "POST"])
@page()
def offer(request: MemberRequest, uuid: str) -> HttpResponse:
    """Up to three times for one customer: chosen here, kept for a day, with a text for the reply."""
    shown = selectors.page(uuid)
    posted = request.POST if request.method == "POST" else request.GET
    wanted = posted.get("zone", "").strip() or shown.time_zone
    zone = wanted if times.is_zone(wanted) else shown.time_zone
    offered = {str(minutes): minutes for minutes in shown.durations}
    duration = offered.get(posted.get("duration", ""), shown.durations[0])
    made, error = None, ""
    if zone != wanted:
        error = _("“%(name)s” is not a time zone. Choose one such as Europe/Lisbon.") % {"name": wanted[:60]}
    elif request.method == "POST":
        chosen = _instants(posted.getlist("starts"))
        conversation = posted.get("conversation", "").strip()[:200]
        references = [{"kind": "conversation", "id": conversation, "title": "", "url": ""}] if conversation else []
        try:
            made = acts.offer(viewer(request), uuid, chosen, duration, zone, references)
        except (Invalid, Taken) as problem:
            error = getattr(problem, "message", str(problem))
    now = clock.now()
    local = times.zone_of(zone)
    found = availability.slots(shown, duration, now, now + timedelta(days=OFFERED_DAYS)) if made is None else {}
    days: dict[date, list[tuple[str, str]]] = {}
    for start in found:
        at = start.astimezone(local)
        days.setdefault(at.date(), []).append((presenting.instant(start), f"{at:%H:%M}"))
    context = {"page": shown, "zone": zone, "duration": duration, "days": days, "error": error}
    language = posted.get("language", "")
    if made is not None:
        with translation.override(language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE):
            context["text"] = presenting.offer(made)["text"]
    context |= {"languages": settings.LANGUAGES, "language": language or translation.get_language()}
    return render(request, "dashboard/booking_offer.html", context, status=422 if error else 200)


@require_http_methods(["GET", "POST"])
@page()
def end(request: MemberRequest, uuid: str, action: str) -> HttpResponse:
    """Cancels a customer's booking, or declines what they asked for, after saying what that does."""
    if request.method == "GET":
        booking = selectors.booking(request.member, uuid)
        if booking.state == CANCELLED:
            messages.info(request, _("This booking is cancelled."))
            return redirect("bookings")
        context = {"booking": booking, "action": action, "reason_max": acts.REASON_MAX}
        return render(request, "dashboard/booking_end.html", context)
    looks, reason = viewer(request), request.POST.get("reason", "")
    try:
        if action == "decline":
            acts.decide(looks, uuid, is_accepted=False, reason=reason)
        else:
            acts.cancel(looks, uuid, reason=reason)
    except (Invalid, NotAllowed) as error:
        messages.error(request, str(error))
        return redirect("bookings")
    messages.success(request, _("Done. The visitor is told by mail."))
    return redirect("bookings")


@require_POST
@page()
def act(request: MemberRequest, uuid: str, action: str) -> HttpResponse:
    looks = viewer(request)
    try:
        match action:
            case "accept":
                acts.decide(looks, uuid, is_accepted=True)
            case "link":
                acts.ask_for_link(looks, uuid)
                messages.success(request, _("Google is asked again; the visitor gets the link by mail."))
                return redirect("bookings")
            case "no-show":
                acts.mark_no_show(looks, uuid)
            case "hand-over":
                acts.hand_over(looks, uuid, request.POST.get("host", ""))
            case _:
                raise Http404
    except (Invalid, Taken) as error:
        messages.error(request, getattr(error, "message", "") or _("They are not free at that time."))
        return redirect("bookings")
    except NotAllowed as error:
        messages.error(request, str(error))
        return redirect("bookings")
    messages.success(request, _("Done. The visitor is told by mail.") if action != "no-show" else _("Noted."))
    return redirect("bookings")


def _takers(booking: Booking, able: list[Member]) -> list[Member]:
    """Who else could take a booking over."""
    return [] if booking.page.host_mode == "all" else [member for member in able if member.pk != booking.host_id]


def _instants(texts: list[str]) -> list[datetime]:
    """The times among what was chosen; anything else was not on the page."""
    found = []
    for text in filter(_INSTANT.fullmatch, texts):
        with suppress(ValueError):
            found.append(times.read_time(text))
    return found
