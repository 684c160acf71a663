"""Calendars as files: bringing one in, looking at what that would do and did, undoing it; taking one out."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.calendars import acts
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.dashboard.sessions import asks_password_again
from conversa_calendar.domain import contentlines
from conversa_calendar.formats import archiving, exporting, importing, tasks
from conversa_calendar.formats.models import DONE, REHEARSED, RUNNING, UNDOING
from conversa_calendar.formats.rehearsing import CHANGED, NEW

ROWS_SHOWN = 300


@require_http_methods(["GET", "POST"])
@page()
def imports(request: MemberRequest) -> HttpResponse:
    """Choose a file and a calendar; what was brought in before."""
    reader = viewer(request)
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if file is None:
                raise Invalid("file", _("Choose a file first."))
            raw = file.read(contentlines.BYTES_MAX + 1)
            options = {"name": file.name or "", "guests": request.POST.get("guests", "text")}
            found = importing.rehearse(reader, request.POST.get("calendar", ""), raw, **options)
        except Invalid as error:
            messages.error(request, error.message)
            return redirect("imports")
        return redirect("import", found.uuid)
    context = {
        "rows": [(found, importing.counts(found)) for found in importing.listed(reader)],
        "calendars": acts.writable_calendars(reader),
        "chosen": request.GET.get("calendar", ""),
    }
    return render(request, "dashboard/imports.html", context)


@require_http_methods(["GET", "POST"])
@page()
def one_import(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """What a file would do or did, event by event, and the buttons to do or undo it."""
    found = importing.one(viewer(request), uuid)
    if request.method == "POST":
        try:
            found = importing.start(viewer(request), uuid, is_undo=request.POST.get("do") == "undo")
            tasks.bring_in.defer(account_id=found.account_id, import_id=found.pk)
        except Invalid as error:
            messages.error(request, error.message)
        return redirect("import", uuid)
    counted, rows = importing.counts(found), importing.rows(viewer(request), found)
    context = {
        "found": found,
        "left_over": importing.left_over(viewer(request), found),
        "counts": counted,
        "odd": [row for row in rows if row["reason"] or row["notes"]][:ROWS_SHOWN],
        "plain": [row for row in rows if row["what"] in {NEW, CHANGED}][:ROWS_SHOWN],
        "is_rehearsed": found.state == REHEARSED and importing.is_of(viewer(request), found),
        "is_done": found.state == DONE,
        "is_under_way": found.state in {RUNNING, UNDOING},
        "does_something": counted[NEW] + counted[CHANGED] > 0,
        "taken": counted[NEW] + counted[CHANGED],
    }
    return render(request, "dashboard/import.html", context)


@require_GET
@page()
def export(request: MemberRequest, uuid: str) -> HttpResponse:
    """A calendar as a file, as the member sees it."""
    answer = HttpResponse(exporting.calendar(viewer(request), uuid), content_type="text/calendar; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="calendar.ics"'
    return answer


@require_http_methods(["GET", "POST"])
@page(Permission.ACCOUNT, is_module=False)
def exports(request: MemberRequest) -> HttpResponse:
    """Everything that the account holds, to take elsewhere; asking for it needs the password again."""
    if request.method == "POST":
        answer: HttpResponse = _asked(request)
        return answer
    return render(request, "dashboard/exports.html", {"rows": archiving.listed(viewer(request))})


@asks_password_again  # type: ignore[untyped-decorator]
def _asked(request: MemberRequest) -> HttpResponse:
    try:
        found = archiving.start(viewer(request))
        tasks.pack.defer(account_id=found.account_id, export_id=found.pk)
    except Invalid as error:
        messages.error(request, error.message)
    return redirect("exports")


@require_GET
@page(Permission.ACCOUNT, is_module=False)
def export_file(request: MemberRequest, uuid: UUID) -> HttpResponse:
    """The zip of an export, for whoever asked for it."""
    found = archiving.ready(viewer(request), uuid)
    answer: Any = StreamingHttpResponse(archiving.file(found), content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="calendar-{found.created_at:%Y-%m-%d}.zip"'
    answer["Content-Length"] = str(found.size)
    streamed: HttpResponse = answer
    return streamed
