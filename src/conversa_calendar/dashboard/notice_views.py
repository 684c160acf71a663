"""What a member should know, until they have read it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from conversa_calendar.calendars import acts, noticeboard, notices
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard.guards import MemberRequest, page, refused, viewer


@require_GET
@page()
def listed(request: MemberRequest) -> HttpResponse:
    """The unread ones, for pages that are open."""
    return render(request, "dashboard/notices.html")


@require_POST
@page()
def act(request: MemberRequest, uuid: str, action: str) -> HttpResponse:
    """`use` puts back what was lost, `restore` brings the event back, `read` is enough; then the notice goes."""
    found = next((one for one in noticeboard.unread(viewer(request)) if one.uuid == str(uuid)), None)
    if found is None or action not in {"read", "use", "restore"}:
        raise NotFound
    try:
        if action == "use":
            acts.use_instead(viewer(request), found.event.uuid, found.entry.pk)
        elif action == "restore":
            acts.restore(viewer(request), found.event.uuid)
    except Invalid as error:
        if request.headers.get("HX-Request"):
            return refused(error.message, 422)
        messages.error(request, error.message)
        return redirect("home")
    notices.read(request.member, found.uuid)
    return render(request, "dashboard/notices.html") if request.headers.get("HX-Request") else redirect("home")
