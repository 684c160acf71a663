"""The connections area: cards, disconnecting, receipts."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings.models import BookingPage
from conversa_calendar.calendars import access, selectors
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections import gateway
from conversa_calendar.connections.models import Connection, Disconnect
from conversa_calendar.dashboard import live
from conversa_calendar.dashboard.consent_views import permissions
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.dashboard.sessions import asks_password_again
from conversa_calendar.sync import acts
from conversa_calendar.sync.explain import presenting
from conversa_calendar.sync.mirrors import disconnecting, held, unsent
from conversa_calendar.sync.models import DeepCheck, Mirror

MANAGE = Permission.INTEGRATIONS


@require_GET
@page(MANAGE)
def overview(request: MemberRequest) -> HttpResponse:
    """Every connected Google account with its calendars, and what needs a person."""
    context = {
        "cards": _cards(viewer(request)),
        "invitable": accounts.present(),
        "is_configured": gateway.is_configured(),
        "live_url": live.address(request),
        "permissions": permissions(),
        "receipts": Disconnect.objects.filter(finished_at=None),
        "checklist": _checklist(),
    }
    template = "dashboard/cards.html" if request.headers.get("HX-Request") else "dashboard/connections.html"
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
@page(MANAGE, in_tenant=False)
def disconnect(request: MemberRequest, uuid: str) -> HttpResponse:
    """What disconnecting does, in numbers; then does it and leads to the receipt."""
    with tenant(request.member.account_id):
        connection = acts.connection_of(viewer(request), uuid)
        if request.method == "GET":
            context = {"connection": connection, "preview": disconnecting.preview(connection, viewer(request))}
            return render(request, "dashboard/disconnect.html", context)
    answer: HttpResponse = _disconnected(request, connection)
    return answer


@asks_password_again  # type: ignore[untyped-decorator]
def _disconnected(request: MemberRequest, connection: Connection) -> HttpResponse:
    post, choice = request.POST, request.POST.get("unsent", "")
    ticked = post.getlist("purge")
    try:
        record = acts.disconnect(
            viewer(request),
            connection.uuid,
            post.get("calendars", ""),
            ticked=ticked,
            unsent=choice,
            is_sent=choice == unsent.SEND,
        )
    except (Invalid, unsent.Unsent) as error:
        messages.error(request, getattr(error, "message", "") or str(error))
        return redirect("disconnect", uuid=connection.uuid)
    return redirect("receipt", uuid=record.uuid)


@require_GET
@page(MANAGE)
def receipt(request: MemberRequest, uuid: str) -> HttpResponse:
    record = Disconnect.objects.select_related("requested_by__user").filter(uuid=uuid).first()
    if record is None:
        return render(request, "dashboard/not_found.html", status=404)
    return render(request, "dashboard/receipt.html", {"receipt": disconnecting.receipt(record)})


def _cards(reader: access.Viewer) -> list[dict[str, Any]]:
    cards = []
    connections = Connection.objects.select_related("owner__user").order_by("id")
    for connection in connections:
        mirrors = Mirror.objects.filter(connection=connection, is_selected=True).select_related(
            "calendar", "connection__owner__user"
        )
        rows: list[dict[str, Any]] = [
            {
                "mirror": mirror,
                "shown": presenting.mirror(mirror),
                "assigned": selectors.assignment_items(mirror.calendar),
                "held": held.listed(mirror, reader)[:3] if mirror.state == "held" else [],
                "report": DeepCheck.objects.filter(mirror=mirror).exclude(finished_at=None).order_by("-id").first(),
            }
            for mirror in mirrors.order_by("id")
        ]
        for row in rows:
            row["differences"] = presenting.differences(row["report"], reader) if row["report"] else []
        proven = [row["mirror"].last_proven_at for row in rows]
        cards.append(
            {
                "connection": connection,
                "trouble": presenting.connection(connection)["error"],
                "rows": rows,
                "state": _card_state(connection, rows),
                "proven": min(proven) if proven and all(proven) else None,
                "events": sum(row["shown"]["events"] for row in rows),
                "waiting": sum(row["shown"]["pending"]["out"] for row in rows),
            }
        )
    return cards


def _card_state(connection: Connection, rows: list[dict[str, Any]]) -> str:
    if connection.state != "active":
        return str(connection.state)
    if not connection.is_openable:
        return "sealed"
    order = ["unavailable", "access_reduced", "held", "first_sync", "paused", "live", "polling"]
    found = [row["mirror"].state for row in rows if row["mirror"].state in order]
    return min(found, key=order.index) if found else "empty"


def _checklist() -> list[tuple[str, bool]]:
    from conversa_calendar.calendars.models import Assignment

    return [
        (_("Module on"), True),
        (_("Google connected"), Connection.objects.exists()),
        (_("Calendars chosen"), Mirror.objects.filter(is_selected=True).exists()),
        (_("Assigned to someone"), Assignment.objects.exists()),
        (_("Booking page made"), BookingPage.objects.exists()),
    ]
