"""The doctor's page: the chain, the four troubleshooting questions with a button each, the diagnostic file."""

from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import acts, preferences, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.kit import clock
from conversa_calendar.sync import acts as mirrors
from conversa_calendar.sync.explain import doctor, presenting, questions
from conversa_calendar.sync.explain.doctor import Finding
from conversa_calendar.sync.models import DeepCheck, Mirror

MANAGE = Permission.INTEGRATIONS


@require_GET
@page(MANAGE, in_tenant=False)
def overview(request: MemberRequest) -> HttpResponse:
    """Everything that has to hold for sync to work, and the questions that people ask when it does not."""
    chain = doctor.installation()
    with tenant(request.member.account_id):
        chain += doctor.account_findings()
        asked = [
            ("authorisation", _("Connecting failed, or an account asks to be reconnected"), questions.authorisation()),
            ("no-events", _("Connected, but no events appear"), questions.no_events(viewer(request))),
            (
                "vanished",
                _("An event has vanished, or there are two of it"),
                questions.vanished_or_doubled(viewer(request)),
            ),
            ("late", _("Changes arrive late or not at all"), questions.updates_stopped()),
        ]
        context = {"chain": chain, "is_sound": all(f.is_good or f.is_hint for f in chain), "questions": asked}
        return render(request, "dashboard/doctor.html", context)


@require_POST
@page(MANAGE)
def act(request: MemberRequest, action: str, target: UUID) -> HttpResponse:
    """The one button of a finding."""
    try:
        match action:
            case "show":
                _show(request, target)
            case "remove_copy":
                _remove_copy(request, target)
            case "check_now" | "deep_check" | "resume" | "watch":
                _mirror_action(action, viewer(request), target)
            case _:
                raise NotFound
    except Invalid as error:
        messages.error(request, error.message)
        return redirect("doctor")
    messages.success(request, _DONE[action]())
    return redirect("doctor")


_DONE = {
    "show": lambda: _("The calendar is shown again on your calendar page."),
    "remove_copy": lambda: _("One copy is in the trash, here and at Google; nobody was mailed."),
    "check_now": lambda: _("Asked Google for changes; look again in a moment."),
    "deep_check": lambda: _("Every event is being compared with Google; the result appears here."),
    "resume": lambda: _("The calendar is kept in sync again."),
    "watch": lambda: _("Google is asked to notify again; look again in a moment."),
}


def _show(request: MemberRequest, target: UUID) -> None:
    found, _level = selectors.calendar(viewer(request), target)
    hidden = set(preferences.preference_of(request.member).hidden_calendars) - {found.pk}
    preferences.set_hidden(request.member, sorted(hidden))


def _remove_copy(request: MemberRequest, target: UUID) -> None:
    event, _calendar, _level = acts.readable(viewer(request), target, Act.CHANGE)
    if not questions.is_copy(event):
        raise Invalid("event", _("It does not stand twice any more, so it stays."))
    acts.remove(viewer(request), target)


def _mirror_action(action: str, reader: Viewer, mirror: UUID) -> None:
    match action:
        case "check_now":
            mirrors.check_now(reader, mirror)
        case "deep_check":
            mirrors.start_check(reader, mirror)
        case "resume":
            mirrors.resume(reader, mirror)
        case "watch":
            mirrors.watch_again(reader, mirror)


@require_GET
@page(MANAGE, in_tenant=False)
def diagnostic_file(request: MemberRequest) -> HttpResponse:
    """States, times and counts for whoever helps: no secret, no address, no name, no text of an event."""
    chain = doctor.installation()
    with tenant(request.member.account_id):
        rows = [_bare(mirror) for mirror in Mirror.objects.select_related("calendar", "connection").order_by("id")]
    found: dict[str, Any] = {"at": clock.now(), "installation": [_told(f) for f in chain], "mirrors": rows}
    answer = HttpResponse(msgspec.json.format(msgspec.json.encode(found)), content_type="application/json")
    answer["Content-Disposition"] = 'attachment; filename="calendar-diagnosis.json"'
    return answer


def _told(finding: Finding) -> dict[str, Any]:
    says = finding.says.replace(settings.PUBLIC_URL, "PUBLIC_URL") if settings.PUBLIC_URL else finding.says
    return {"what": finding.what, "is_good": finding.is_good, "says": says}


def _bare(mirror: Mirror) -> dict[str, Any]:
    shown = presenting.mirror(mirror)
    last = DeepCheck.objects.filter(mirror=mirror).exclude(finished_at=None).order_by("-id").first()
    kept = (
        "id",
        "access",
        "mode",
        "state",
        "progress",
        "events",
        "pending",
        "last_sync_at",
        "next_check_at",
        "channel",
    )
    bare = {name: shown[name] for name in (*kept, "last_proven_equal_at")}
    report = {"checked": last.checked, "equal": last.equal, "repaired": len(last.repaired)} if last else None
    return bare | {"error": mirror.error_code, "failures": mirror.failures, "last_report": report}
