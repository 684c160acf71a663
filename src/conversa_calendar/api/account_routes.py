"""Account, members, teams, inboxes, directory."""

from typing import Any
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _
from ninja import Router
from ninja.params.functions import Body, Query

from conversa_calendar.accounts import directory, selectors, services, sign_in
from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.api import bodies
from conversa_calendar.api.auth import ApiRequest, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.bookings import leaving
from conversa_calendar.calendars import welcoming
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.sync import tasks

router = Router(tags=["account"])
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
    }


def group(found: Team | Inbox) -> Payload:
    return {
        "id": str(found.uuid),
        "name": found.name,
        "external_id": found.external_id,
        "members": [str(member.uuid) for member in found.members.all()],
    }


@router.get("/account", summary="The account, and whether the Calendar module is on")
@scoped("events.read", limit=Limit.NEUTRAL, is_module=False)
def get_account(request: ApiRequest) -> Payload:
    account = request.caller.member.account
    return {
        "id": str(account.uuid),
        "name": account.name,
        "time_zone": account.time_zone,
        "calendar_enabled": account.is_calendar_enabled,
        "member": str(request.caller.member.uuid),
    }


@router.patch("/account", summary="Rename, change the zone, switch the Calendar module")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def change_account(request: ApiRequest, payload: Payload = Body(...)) -> Payload:
    account = request.caller.member.account
    bodies.only(payload, ("name", "time_zone", "calendar_enabled"))
    name, zone = payload.get("name", account.name), payload.get("time_zone", account.time_zone)
    services.set_account(account=account, name=str(name), time_zone=str(zone))
    if "calendar_enabled" in payload:
        services.switch_module(account=account, is_enabled=bodies.switch(payload, "calendar_enabled"))
    return {"id": str(account.uuid), "name": account.name, "calendar_enabled": account.is_calendar_enabled}


@router.get("/members", summary="Everybody in the account")
@scoped("events.read", limit=Limit.REFUSED, is_module=False)
def list_members(request: ApiRequest) -> Payload:
    return {"items": [person(member) for member in selectors.members()]}


@router.post("/members", response={201: Payload}, summary="Invite a member: a mail leads them in")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def add_member(request: ApiRequest, payload: Payload = Body(...)) -> tuple[int, Payload]:
    bodies.only(payload, ("email", "name", "role"))
    member = welcoming.invite(
        email=bodies.text(payload, "email"),
        name=str(payload.get("name", "")),
        role=str(payload.get("role", "agent")),
        actor=request.caller.member,
        by=request.caller.giver,
        origin=sign_in.origin(request),
    )
    tasks.send_mail.defer(account_id=member.account_id)
    return 201, person(member)


@router.post("/members/{uuid}/invite", summary="Send an invitation again; the link before stops working")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def invite_member(request: ApiRequest, uuid: UUID) -> Payload:
    member = _found(Member, uuid)
    actor, by = request.caller.member, request.caller.giver
    welcoming.invite_again(member=member, actor=actor, by=by, origin=sign_in.origin(request))
    tasks.send_mail.defer(account_id=member.account_id)
    return person(member)


@router.patch("/members/{uuid}", summary="Change a member's role, or suspend them")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def change_member(request: ApiRequest, uuid: UUID, payload: Payload = Body(...)) -> Payload:
    member, by = _found(Member, uuid), request.caller.giver
    bodies.only(payload, ("role", "suspended"))
    if "role" in payload:
        services.set_role(member=member, key=str(payload["role"]), by=by)
    if "suspended" in payload:
        services.suspend_member(member=member, is_suspended=bodies.switch(payload, "suspended"), by=by)
    return person(member)


@router.get("/members/{uuid}/suspend-preview", summary="What suspending a member would end, and what would rest")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def suspend_preview(request: ApiRequest, uuid: UUID) -> Payload:
    return leaving.preview(_found(Member, uuid))


@router.get("/teams", summary="Teams")
@scoped("events.read", limit=Limit.REFUSED, is_module=False)
def list_teams(request: ApiRequest) -> Payload:
    return {"items": [group(team) for team in selectors.teams()]}


@router.post("/teams", response={201: Payload}, summary="Create a team")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def add_team(request: ApiRequest, payload: Payload = Body(...)) -> tuple[int, Payload]:
    bodies.only(payload, ("name", "members"))
    return 201, group(services.create_team(name=bodies.text(payload, "name"), members=_members(payload)))


@router.put("/teams/{uuid}/members", summary="Replace a team's members")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def set_team(request: ApiRequest, uuid: UUID, payload: Payload = Body(...)) -> Payload:
    team = _found(Team, uuid)
    bodies.only(payload, ("members",))
    services.set_members(group=team, members=_members(payload), by=request.caller.giver)
    return group(team)


@router.get("/inboxes", summary="Inboxes")
@scoped("events.read", limit=Limit.REFUSED, is_module=False)
def list_inboxes(request: ApiRequest) -> Payload:
    return {"items": [group(inbox) for inbox in selectors.inboxes()]}


@router.post("/inboxes", response={201: Payload}, summary="Create an inbox")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def add_inbox(request: ApiRequest, payload: Payload = Body(...)) -> tuple[int, Payload]:
    bodies.only(payload, ("name", "members"))
    return 201, group(services.create_inbox(name=bodies.text(payload, "name"), members=_members(payload)))


@router.put("/inboxes/{uuid}/members", summary="Replace an inbox's members")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def set_inbox(request: ApiRequest, uuid: UUID, payload: Payload = Body(...)) -> Payload:
    inbox = _found(Inbox, uuid)
    bodies.only(payload, ("members",))
    services.set_members(group=inbox, members=_members(payload), by=request.caller.giver)
    return group(inbox)


@router.put("/directory", summary="Make members, teams and inboxes equal to a snapshot")
@scoped("account.manage", Permission.ACCOUNT, limit=Limit.REFUSED, is_module=False)
def put_directory(
    request: ApiRequest, payload: Payload = Body(...), dry_run: bool = Query(False), confirm: bool = Query(False)
) -> Payload:
    try:
        snapshot = msgspec.convert(payload, directory.Snapshot)
    except msgspec.ValidationError as error:
        raise Problem(422, "invalid", str(error)) from error
    try:
        report = directory.apply(
            snapshot=snapshot,
            actor=request.caller.member,
            by=request.caller.giver,
            is_dry_run=dry_run,
            confirm_removals=confirm,
        )
    except directory.Unfit as error:
        fault = {"field": error.field, "message": str(error)}
        raise Problem(422, "invalid", str(error), errors=[fault]) from error
    return _report(report, dry_run)


def _report(report: services.DirectoryReport, is_dry_run: bool) -> Payload:
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


def _found(model: Any, uuid: UUID) -> Any:
    found = model.objects.filter(uuid=uuid).first()
    if found is None:
        raise NotFound
    return found


def _members(payload: Payload) -> list[Member]:
    wanted = bodies.uuids(payload, "members")
    found = list(Member.objects.filter(uuid__in=wanted))
    if len(found) != len(wanted):
        raise Problem(422, "invalid", "Some of these members are not in this account.")
    return found
