"""Calendars and their assignments."""

from typing import Any

from django.http import HttpResponse
from ninja import Router
from ninja.params.functions import Body, Header

from conversa_calendar.api import bodies
from conversa_calendar.api.auth import ApiRequest, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars import acts, presenting, selectors
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.models import Calendar

router = Router(tags=["calendars"])
Payload = dict[str, Any]
WRITABLE = {"name", "color", "time_zone", "counts_busy", "hidden_types"}


def shown(calendar: Calendar, level: str) -> Payload:
    return presenting.calendar(calendar, level, selectors.assignment_items(calendar))


@router.get("/calendars", summary="Calendars that the caller sees")
@scoped("events.read", limit=Limit.CALENDARS)
def list_calendars(request: ApiRequest, agent: str = "", team: str = "", inbox: str = "") -> Payload:
    pairs = selectors.filtered(selectors.visible(request.caller.viewer), agent=agent, team=team, inbox=inbox)
    return {"items": [shown(calendar, level) for calendar, level in pairs]}


@router.post("/calendars", response={201: Payload}, summary="Create a native calendar")
@scoped("calendars.manage", limit=Limit.REFUSED)
def add_calendar(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    caller = request.caller
    bodies.only(payload, ("name", "time_zone", "color"))
    calendar = acts.add_calendar(
        caller.viewer,
        name=str(payload.get("name", "")),
        time_zone=str(payload.get("time_zone") or caller.member.account.time_zone),
        color=str(payload.get("color", "")),
    )
    return 201, shown(calendar, "edit")


@router.get("/calendars/{uuid}", summary="One calendar")
@scoped("events.read", limit=Limit.CALENDARS)
def get_calendar(request: ApiRequest, response: HttpResponse, uuid: str) -> Payload:
    return bodies.tagged(response, shown(*selectors.calendar(request.caller.viewer, uuid)))


@router.patch("/calendars/{uuid}", summary="Rename or recolour a calendar")
@scoped("calendars.manage", limit=Limit.CALENDARS)
def change_calendar(
    request: ApiRequest,
    response: HttpResponse,
    uuid: str,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    acts.checked_calendar(Act.CHANGE_CALENDAR, request.caller.viewer, uuid)
    if unknown := set(payload) - WRITABLE:
        raise Problem(422, "invalid", f"The field {sorted(unknown)[0]} cannot be written.")
    bodies.kinds(payload, name=str, color=str, time_zone=str, counts_busy=bool, hidden_types=list)
    values = {name: value for name, value in payload.items() if value is not None}
    if "hidden_types" in values:
        values["hidden_types"] = bodies.texts(values, "hidden_types")
    changed = acts.change_calendar(request.caller.viewer, uuid, values, if_match=if_match)
    return bodies.tagged(response, shown(changed, "edit"))


@router.delete("/calendars/{uuid}", response={204: None}, summary="Take a native calendar away")
@scoped("calendars.manage", limit=Limit.CALENDARS)
def delete_calendar(request: ApiRequest, uuid: str, if_match: str = Header("", alias="If-Match")) -> tuple[int, None]:
    acts.delete_calendar(request.caller.viewer, uuid, if_match=if_match)
    return 204, None


@router.get("/calendars/{uuid}/assignments", summary="Who sees a calendar, and how much")
@scoped("events.read", limit=Limit.CALENDARS)
def get_assignments(request: ApiRequest, response: HttpResponse, uuid: str) -> Payload:
    calendar, _level = selectors.calendar(request.caller.viewer, uuid)
    return bodies.tagged(response, _assigned(calendar))


@router.put("/calendars/{uuid}/assignments", summary="Replace who sees a calendar")
@scoped("calendars.manage", limit=Limit.CALENDARS)
def put_assignments(
    request: ApiRequest,
    response: HttpResponse,
    uuid: str,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    acts.checked_calendar(Act.ASSIGN_CALENDAR, request.caller.viewer, uuid)
    items = bodies.rows(payload, "items", kind=str, id=str, level=str)
    calendar = acts.assign_calendar(request.caller.viewer, uuid, items, if_match=if_match)
    return bodies.tagged(response, _assigned(calendar))


def _assigned(calendar: Calendar) -> Payload:
    return {"items": selectors.assignment_items(calendar), "etag": selectors.assignments_etag(calendar)}
