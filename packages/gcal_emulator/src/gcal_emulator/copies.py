"""Guests: copies of an event in their calendars, their answers on the way back, and the mails that are sent."""

from typing import Any

from gcal_emulator import bodies, errors, exceptions, finding, push
from gcal_emulator.bodies import Body, Params
from gcal_emulator.world import Calendar, Event, World


def send_off(world: World, calendar_id: str, event_id: str, what: Any) -> None:
    if not world.behaviours.propagate_attendees:
        return
    world.travelling.append((world.clock.now_s() + world.behaviours.propagation_delay_s, calendar_id, event_id, what))
    arrive(world)


def arrive(world: World) -> None:
    now = world.clock.now_s()
    while any(due <= now for due, *_rest in world.travelling):
        at = next(n for n, item in enumerate(world.travelling) if item[0] <= now)
        _due, calendar_id, event_id, what = world.travelling.pop(at)
        calendar = world.calendars[calendar_id]
        try:
            event = finding.find(world, calendar, event_id)
        except errors.GoogleError:
            continue
        if isinstance(what, tuple):
            _take_answer(world, calendar, event, *what)
        else:
            _propagate(world, calendar, event, set(what or ()), is_answer=what is None)


def _propagate(world: World, calendar: Calendar, event: Event, was: set[str], *, is_answer: bool) -> None:
    """Brings the organizer's shared fields to the primary calendars of invited accounts, same id and iCalUID. A copy
    that its guest deleted stays deleted, or returns with the organizer's next change where the switch says so."""
    now = {row["email"] for row in event.data.get("attendees") or []}
    for email in sorted(now | was):
        target = world.calendars.get(email)
        if target is None or email not in world.accounts or target.id == calendar.id:
            continue
        if _has_deleted(target, event) and (is_answer or world.behaviours.deleted_copy == "stays"):
            continue
        _copy_to(world, target, event, is_invited=email in now)


def _has_deleted(target: Calendar, event: Event) -> bool:
    """Whether a guest deleted the own copy, which counts as declining."""
    copied = target.events.get(event.id)
    rows = event.data.get("attendees") or []
    has_declined = any(row["email"] == target.id and row["responseStatus"] == "declined" for row in rows)
    return copied is not None and copied.is_cancelled and has_declined and not event.is_cancelled


def _copy_to(world: World, target: Calendar, event: Event, is_invited: bool) -> None:
    copied = target.events.get(event.id)
    if copied is None and not is_invited:
        return
    shared = {name: event.data[name] for name in bodies.SHARED if name in event.data}
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
    before, copied.data = copied.data, data
    target.store(copied)
    if copied.is_cancelled and copied.is_master:
        target.drop_exceptions(copied)
    elif copied.is_master and before.get("recurrence"):
        exceptions.flow(world, target, copied, before, set())  # the organizer's changed occurrences travel themselves
    world.touch_family(target, copied)
    push.changed(world, f"events:{target.id}")


def respond_back(world: World, calendar: Calendar, event: Event, before: Body) -> None:
    """A guest's own answer travels to the organizer and from there to everyone."""
    own = next((row for row in event.data.get("attendees") or [] if row["email"] == calendar.id), None)
    was = next((row for row in before.get("attendees") or [] if row["email"] == calendar.id), None)
    if (
        own
        and event.data["organizer"]["email"] != calendar.id
        and (was or {}).get("responseStatus") != own["responseStatus"]
    ):
        answer(world, calendar, event, own["responseStatus"])


def answer(world: World, calendar: Calendar, event: Event, response: str) -> None:
    home = event.data["organizer"]["email"]
    if home in world.calendars:
        send_off(world, home, event.id, (calendar.id, response))


def _take_answer(world: World, home: Calendar, original: Event, guest: str, response: str) -> None:
    rows = [dict(row) for row in original.data.get("attendees") or []]
    for row in rows:
        if row["email"] == guest:
            row["responseStatus"] = response
    original.data = original.data | {"attendees": rows}
    home.store(original)
    world.touch_family(home, original)
    push.changed(world, f"events:{home.id}")
    send_off(world, home.id, original.id, None)


def mail(
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
