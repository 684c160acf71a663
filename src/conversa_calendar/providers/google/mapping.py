"""Between Google's event resource and ours.

Reading is lenient: absent means default, unknown strings are kept, Google's own conference block is cut out of
descriptions. Writing sends only the units that changed (patch semantics: objects merge, arrays replace, null deletes).
"""

import json
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from conversa_calendar.domain import recurrence, times
from conversa_calendar.domain.event import (
    Attachment,
    Attendee,
    Conference,
    Content,
    Facts,
    GuestsCan,
    Person,
    Reminder,
    Reminders,
)
from conversa_calendar.domain.times import Day, Moment, Timed
from conversa_calendar.providers.google import wire
from conversa_calendar.providers.protocol import RemoteEvent, Unreadable

TAG = "conversa.event"
REVISION = "conversa.rev"

_RULE_BEGIN, _RULE_END = "-::~:~::~", "::-"
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_SUFFIX = re.compile(r"_(\d{8}(?:T\d{6}Z)?)$")


def read(raw: bytes, calendar_zone: str) -> RemoteEvent | Unreadable:
    """One item of a listing. Never raises: what cannot be understood comes back as Unreadable. NUL, which no database
    keeps and nobody sees, is left out of every text."""
    raw = _NUL.sub(rb"\1", raw) if b"\\u0000" in raw else raw
    try:
        item = wire.event_decoder.decode(raw)
        return _read(item, raw, calendar_zone)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError, OverflowError) as error:
        name = _id_of(raw)
        series = _SUFFIX.sub("", name)
        return Unreadable(name, str(error)[:200], raw, series if series != name else "")


def content_of(raw: bytes, calendar_zone: str) -> Content | None:
    """The content of an item kept from before; None for a tombstone or an unreadable one."""
    event = read(raw, calendar_zone)
    return event.content if isinstance(event, RemoteEvent) else None


def body(content: Content, units: Iterable[str], *, is_create: bool = False) -> dict[str, Any]:
    """A request body with the named units only. Creating leaves out what is default."""
    sent: dict[str, Any] = {}
    for name in units:
        sent |= _WRITERS[name](content)
    if is_create:
        sent = {name: value for name, value in sent.items() if value not in (None, [], "")}
        for side in ("start", "end"):
            sent[side] = {name: value for name, value in sent[side].items() if value is not None}
    return sent


def tag(identity: str, revision: int) -> dict[str, Any]:
    """The private property by which an event of ours is recognised again."""
    return {"extendedProperties": {"private": {TAG: identity, REVISION: str(revision)}}}


def original_start(key: str, like: Moment) -> str:
    """An occurrence's key as `events.instances` wants it."""
    return times.original_start(key)


def _read(item: wire.Event, raw: bytes, calendar_zone: str) -> RemoteEvent:
    series_id, original_key = _place(item)
    private = item.extended_properties.private if item.extended_properties else None
    is_cancelled = item.status == "cancelled"
    has_body = item.start is not None and (item.start.date or item.start.date_time)
    return RemoteEvent(
        id=item.id,
        etag=item.etag,
        is_cancelled=is_cancelled,
        raw=raw,
        content=_content(item, calendar_zone) if has_body and not is_cancelled else None,
        facts=_facts(item),
        series_id=series_id,
        original_key=original_key,
        updated=item.updated or "",
        tag=(private or {}).get(TAG, ""),
        is_masked=_is_masked(item),
    )


def _place(item: wire.Event) -> tuple[str, str]:
    """The series and the occurrence's key; a bare tombstone of an occurrence is recognised by its id."""
    if item.recurring_event_id and item.original_start_time:
        return item.recurring_event_id, times.original_key(_moment(item.original_start_time, "UTC"))
    found = _SUFFIX.search(item.id)
    if found and item.status == "cancelled" and item.start is None:
        return item.id[: found.start()], found.group(1)
    return item.recurring_event_id or "", ""


def _is_masked(item: wire.Event) -> bool:
    """Whether Google shows when it is and nothing else, as for somebody else's private event, or for every event of a
    calendar whose sharing was reduced to free/busy. What exactly is left then is not documented (G open question 6)."""
    is_silent = item.summary is None and item.reminders is None
    return is_silent and (item.visibility in {"private", "confidential"} or item.organizer is None)


def _content(item: wire.Event, calendar_zone: str) -> Content:
    assert item.start is not None
    start = _moment(item.start, calendar_zone)
    if too_much := recurrence.excess(item.recurrence or ()):
        raise too_much
    end = _moment(item.end, calendar_zone) if item.end and (item.end.date or item.end.date_time) else start
    return Content(
        start=start,
        end=_tolerable(start, end),
        recurrence=item.recurrence or (),
        summary=item.summary or "",
        description=_without_conference_block(item.description or ""),
        location=item.location or "",
        status=item.status or "confirmed",
        transparency=item.transparency or "opaque",
        visibility=item.visibility or "default",
        color=item.color_id or "",
        reminders=_reminders(item.reminders),
        conference=_conference(item),
        guests_can=_guests_can(item),
        attendees=tuple(_attendee(guest) for guest in item.attendees or () if guest.email or guest.id),
    )


def _moment(value: wire.When, calendar_zone: str) -> Moment:
    if value.date:
        return Day(date.fromisoformat(value.date[:10]))
    at = datetime.fromisoformat(value.date_time or "")
    zone = value.time_zone or calendar_zone
    zone = times.zone_received(zone, at)
    if at.tzinfo is None:
        return Timed(at.replace(microsecond=0), zone)
    return times.timed(at, zone)


def _tolerable(start: Moment, end: Moment) -> Moment:
    """Reads may hold an end that is not after the start; a day then lasts one day, a time no time."""
    if type(start) is not type(end):
        end = start
    if isinstance(start, Day) and isinstance(end, Day) and end.date <= start.date:
        return Day(start.date + timedelta(days=1))
    if isinstance(start, Timed) and isinstance(end, Timed) and times.instant(end) < times.instant(start):
        return start
    return end


def _reminders(given: wire.Reminders | None) -> Reminders:
    if given is None:
        return Reminders()
    rows = sorted((Reminder(o.method, o.minutes) for o in given.overrides or ()), key=lambda r: (r.minutes, r.method))
    return Reminders(bool(given.use_default), tuple(rows))


def _conference(item: wire.Event) -> Conference:
    data = item.conference_data
    request = data.create_request if data else None
    request_id = (request.request_id if request else None) or ""
    uri = item.hangout_link or ""
    for point in (data.entry_points if data else None) or ():
        if point.entry_point_type == "video" and point.uri:
            uri = uri or point.uri
    if uri or (data and data.conference_id):
        return Conference("ready", uri, request_id)
    status = request.status.status_code if request and request.status else None
    if status == "failure":
        return Conference("failed", "", request_id)
    return Conference("pending", "", request_id) if request else Conference()


def _guests_can(item: wire.Event) -> GuestsCan:
    return GuestsCan(
        invite_others=item.guests_can_invite_others is not False,
        modify=item.guests_can_modify is True,
        see_others=item.guests_can_see_other_guests is not False,
    )


def _attendee(guest: wire.Attendee) -> Attendee:
    return Attendee(
        email=(guest.email or guest.id or "").lower(),
        name=guest.display_name or "",
        response=guest.response_status or "needsAction",
        optional=bool(guest.optional),
        resource=bool(guest.resource),
        organizer=bool(guest.organizer),
        self=bool(guest.self),
        comment=guest.comment or "",
        additional_guests=guest.additional_guests or 0,
    )


def _facts(item: wire.Event) -> Facts:
    organizer = item.organizer
    return Facts(
        ical_uid=item.ical_uid or "",
        event_type=item.event_type or "default",
        organizer=Person(organizer.email or "", organizer.display_name or "", bool(organizer.self))
        if organizer
        else None,
        attachments=tuple(
            Attachment(a.file_url or "", a.title or "", a.mime_type or "") for a in item.attachments or ()
        ),
        attendees_omitted=bool(item.attendees_omitted),
        html_link=item.html_link or "",
        is_locked=bool(item.locked),
        is_private_copy=bool(item.private_copy),
    )


def _without_conference_block(text: str) -> str:
    """Without what Google writes about the meeting, between two ruled lines. Strangers write this text: it is searched once
    from start to end, whatever it holds."""
    kept, at = "", 0
    while (first := _rule(text, at)) and (last := _rule(text, first[1])):
        kept += text[at : first[0]].rstrip("\n")
        at = last[1] + len(text[last[1] :]) - len(text[last[1] :].lstrip("\n"))
    return kept + text[at:]


def _rule(text: str, at: int) -> tuple[int, int] | None:
    """Where the next ruled line begins and ends."""
    while (begin := text.find(_RULE_BEGIN, at)) >= 0:
        line_end = text.find("\n", begin)
        line_end = len(text) if line_end < 0 else line_end
        end = text.find(_RULE_END, begin + len(_RULE_BEGIN), line_end)
        if end >= 0:
            return begin, end + len(_RULE_END)
        at = line_end
    return None


def _write_when(content: Content) -> dict[str, Any]:
    start, end = _write_moment(content.start), _write_moment(content.end)
    return {"start": start, "end": end, "recurrence": list(content.recurrence) or None}


def _write_moment(moment: Moment) -> dict[str, Any]:
    match moment:
        case Day():
            return {"date": moment.date.isoformat(), "dateTime": None, "timeZone": None}
        case Timed():
            at = moment.local.replace(tzinfo=times.zone_of(moment.zone), fold=moment.fold)
            zone = times.sendable_zone(moment.zone)
            return {"dateTime": at.isoformat(), "timeZone": zone, "date": None}


def _write_reminders(content: Content) -> dict[str, Any]:
    if content.reminders.use_default:
        return {"reminders": {"useDefault": True, "overrides": None}}
    rows = [{"method": r.method, "minutes": r.minutes} for r in content.reminders.overrides]
    return {"reminders": {"useDefault": False, "overrides": rows}}


def _write_conference(content: Content) -> dict[str, Any]:
    conference = content.conference
    if conference.state == "none":
        return {"conferenceData": None}
    if conference.state == "pending" and conference.request_id:
        key = {"type": "hangoutsMeet"}
        return {"conferenceData": {"createRequest": {"requestId": conference.request_id, "conferenceSolutionKey": key}}}
    return {}


def _write_guests_can(content: Content) -> dict[str, Any]:
    return {
        "guestsCanInviteOthers": content.guests_can.invite_others,
        "guestsCanModify": content.guests_can.modify,
        "guestsCanSeeOtherGuests": content.guests_can.see_others,
    }


def _write_attendees(content: Content) -> dict[str, Any]:
    return {"attendees": [_write_attendee(guest) for guest in content.attendees]}


def _write_attendee(guest: Attendee) -> dict[str, Any]:
    name = "email" if "@" in guest.email else "id"  # one that Google knows by a profile has no address
    row: dict[str, Any] = {name: guest.email, "responseStatus": guest.response}
    if guest.name:
        row["displayName"] = guest.name
    if guest.optional:
        row["optional"] = True
    if guest.resource:
        row["resource"] = True
    if guest.comment:
        row["comment"] = guest.comment
    if guest.additional_guests:
        row["additionalGuests"] = guest.additional_guests
    return row


_WRITERS = {
    "when": _write_when,
    "summary": lambda content: {"summary": content.summary},
    "description": lambda content: {"description": content.description},
    "location": lambda content: {"location": content.location},
    "status": lambda content: {"status": content.status},
    "transparency": lambda content: {"transparency": content.transparency},
    "visibility": lambda content: {"visibility": content.visibility},
    "color": lambda content: {"colorId": content.color or None},
    "reminders": _write_reminders,
    "conference": _write_conference,
    "guests_can": _write_guests_can,
    "attendees": _write_attendees,
}


def _id_of(raw: bytes) -> str:
    """The id of an item that could not be read, by a decoder that also takes half of a character."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    name = str(found.get("id", "")) if isinstance(found, dict) else ""
    return name.encode(errors="replace").decode()
