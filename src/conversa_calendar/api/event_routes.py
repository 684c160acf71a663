"""Events, history, trash."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from ninja import Router
from ninja.params.functions import Body, Header, Query

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api.auth import ApiRequest, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.calendars import (
    access,
    acts,
    finding,
    noticeboard,
    notices,
    occurrences,
    parsing,
    presenting,
    selectors,
)
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import times
from conversa_calendar.kit import reading
from conversa_calendar.sync.mirrors import retrying

router = Router(tags=["events"])
Payload = dict[str, Any]
PAGE = 500


@router.get("/events", summary="Occurrences in a range, or a search")
@scoped("events.read", limit=Limit.CALENDARS)
def list_events(
    request: ApiRequest,
    since: str = Query("", alias="from"),
    until: str = Query("", alias="to"),
    calendar: str = "",
    agent: str = "",
    team: str = "",
    inbox: str = "",
    q: str = "",
    reference: str = "",
    contact: str = "",
    changed_since: str = "",
    cursor: str = "",
    limit: int = Query(PAGE, ge=1, le=PAGE),
) -> Payload:
    viewer, wanted = request.caller.viewer, _wanted(q, reference, contact, changed_since)
    pairs = selectors.filtered(selectors.visible(viewer), agent=agent, team=team, inbox=inbox, only=calendar)
    levels = {found.pk: level for found, level in pairs}
    if not (wanted.is_any or since or until):
        return _found(viewer, pairs, wanted, cursor, limit)
    begin, end = _range(since, until)
    rows = selectors.between([found for found, _level in pairs], begin, end)
    if not wanted.is_any:
        kept = finding.among(wanted, [event.pk for event, _row in rows])
        rows = [row for row in rows if row[0].pk in kept and not _is_masked(row[0], viewer, levels)]
    after = _after(cursor)
    page = [row for row in rows if _position(row) > after][: limit + 1]
    items = [_occurrence(event, row, viewer, levels[event.calendar_id]) for event, row in page[:limit]]
    more = "|".join(map(str, _position(page[limit - 1]))) if len(page) > limit else None
    return {"items": items, "next_cursor": more}


@router.post("/events", response={201: Payload}, summary="Create an event")
@scoped("events.write", limit=Limit.CALENDARS)
def create_event(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    return 201, _create(request.caller.viewer, payload)


@router.get("/events/{uuid}", summary="One event")
@scoped("events.read", limit=Limit.CALENDARS)
def get_event(request: ApiRequest, response: HttpResponse, uuid: str) -> Payload:
    event, calendar, level = selectors.event(request.caller.viewer, uuid)
    response["ETag"] = event.etag
    return presenting.event(event, calendar, request.caller.viewer, level)


@router.patch("/events/{uuid}", summary="Change an event, one occurrence, this and following, or all")
@scoped("events.write", limit=Limit.CALENDARS)
def change_event(
    request: ApiRequest,
    uuid: str,
    payload: Payload = Body(...),
    scope: str = "",
    occurrence: str = "",
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    viewer = request.caller.viewer
    notify, part = str(payload.get("notify", "none")), _part(scope, occurrence)
    done = acts.change(viewer, uuid, _asked(payload), part=part, notify=notify, if_match=if_match)
    if isinstance(done, acts.Split):
        return {"event": _shown(done.event, viewer), "previous": str(done.previous.uuid)}
    return _shown(done, viewer)


@router.delete("/events/{uuid}", response={204: None}, summary="Delete an event, one occurrence, following, or all")
@scoped("events.write", limit=Limit.CALENDARS)
def delete_event(
    request: ApiRequest,
    uuid: str,
    scope: str = "",
    occurrence: str = "",
    notify: str = "none",
    if_match: str = Header("", alias="If-Match"),
) -> tuple[int, None]:
    part = _part(scope, occurrence)
    acts.remove(request.caller.viewer, uuid, part=part, notify=notify, if_match=if_match)
    return 204, None


@router.post("/events/{uuid}/respond", summary="Answer an invitation for its calendar")
@scoped("events.write", limit=Limit.CALENDARS)
def respond(
    request: ApiRequest, uuid: str, payload: Payload = Body(...), if_match: str = Header("", alias="If-Match")
) -> Payload:
    viewer, response = request.caller.viewer, str(payload.get("response", ""))
    event = acts.respond(viewer, uuid, response, comment=str(payload.get("comment", ""))[:1000], if_match=if_match)
    return _shown(event, viewer)


@router.get("/events/{uuid}/history", summary="Who changed what, on which side, and what sync did with it")
@scoped("events.read", limit=Limit.CALENDARS)
def event_history(request: ApiRequest, uuid: str) -> Payload:
    try:
        event, calendar, level = selectors.event(request.caller.viewer, uuid)
    except NotFound:
        event, calendar, level = selectors.event(request.caller.viewer, uuid, is_deleted=True)
    entries = selectors.history(request.caller.viewer, event, calendar, level)
    return {"items": [presenting.history_entry(entry) for entry in entries]}


@router.post("/events/{uuid}/history/{entry_id}/use", summary="Use a value that did not stand in a conflict instead")
@scoped("events.write", limit=Limit.CALENDARS)
def use_instead(request: ApiRequest, uuid: str, entry_id: int, if_match: str = Header("", alias="If-Match")) -> Payload:
    viewer = request.caller.viewer
    return _shown(acts.use_instead(viewer, uuid, entry_id, if_match=if_match), viewer)


@router.get("/notices", summary="Edits of the token's member that did not stand, latest first")
@scoped("events.read", limit=Limit.CALENDARS)
def list_notices(request: ApiRequest, unread: bool = False) -> Payload:
    found = noticeboard.listed(request.caller.viewer, is_unread_only=unread)
    return {"items": [_notice(one) for one in found], "next_cursor": None}


@router.post("/notices/{uuid}/read", response={204: None}, summary="Say that a notice was read")
@scoped("events.write", limit=Limit.CALENDARS)
def read_notice(request: ApiRequest, uuid: str) -> tuple[int, None]:
    found = next((one for one in noticeboard.listed(request.caller.viewer) if one.uuid == uuid), None)
    if found is None:
        raise NotFound
    notices.read(request.caller.member, found.uuid)
    return 204, None


@router.post("/events/{uuid}/sync/retry", summary="Try again what Google refused, and say what came of it")
@scoped("events.write", limit=Limit.CALENDARS, in_tenant=False)
def retry_event(
    request: ApiRequest,
    uuid: str,
    notify: str = "none",
    wait_s: float = Query(retrying.WAIT_S, ge=0, le=30),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    account_id, viewer = request.caller.account_id, request.caller.viewer
    with tenant(account_id):
        tried = acts.retry(viewer, uuid, notify=notify, if_match=if_match)
    retrying.wait(account_id, tried, wait_s)
    with tenant(account_id):
        event, calendar, level = selectors.event(viewer, uuid)
        shown = presenting.event(event, calendar, viewer, level)
        return shown | {"tried": {"state": shown["sync"]["state"], "message": retrying.outcome(event)}}


@router.get("/trash", summary="What was deleted within thirty days")
@scoped("events.read", limit=Limit.CALENDARS)
def list_trash(
    request: ApiRequest, cursor: str = "", limit: int = Query(selectors.TRASH_PAGE, ge=1, le=selectors.TRASH_PAGE)
) -> Payload:
    skip = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 9 else 0
    viewer = request.caller.viewer
    rows = selectors.trash(viewer, skip=skip, limit=limit + 1)
    items = [
        presenting.event(event, calendar, viewer, level)
        | {"deleted_at": event.deleted_at, "deleted_by": event.deleted_by}
        for event, calendar, level in rows[:limit]
    ]
    return {"items": items, "next_cursor": str(skip + limit) if len(rows) > limit else None}


@router.post("/trash/{uuid}/restore", summary="Bring a deleted event back")
@scoped("events.write", limit=Limit.CALENDARS)
def restore(request: ApiRequest, uuid: str, if_match: str = Header("", alias="If-Match")) -> Payload:
    viewer = request.caller.viewer
    return _shown(acts.restore(viewer, uuid, if_match=if_match), viewer)


def _create(viewer: access.Viewer, payload: Payload) -> Payload:
    event = acts.create(
        viewer,
        str(payload.get("calendar", "")),
        lambda calendar: parsing.new_content(payload, calendar),
        notify=str(payload.get("notify", "none")),
        references=parsing.references(payload),
    )
    return _shown(event, viewer)


def _asked(payload: Payload) -> acts.Asked:
    """What a body asks of an event."""
    body = {name: value for name, value in payload.items() if name not in {"notify", "calendar", "references"}}
    return acts.Asked(
        fields=frozenset(body),
        edit=(lambda _event, calendar: parsing.change(body, calendar)) if body else None,
        calendar=str(payload.get("calendar") or ""),
        references=parsing.references(payload) if "references" in payload else None,
    )


def _shown(event: Event, viewer: access.Viewer) -> Payload:
    found, calendar, level = selectors.event(viewer, event.uuid)
    return presenting.event(found, calendar, viewer, level)


def _occurrence(event: Event, row: selectors.Row, viewer: access.Viewer, level: str) -> Payload:
    key = row[1]
    content = occurrences.content_at(event.content, key) if key and event.is_series else event.content
    shown = presenting.event(event, event.calendar, viewer, level, content)
    return shown | {"occurrence": times.original_start(key) if key else None}


def _is_masked(event: Event, viewer: access.Viewer, levels: dict[int, str]) -> bool:
    return access.is_masked(event, event.calendar, viewer, levels[event.calendar_id])


def _wanted(text: str, reference: str, contact: str, changed_since: str) -> finding.Wanted:
    if reference and not all(reference.partition(":")):
        raise Invalid("reference", "A reference reads kind:id, such as conversation:42.")
    at = _time(changed_since, "changed_since") if changed_since else None
    return finding.Wanted(text=text, reference=reference, contact=contact, changed_since=at)


def _found(
    viewer: access.Viewer, pairs: list[tuple[Calendar, str]], wanted: finding.Wanted, cursor: str, limit: int
) -> Payload:
    """Events as they stand, whenever they are."""
    levels = {found.pk: level for found, level in pairs}
    try:
        events, following = finding.page(viewer, pairs, wanted, cursor, limit)
    except ValueError:
        raise Problem(422, "invalid", "This cursor is not one of ours.") from None
    items = [presenting.event(e, e.calendar, viewer, levels[e.calendar_id]) | {"occurrence": None} for e in events]
    return {"items": items, "next_cursor": following}


def _range(since: str, until: str) -> tuple[datetime, datetime]:
    begin, end = _time(since, "from"), _time(until, "to")
    if end <= begin:
        raise Invalid("to", "The end must come after the start.")
    if end - begin > selectors.RANGE_MAX:
        raise Invalid("to", f"A range has at most {selectors.RANGE_MAX.days} days.")
    return begin, end


def _time(text: str, field: str) -> datetime:
    try:
        at = times.read_time(text.replace(" ", "+"))
    except times.FarAway:
        raise Invalid(field, "The year must lie between 1900 and 2200.") from None
    except ValueError:
        raise Invalid(field, "This is not a date or time.") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC)


def _position(row: tuple[Event, selectors.Row]) -> tuple[str, int, str]:
    return (row[1][2].astimezone(UTC).isoformat(), row[1][0], row[1][1])


def _after(cursor: str) -> tuple[str, int, str]:
    if not cursor:
        return ("", 0, "")
    at, _, rest = cursor.partition("|")
    number, _, key = rest.partition("|")
    if (position := reading.whole(number)) is None:
        raise Problem(422, "invalid", "This cursor is not one of ours.")
    return (at.replace(" ", "+"), position, key)


def _part(scope: str, occurrence: str) -> acts.Part:
    try:
        return acts.Part(scope, times.key_of_original_start(occurrence.replace(" ", "+")) if occurrence else "")
    except ValueError:
        return acts.Part(scope)


def _notice(shown: noticeboard.Shown) -> Payload:
    return {
        "id": shown.uuid,
        "at": shown.at,
        "read": shown.is_read,
        "event": str(shown.event.uuid),
        "calendar": str(shown.event.calendar.uuid),
        "summary": shown.summary,
        "message": shown.says,
        "lost": shown.lost,
        "instead": shown.instead,
        "history": shown.entry.pk,
        "can": shown.can or None,
    }
