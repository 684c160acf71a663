"""Connections, discovered calendars, mirrors, held deletions, deep checks."""

import time
from typing import Any

from ninja import Router
from ninja.params.functions import Body, Header, Query

from conversa_calendar.accounts import sign_in
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api.auth import ApiRequest, Caller, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars import acts as calendars
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.connections.models import Connection, Disconnect
from conversa_calendar.sync import acts
from conversa_calendar.sync.explain import aside, presenting
from conversa_calendar.sync.mirrors import disconnecting, held, publishing, selection
from conversa_calendar.sync.models import Mirror, MirrorRun

router = Router(tags=["connections"])
Payload = dict[str, Any]
MANAGE = ("integrations.manage", Permission.INTEGRATIONS)
OWN = "integrations.manage"
"""The same scope where who owns the connection may, too, which the act decides."""
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
    wanted = str(payload["member"]) if payload and payload.get("member") else None
    return {"authorization_url": acts.allow_connect(request.caller.viewer, wanted, origin=sign_in.origin(request))}


@router.post(
    "/connections/invitations", response={201: Payload}, summary="Mail a member a link to connect their account"
)
@scoped(*MANAGE, limit=Limit.REFUSED)
def invite_to_connect(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    origin = sign_in.origin(request)
    return 201, {"url": acts.invite_to_connect(request.caller.viewer, payload["member"], origin=origin)}


@router.post("/connections/ask", summary="Ask by mail those who may connect calendars")
@scoped("events.write", limit=Limit.REFUSED)
def ask_to_connect(request: ApiRequest) -> Payload:
    return {"asked": acts.ask_to_connect(request.caller.viewer)}


@router.get("/connections/{uuid}", summary="One connection")
@scoped(*MANAGE, limit=Limit.REFUSED)
def get_connection(request: ApiRequest, uuid: str) -> Payload:
    return presenting.connection(_connection(request.caller, uuid))


@router.get("/connections/{uuid}/calendars", summary="The calendars that a connection can see")
@scoped(OWN, limit=Limit.REFUSED, in_tenant=False)
def list_connection_calendars(request: ApiRequest, uuid: str, refresh: bool = False) -> Payload:
    account_id, viewer = request.caller.account_id, request.caller.viewer
    with tenant(account_id):
        connection = _connection(request.caller, uuid)
    if refresh or connection.listed_at is None:
        acts.reread(viewer, uuid)
    with tenant(account_id):
        return {"items": selection.candidates(connection)}


@router.post("/connections/{uuid}/rehearse", summary="What mirroring these calendars would do")
@scoped(OWN, limit=Limit.REFUSED, in_tenant=False)
def rehearse(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> Payload:
    account_id = request.caller.account_id
    with tenant(account_id):
        connection = _connection(request.caller, uuid)
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
@scoped(OWN, limit=Limit.REFUSED, in_tenant=False)
def choose_calendar(request: ApiRequest, uuid: str, google_id: str, payload: Payload = Body(...)) -> Payload:
    viewer = request.caller.viewer
    if not payload["mirrored"]:
        return _deselected(request, uuid, google_id, payload)
    mirror = acts.choose(viewer, uuid, google_id, payload.get("mode") or "")
    with tenant(viewer.account_id):
        return presenting.mirror(_mirror(request.caller, str(mirror.uuid)))


def _deselected(request: ApiRequest, uuid: str, google_id: str, payload: Payload) -> Payload:
    """Stops mirroring once what waits is sent; with `unsent` leave at once, with neither sent nor left 409."""
    viewer, choice = request.caller.viewer, str(payload.get("unsent") or "")
    with tenant(viewer.account_id):
        known = _mirror_by_remote(_connection(request.caller, uuid), google_id)
    mirror, counts = acts.deselect(viewer, known.uuid, str(payload.get("disposition") or ""), unsent=choice)
    with tenant(viewer.account_id):
        return presenting.mirror(_mirror(request.caller, str(mirror.uuid))) | {"unsent": counts["unsent"]}


@router.get("/connections/{uuid}/disconnect-preview", summary="What disconnecting would do")
@scoped(*MANAGE, limit=Limit.REFUSED)
def disconnect_preview(request: ApiRequest, uuid: str) -> Payload:
    return disconnecting.preview(_connection(request.caller, uuid), request.caller.viewer)


@router.delete("/connections/{uuid}", response={202: Payload}, summary="Disconnect a Google account")
@scoped(*MANAGE, limit=Limit.REFUSED, in_tenant=False)
def disconnect(
    request: ApiRequest, uuid: str, calendars: str = Query(""), unsent: str = Query("")
) -> tuple[int, Payload]:
    record = acts.disconnect(request.caller.viewer, _as_uuid(uuid), calendars, unsent=unsent)
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
        calendar = calendars.checked_calendar(Act.PUBLISH_CALENDAR, request.caller.viewer, uuid)
        connection = _connection(request.caller, str(payload.get("connection", "")))
        known = Mirror.objects.filter(calendar=calendar, connection=connection, is_selected=True).first()
        if known is not None and idempotency_key:
            return 201, presenting.mirror(_mirror(request.caller, str(known.uuid)))
    if publishing.needs_permission(connection):
        raise Problem(409, "permission_needed", "Google must allow it first: put it into Google once from Settings.")
    mirror = acts.publish(request.caller.viewer, uuid, connection.uuid)
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
        mirror = acts.check_now(request.caller.viewer, uuid)
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
    report = acts.deep_check(request.caller.viewer, uuid)
    if report is None:
        raise Problem(409, "not_running", "This mirror rests, or its first sync is not finished.")
    return presenting.report(report)


@router.get("/mirrors/{uuid}/held", summary="Deletions that wait for a person")
@scoped(OWN, limit=Limit.CALENDARS)
def list_held(request: ApiRequest, uuid: str) -> Payload:
    return {"items": held.listed(_mirror(request.caller, uuid), request.caller.viewer)}


@router.post("/mirrors/{uuid}/held", summary="Approve, keep here, or put back")
@scoped(OWN, limit=Limit.CALENDARS)
def decide_held(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> Payload:
    return {"decided": acts.decide_held(request.caller.viewer, uuid, str(payload.get("action", "")))}


@router.post("/mirrors/{uuid}/pause", summary="Rest a mirror; what is pending stays pending")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def pause_mirror(request: ApiRequest, uuid: str) -> Payload:
    return presenting.mirror(acts.pause(request.caller.viewer, uuid))


@router.post("/mirrors/{uuid}/resume", summary="Let a mirror go on")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def resume_mirror(request: ApiRequest, uuid: str) -> Payload:
    return presenting.mirror(acts.resume(request.caller.viewer, uuid))


@router.patch("/mirrors/{uuid}", summary="Mirror both ways, read only or as busy blocks")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def change_mirror(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> Payload:
    _mirror(request.caller, uuid)
    return presenting.mirror(acts.set_mode(request.caller.viewer, uuid, payload["mode"]))


@router.post("/mirrors/{uuid}/confirm-access", summary="Go on with less access than before")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def confirm_access(request: ApiRequest, uuid: str) -> Payload:
    return presenting.mirror(acts.confirm_access(request.caller.viewer, uuid))


@router.post("/mirrors/{uuid}/watch", response={204: None}, summary="Ask Google once more to notify of changes")
@scoped(*MANAGE, limit=Limit.CALENDARS)
def watch_again(request: ApiRequest, uuid: str) -> tuple[int, None]:
    acts.watch_again(request.caller.viewer, uuid)
    return 204, None


@router.get("/set-aside", summary="What sync could not read or Google did not take, with the reason")
@scoped("events.read", limit=Limit.CALENDARS)
def list_set_aside(request: ApiRequest, mirror: str = "") -> Payload:
    viewer = request.caller.viewer
    rows = Mirror.objects.filter(is_selected=True).select_related("calendar", "connection").order_by("id")
    chosen = [acts.mirror_of(viewer, mirror)] if mirror else [row for row in rows if acts.is_seen(viewer, row)]
    return {"items": aside.listed(chosen, viewer)}


@router.post("/set-aside/{key}/retry", response={204: None}, summary="Read or send it once more")
@scoped(OWN, limit=Limit.CALENDARS)
def retry_set_aside(request: ApiRequest, key: str) -> tuple[int, None]:
    acts.retry(request.caller.viewer, key)
    return 204, None


@router.post("/set-aside/{key}/dismiss", response={204: None}, summary="Put an event that cannot be read out of sight")
@scoped(OWN, limit=Limit.CALENDARS)
def dismiss_set_aside(request: ApiRequest, key: str) -> tuple[int, None]:
    acts.dismiss(request.caller.viewer, key)
    return 204, None


def _connection(caller: Caller, uuid: str) -> Connection:
    return acts.connection_of(caller.viewer, uuid)


def _mirror(caller: Caller, uuid: str) -> Mirror:
    return acts.mirror_of(caller.viewer, uuid)


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
