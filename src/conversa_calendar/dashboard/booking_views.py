"""Bookings for members: what is booked, the pages, and why a time is or is not offered."""

import re
from contextlib import suppress
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.bookings import acts, availability, pages, presenting, selectors
from conversa_calendar.bookings import why as explaining
from conversa_calendar.bookings.live import Taken
from conversa_calendar.bookings.models import LOCATIONS, Booking, BookingHost, BookingPage
from conversa_calendar.bookings.why import Obstacle
from conversa_calendar.calendars.acts import NotAllowed
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.domain import times
from conversa_calendar.kit import clock, reading

SHOWN = 200
OFFERED_DAYS = 10
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_TYPED = ("title", "description", "time_zone", "host_mode", "stale_policy", "language", "color")
_TICKED = ("needs_confirmation", "focus_time_busy", "tentative_busy", "unanswered_busy", "is_published")
_TIME = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")


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
        return render(request, "dashboard/booking_page.html", _form(member, draft, [(member.pk, None)]))
    try:
        made = acts.add_page(viewer(request), _values(request))
    except Invalid as error:
        return render(request, "dashboard/booking_page.html", _again(request, None, error), status=422)
    messages.success(request, _("The page is saved."))
    return redirect("booking_page", uuid=made.uuid)


@require_http_methods(["GET", "POST"])
@page(Permission.OWN_PAGES)
def edit(request: MemberRequest, uuid: str) -> HttpResponse:
    shown = acts.own_page(viewer(request), uuid)
    if request.method == "GET":
        chosen = [(host.member_id, host.calendar_id) for host in BookingHost.objects.filter(page=shown)]
        return render(request, "dashboard/booking_page.html", _form(request.member, shown, chosen))
    if request.POST.get("what") == "delete":
        acts.delete_page(viewer(request), uuid)
        messages.success(request, _("The page is gone. Its bookings stay."))
        return redirect("bookings")
    if request.POST.get("what") == "copy":
        return _copied(request, uuid)
    try:
        acts.change_page(viewer(request), uuid, _values(request))
    except Invalid as error:
        return render(request, "dashboard/booking_page.html", _again(request, shown, error), status=422)
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
    zone = posted.get("zone", "") if times.is_zone(posted.get("zone", "")) else shown.time_zone
    offered = {str(minutes): minutes for minutes in shown.durations}
    duration = offered.get(posted.get("duration", ""), shown.durations[0])
    made, error = None, ""
    if request.method == "POST":
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


@require_POST
@page()
def act(request: MemberRequest, uuid: str, action: str) -> HttpResponse:
    looks = viewer(request)
    try:
        match action:
            case "accept":
                acts.decide(looks, uuid, is_accepted=True)
            case "decline":
                acts.decide(looks, uuid, is_accepted=False)
            case "cancel":
                acts.cancel(looks, uuid)
            case "link":
                acts.ask_for_link(looks, uuid)
                messages.success(request, _("Google is asked again; the visitor gets the link by mail."))
                return redirect("bookings")
            case "no-show":
                acts.mark_no_show(looks, uuid)
            case "hand-over":
                acts.hand_over(looks, uuid, request.POST.get("host", ""))
            case _:
                return HttpResponseBadRequest(_("There is no such action."))
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


def _form(viewer: Member, shown: BookingPage, chosen: list[tuple[int, int | None]]) -> dict[str, Any]:
    hosts, targets = {member for member, _calendar in chosen}, {calendar for _member, calendar in chosen}
    calendars = Calendar.objects.filter(deleted_at=None, is_read_only=False).exclude(owner=None).order_by("name")
    weights = dict(BookingHost.objects.filter(page=shown).values_list("member_id", "weight")) if shown.pk else {}
    rows = []
    is_manager = viewer.may(Permission.BOOKINGS)
    for member in accounts.members() if is_manager else [viewer]:
        mine = [(found, found.pk in targets) for found in calendars if found.owner_id == member.pk]
        rows.append((member, member.pk in hosts, mine, weights.get(member.pk, 1)))
    days = [_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday")]
    hours = [(number, days[number], _hours_text(shown.weekly[number])) for number in range(7)]
    overrides = "\n".join(
        f"{day} {_hours_text(spans) or _('closed')}" for day, spans in sorted(shown.overrides.items())
    )
    questions = "\n".join(map(_question_text, shown.questions))
    return {
        "languages": settings.LANGUAGES,
        "page": shown,
        "url": presenting.page(shown)["url"] if shown.pk else "",
        "rows": rows,
        "hours": hours,
        "overrides": overrides,
        "questions": questions,
        "durations": ", ".join(map(str, shown.durations)),
        "reminders": ", ".join(map(str, shown.reminders)),
        "embed_script": f"{settings.PUBLIC_URL}{reverse('book_embed')}",
        "origins": " ".join(shown.embed_origins),
        "locations": LOCATIONS,
        "is_manager": is_manager,
        "teams": list(accounts.teams()),
        "inboxes": list(accounts.inboxes()),
        "can_mail": pages.can_mail(),
    }


def _again(request: MemberRequest, shown: BookingPage | None, error: Invalid) -> dict[str, Any]:
    """The form once more as the person filled it in, and what is wrong; nothing of it is stored."""
    posted = request.POST
    draft = shown or BookingPage(time_zone="UTC", durations=[30], weekly=pages.WORKWEEK, location={"kind": "meet"})
    for name in (*_TYPED, *pages.NUMBERS):
        setattr(draft, name, posted.get(name, getattr(draft, name)))
    for name in _TICKED:
        setattr(draft, name, name in posted)
    draft.location = {"kind": posted.get("location_kind", "meet"), "value": posted.get("location_value", "")}
    uuids, targets = set(posted.getlist("hosts")), {value for name, value in posted.items() if "calendar-" in name}
    members = {member.pk: str(member.uuid) for member in accounts.members()}
    calendars = [row.pk for row in Calendar.objects.filter(deleted_at=None) if str(row.uuid) in targets]
    chosen: list[tuple[int, int | None]] = [(pk, None) for pk, uuid in members.items() if uuid in uuids]
    context = _form(request.member, draft, chosen + [(0, pk) for pk in calendars])
    context["hours"] = [(number, day, posted.get(f"day{number}", "")) for number, day, _text in context["hours"]]
    texts = {"overrides": "overrides", "questions": "questions", "durations": "durations", "reminders": "reminders"}
    context |= {key: posted.get(name, "") for key, name in (texts | {"origins": "embed_origins"}).items()}
    return context | {"error": error}


def _values(request: MemberRequest) -> dict[str, Any]:
    """The page's fields out of the form. Raises Invalid."""
    posted = request.POST
    values: dict[str, Any] = {name: posted.get(name, "") for name in ("title", "description", "time_zone", "host_mode")}
    values |= {name: _whole(name, posted.get(name, "")) for name in pages.NUMBERS}
    values["durations"] = [_whole("durations", part) for part in posted.get("durations", "").split(",") if part.strip()]
    values["weekly"] = [_spans("weekly", posted.get(f"day{number}", "")) for number in range(7)]
    values["overrides"] = _overrides(posted.get("overrides", ""))
    values["questions"] = [_question(line) for line in posted.get("questions", "").splitlines() if line.strip()]
    values["location"] = {"kind": posted.get("location_kind", "meet"), "value": posted.get("location_value", "")}
    values["team"], values["inbox"] = posted.get("team") or None, posted.get("inbox") or None
    values["hosts"] = [
        {
            "id": m,
            "calendar": posted.get(f"calendar-{m}") or None,
            "weight": _whole("hosts", posted.get(f"weight-{m}", "1")),
        }
        for m in posted.getlist("hosts")
    ]
    values["reminders"] = [_whole("reminders", part) for part in posted.get("reminders", "").split(",") if part.strip()]
    values["embed_origins"] = posted.get("embed_origins", "").split()
    values["stale_policy"] = posted.get("stale_policy", "hide")
    values["language"] = posted.get("language", "")
    values |= {"color": posted["color"]} if posted.get("color") else {}
    if "remove_logo" in posted:
        values["logo"] = ""
    elif (sent := request.FILES.get("logo")) is not None:
        values["logo"] = pages.picture(sent.content_type or "", sent.read(pages.LOGO_BYTES_MAX + 1))
    for name in _TICKED:
        values[name] = name in posted
    return values


def _question(line: str) -> dict[str, Any]:
    """`Topic * [Billing, Support]`: a star makes it required; in brackets its options, or email or phone."""
    label, kind = line.strip(), ""
    if label.endswith("]") and "[" in label:
        label, _, kind = label[:-1].rpartition("[")
    label, kind = label.rstrip(), kind.strip()
    is_required = label.endswith("*")
    label = label.removesuffix("*").rstrip()
    if kind in {"", "email", "phone"}:
        return {"label": label, "required": is_required, "kind": kind or "text"}
    options = [option.strip() for option in kind.split(",") if option.strip()]
    return {"label": label, "required": is_required, "kind": "choice", "options": options}


def _question_text(row: dict[str, Any]) -> str:
    kind = ", ".join(row.get("options") or []) if row["kind"] == "choice" else row["kind"]
    return f"{row['label']}{' *' if row['required'] else ''}{f' [{kind}]' if kind != 'text' else ''}"


def _overrides(text: str) -> dict[str, Any]:
    found = {}
    for line in text.splitlines():
        day, _space, rest = line.strip().partition(" ")
        if day:
            found[day] = _spans("overrides", rest)
    return found


def _spans(field: str, text: str) -> list[list[int]]:
    """`09:00-12:00, 13:00-17:00` as minutes; nothing, or a word, means closed."""
    found = [[int(a) * 60 + int(b), int(c) * 60 + int(d)] for a, b, c, d in _TIME.findall(text)]
    if not found and any(character.isdecimal() for character in text):
        raise Invalid(field, _("Hours read like 09:00-12:00, 13:00-17:00."))
    return found


def _hours_text(spans: list[list[int]]) -> str:
    return ", ".join(f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in spans)


def _instants(texts: list[str]) -> list[datetime]:
    """The times among what was chosen; anything else was not on the page."""
    found = []
    for text in filter(_INSTANT.fullmatch, texts):
        with suppress(ValueError):
            found.append(times.read_time(text))
    return found


def _whole(field: str, text: str) -> int:
    if (found := reading.whole(text.strip())) is None:
        raise Invalid(field, _("“%(text)s” is not a whole number.") % {"text": text[:20]})
    return found
