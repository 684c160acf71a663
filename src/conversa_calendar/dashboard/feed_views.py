"""Feeds: the page on which members make them, and the address at which anybody who knows it reads one."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import http_date, parse_http_date_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.throttle import Limit
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.formats import feeds, reading

READ = Limit("reads of a feed", 240, 3600)
"""Programs look every few minutes; a hundred people may share one address."""


@require_safe
def read(request: HttpRequest, secret: str) -> HttpResponse:
    """The calendar file of an address; unknown and ended addresses answer alike."""
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    try:
        found = reading.read(
            secret,
            if_none_match=request.headers.get("If-None-Match", "")[:1000],
            if_modified_since=datetime.fromtimestamp(since, UTC) if since is not None else None,
        )
    except NotFound:
        return _refused(404)
    if found.text is None:
        answer = HttpResponse(status=304)
    else:
        count = READ.hit(secret)
        if count.is_over:
            return _refused(429, count.wait_s)
        answer = HttpResponse(found.text, content_type="text/calendar; charset=utf-8")
        answer["Content-Disposition"] = 'inline; filename="calendar.ics"'
    answer["ETag"] = f'"{found.etag}"'
    answer["Last-Modified"] = http_date(found.modified_at.timestamp())
    answer["Cache-Control"] = "private, no-cache"
    answer["Referrer-Policy"] = "no-referrer"
    answer["X-Robots-Tag"] = "noindex"
    return answer


@require_http_methods(["GET", "POST"])
@page()
def feeds_page(request: MemberRequest) -> HttpResponse:
    """The addresses that a member has; who manages calendars sees everybody's."""
    if request.method == "POST":
        try:
            _change(request)
        except Invalid as error:
            messages.error(request, error.message)
        return redirect("feeds")
    reader = viewer(request)
    made = request.session.pop("feed_secret", {})
    context = {
        "rows": [(feed, feed.member_id == request.member.pk) for feed in feeds.listed(reader)],
        "made": made.get("feed", ""),
        "url": feeds.address(made["secret"]) if made else "",
        "calendars": [calendar for calendar, _level in selectors.visible(reader)],
        "teams": accounts.teams(),
        "members": accounts.present(),
        "chosen": request.GET.get("calendar", ""),
    }
    return render(request, "dashboard/feeds.html", context)


def _refused(status: int, wait_s: int = 0) -> HttpResponse:
    """A short answer for programs, of which Django writes no line: it would hold an address that may work again."""
    says = _("Please ask again later.") if wait_s else _("There is no calendar at this address.")
    answer = HttpResponse(says, status=status, content_type="text/plain; charset=utf-8")
    if wait_s:
        answer["Retry-After"] = str(wait_s)
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def _change(request: MemberRequest) -> None:
    post, reader = request.POST, viewer(request)
    match post.get("do"):
        case "rotate":
            feed, secret = feeds.rotate(reader, post.get("feed", ""))
        case "remove":
            feeds.remove(reader, post.get("feed", ""))
            messages.success(request, _("This address answers no more."))
            return
        case _:
            kind, _colon, target = post.get("of", "").partition(":")
            feed, secret = feeds.create(reader, kind=kind, target=target, details=post.get("details", "busy"))
    request.session["feed_secret"] = {"feed": str(feed.uuid), "secret": secret}
