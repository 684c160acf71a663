"""The account's activity: what people and sync did, in the calendars that the member sees."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.kit import reading

PAGE = 50
SIDES = ("local", "remote", "sync")


@require_GET
@page()
def overview(request: MemberRequest) -> HttpResponse:
    """The latest entries first; `who` and `calendar` narrow them, `before` goes further back."""
    side, calendar = request.GET.get("who", ""), request.GET.get("calendar", "")
    before = request.GET.get("before", "")
    calendars = [found for found, _level in selectors.visible(viewer(request))]
    if (side and side not in SIDES) or (calendar and calendar not in {str(found.uuid) for found in calendars}):
        raise NotFound
    rows = selectors.activity(
        viewer(request), side=side, calendar=calendar, before=reading.whole(before) or 0, limit=PAGE
    )
    context = {"rows": rows, "calendars": calendars, "who": side, "chosen": calendar}
    context["next"] = rows[-1][0].pk if len(rows) == PAGE else None
    return render(request, "dashboard/activity.html", context)
