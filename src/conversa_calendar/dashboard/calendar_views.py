"""The calendar page, its feed, search, trash."""

from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.calendars import access, acts, preferences, ringing, selectors
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections.models import Connection
from conversa_calendar.dashboard import feed, live
from conversa_calendar.dashboard.guards import MemberRequest, page, refused, viewer
from conversa_calendar.domain import times
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror, MirrorRun
from conversa_calendar.sync.run import triggers
from conversa_calendar.sync.running import VIEWED_FOR

STALE_S = 120


@require_GET
@page()
def calendar(request: MemberRequest) -> HttpResponse:
    """The grid with the calendars beside it, grouped by native and connection."""
    member = request.member
    pairs = selectors.visible(viewer(request))
    hidden = set(preferences.preference_of(member).hidden_calendars)
    groups: dict[str, list[tuple[Calendar, str, bool]]] = {}
    for found, level in pairs:
        groups.setdefault(found.place, []).append((found, level, found.pk not in hidden))
    states = {m.calendar_id: m for m in Mirror.objects.filter(is_selected=True)}
    context = {
        "groups": [(place, rows, _group_state(rows, states)) for place, rows in groups.items()],
        "members": accounts.members(),
        "teams": accounts.teams(),
        "inboxes": accounts.inboxes(),
        "live_url": live.address(request),
        "zone": member.zone,
        "is_empty": not any(found.is_mirrored for found, _level in pairs),
        "has_connections": Connection.objects.exists(),
        "poll_s": 15,
        "settings": settings,
    }
    _refresh_stale([found for found, _level in pairs])
    return render(request, "dashboard/calendar.html", context)


@require_POST
@page()
def rings(request: MemberRequest) -> HttpResponse:
    """The reminders that this page should show now; each is given out once."""
    return JsonResponse({"rings": ringing.shown_to(request.member)})


@require_GET
@page()
def feed_json(request: MemberRequest) -> HttpResponse:
    """Tiles between `start` and `end` of the calendars that the member has not hidden."""
    try:
        since, until = (_instant(request.GET[name]) for name in ("start", "end"))
    except (KeyError, ValueError):
        return HttpResponseBadRequest(_("start and end are needed."))
    if not since < until <= since + selectors.RANGE_MAX:
        return HttpResponseBadRequest(_("This range is too long."))
    chosen = selectors.filtered(
        selectors.visible(viewer(request)),
        agent=request.GET.get("agent", ""),
        team=request.GET.get("team", ""),
        inbox=request.GET.get("inbox", ""),
    )
    hidden = set(preferences.preference_of(request.member).hidden_calendars)
    shown = [pair for pair in chosen if pair[0].pk not in hidden]
    return HttpResponse(feed.events(viewer(request), shown, since, until), content_type="application/json")


@require_POST
@page()
def toggle(request: MemberRequest, uuid: str) -> HttpResponse:
    """Shows or hides a calendar for this member."""
    found, _level = selectors.calendar(viewer(request), uuid)
    preference = preferences.preference_of(request.member)
    hidden = set(preference.hidden_calendars) ^ {found.pk}
    preferences.set_hidden(request.member, sorted(hidden))
    return HttpResponse(status=204)


@require_GET
@page()
def search(request: MemberRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    pairs = selectors.visible(viewer(request))
    shown = selectors.search(viewer(request), pairs, text) if text else []
    return render(request, "dashboard/search.html", {"events": shown, "q": text})


@require_GET
@page()
def trash(request: MemberRequest) -> HttpResponse:
    asked = request.GET.get("skip", "")
    skip = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 0
    reader = viewer(request)
    rows = [
        (
            event,
            found,
            access.is_masked(event, found, reader, level),
            acts.authorise(Act.RESTORE, reader, event, found, level) is None,
        )
        for event, found, level in selectors.trash(reader, skip=skip, limit=selectors.TRASH_PAGE + 1)
    ]
    following = skip + selectors.TRASH_PAGE if len(rows) > selectors.TRASH_PAGE else None
    return render(request, "dashboard/trash.html", {"rows": rows[: selectors.TRASH_PAGE], "following": following})


@require_POST
@page()
def restore(request: MemberRequest, uuid: str) -> HttpResponse:
    """Undo of a deletion; from the trash page it returns there, from a notice it answers nothing."""
    try:
        acts.restore(viewer(request), uuid)
    except Invalid as error:
        return refused(error.message, 409)
    if request.headers.get("X-Requested-With") == "fetch":
        return HttpResponse(status=204)
    return redirect("trash")


def _group_state(rows: list[tuple[Calendar, str, bool]], states: dict[int, Mirror]) -> str:
    """One word for a connection's calendars: the worst of their mirrors."""
    order = ["reconnect_needed", "unavailable", "access_reduced", "held", "first_sync", "paused", "live", "polling"]
    found = [states[calendar.pk].state for calendar, _level, _shown in rows if calendar.pk in states]
    return min(found, key=order.index) if found else ""


def _refresh_stale(calendars: list[Calendar]) -> None:
    """Opening the page counts as looking, and refreshes what is older than two minutes."""
    now = clock.now()
    mirrors = Mirror.objects.filter(calendar__in=calendars, is_selected=True)
    seen = mirrors.exclude(viewed_at__gt=now - VIEWED_FOR / 2)
    seen.update(viewed_at=now)
    stale = [m.pk for m in mirrors if m.last_sync_at is None or (now - m.last_sync_at).total_seconds() > STALE_S]
    active = MirrorRun.objects.filter(mirror_id__in=stale, is_active=True, leased_until=None)
    triggers.request_runs(active.values_list("mirror_id", flat=True), is_pull=True)


def _instant(text: str) -> datetime:
    at = times.read_time(text.replace(" ", "+"))
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
