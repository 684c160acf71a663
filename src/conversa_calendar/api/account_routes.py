"""Account, members, teams, inboxes, directory."""

from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Router
from ninja.params.functions import Body, Header, Query

from conversa_calendar.accounts import acts, selectors, sign_in
from conversa_calendar.accounts.directory_checks import Snapshot, Unfit
from conversa_calendar.accounts.models import INVITATION_LIFE, Account, Inbox, Member, Team
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.api import bodies
from conversa_calendar.api.auth import ApiRequest, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.bookings import leaving

router = Router(tags=["account"])
MANAGE = ("account.manage", Permission.ACCOUNT)
Payload = dict[str, Any]


def person(member: Member) -> Payload:
    return {
        "id": str(member.uuid),
        "name": str(member),
        "email": member.user.email,
        "role": str(member.role.uuid) if member.role else member.built_in,
        "state": member.state,
        "suspended": member.is_suspended,
        "external_id": member.external_id,
        "etag": member.etag,
    }


def group(found: Team | Inbox) -> Payload:
    return {
        "id": str(found.uuid),
        "name": found.name,
        "external_id": found.external_id,
        "members": [str(member.uuid) for member in found.members.all()],
        "etag": acts.group_etag(found),
    }


def company(account: Account, member: Member) -> Payload:
    return {
        "id": str(account.uuid),
        "name": account.name,
        "time_zone": account.time_zone,
        "calendar_enabled": account.is_calendar_enabled,
        "member": str(member.uuid),
        "etag": account.etag,
    }


def profile(member: Member) -> Payload:
    return {
        "id": str(member.uuid),
        "name": member.name,
        "email": member.user.email,
        "time_zone": member.time_zone,
        "language": member.language,
        "permissions": sorted(member.permissions),
        "etag": member.profile_etag,
    }


@router.get("/account", summary="The account, and whether the Calendar module is on")
@scoped("events.read", limit=Limit.NEUTRAL, is_module=False)
def get_account(request: ApiRequest, response: HttpResponse) -> Payload:
    member = request.caller.member
    return bodies.tagged(response, company(member.account, member))


@router.patch("/account", summary="Rename, change the zone, switch the Calendar module")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def change_account(
    request: ApiRequest,
    response: HttpResponse,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    bodies.only(payload, ("name", "time_zone", "calendar_enabled"))
    is_enabled = bodies.switch(payload, "calendar_enabled") if "calendar_enabled" in payload else None
    account = acts.change_account(
        request.caller.viewer,
        name=str(payload["name"]) if "name" in payload else None,
        time_zone=str(payload["time_zone"]) if "time_zone" in payload else None,
        is_calendar_enabled=is_enabled,
        if_match=if_match,
    )
    return bodies.tagged(response, company(account, request.caller.member))


@router.get("/profile", summary="The caller's own name, zone, language and permissions")
@scoped("events.read", limit=Limit.NEUTRAL, is_module=False)
def get_profile(request: ApiRequest, response: HttpResponse) -> Payload:
    return bodies.tagged(response, profile(request.caller.member))


@router.patch("/profile", summary="Change the caller's own name, zone or language")
@scoped("account.manage", limit=Limit.REFUSED, is_module=False)
def change_profile(
    request: ApiRequest,
    response: HttpResponse,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    fields = ("name", "time_zone", "language")
    bodies.kinds(bodies.only(payload, fields), name=str, time_zone=str, language=str)
    values = {name: payload[name] for name in fields if payload.get(name) is not None}
    return bodies.tagged(response, profile(acts.change_profile(request.caller.viewer, **values, if_match=if_match)))


@router.delete("/profile/sessions", response={204: None}, summary="Sign the caller's person out everywhere")
@scoped("account.manage", limit=Limit.REFUSED, is_module=False)
def end_own_sessions(request: ApiRequest) -> tuple[int, None]:
    acts.end_own_sessions(request.caller.viewer)
    return 204, None


@router.get("/members", summary="Everybody in the account")
@scoped("events.read", limit=Limit.REFUSED, is_module=False)
def list_members(request: ApiRequest) -> Payload:
    return {"items": [person(member) for member in selectors.members()]}


@router.post("/members", response={201: Payload}, summary="Invite a member: a mail leads them in")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def add_member(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    bodies.only(payload, ("email", "name", "role"))
    member = acts.invite(
        request.caller.viewer,
        email=bodies.text(payload, "email"),
        name=str(payload.get("name", "")),
        role=str(payload.get("role", "agent")),
        origin=sign_in.origin(request),
    )
    return 201, person(member)


@router.post("/members/{uuid}/invite", summary="Send an invitation again; the link before stops working")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def invite_member(request: ApiRequest, uuid: UUID) -> Payload:
    return person(acts.invite_again(request.caller.viewer, uuid, origin=sign_in.origin(request)))


@router.get("/members/{uuid}", summary="One member")
@scoped("events.read", limit=Limit.REFUSED, is_module=False)
def get_member(request: ApiRequest, response: HttpResponse, uuid: UUID) -> Payload:
    return bodies.tagged(response, person(selectors.by_uuid(selectors.members(), uuid)))


@router.patch("/members/{uuid}", summary="Change a member's role, or suspend them")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def change_member(
    request: ApiRequest,
    response: HttpResponse,
    uuid: UUID,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    acts.found(Member.objects.all(), uuid)
    bodies.only(payload, ("role", "suspended"))
    changed = acts.change_member(
        request.caller.viewer,
        uuid,
        role=str(payload["role"]) if "role" in payload else None,
        is_suspended=bodies.switch(payload, "suspended") if "suspended" in payload else None,
        if_match=if_match,
    )
    return bodies.tagged(response, person(changed))


@router.get("/members/{uuid}/suspend-preview", summary="What suspending a member would end, and what would rest")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def suspend_preview(request: ApiRequest, uuid: UUID) -> Payload:
    return leaving.preview(selectors.by_uuid(selectors.members(), uuid))


@router.delete(
    "/members/{uuid}/sessions", response={204: None}, summary="Sign a member out of this account, everywhere"
)
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def end_sessions(request: ApiRequest, uuid: UUID) -> tuple[int, None]:
    acts.end_sessions(request.caller.viewer, uuid)
    return 204, None


@router.get("/invitations", summary="Who was invited and has not come in, with how it stands")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def list_invitations(request: ApiRequest) -> Payload:
    return {"items": [_invitation(member) for member in selectors.invited()]}


@router.post("/invitations/{uuid}/resend", summary="Send an invitation again; the link before stops working")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def resend_invitation(request: ApiRequest, uuid: UUID) -> Payload:
    return _invitation(acts.invite_again(request.caller.viewer, uuid, origin=sign_in.origin(request)))


@router.delete("/invitations/{uuid}", response={204: None}, summary="Withdraw an invitation: its link opens nothing")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def withdraw_invitation(
    request: ApiRequest, uuid: UUID, if_match: str = Header("", alias="If-Match")
) -> tuple[int, None]:
    acts.withdraw(request.caller.viewer, uuid, if_match=if_match)
    return 204, None


@router.get("/teams", summary="Teams")
@scoped("events.read", limit=Limit.REFUSED, is_module=False)
def list_teams(request: ApiRequest) -> Payload:
    return {"items": [group(team) for team in selectors.teams()]}


@router.post("/teams", response={201: Payload}, summary="Create a team")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def add_team(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    return 201, _added(request, "team", payload)


@router.put("/teams/{uuid}/members", summary="Replace a team's members")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def set_team(
    request: ApiRequest,
    response: HttpResponse,
    uuid: UUID,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    return bodies.tagged(response, _regrouped(request, "team", uuid, payload, if_match))


@router.get("/inboxes", summary="Inboxes")
@scoped("events.read", limit=Limit.REFUSED, is_module=False)
def list_inboxes(request: ApiRequest) -> Payload:
    return {"items": [group(inbox) for inbox in selectors.inboxes()]}


@router.post("/inboxes", response={201: Payload}, summary="Create an inbox")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def add_inbox(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    return 201, _added(request, "inbox", payload)


@router.put("/inboxes/{uuid}/members", summary="Replace an inbox's members")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def set_inbox(
    request: ApiRequest,
    response: HttpResponse,
    uuid: UUID,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    return bodies.tagged(response, _regrouped(request, "inbox", uuid, payload, if_match))


@router.put("/directory", summary="Make members, teams and inboxes equal to a snapshot")
@scoped(*MANAGE, limit=Limit.REFUSED, is_module=False)
def put_directory(
    request: ApiRequest, payload: Payload = Body(...), dry_run: bool = Query(False), confirm: bool = Query(False)
) -> Payload:
    try:
        snapshot = msgspec.convert(payload, Snapshot)
    except msgspec.ValidationError as error:
        raise Problem(422, "invalid", str(error)) from error
    try:
        report = acts.put_directory(request.caller.viewer, snapshot, is_dry_run=dry_run, confirm_removals=confirm)
    except Unfit as error:
        fault = {"field": error.field, "message": str(error)}
        raise Problem(422, "invalid", str(error), errors=[fault]) from error
    return _report(report, dry_run)


def _report(report: acts.DirectoryReport, is_dry_run: bool) -> Payload:
    confirm = _("Nothing was changed. Put the same snapshot with ?confirm=true if this is meant.")
    correct = _("Nothing was changed, and this cannot be confirmed. Correct the snapshot.")
    advice = (confirm if report.is_confirmable else correct) if report.held else ""
    return {
        "created": report.created,
        "updated": report.updated,
        "suspended": report.suspended,
        "removed": report.removed,
        "held": report.held,
        "reasons": report.reasons,
        "advice": advice,
        "dry_run": is_dry_run,
    }


def _invitation(member: Member) -> Payload:
    more = {
        "invited_at": member.invited_at,
        "expires_at": member.invited_at + INVITATION_LIFE if member.invited_at and member.is_invited else None,
        "invited_by": str(member.invited_by.uuid) if member.invited_by else None,
        "declined_at": member.declined_at,
    }
    return person(member) | more


def _added(request: ApiRequest, kind: str, payload: Payload) -> Payload:
    bodies.only(payload, ("name", "members"))
    name, members = bodies.text(payload, "name"), bodies.uuids(payload, "members")
    return group(acts.add_group(request.caller.viewer, kind, name=name, members=members))


def _regrouped(request: ApiRequest, kind: str, uuid: UUID, payload: Payload, if_match: str) -> Payload:
    acts.found(Team.objects.all() if kind == "team" else Inbox.objects.all(), uuid)
    bodies.only(payload, ("members",))
    members = bodies.uuids(payload, "members")
    return group(acts.change_group(request.caller.viewer, kind, uuid, members=members, if_match=if_match))
