"""Writing events: insert, import, update, patch, delete, move, with recurrence, guests' copies, mails and stamps."""

import base64
import copy
import re
from datetime import datetime, timedelta
from typing import Any

from gcal_emulator import errors, moments, push
from gcal_emulator.world import Calendar, Event, World

Body = dict[str, Any]

SHARED = (
    "summary",
    "description",
    "location",
    "start",
    "end",
    "recurrence",
    "attendees",
    "status",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "conferenceData",
    "hangoutLink",
    "visibility",
    "attachments",
    "sequence",
    "source",
)
"""Fields that travel from the organizer's copy to the guests'."""

WRITABLE = (
    *SHARED,
    "colorId",
    "eventLabelId",
    "transparency",
    "extendedProperties",
    "anyoneCanAddSelf",
    "birthdayProperties",
    "focusTimeProperties",
    "outOfOfficeProperties",
    "workingLocationProperties",
)
_TYPES = ("default", "birthday", "focusTime", "fromGmail", "outOfOffice", "workingLocation")
_EDITABLE = {
    "birthday": {"colorId", "eventLabelId", "summary", "start", "end", "sequence", "extendedProperties"},
    "fromGmail": {"colorId", "eventLabelId", "visibility", "transparency", "status", "attendees", "extendedProperties"},
}
"""What may change on events of types that are Google's own; everything on all others."""
_WRITER_ROLES = ("writer", "owner", "writerWithoutPrivateAccess")


class Params:
    """The query parameters that writes understand."""

    def __init__(self, query: dict[str, str] | None = None, if_match: str = "") -> None:
        query = query or {}
        legacy = "all" if query.get("sendNotifications") == "true" else "none"
        self.send_updates = query.get("sendUpdates") or legacy
        if self.send_updates not in {"all", "externalOnly", "none"}:
            raise errors.GoogleError(400, "invalidParameter", "Invalid value for sendUpdates", location="sendUpdates")
        self.conference_version = _version(query, "conferenceDataVersion")
        self.supports_attachments = query.get("supportsAttachments") == "true"
        self.label_version = _version(query, "eventLabelVersion")
        self.if_match = if_match


def _version(query: dict[str, str], name: str) -> int:
    if query.get(name) not in {None, "", "0", "1"}:
        raise errors.GoogleError(400, "invalidParameter", f"Invalid value for {name}", location=name)
    return int(query.get(name) or 0)


def find(world: World, calendar: Calendar, event_id: str) -> Event:
    """The stored event, or the untouched instance that an id such as `<master>_20260301T120000Z` names (not stored
    yet). Raises 404."""
    event = calendar.events.get(event_id)
    if event is not None:
        return event
    if any(one.data.get("recurringEventId") == event_id for one in calendar.events.values()):
        raise errors.forbidden() if world.behaviours.orphan_master_status == 403 else errors.not_found()
    matched = re.fullmatch(r"(.+)_(\d{8}(?:T\d{6}Z)?)", event_id)
    if matched is None:
        raise errors.not_found()
    for master in _masters_named(world, calendar, matched.group(1)):
        original = _original(master, matched.group(2))
        lines, skipped = master.data["recurrence"], world.behaviours.skipped_hour
        if original is not None and moments.is_instance(master.data["start"], lines, original, skipped):
            found = instance(world, master, original)
            return calendar.events.get(found.id, found)
    raise errors.not_found()


def _masters_named(world: World, calendar: Calendar, name: str) -> list[Event]:
    """The living series of this id; where instances bear the base's name, also those that continue it."""
    master = calendar.events.get(name)
    if master is None:
        return []
    if world.behaviours.split_instance_ids == "own":
        return [master] if master.is_master and not master.is_cancelled else []
    return [m for m in (master, *calendar.family_of(master)) if m.is_master and not m.is_cancelled]


def instance(world: World, master: Event, original: moments.When) -> Event:
    """One occurrence of a series as an event of its own."""
    name = master.id
    if world.behaviours.split_instance_ids == "base":
        name = re.sub(r"_R\d{8}(T\d{6})?$", "", master.id)
    length = moments.instant(master.data["end"]) - moments.instant(master.data["start"])
    data = {name: value for name, value in master.data.items() if name != "recurrence"}
    data |= {
        "recurringEventId": master.id,
        "originalStartTime": original,
        "start": original,
        "end": moments.shift(original, length),
    }
    event = Event(f"{name}_{moments.suffix(original)}", data, master.created_us, master.updated_us)
    event.stamp_us, event.family = master.stamp_us, master.family or master.id
    event.reminders = dict(master.reminders)
    return event


def insert(world: World, calendar: Calendar, actor: str, body: Body, params: Params) -> Event:
    """Creates an event as the API does. Raises GoogleError (400, 403, 409)."""
    needs_writer(world, calendar, actor)
    _refuse_guests_of_robots(actor, body)
    event_id = body.get("id") or world.new_id(26)
    if body.get("id") and not re.fullmatch(r"[a-v0-9]{5,1024}", event_id):
        raise errors.invalid("Invalid resource id value.")
    uid = body.get("iCalUID") or f"{event_id}@google.com"
    if event_id in calendar.events or (body.get("iCalUID") and uid in calendar.uids):
        raise errors.GoogleError(409, "duplicate", "The requested identifier already exists.")
    data = _checked(world, calendar, _labelled(body, params, {}), params)
    data |= {"iCalUID": uid, "creator": {"email": actor}, "organizer": {"email": calendar.id}, "sequence": 0}
    event = Event(event_id, data, world.clock.stamp_us(), family=event_id)
    _store_private(world, event, actor, body)
    _apply_conference(world, event, body, params)
    _normalise_organizer(calendar, event)
    _store(calendar, event)
    commit(world, calendar, event, actor, params, before=None)
    return event


def import_event(world: World, calendar: Calendar, actor: str, body: Body) -> Event:
    """Creates or replaces a private copy by iCalUID, mailing nobody. Raises GoogleError."""
    needs_writer(world, calendar, actor)
    uid = body.get("iCalUID")
    if not uid:
        raise errors.required("Required")
    if body.get("eventType", "default") != "default":
        raise errors.GoogleError(400, "eventTypeRestriction", "Only default events can be imported.")
    organizer = (body.get("organizer") or {}).get("email") or calendar.id
    guests = {guest.get("email") for guest in body.get("attendees") or []}
    if calendar.id not in {organizer, *guests}:
        raise errors.GoogleError(
            400,
            "participantIsNeitherOrganizerNorAttendee",
            "The owner of the calendar must either be the organizer or an attendee of an event that is imported.",
        )
    data = _checked(world, calendar, body, Params())
    data |= {"iCalUID": uid, "creator": {"email": actor}, "organizer": {"email": organizer}, "sequence": 0}
    if organizer != calendar.id:
        data["privateCopy"] = True
    known = calendar.uids.get(uid)
    if known and calendar.events[known].is_cancelled and world.behaviours.import_deleted == "refuse":
        raise errors.GoogleError(409, "duplicate", "The requested identifier already exists.")
    if known:
        event = calendar.events[known]
        event.data = data
    else:
        encoded = base64.b32hexencode(uid.encode()).decode().lower().rstrip("=")
        event = Event(f"_{encoded}", data, world.clock.stamp_us(), family=f"_{encoded}")
        _store(calendar, event)
    _store_private(world, event, actor, body)
    world.touch_family(calendar, event)
    push.changed(world, f"events:{calendar.id}")
    return event


def update(world: World, calendar: Calendar, actor: str, event_id: str, body: Body, params: Params) -> Event:
    """PUT: the whole resource; what is absent is cleared."""
    event = _writable(world, calendar, actor, event_id, params)
    before = dict(event.data)
    _refuse_guests_of_robots(actor, body)
    _refuse_foreign_permissions(calendar, event, body, is_put=True)
    kept_names = set(event.data) - set(WRITABLE)
    kept = {name: event.data[name] for name in kept_names}
    kept["sequence"] = event.data.get("sequence", 0)
    is_echoed = bool(body.get("conferenceData"))
    if params.conference_version == 0 or is_echoed or world.behaviours.put_conference == "keep":
        kept |= {n: event.data[n] for n in ("conferenceData", "hangoutLink") if n in event.data}
    if not params.supports_attachments and "attachments" in event.data:
        kept["attachments"] = event.data["attachments"]
    data = kept | _checked(world, calendar, _labelled(body, params, event.data), params, event)
    return _write(world, calendar, actor, event, data, body, params, before)


def patch(world: World, calendar: Calendar, actor: str, event_id: str, body: Body, params: Params) -> Event:
    """PATCH: objects merge, arrays replace, null deletes."""
    event = _writable(world, calendar, actor, event_id, params)
    before = dict(event.data)
    _refuse_guests_of_robots(actor, body)
    _refuse_foreign_permissions(calendar, event, body, is_put=False)
    wire = {name: value for name, value in event.data.items() if name in WRITABLE}
    for name in ("start", "end"):
        wire[name] = moments.render(event.data[name], event.data[name].get("zone") or calendar.time_zone)
    if body.get("attendeesOmitted"):
        body = body | {"attendees": _own_response_only(calendar, event, body)}
    if isinstance(body.get("reminders"), dict):
        body = body | {"reminders": _merge(event.reminders.get(actor) or {"useDefault": True}, body["reminders"])}
    _check_reminders(body.get("reminders"))
    honoured = {n: v for n, v in body.items() if n in WRITABLE}
    if params.conference_version == 0:
        honoured.pop("conferenceData", None)
    if params.label_version:
        honoured |= {"eventLabelId": body.get("eventLabelId") or None}
    honoured.pop("colorId" if params.label_version else "eventLabelId", None)
    merged = _merge(wire, honoured)
    kept = {name: value for name, value in event.data.items() if name not in WRITABLE}
    if body.get("conferenceData", ...) is None and params.conference_version:
        merged.pop("hangoutLink", None)
    data = kept | _checked(world, calendar, merged, params, event, is_merged=True)
    data |= {name: event.data[name] for name in ("start", "end") if name not in honoured and not body.get("recurrence")}
    return _write(world, calendar, actor, event, data, body, params, before)


def delete(world: World, calendar: Calendar, actor: str, event_id: str, params: Params) -> None:
    """Cancels an event, an occurrence, or this guest's copy. Raises 404, 410, 412."""
    needs_writer(world, calendar, actor)
    event = find(world, calendar, event_id)
    check_etag(event, params.if_match)
    if event.is_cancelled:
        raise errors.GoogleError(410, "deleted", "Resource has been deleted")
    before = dict(event.data)
    event.data = event.data | {"status": "cancelled"}
    if event.is_exception:
        _store(calendar, event)
    if event.is_master:
        _drop_exceptions(calendar, event)
    organizer = (event.data.get("organizer") or {}).get("email")
    if organizer and organizer != calendar.id:
        _answer(world, calendar, event, "declined")
    commit(world, calendar, event, actor, params, before=before, is_deletion=True)


def move(world: World, calendar: Calendar, target: Calendar, actor: str, event_id: str, params: Params) -> Event:
    """Changes the organizer to another calendar; a stub stays behind."""
    needs_writer(world, calendar, actor)
    needs_writer(world, target, actor)
    event = find(world, calendar, event_id)
    if event.is_exception:
        raise errors.GoogleError(400, "cannotChangeOrganizerOfInstance", "Cannot change the organizer of an instance.")
    if event.is_cancelled:
        raise errors.GoogleError(410, "deleted", "Resource has been deleted")
    if event.data.get("eventType", "default") != "default" or event.data["organizer"]["email"] != calendar.id:
        raise errors.GoogleError(400, "cannotChangeOrganizer", "Cannot change the organizer of this event.")
    if target.id == calendar.id:
        return event
    family = [m for m in calendar.events.values() if m.data.get("recurringEventId") == event.id]
    for member in [event, *family]:
        moved = Event(member.id, member.data | {"organizer": {"email": target.id}}, member.created_us, family=event.id)
        moved.reminders, moved.overridden = dict(member.reminders), set(member.overridden)
        moved.conference_due = member.conference_due
        world.pending_conferences.add((target.id, moved.id))
        _store(target, moved)
        if member is event:
            member.data = member.data | {"status": "cancelled"}
            member.is_stub = True
        else:
            calendar.events.pop(member.id, None)
            calendar.changes.pop(member.id, None)
    world.touch_family(target, target.events[event.id])
    world.touch(calendar, event)
    push.changed(world, f"events:{calendar.id}")
    push.changed(world, f"events:{target.id}")
    return target.events[event.id]


def commit(
    world: World,
    calendar: Calendar,
    event: Event,
    actor: str,
    params: Params,
    before: Body | None,
    is_deletion: bool = False,
    is_content: bool = True,
) -> None:
    """Stamps a written event and its series, updates guests' copies, mails whom the caller chose, notifies channels."""
    world.touch_family(calendar, event, is_content=is_content)
    push.changed(world, f"events:{calendar.id}")
    if not is_content:
        return
    is_organizer = (event.data.get("organizer") or {}).get("email") == calendar.id
    if is_organizer:
        was = sorted(row["email"] for row in (before or {}).get("attendees") or [])
        _send_off(world, calendar.id, event.id, was)
    if is_organizer:
        _mail(world, calendar, event, actor, params, before, is_deletion)


def _refuse_guests_of_robots(actor: str, body: Body) -> None:
    if body.get("attendees") and actor.endswith("gserviceaccount.com"):
        words = "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority."
        raise errors.GoogleError(403, "forbiddenForServiceAccounts", words, domain="calendar")


def needs_writer(world: World, calendar: Calendar, actor: str) -> None:
    role = world.role_of(actor, calendar)
    if role == "none":
        raise errors.not_found()
    if role not in _WRITER_ROLES:
        raise errors.needs_writer()


def check_etag(event: Event, if_match: str) -> None:
    if if_match and if_match != "*" and if_match != f'"{event.stamp_us * 2}"':
        raise errors.GoogleError(
            412, "conditionNotMet", "Precondition Failed", location="If-Match", location_type="header"
        )


def settle(world: World) -> None:
    """What takes its time: Meet links that were pending become real ones, changes arrive at guests' copies or back."""
    _arrive(world)
    _settle_conferences(world)


def _send_off(world: World, calendar_id: str, event_id: str, what: Any) -> None:
    if not world.behaviours.propagate_attendees:
        return
    world.travelling.append((world.clock.now_s() + world.behaviours.propagation_delay_s, calendar_id, event_id, what))
    _arrive(world)


def _arrive(world: World) -> None:
    now = world.clock.now_s()
    while any(due <= now for due, *_rest in world.travelling):
        at = next(n for n, item in enumerate(world.travelling) if item[0] <= now)
        _due, calendar_id, event_id, what = world.travelling.pop(at)
        calendar = world.calendars[calendar_id]
        try:
            event = find(world, calendar, event_id)
        except errors.GoogleError:
            continue
        if isinstance(what, tuple):
            _take_answer(world, calendar, event, *what)
        else:
            _propagate(world, calendar, event, set(what))


def _settle_conferences(world: World) -> None:
    now = world.clock.now_s()
    for calendar_id, event_id in sorted(world.pending_conferences):
        calendar = world.calendars[calendar_id]
        event = calendar.events.get(event_id)
        if event is None or event.conference_due is None:
            world.pending_conferences.discard((calendar_id, event_id))
        elif event.conference_due <= now:
            event.conference_due = None
            _finish_conference(world, event)
            world.touch_family(calendar, event)
            push.changed(world, f"events:{calendar.id}")
            _send_off(world, calendar.id, event.id, [])


def _writable(world: World, calendar: Calendar, actor: str, event_id: str, params: Params) -> Event:
    needs_writer(world, calendar, actor)
    event = find(world, calendar, event_id)
    check_etag(event, params.if_match)
    role = world.role_of(actor, calendar)
    if role == "writerWithoutPrivateAccess" and event.data.get("visibility") in {"private", "confidential"}:
        raise errors.forbidden()
    return event


def _write(
    world: World, calendar: Calendar, actor: str, event: Event, data: Body, body: Body, params: Params, before: Body
) -> Event:
    if before.get("status") == "cancelled" and data.get("status") != "cancelled":
        if world.behaviours.restore_deleted == "refuse" or event.is_stub:
            raise errors.forbidden()
    if data.get("status") == "cancelled" and before.get("status") != "cancelled" and not event.is_exception:
        delete(world, calendar, actor, event.id, params)
        return event
    is_timing = any(data.get(name) != before.get(name) for name in ("start", "end", "recurrence"))
    shared_change = {name for name in WRITABLE if data.get(name) != before.get(name)}
    allowed = _EDITABLE.get(data.get("eventType", "default"))
    if allowed is not None and shared_change - allowed:
        raise errors.GoogleError(400, "eventTypeRestriction", "This cannot be changed on events of this type.")
    if is_timing:
        data["sequence"] = before.get("sequence", 0) + 1
    event.data = data
    event.overridden |= shared_change
    reminders_changed = _store_private(world, event, actor, body)
    _apply_conference(world, event, body, params)
    _normalise_organizer(calendar, event)
    _store(calendar, event)
    if event.is_master:
        _flow_to_exceptions(world, calendar, event, before, shared_change)
    elif before.get("recurrence"):
        _drop_exceptions(calendar, event)
    is_quiet = not shared_change and reminders_changed and not world.behaviours.reminders_change_etag
    is_colour = bool(shared_change) and shared_change <= {"colorId", "eventLabelId"} and not reminders_changed
    if is_quiet or (is_colour and not world.behaviours.color_changes_etag):
        event.encoded.clear()
        return event
    commit(world, calendar, event, actor, params, before, is_content=bool(shared_change) or not reminders_changed)
    _respond_back(world, calendar, event, before)
    return event


def _checked(
    world: World, calendar: Calendar, body: Body, params: Params, known: Event | None = None, is_merged: bool = False
) -> Body:
    """The body's writable fields in stored form, or the refusal that Google would give."""
    data = {name: body[name] for name in WRITABLE if body.get(name) not in (None, [], {}) or body.get(name) is False}
    recurrence = body.get("recurrence") or []
    if known is not None and known.is_exception and recurrence:
        recurrence = []
    moments.check_recurrence(recurrence)
    if "end" not in body:
        raise errors.required("Missing end time.")
    needs_zone = bool(recurrence)
    end = moments.parse(body.get("end"), "end", needs_zone)
    start = moments.parse(body.get("start"), "start", needs_zone)
    moments.check_pair(start, end)
    data |= {"start": start, "end": end}
    data.pop("recurrence", None)
    if recurrence:
        data["recurrence"] = list(recurrence)
    data["status"] = body.get("status") or "confirmed"
    _check_enums(data)
    data["attendees"] = [_attendee(guest, known, calendar) for guest in body.get("attendees") or []]
    if len(data["attendees"]) > 200 and world.behaviours.many_guests == "refuse":
        raise errors.invalid("Too many attendees.")
    if not data["attendees"]:
        del data["attendees"]
    if not params.supports_attachments and not is_merged:
        data.pop("attachments", None)
    if len(data.get("attachments") or []) > 25:
        raise errors.invalid("Too many attachments.")
    if "extendedProperties" in data:
        data["extendedProperties"] = _properties(data["extendedProperties"])
    for volatile in ("conferenceData", "hangoutLink"):
        if not is_merged:
            data.pop(volatile, None)
    kind = (known.data.get("eventType") if known else None) or body.get("eventType") or "default"
    _check_type(kind, data, calendar, known)
    data["eventType"] = kind
    _check_reminders(body.get("reminders"))
    data.pop("sequence", None)
    if known is not None:
        data["sequence"] = max(known.data.get("sequence", 0), body.get("sequence") or 0)
    return data


def _check_enums(data: Body) -> None:
    allowed = {
        "status": {"confirmed", "tentative", "cancelled"},
        "transparency": {"opaque", "transparent"},
        "visibility": {"default", "public", "private", "confidential"},
    }
    for name, values in allowed.items():
        if name in data and data[name] not in values:
            raise errors.invalid("Invalid Value")
    for name, limit in (("summary", 1024), ("location", 1024), ("description", 8192)):
        if isinstance(data.get(name), str) and len(data[name]) > limit:
            raise errors.invalid("Invalid Value")


def _labelled(body: Body, params: Params, known: Body) -> Body:
    """A label counts at `eventLabelVersion` 1 only, a colour at 0 only; the other stays as it is known."""
    ignored = "colorId" if params.label_version else "eventLabelId"
    return {name: value for name, value in body.items() if name != ignored} | (
        {ignored: known[ignored]} if ignored in known else {}
    )


def _check_type(kind: str, data: Body, calendar: Calendar, known: Event | None) -> None:
    if kind not in _TYPES and known is None:
        raise errors.invalid("Invalid Value")
    if kind == "default":
        return
    if known is None and kind == "fromGmail":
        raise errors.GoogleError(400, "eventTypeRestriction", "Events of this type cannot be created.")
    if known is None and kind in {"focusTime", "outOfOffice", "workingLocation"} and not calendar.is_primary:
        raise errors.GoogleError(400, "eventTypeRestriction", "Only primary calendars hold events of this type.")
    if kind in {"focusTime", "outOfOffice"} and "date" in data["start"]:
        raise errors.GoogleError(400, "eventTypeRestriction", "Events of this type cannot be all-day.")
    if kind in {"focusTime", "outOfOffice", "workingLocation"} and f"{kind}Properties" not in data:
        raise errors.required(f"Missing {kind}Properties.")
    is_long = "date" in data["start"] and moments.instant(data["end"]) - moments.instant(data["start"]) > timedelta(
        days=1
    )
    if kind == "workingLocation" and is_long:
        raise errors.GoogleError(400, "malformedWorkingLocationEvent", "A working location lasts one day.")
    if kind == "birthday" and (is_long or "date" not in data["start"] or not _is_yearly(data)):
        raise errors.GoogleError(400, "eventTypeRestriction", "A birthday is one day of every year.")
    if kind == "birthday":
        data |= {"visibility": "private", "transparency": "transparent"}
    if kind == "workingLocation":
        data |= {"visibility": "public", "transparency": "transparent"}


def _is_yearly(data: Body) -> bool:
    lines = {line.upper() for line in data.get("recurrence") or []}
    return lines in ({"RRULE:FREQ=YEARLY"}, {"RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"})


def _check_reminders(reminders: Body | None) -> None:
    if not reminders:
        return
    overrides = reminders.get("overrides") or []
    if overrides and reminders.get("useDefault"):
        raise errors.GoogleError(
            400, "cannotUseDefaultRemindersAndSpecifyOverride", "Cannot specify both default and overrides."
        )
    if len(overrides) > 5:
        raise errors.invalid("Too many override reminders.")
    for override in overrides:
        if "minutes" not in override:
            raise errors.required("Missing override reminder minutes")
        if not 0 <= int(override["minutes"]) <= 40320 or override.get("method") not in {"email", "popup"}:
            raise errors.invalid("Invalid Value")


def _attendee(guest: Body, known: Event | None, calendar: Calendar) -> Body:
    email = guest.get("email")
    if not email:
        raise errors.required("Missing attendee email.")
    if "@" not in email:
        raise errors.invalid("Invalid attendee email.")
    was = next((row for row in (known.data.get("attendees") or []) if row["email"] == email), None) if known else None
    row = {n: guest[n] for n in ("displayName", "optional", "resource", "comment", "additionalGuests") if guest.get(n)}
    response = guest.get("responseStatus") or "needsAction"
    if known is not None and known.data.get("privateCopy") and email != calendar.id and was:
        response = was.get("responseStatus", "needsAction")
    return {"email": email.lower(), "responseStatus": response} | row


def _properties(properties: Body) -> Body:
    """What Google keeps: names of 44 characters, values cut at 1024, 300 pairs and 32 kB over both kinds."""
    kept: Body = {"private": {}, "shared": {}}
    count = size = 0
    for kind, values in kept.items():
        for name, given in (properties.get(kind) or {}).items():
            value = str(given)[:1024]
            if given is None or len(name) > 44 or count == 300 or size + len(name) + len(value) > 32 * 1024:
                continue
            values[name] = value
            count, size = count + 1, size + len(name) + len(value)
    return {kind: values for kind, values in kept.items() if values}


def _merge(target: Body, change: Body) -> Body:
    merged = dict(target)
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merge(merged[name], value)
        else:
            merged[name] = value
    return merged


def _store(calendar: Calendar, event: Event) -> None:
    calendar.events[event.id] = event
    calendar.families.setdefault(event.family or event.id, set()).add(event.id)
    if not event.is_exception:
        calendar.uids[event.data["iCalUID"]] = event.id


def _store_private(world: World, event: Event, actor: str, body: Body) -> bool:
    """Keeps reminders for the acting user only; answers whether they changed."""
    if "reminders" not in body:
        return False
    given = body["reminders"] or {"useDefault": True}
    kept: Body = {"useDefault": bool(given.get("useDefault"))}
    if given.get("overrides"):
        kept["overrides"] = [{"method": o["method"], "minutes": int(o["minutes"])} for o in given["overrides"]]
    is_changed = event.reminders.get(actor) != kept
    event.reminders[actor] = kept
    return is_changed


def _apply_conference(world: World, event: Event, body: Body, params: Params) -> None:
    request = (body.get("conferenceData") or {}).get("createRequest") if params.conference_version else None
    if not request:
        return
    kind = (request.get("conferenceSolutionKey") or {}).get("type", "hangoutsMeet")
    if kind != "hangoutsMeet" or not request.get("requestId"):
        raise errors.invalid("Invalid conference type value.")
    known = (event.data.get("conferenceData") or {}).get("createRequest") or {}
    if known.get("requestId") == request["requestId"] and known.get("status"):
        return
    event.data["conferenceData"] = {
        "createRequest": {
            "requestId": request["requestId"],
            "conferenceSolutionKey": {"type": "hangoutsMeet"},
            "status": {"statusCode": "pending"},
        }
    }
    delay = world.behaviours.conference_delay_s
    if delay == 0:
        _finish_conference(world, event)
    elif delay > 0:
        event.conference_due = world.clock.now_s() + delay
        world.pending_conferences.add((event.data["organizer"]["email"], event.id))


def _finish_conference(world: World, event: Event) -> None:
    request = dict(event.data.get("conferenceData", {}).get("createRequest", {}))
    if world.behaviours.conference_fails:
        event.data = event.data | {"conferenceData": {"createRequest": request | {"status": {"statusCode": "failure"}}}}
        return
    letters = "abcdefghijklmnopqrstuvwxyz"
    code = "-".join(world.new_id(n, letters) for n in (3, 4, 3))
    uri = f"https://meet.google.com/{code}"
    event.data = event.data | {
        "hangoutLink": uri,
        "conferenceData": {
            "createRequest": request | {"status": {"statusCode": "success"}},
            "entryPoints": [{"entryPointType": "video", "uri": uri, "label": uri.removeprefix("https://")}],
            "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
            "conferenceId": code,
        },
    }


def _normalise_organizer(calendar: Calendar, event: Event) -> None:
    organizer = event.data["organizer"]["email"]
    for row in event.data.get("attendees") or []:
        if row["email"] == organizer and organizer == calendar.id and row["responseStatus"] == "needsAction":
            row["responseStatus"] = "accepted"


def _flow_to_exceptions(world: World, calendar: Calendar, master: Event, before: Body, changed: set[str]) -> None:
    """What an edit of a master does to its exceptions, as the behaviour switches say."""
    policy = world.behaviours.master_edit
    shared = changed - {"start", "end", "recurrence", "status"}
    is_moved = any(master.data.get(n) != before.get(n) for n in ("start", "recurrence"))
    for exception in [e for e in calendar.events.values() if e.data.get("recurringEventId") == master.id]:
        if policy != "keep":
            for name in shared:
                if policy == "overwrite" or name not in exception.overridden:
                    exception.data = {n: v for n, v in exception.data.items() if n != name}
                    if name in master.data:
                        exception.data[name] = master.data[name]
        if is_moved:
            _move_exception(world, calendar, master, exception, before)


def _move_exception(world: World, calendar: Calendar, master: Event, exception: Event, before: Body) -> None:
    original = exception.data["originalStartTime"]
    skipped = world.behaviours.skipped_hour
    fits = moments.is_instance(master.data["start"], master.data["recurrence"], original, skipped)
    if not fits and exception.is_cancelled:
        exception.is_stub = True
    policy = world.behaviours.master_move
    if policy == "drop" and not fits and not exception.is_cancelled:
        exception.data = exception.data | {"status": "cancelled"}
        exception.is_stub = True
    if policy == "shift" and "date" not in original and "date" not in master.data["start"]:
        by = moments.instant(master.data["start"]) - moments.instant(before["start"])
        if by and abs(by) < timedelta(days=1):
            shifted = copy.deepcopy(exception)
            shifted.data["originalStartTime"] = moments.shift(original, by)
            shifted.id = f"{master.id}_{moments.suffix(shifted.data['originalStartTime'])}"
            exception.data = exception.data | {"status": "cancelled"}
            exception.is_stub = True
            _store(calendar, shifted)


def _drop_exceptions(calendar: Calendar, master: Event) -> None:
    for name in [e.id for e in calendar.events.values() if e.data.get("recurringEventId") == master.id]:
        calendar.events.pop(name, None)
        calendar.changes.pop(name, None)


def _refuse_foreign_permissions(calendar: Calendar, event: Event, body: Body, is_put: bool) -> None:
    if event.data["organizer"]["email"] == calendar.id or event.data.get("guestsCanModify"):
        return
    defaults = {"guestsCanInviteOthers": True, "guestsCanModify": False, "guestsCanSeeOtherGuests": True}
    for name, default in defaults.items():
        if name not in body and not is_put:
            continue
        if body.get(name, default) != event.data.get(name, default):
            raise errors.GoogleError(
                403,
                "forbiddenForNonOrganizer",
                "Shared properties can only be changed by the organizer of the event.",
                domain="calendar",
            )


def _own_response_only(calendar: Calendar, event: Event, body: Body) -> list[Body]:
    own = {guest["email"].lower(): guest for guest in body.get("attendees") or [] if guest.get("email")}
    return [row | own.get(row["email"], {}) for row in event.data.get("attendees") or []]


def _propagate(world: World, calendar: Calendar, event: Event, was: set[str]) -> None:
    """Brings the organizer's shared fields to the primary calendars of invited accounts, same id and iCalUID."""
    now = {row["email"] for row in event.data.get("attendees") or []}
    for email in sorted(now | was):
        target = world.calendars.get(email)
        if target is None or email not in world.accounts or target.id == calendar.id:
            continue
        _copy_to(world, target, event, is_invited=email in now)


def _copy_to(world: World, target: Calendar, event: Event, is_invited: bool) -> None:
    copied = target.events.get(event.id)
    if copied is None and not is_invited:
        return
    shared = {name: event.data[name] for name in SHARED if name in event.data}
    fixed_names = ("iCalUID", "organizer", "creator", "recurringEventId", "originalStartTime", "eventType")
    fixed = {name: event.data[name] for name in fixed_names if name in event.data}
    shared_properties = (event.data.get("extendedProperties") or {}).get("shared")
    if copied is None:
        copied = Event(event.id, {}, world.clock.stamp_us(), family=event.family)
    own = {n: copied.data[n] for n in ("colorId", "transparency") if n in copied.data}
    private = (copied.data.get("extendedProperties") or {}).get("private")
    properties = {k: v for k, v in (("private", private), ("shared", shared_properties)) if v}
    data = shared | fixed | own | ({"extendedProperties": properties} if properties else {})
    if not is_invited:
        data["status"] = "cancelled"
    if data == copied.data and target.events.get(event.id) is copied:
        return
    copied.data = data
    _store(target, copied)
    if copied.is_cancelled and copied.is_master:
        _drop_exceptions(target, copied)
    world.touch_family(target, copied)
    push.changed(world, f"events:{target.id}")


def _respond_back(world: World, calendar: Calendar, event: Event, before: Body) -> None:
    """A guest's own answer travels to the organizer and from there to everyone."""
    own = next((row for row in event.data.get("attendees") or [] if row["email"] == calendar.id), None)
    was = next((row for row in before.get("attendees") or [] if row["email"] == calendar.id), None)
    if (
        own
        and event.data["organizer"]["email"] != calendar.id
        and (was or {}).get("responseStatus") != own["responseStatus"]
    ):
        _answer(world, calendar, event, own["responseStatus"])


def _answer(world: World, calendar: Calendar, event: Event, response: str) -> None:
    home = event.data["organizer"]["email"]
    if home in world.calendars:
        _send_off(world, home, event.id, (calendar.id, response))


def _take_answer(world: World, home: Calendar, original: Event, guest: str, response: str) -> None:
    rows = [dict(row) for row in original.data.get("attendees") or []]
    for row in rows:
        if row["email"] == guest:
            row["responseStatus"] = response
    original.data = original.data | {"attendees": rows}
    _store(home, original)
    world.touch_family(home, original)
    push.changed(world, f"events:{home.id}")
    _send_off(world, home.id, original.id, [])


def _mail(
    world: World, calendar: Calendar, event: Event, actor: str, params: Params, before: Body | None, is_deletion: bool
) -> None:
    if params.send_updates == "none":
        return
    guests = {row["email"] for row in event.data.get("attendees") or []}
    gone = {row["email"] for row in (before or {}).get("attendees") or []} - guests
    kind = "cancellation" if is_deletion else "invitation" if before is None else "update"
    for email in sorted(guests | gone):
        if email == calendar.id or (params.send_updates == "externalOnly" and email in world.accounts):
            continue
        world.mails.append(
            {
                "seq": world.next_seq(),
                "time": world.now_text(),
                "from": actor,
                "to": email,
                "kind": "cancellation" if email in gone else kind,
                "calendar": calendar.id,
                "event": event.id,
                "summary": event.data.get("summary", ""),
            }
        )


def _original(master: Event, suffix: str) -> moments.When | None:
    try:
        if "T" in suffix:
            at = datetime.strptime(suffix, "%Y%m%dT%H%M%SZ")
            return {"at": f"{at.isoformat()}+00:00", "zone": master.data["start"].get("zone", "")}
        return {"date": datetime.strptime(suffix, "%Y%m%d").date().isoformat()}
    except ValueError:
        return None
