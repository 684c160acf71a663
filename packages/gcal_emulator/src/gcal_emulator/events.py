"""Writing events: insert, import, update, patch, delete, move, with recurrence, guests' copies, mails and stamps."""

import base64
import re

from gcal_emulator import bodies, conferences, copies, errors, exceptions, finding, moments, push
from gcal_emulator.bodies import Body, Params
from gcal_emulator.world import Calendar, Event, World

_WRITER_ROLES = ("writer", "owner", "writerWithoutPrivateAccess")


def insert(
    world: World, calendar: Calendar, actor: str, body: Body, params: Params, *, is_trusted: bool = False
) -> Event:
    """Creates an event as the API does; a trusted body may name an id that only Google gives. Raises GoogleError (400,
    403, 409)."""
    needs_writer(world, calendar, actor)
    bodies.refuse_guests_of_robots(actor, body)
    event_id = body.get("id") or world.new_id(26)
    if body.get("id") and not is_trusted and not re.fullmatch(r"[a-v0-9]{5,1024}", event_id):
        raise errors.invalid("Invalid resource id value.")
    uid = body.get("iCalUID") or f"{event_id}@google.com"
    if event_id in calendar.events or (body.get("iCalUID") and uid in calendar.uids):
        raise errors.GoogleError(409, "duplicate", "The requested identifier already exists.")
    data = bodies.checked(world, calendar, bodies.labelled(body, params, {}), params)
    data |= {"iCalUID": uid, "creator": {"email": actor}, "organizer": {"email": calendar.id}, "sequence": 0}
    event = Event(event_id, data, world.clock.stamp_us(), family=event_id)
    _store_private(world, event, actor, body)
    conferences.apply(world, event, body, params, {})
    _normalise_organizer(calendar, event)
    calendar.store(event)
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
    data = bodies.checked(world, calendar, body, Params())
    data |= {"iCalUID": uid, "creator": {"email": actor}, "organizer": {"email": organizer}, "sequence": 0}
    if organizer != calendar.id:
        data["privateCopy"] = True
    known = calendar.uids.get(uid)
    if known and calendar.events[known].is_cancelled and world.behaviours.import_deleted == "refuse":
        raise errors.GoogleError(409, "duplicate", "The requested identifier already exists.")
    occurrence = _imported_occurrence(world, calendar, body, known)
    if occurrence is not None:
        event = occurrence
        event.data = data | {name: event.data[name] for name in ("recurringEventId", "originalStartTime")}
        event.data.pop("recurrence", None)
        event.overridden |= set(bodies.WRITABLE)
        calendar.store(event)
    elif known:
        event = calendar.events[known]
        event.data = data
    else:
        encoded = base64.b32hexencode(uid.encode()).decode().lower().rstrip("=")
        event = Event(f"_{encoded}", data, world.clock.stamp_us(), family=f"_{encoded}")
        calendar.store(event)
    _store_private(world, event, actor, body)
    world.touch_family(calendar, event)
    push.changed(world, f"events:{calendar.id}")
    return event


def _imported_occurrence(world: World, calendar: Calendar, body: Body, known: str | None) -> Event | None:
    """The occurrence that an import names by its original start, of the series with the same iCalUID."""
    series = calendar.events.get(known or "")
    if series is None or not series.is_master or series.is_cancelled or not body.get("originalStartTime"):
        return None
    original = moments.parse(body["originalStartTime"], "original start")
    try:
        return finding.find(world, calendar, f"{series.id}_{moments.suffix(original)}")
    except errors.GoogleError:
        raise errors.invalid("Invalid original start time.") from None


def update(world: World, calendar: Calendar, actor: str, event_id: str, body: Body, params: Params) -> Event:
    """PUT: the whole resource; what is absent is cleared."""
    event = _writable(world, calendar, actor, event_id, params)
    before = dict(event.data)
    bodies.refuse_guests_of_robots(actor, body)
    bodies.refuse_foreign_permissions(calendar, event, body, is_put=True)
    kept_names = set(event.data) - set(bodies.WRITABLE)
    kept = {name: event.data[name] for name in kept_names}
    kept["sequence"] = event.data.get("sequence", 0)
    is_echoed = bool(body.get("conferenceData")) and not conferences.is_ready(body["conferenceData"])
    if params.conference_version == 0 or is_echoed or world.behaviours.put_conference == "keep":
        kept |= {n: event.data[n] for n in ("conferenceData", "hangoutLink") if n in event.data}
    if not params.supports_attachments and "attachments" in event.data:
        kept["attachments"] = event.data["attachments"]
    data = kept | bodies.checked(world, calendar, bodies.labelled(body, params, event.data), params, event)
    return _write(world, calendar, actor, event, data, body, params, before)


def patch(world: World, calendar: Calendar, actor: str, event_id: str, body: Body, params: Params) -> Event:
    """PATCH: objects merge, arrays replace, null deletes."""
    event = _writable(world, calendar, actor, event_id, params)
    before = dict(event.data)
    bodies.refuse_guests_of_robots(actor, body)
    bodies.refuse_foreign_permissions(calendar, event, body, is_put=False)
    wire = {name: value for name, value in event.data.items() if name in bodies.WRITABLE}
    for name in ("start", "end"):
        wire[name] = moments.render(event.data[name], event.data[name].get("zone") or calendar.time_zone)
    if body.get("attendeesOmitted"):
        body = body | {"attendees": _own_response_only(calendar, event, body)}
    if isinstance(body.get("reminders"), dict):
        body = body | {"reminders": bodies.merge(event.reminders.get(actor) or {"useDefault": True}, body["reminders"])}
    bodies.check_reminders(body.get("reminders"))
    honoured = {n: v for n, v in body.items() if n in bodies.WRITABLE}
    if params.conference_version == 0:
        honoured.pop("conferenceData", None)
    if params.label_version:
        honoured |= {"eventLabelId": body.get("eventLabelId") or None}
    honoured.pop("colorId" if params.label_version else "eventLabelId", None)
    merged = bodies.merge(wire, honoured)
    kept = {name: value for name, value in event.data.items() if name not in bodies.WRITABLE}
    if body.get("conferenceData", ...) is None and params.conference_version:
        merged.pop("hangoutLink", None)
    data = kept | bodies.checked(world, calendar, merged, params, event, is_merged=True)
    data |= {name: event.data[name] for name in ("start", "end") if name not in honoured and not body.get("recurrence")}
    return _write(world, calendar, actor, event, data, body, params, before)


def delete(world: World, calendar: Calendar, actor: str, event_id: str, params: Params) -> None:
    """Cancels an event, an occurrence, or this guest's copy. Raises 404, 410, 412."""
    needs_writer(world, calendar, actor)
    event = finding.find(world, calendar, event_id)
    check_etag(event, params.if_match)
    if event.is_cancelled:
        raise errors.GoogleError(410, "deleted", "Resource has been deleted")
    before = dict(event.data)
    event.data = event.data | {"status": "cancelled"}
    if event.is_exception:
        calendar.store(event)
    if event.is_master:
        calendar.drop_exceptions(event)
    organizer = (event.data.get("organizer") or {}).get("email")
    if organizer and organizer != calendar.id:
        copies.answer(world, calendar, event, "declined")
    commit(world, calendar, event, actor, params, before=before, is_deletion=True)


def move(world: World, calendar: Calendar, target: Calendar, actor: str, event_id: str, params: Params) -> Event:
    """Changes the organizer to another calendar; a stub stays behind."""
    needs_writer(world, calendar, actor)
    needs_writer(world, target, actor)
    event = finding.find(world, calendar, event_id)
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
        target.store(moved)
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
        copies.send_off(world, calendar.id, event.id, was)
    if is_organizer:
        copies.mail(world, calendar, event, actor, params, before, is_deletion)


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
    copies.arrive(world)
    conferences.settle(world)


def _writable(world: World, calendar: Calendar, actor: str, event_id: str, params: Params) -> Event:
    needs_writer(world, calendar, actor)
    event = finding.find(world, calendar, event_id)
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
        if world.behaviours.restored_series == "whole" and event.is_master:
            for exception in event.dropped:
                calendar.store(exception)
    if data.get("status") == "cancelled" and before.get("status") != "cancelled" and not event.is_exception:
        delete(world, calendar, actor, event.id, params)
        return event
    is_moved = any(data.get(name) != before.get(name) for name in ("start", "end"))
    shared_change = {name for name in bodies.WRITABLE if data.get(name) != before.get(name)}
    allowed = bodies.EDITABLE.get(data.get("eventType", "default"))
    if allowed is not None and shared_change - allowed:
        raise errors.GoogleError(400, "eventTypeRestriction", "This cannot be changed on events of this type.")
    if is_moved:
        data["sequence"] = max(data["sequence"], before.get("sequence", 0) + 1)
    event.data = data
    event.overridden |= shared_change
    reminders_changed = _store_private(world, event, actor, body)
    conferences.apply(world, event, body, params, before)
    _normalise_organizer(calendar, event)
    calendar.store(event)
    if event.is_master:
        exceptions.flow(world, calendar, event, before, shared_change)
    elif before.get("recurrence"):
        calendar.drop_exceptions(event)
    is_quiet = not shared_change and reminders_changed and not world.behaviours.reminders_change_etag
    is_colour = bool(shared_change) and shared_change <= {"colorId", "eventLabelId"} and not reminders_changed
    if is_quiet or (is_colour and not world.behaviours.color_changes_etag):
        event.encoded.clear()
        return event
    commit(world, calendar, event, actor, params, before, is_content=bool(shared_change) or not reminders_changed)
    copies.respond_back(world, calendar, event, before)
    return event


def _store_private(world: World, event: Event, actor: str, body: Body) -> bool:
    """Keeps reminders for the acting user only; answers whether they changed."""
    if "reminders" not in body:
        return False
    given = body["reminders"] or {"useDefault": True}
    kept: Body = {"useDefault": bool(given.get("useDefault"))}
    if overrides := bodies.sent_overrides(given):
        kept["overrides"] = [{"method": o["method"], "minutes": int(o["minutes"])} for o in overrides]
    is_changed = event.reminders.get(actor) != kept
    event.reminders[actor] = kept
    return is_changed


def _normalise_organizer(calendar: Calendar, event: Event) -> None:
    organizer = event.data["organizer"]["email"]
    for row in event.data.get("attendees") or []:
        if row["email"] == organizer and organizer == calendar.id and row["responseStatus"] == "needsAction":
            row["responseStatus"] = "accepted"


def _own_response_only(calendar: Calendar, event: Event, body: Body) -> list[Body]:
    own = {guest["email"].lower(): guest for guest in body.get("attendees") or [] if guest.get("email")}
    return [row | own.get(row["email"], {}) for row in event.data.get("attendees") or []]
