"""Roles and API tokens: what may be given to whom."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Router
from ninja.params.functions import Body, Header

from conversa_calendar.accounts import acts, preconditions, selectors
from conversa_calendar.accounts.acts import Where
from conversa_calendar.accounts.models import ApiToken, Role
from conversa_calendar.accounts.permissions import BUILT_IN, Permission
from conversa_calendar.api import bodies
from conversa_calendar.api.auth import ApiRequest, Caller, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars import selectors as calendars

router = Router(tags=["account"])
Payload = dict[str, Any]
ACCOUNT = ("account.manage", Permission.ACCOUNT)
TOKEN_FIELDS = ("name", "scopes", "calendars", "teams", "inboxes", "expires_at")


@router.get("/roles", summary="Roles with what they hold and who has them")
@scoped("events.read", limit=Limit.REFUSED, is_module=False)
def list_roles(request: ApiRequest) -> Payload:
    members = list(selectors.members())
    items = [
        {
            "id": key,
            "name": name,
            "permissions": sorted(held),
            "built_in": key in BUILT_IN,
            "etag": None if key in BUILT_IN else preconditions.tag(key, name, sorted(held)),
            "members": [str(m.uuid) for m in members if (str(m.role.uuid) if m.role else m.built_in) == key],
        }
        for key, name, held in selectors.roles()
    ]
    return {"items": items}


@router.post("/roles", response={201: Payload}, summary="Create a role of permissions that you hold")
@scoped(*ACCOUNT, limit=Limit.REFUSED, is_module=False)
def add_role(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    bodies.only(payload, ("name", "permissions"))
    if "permissions" not in payload:
        raise bodies.invalid("permissions", "Say what the role may do, as a list; an empty one holds nothing.")
    held = bodies.texts(payload, "permissions")
    return 201, _role(acts.add_role(request.caller.viewer, name=bodies.text(payload, "name"), held=held))


@router.patch("/roles/{uuid}", summary="Rename a role, or change what it holds")
@scoped(*ACCOUNT, limit=Limit.REFUSED, is_module=False)
def change_role(
    request: ApiRequest,
    response: HttpResponse,
    uuid: UUID,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    acts.found(Role.objects.all(), uuid)
    bodies.only(payload, ("name", "permissions"))
    name = bodies.text(payload, "name") if "name" in payload else None
    held = bodies.texts(payload, "permissions") if "permissions" in payload else None
    role = acts.change_role(request.caller.viewer, uuid, name=name, held=held, if_match=if_match)
    return bodies.tagged(response, _role(role))


@router.delete("/roles/{uuid}", response={204: None}, summary="Remove a role that nobody has")
@scoped(*ACCOUNT, limit=Limit.REFUSED, is_module=False)
def delete_role(request: ApiRequest, uuid: UUID, if_match: str = Header("", alias="If-Match")) -> tuple[int, None]:
    acts.delete_role(request.caller.viewer, uuid, if_match=if_match)
    return 204, None


@router.get("/tokens", summary="The account's API tokens, without their secrets")
@scoped(*ACCOUNT, limit=Limit.REFUSED, is_module=False)
def list_tokens(request: ApiRequest) -> Payload:
    rows = ApiToken.objects.filter(account_id=request.caller.account_id, revoked_at=None).select_related("parent")
    return {"items": [_token(token) for token in rows.order_by("id")]}


@router.post("/tokens", response={201: Payload}, summary="Create an API token; its secret is shown only now")
@scoped(*ACCOUNT, limit=Limit.CALENDARS, is_module=False)
def add_token(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    """The new token acts as the caller's member, never reaches further than the token that made it, and ends with it."""
    caller = request.caller
    bodies.only(payload, TOKEN_FIELDS)
    token, secret = acts.add_token(
        caller.viewer,
        name=bodies.text(payload, "name"),
        scopes=bodies.texts(payload, "scopes"),
        where=_where(caller, payload),
        expires_at=bodies.moment(payload, "expires_at"),
    )
    return 201, _token(token) | {"secret": secret}


@router.delete("/tokens/{uuid}", response={204: None}, summary="Revoke an API token and those it made")
@scoped(*ACCOUNT, limit=Limit.REFUSED, is_module=False)
def delete_token(request: ApiRequest, uuid: UUID, if_match: str = Header("", alias="If-Match")) -> tuple[int, None]:
    acts.revoke_token(request.caller.viewer, uuid, if_match=if_match)
    return 204, None


def _where(caller: Caller, payload: Payload) -> Where:
    """The places that the body names; a limit that is named but empty would be none. Raises Problem, Refused."""
    for name in ("calendars", "teams", "inboxes"):
        if name in payload and payload[name] == []:
            raise bodies.invalid(name, f"An empty list of {name} limits to nothing; leave it out or name some.")
    where = Where(*(bodies.uuids(payload, name) for name in ("calendars", "teams", "inboxes")))
    seen = {str(calendar.uuid) for calendar, _level in calendars.visible(caller.viewer)}
    if not {str(uuid) for uuid in where.calendars} <= seen:
        raise Problem(422, "invalid", "Some of these calendars are not here.")
    return where


def _role(role: Role) -> Payload:
    members = [str(member.uuid) for member in selectors.holders_of_role(role)]
    shown = {"id": str(role.uuid), "name": role.name, "permissions": role.permissions, "etag": role.etag}
    return shown | {"built_in": False, "members": members}


def _token(token: ApiToken) -> Payload:
    return {
        "id": str(token.uuid),
        "name": token.name,
        "hint": token.hint,
        "scopes": token.scopes,
        "calendars": [str(uuid) for uuid in token.calendars],
        "teams": [str(uuid) for uuid in token.teams],
        "inboxes": [str(uuid) for uuid in token.inboxes],
        "parent": str(token.parent.uuid) if token.parent else None,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "etag": token.etag,
    }
