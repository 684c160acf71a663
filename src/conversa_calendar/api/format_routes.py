"""Calendars as files: feeds, and files that are brought in."""

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from ninja import Router
from ninja.params.functions import Body, Header

from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.api import bodies
from conversa_calendar.api.auth import ApiRequest, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.domain import answers as mails
from conversa_calendar.domain import contentlines
from conversa_calendar.formats import answers, archiving, exporting, feeds, importing, tasks
from conversa_calendar.formats.models import Import, MailAnswer

router = Router(tags=["formats"])
Payload = dict[str, Any]
FIELDS = ("kind", "target", "details")
ACCOUNT = ("account.manage", Permission.ACCOUNT)
IN_EXPORTS = ("events.read", "bookings.read")
"""What a token has to be able to read whose exports hold it."""


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
    _needs_reading(request, "events.read")
    bodies.kinds(bodies.only(payload, FIELDS), kind=str, target=str, details=str)
    values = {"kind": bodies.text(payload, "kind"), "target": bodies.text(payload, "target")}
    feed, secret = feeds.create(caller.viewer, **values, details=payload.get("details") or "busy", token=caller.token)
    return 201, feeds.shown(feed, secret)


@router.post("/feeds/{uuid}/rotate", summary="A new address in place of the old one")
@scoped("feeds.manage", limit=Limit.REFUSED)
def rotate_feed(request: ApiRequest, uuid: str) -> Payload:
    changed, secret = feeds.rotate(request.caller.viewer, uuid)
    _needs_reading(request, "events.read")
    return feeds.shown(changed, secret)


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
    return {"items": [_import(found, request.caller.viewer) for found in importing.listed(request.caller.viewer)]}


@router.post("/imports", summary="Rehearse bringing an iCalendar file into a calendar")
@scoped("events.write", limit=Limit.CALENDARS)
def rehearse_import(request: ApiRequest, calendar: str = "", guests: str = "text", name: str = "") -> Payload:
    raw = request.read(contentlines.BYTES_MAX + 1)
    if len(raw) > contentlines.BYTES_MAX:
        raise Problem(413, "too_large", f"A file has at most {contentlines.BYTES_MAX // 1_000_000} MB.")
    found = importing.rehearse(request.caller.viewer, calendar, raw, name=name, guests=guests)
    return _with_rows(found, request.caller.viewer)


@router.get("/imports/{uuid}", summary="A file, and what becomes of each event in it")
@scoped("events.read", limit=Limit.CALENDARS)
def get_import(request: ApiRequest, uuid: str) -> Payload:
    return _with_rows(importing.one(request.caller.viewer, uuid), request.caller.viewer)


@router.post("/imports/{uuid}/apply", response={202: Payload}, summary="Bring a rehearsed file in")
@scoped("events.write", limit=Limit.CALENDARS)
def apply_import(request: ApiRequest, uuid: str) -> tuple[int, Payload]:
    return 202, _started(request, uuid, is_undo=False)


@router.post("/imports/{uuid}/undo", response={202: Payload}, summary="Take back what a file brought in")
@scoped("events.write", limit=Limit.CALENDARS)
def undo_import(request: ApiRequest, uuid: str) -> tuple[int, Payload]:
    return 202, _started(request, uuid, is_undo=True)


def _needs_reading(request: ApiRequest, *scopes: str) -> None:
    """An address and an export hold what they show, so a token that may not read that gets none."""
    for scope in scopes:
        if not request.auth.allows(scope):
            raise Problem(403, "scope_missing", f"This token lacks the scope {scope}.")


def _started(request: ApiRequest, uuid: str, *, is_undo: bool) -> Payload:
    found = importing.start(request.caller.viewer, uuid, is_undo=is_undo)
    tasks.bring_in.defer(account_id=found.account_id, import_id=found.pk)
    return _import(found, request.caller.viewer)


def _import(found: Import, viewer: Viewer) -> Payload:
    return {
        "id": str(found.uuid),
        "calendar": str(found.calendar.uuid),
        "member": str(found.member.uuid),
        "name": found.name,
        "guests": found.guests,
        "state": found.state,
        "counts": importing.counts(found),
        "mails": 0,
        "left_over": importing.left_over(viewer, found),
        "created_at": found.created_at,
        "finished_at": found.finished_at,
    }


def _with_rows(found: Import, viewer: Viewer) -> Payload:
    return _import(found, viewer) | {"items": importing.rows(viewer, found)}


@router.get("/exports", summary="What you took out of the account, for three days")
@scoped(*ACCOUNT, limit=Limit.REFUSED, is_module=False)
def list_exports(request: ApiRequest) -> Payload:
    return {"items": [archiving.shown(found) for found in archiving.listed(request.caller.viewer)]}


@router.post("/exports", response={202: Payload}, summary="Pack everything that the account holds, as you see it")
@scoped(*ACCOUNT, limit=Limit.REFUSED, is_module=False)
def add_export(request: ApiRequest) -> tuple[int, Payload]:
    _needs_reading(request, *IN_EXPORTS)
    found = archiving.start(request.caller.viewer)
    tasks.pack.defer(account_id=found.account_id, export_id=found.pk)
    return 202, archiving.shown(found)


@router.get("/exports/{uuid}", summary="How far an export is")
@scoped(*ACCOUNT, limit=Limit.REFUSED, is_module=False)
def get_export(request: ApiRequest, uuid: str) -> Payload:
    return archiving.shown(archiving.one(request.caller.viewer, uuid))


@router.get("/exports/{uuid}/file", summary="The zip of an export")
@scoped(*ACCOUNT, limit=Limit.REFUSED, is_module=False)
def export_file(request: ApiRequest, uuid: str) -> StreamingHttpResponse:
    _needs_reading(request, *IN_EXPORTS)
    found = archiving.ready(request.caller.viewer, uuid)
    return StreamingHttpResponse(archiving.file(found), content_type="application/zip")


@router.post("/mail", summary="Hand over a mail in which a guest may have answered")
@scoped("mail.receive", Permission.ACCOUNT, limit=Limit.REFUSED)
def receive_mail(request: ApiRequest) -> Payload:
    raw = request.read(mails.BYTES_MAX + 1)
    if len(raw) > mails.BYTES_MAX:
        raise Problem(413, "too_large", f"A mail has at most {mails.BYTES_MAX // 1_000_000} MB.")
    return {"items": [_mail_answer(found) for found in answers.receive(request.caller.account_id, raw)]}


@router.get("/events/{uuid}/proposals", summary="Other times that guests proposed by mail")
@scoped("events.read", limit=Limit.CALENDARS)
def list_proposals(request: ApiRequest, uuid: str) -> Payload:
    viewer = request.caller.viewer
    event, _calendar, _level = selectors.event(viewer, uuid)
    return {"items": [answers.shown(found) for found in answers.proposals(viewer, event)]}


@router.post("/events/{uuid}/proposals/{proposal}", summary="Take a proposed time, or dismiss it")
@scoped("events.write", limit=Limit.CALENDARS)
def decide_proposal(request: ApiRequest, uuid: str, proposal: str, payload: Payload = Body(...)) -> Payload:
    selectors.event(request.caller.viewer, uuid)  # what one may not know of is unknown, whatever is asked of it
    bodies.kinds(bodies.only(payload, ("action", "notify")), action=str, notify=str)
    action = bodies.text(payload, "action")
    if action not in {"accept", "dismiss"}:
        raise bodies.invalid("action", "The action is accept or dismiss.")
    notify = payload.get("notify") or "none"
    found = answers.decide(request.caller.viewer, uuid, proposal, is_accepted=action == "accept", notify=notify)
    return answers.shown(found)


def _mail_answer(found: MailAnswer) -> Payload:
    return {
        "uid": found.uid,
        "method": found.method,
        "outcome": found.outcome,
        "reason": found.reason,
        "detail": answers.reason_in_words(found.reason),
        "event": str(found.event.uuid) if found.event is not None else None,
    }
