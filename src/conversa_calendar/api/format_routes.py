"""Calendars as files: feeds, and files that are brought in."""

from typing import Any

from django.http import HttpResponse
from ninja import Router
from ninja.params.functions import Body, Header

from conversa_calendar.api import bodies, idempotency
from conversa_calendar.api.auth import ApiRequest, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.domain import contentlines
from conversa_calendar.formats import exporting, feeds, importing, tasks
from conversa_calendar.formats.models import Import

router = Router(tags=["formats"])
Payload = dict[str, Any]
FIELDS = ("kind", "target", "details")


@router.get("/feeds", summary="Addresses at which calendars can be read")
@scoped("events.read", limit=Limit.REFUSED)
def list_feeds(request: ApiRequest) -> Payload:
    return {"items": [feeds.shown(feed) for feed in feeds.listed(request.caller.viewer)]}


@router.post("/feeds", response={201: Payload}, summary="Make such an address, which is told only now")
@scoped("feeds.manage", limit=Limit.REFUSED)
def add_feed(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    caller = request.caller
    bodies.kinds(bodies.only(payload, FIELDS), kind=str, target=str, details=str)

    def create() -> Payload:
        values = {"kind": bodies.text(payload, "kind"), "target": bodies.text(payload, "target")}
        feed, secret = feeds.create(
            caller.viewer, **values, details=payload.get("details") or "busy", token=caller.token
        )
        return feeds.shown(feed, secret)

    return 201, idempotency.once(caller, idempotency_key, payload, create)


@router.post("/feeds/{uuid}/rotate", summary="A new address in place of the old one")
@scoped("feeds.manage", limit=Limit.REFUSED)
def rotate_feed(request: ApiRequest, uuid: str) -> Payload:
    return feeds.shown(*feeds.rotate(request.caller.viewer, uuid))


@router.delete("/feeds/{uuid}", response={204: None}, summary="End an address")
@scoped("feeds.manage", limit=Limit.REFUSED)
def remove_feed(request: ApiRequest, uuid: str) -> tuple[int, None]:
    feeds.remove(request.caller.viewer, uuid)
    return 204, None


@router.get("/calendars/{uuid}/export", summary="A calendar as an iCalendar file, as the caller sees it")
@scoped("events.read", limit=Limit.CALENDARS)
def export_calendar(request: ApiRequest, uuid: str) -> HttpResponse:
    return HttpResponse(exporting.calendar(request.caller.viewer, uuid), content_type="text/calendar; charset=utf-8")


@router.get("/imports", summary="Files that were brought in")
@scoped("events.read", limit=Limit.REFUSED)
def list_imports(request: ApiRequest) -> Payload:
    return {"items": [_import(found) for found in importing.listed(request.caller.viewer)]}


@router.post(
    "/imports",
    response={201: Payload},
    summary="Rehearse bringing an iCalendar file into a calendar",
    openapi_extra={"requestBody": {"content": {"text/calendar": {"schema": {"type": "string"}}}, "required": True}},
)
@scoped("events.write", limit=Limit.CALENDARS)
def rehearse_import(
    request: ApiRequest, calendar: str = "", guests: str = "text", name: str = ""
) -> tuple[int, Payload]:
    raw = request.read(contentlines.BYTES_MAX + 1)
    if len(raw) > contentlines.BYTES_MAX:
        raise Problem(413, "too_large", f"A file has at most {contentlines.BYTES_MAX // 1_000_000} MB.")
    found = importing.rehearse(request.caller.viewer, calendar, raw, name=name, guests=guests)
    return 201, _with_rows(found)


@router.get("/imports/{uuid}", summary="A file, and what becomes of each event in it")
@scoped("events.read", limit=Limit.CALENDARS)
def get_import(request: ApiRequest, uuid: str) -> Payload:
    return _with_rows(importing.one(request.caller.viewer, uuid))


@router.post("/imports/{uuid}/apply", response={202: Payload}, summary="Bring a rehearsed file in")
@scoped("events.write", limit=Limit.CALENDARS)
def apply_import(request: ApiRequest, uuid: str) -> tuple[int, Payload]:
    return 202, _started(request, uuid, is_undo=False)


@router.post("/imports/{uuid}/undo", response={202: Payload}, summary="Take back what a file brought in")
@scoped("events.write", limit=Limit.CALENDARS)
def undo_import(request: ApiRequest, uuid: str) -> tuple[int, Payload]:
    return 202, _started(request, uuid, is_undo=True)


def _started(request: ApiRequest, uuid: str, *, is_undo: bool) -> Payload:
    found = importing.start(request.caller.viewer, uuid, is_undo=is_undo)
    tasks.bring_in.defer(account_id=found.account_id, import_id=found.pk)
    return _import(found)


def _import(found: Import) -> Payload:
    return {
        "id": str(found.uuid),
        "calendar": str(found.calendar.uuid),
        "member": str(found.member.uuid),
        "name": found.name,
        "guests": found.guests,
        "state": found.state,
        "counts": importing.counts(found),
        "mails": 0,
        "left_over": found.left_over,
        "created_at": found.created_at,
        "finished_at": found.finished_at,
    }


def _with_rows(found: Import) -> Payload:
    return _import(found) | {"items": found.rows}
