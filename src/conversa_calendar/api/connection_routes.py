"""Connections, discovered calendars, mirrors, held deletions, deep checks."""

import time
from typing import Any

from ninja import Router
from ninja.params.functions import Body, Header, Query

from conversa_calendar.accounts import sign_in
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api.auth import ApiRequest, Caller, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars import acts
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.connections import consent, discovery
from conversa_calendar.connections.models import Connection, Disconnect
from conversa_calendar.sync import checks
from conversa_calendar.sync.explain import presenting
from conversa_calendar.sync.mirrors import disconnecting, held, publishing, selection
from conversa_calendar.sync.mirrors import unsent as waiting
from conversa_calendar.sync.models import Mirror, MirrorRun
from conversa_calendar.sync.run import triggers

router = Router(tags=["connections"])
Payload = dict[str, Any]
MANAGE = ("integrations.manage", Permission.INTEGRATIONS)
WAIT_S_MAX = 60
POLL_S = 0.1


@router.get("/connections", summary="Connected Google accounts")
@scoped(*MANAGE, limit=Limit.REFUSED)
def list_connections(request: ApiRequest) -> Payload:
    rows = Connection.objects.select_related("owner").order_by("id")
    return {"items": [presenting.connection(row) for row in rows]}


@router.post("/connections/google/authorize", summary="An address that lets a member connect their Google account")
@scoped(*MANAGE, limit=Limit.REFUSED)
def authorize(request: ApiRequest, payload: Payload | None = Body(None)) -> Payload:
    member: Member | None = request.caller.member
    if payload and payload.get("member"):
        member = Member.objects.select_related("user", "account").filter(uuid=str(payload["member"])).first()
    if member is None:
        raise NotFound
    ticket = consent.issue_ticket(member=member)
    return {"authorization_url": f"{sign_in.origin(request)}/connections/google/start?ticket={ticket}"}


@router.get("/connections/{uuid}", summary="One connection")
@scoped(*MANAGE, limit=Limit.REFUSED)
def get_connection(request: ApiRequest, uuid: str) -> Payload:
    return presenting.connection(_connection(uuid))


@router.get("/connections/{uuid}/calendars", summary="The calendars that a connection can see")
@scoped(*MANAGE, limit=Limit.REFUSED, in_tenant=False)
def list_connection_calendars(request: ApiRequest, uuid: str, refresh: bool = False) -> Payload:
    account_id = request.caller.account_id
    with tenant(account_id):
        connection = _connection(uuid)
    if refresh or connection.listed_at is None:
        discovery.refresh(account_id, connection.pk)
    with tenant(account_id):
        return {"items": selection.candidates(connection)}


@router.post("/connections/{uuid}/rehearse", summary="What mirroring these calendars would do")
@scoped(*MANAGE, limit=Limit.REFUSED, in_tenant=False)
def rehearse(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> Payload:
    account_id = request.caller.account_id
    with tenant(account_id):
        connection = _connection(uuid)
    choices = [row | {"google_id": row.get("google_id") or row.get("remote_id", "")} for row in payload["calendars"]]
    found = selection.rehearse(account_id, connection, choices)
    return {
        "items": [
            {
                "google_id": r.google_id,
                "remote_id": r.google_id,
                "incoming": r.incoming,
                "matching": r.matching,
                "read_only": r.read_only,
                "partial": r.is_partial,
                "mails": r.mails,
            }
            for r in found
        ]
    }


@router.put("/connections/{uuid}/calendars/{path:google_id}", summary="Mirror a calendar, or stop mirroring it")
@scoped(*MANAGE, limit=Limit.REFUSED, in_tenant=False)
def choose_calendar(request: ApiRequest, uuid: str, google_id: str, payload: Payload = Body(...)) -> Payload:
    account_id = request.caller.account_id
    with tenant(account_id):
        connection, mode = _connection(uuid), payload.get("mode") or ""
        is_known = not payload["mirrored"] or selection.is_known(connection, google_id, mode)
    if connection.listed_at is None or not is_known:
        discovery.refresh(account_id, connection.pk)
    if not payload["mirrored"]:
        return _deselected(request, connection, google_id, payload)
    with tenant(account_id):
        mirror = selection.select(connection, google_id, mode, request.caller.viewer)
        return presenting.mirror(_mirror(request.caller, str(mirror.uuid)))


def _deselected(request: ApiRequest, connection: Connection, google_id: str, payload: Payload) -> Payload:
    """Stops mirroring once what waits is sent; with `unsent` leave at once, with neither sent nor left 409."""
    account_id, choice = request.caller.account_id, str(payload.get("unsent") or "")
    disposition = str(payload.get("disposition") or "")
    with tenant(account_id):
        mirror = _mirror_by_remote(connection, google_id)
        selection.check_disposition(disposition)
    waiting.send_first(account_id, [mirror.pk], choice)
    with tenant(account_id):
        mirror = _mirror_by_remote(connection, google_id)
        counts = selection.deselect(mirror, disposition, request.caller.viewer, choice)
        return presenting.mirror(_mirror(request.caller, str(mirror.uuid))) | {"unsent": counts["unsent"]}


@router.get("/connections/{uuid}/disconnect-preview", summary="What disconnecting would do")
@scoped(*MANAGE, limit=Limit.REFUSED)
def disconnect_preview(request: ApiRequest, uuid: str) -> Payload:
    return disconnecting.preview(_connection(uuid), request.caller.viewer)


@router.delete("/connections/{uuid}", response={202: Payload}, summary="Disconnect a Google account")
@scoped(*MANAGE, limit=Limit.REFUSED, in_tenant=False)
def disconnect(
    request: ApiRequest, uuid: str, calendars: str = Query(""), unsent: str = Query("")
) -> tuple[int, Payload]:
    account_id = request.caller.account_id
    with tenant(account_id):
        record = Disconnect.objects.filter(connection_uuid=_as_uuid(uuid)).first()
        connection = None if record is not None else _connection(uuid)
        disconnecting.check_disposition(calendars if record is None else "keep")
    if connection is not None:
        disconnecting.send_first(account_id, connection, unsent)
        with tenant(account_id):
            record = disconnecting.start(_connection(uuid), calendars, request.caller.viewer, choice=unsent)
    assert record is not None
    return 202, {"receipt": f"/api/v1/disconnects/{record.uuid}"}


@router.get("/disconnects/{uuid}", summary="The receipt of a disconnect")
@scoped(*MANAGE, limit=Limit.REFUSED)
def get_receipt(request: ApiRequest, uuid: str) -> Payload:
    record = Disconnect.objects.select_related("requested_by__user").filter(uuid=_as_uuid(uuid)).first()
    if record is None:
        raise NotFound
    return disconnecting.receipt(record)


@router.get("/mirrors", summary="Mirrored calendars with their state")
@scoped("events.read", limit=Limit.CALENDARS)
def list_mirrors(request: ApiRequest) -> Payload:
    rows = Mirror.objects.filter(is_selected=True).select_related("calendar", "connection").order_by("id")
    if not request.caller.member.may(Permission.INTEGRATIONS):
        rows = rows.filter(connection__owner=request.caller.member)
    return {"items": [presenting.mirror(row) for row in rows if request.caller.reaches(row.calendar.uuid)]}


@router.post(
    "/calendars/{uuid}/publish", response={201: Payload}, summary="Put a native calendar into a new Google calendar"
)
@scoped(*MANAGE, limit=Limit.REFUSED, in_tenant=False)
def publish(
    request: ApiRequest,
    uuid: str,
    payload: Payload = Body(...),
    idempotency_key: str = Header("", alias="Idempotency-Key"),
) -> tuple[int, Payload]:
    account_id = request.caller.account_id
    with tenant(account_id):
        calendar = acts.checked_calendar(Act.PUBLISH_CALENDAR, request.caller.viewer, uuid)
        connection = _connection(str(payload.get("connection", "")))
        known = Mirror.objects.filter(calendar=calendar, connection=connection, is_selected=True).first()
        if known is not None and idempotency_key:
            return 201, presenting.mirror(_mirror(request.caller, str(known.uuid)))
    if publishing.needs_permission(connection):
        raise Problem(409, "permission_needed", "Google must allow it first: put it into Google once from Settings.")
    mirror = publishing.publish(account_id, str(calendar.uuid), str(connection.uuid))
    with tenant(account_id):
        return 201, presenting.mirror(_mirror(request.caller, str(mirror.uuid)))


@router.get("/mirrors/{uuid}", summary="One mirror")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def get_mirror(request: ApiRequest, uuid: str) -> Payload:
    return presenting.mirror(_mirror(request.caller, uuid))


@router.post("/mirrors/{uuid}/sync", summary="Check with Google now; optionally wait for it")
@scoped(*MANAGE, limit=Limit.CALENDARS, in_tenant=False)
def sync_mirror(request: ApiRequest, uuid: str, wait_s: float = Query(0, ge=0, le=WAIT_S_MAX)) -> Payload:
    account_id = request.caller.account_id
    with tenant(account_id):
        mirror = _mirror(request.caller, uuid)
        triggers.request_runs([mirror.pk], is_pull=True)
        wanted = MirrorRun.objects.get(mirror_id=mirror.pk).pull_wanted
    ends_at = time.monotonic() + wait_s
    while wait_s and time.monotonic() < ends_at:
        run = MirrorRun.objects.get(mirror_id=mirror.pk)
        if run.pull_done >= wanted or not run.is_active:
            break
        time.sleep(POLL_S)
    with tenant(account_id):
        return presenting.mirror(_mirror(request.caller, uuid))


@router.post("/mirrors/{uuid}/check", summary="Deep check: list everything, compare, repair, report")
@scoped(*MANAGE, limit=Limit.CALENDARS, in_tenant=False)
def check_mirror(request: ApiRequest, uuid: str) -> Payload:
    with tenant(request.caller.account_id):
        mirror = _mirror(request.caller, uuid)
    report = checks.deep_check(mirror.pk)
    if report is None:
        raise Problem(409, "not_running", "This mirror rests, or its first sync is not finished.")
    return presenting.report(report)


@router.get("/mirrors/{uuid}/held", summary="Deletions that wait for a person")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def list_held(request: ApiRequest, uuid: str) -> Payload:
    return {"items": held.listed(_mirror(request.caller, uuid), request.caller.viewer)}


@router.post("/mirrors/{uuid}/held", summary="Approve, keep here, or put back")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def decide_held(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> Payload:
    return {
        "decided": held.decide(_mirror(request.caller, uuid), str(payload.get("action", "")), request.caller.member)
    }


@router.post("/mirrors/{uuid}/pause", summary="Rest a mirror; what is pending stays pending")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def pause_mirror(request: ApiRequest, uuid: str) -> Payload:
    mirror = _mirror(request.caller, uuid)
    selection.pause(mirror, is_paused=True)
    return presenting.mirror(mirror)


@router.post("/mirrors/{uuid}/resume", summary="Let a mirror go on")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def resume_mirror(request: ApiRequest, uuid: str) -> Payload:
    mirror = _mirror(request.caller, uuid)
    selection.pause(mirror, is_paused=False)
    return presenting.mirror(mirror)


def _connection(uuid: str) -> Connection:
    found = Connection.objects.select_related("owner__user").filter(uuid=_as_uuid(uuid)).first()
    if found is None:
        raise NotFound
    return found


def _mirror(caller: Caller, uuid: str) -> Mirror:
    """A mirror of a calendar that the caller's token reaches. Raises NotFound."""
    found = Mirror.objects.select_related("calendar", "connection").filter(uuid=_as_uuid(uuid)).first()
    if found is None or not caller.reaches(found.calendar.uuid):
        raise NotFound
    return found


def _mirror_by_remote(connection: Connection, google_id: str) -> Mirror:
    found = Mirror.objects.select_related("calendar").filter(connection=connection, remote_id=google_id).first()
    if found is None:
        raise NotFound
    return found


def _as_uuid(text: str) -> Any:
    from uuid import UUID

    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound from error
