"""A world as a file that people write: clients, accounts, calendars with their events, loaded whole or not at all."""

from typing import Any

from gcal_emulator import bodies, deeds, events, finding, moments, state
from gcal_emulator.world import Calendar, Client, Event, World


def load(world: World, given: dict[str, Any]) -> None:
    """Builds a world from its JSON form (the file of `--world`). With the member `state`, which `dump` adds, it is
    restored exactly; without, built anew. Raises ValueError, KeyError, TypeError or GoogleError and leaves the world as
    it was."""
    if given.get("state"):
        state.restored(world, given["state"])
        return
    fresh = World(world.clock, world.seed, world.given)
    for item in given.get("clients") or []:
        uris = list(item.get("redirect_uris") or [])
        fresh.clients[item["id"]] = Client(item["id"], item["secret"], uris, item.get("project", "demo-project"))
    for item in given.get("accounts") or []:
        account = fresh.add_account(
            item["email"], item.get("name", ""), item.get("time_zone", "UTC"), item.get("sub", "")
        )
        account.settings = dict(item.get("settings") or {})
    for item in given.get("calendars") or []:
        _load_calendar(fresh, item)
    fresh.mails.clear()
    fresh.notifications.clear()
    kept = {"journal", "journal_seq", "snapshots_of_worlds", "lock"}
    vars(world).update({name: value for name, value in vars(fresh).items() if name not in kept})


def dump(world: World) -> dict[str, Any]:
    """The JSON form of the present world: what people read and edit, and the exact state beside it."""
    return {
        "clients": [
            {"id": c.id, "secret": c.secret, "redirect_uris": c.redirect_uris, "project": c.project}
            for c in world.clients.values()
        ],
        "accounts": [
            {"email": a.email, "name": a.name, "time_zone": a.time_zone, "sub": a.sub, "settings": a.settings}
            for a in world.accounts.values()
        ],
        "calendars": [_dumped_calendar(c) for c in world.calendars.values() if not c.is_deleted],
        "state": state.saved(world),
    }


def _dumped_calendar(calendar: Calendar) -> dict[str, Any]:
    shown = [event for event in calendar.events.values() if not event.is_stub]
    kept = [event for event in shown if event.is_exception or not event.is_cancelled]
    return {
        "id": calendar.id,
        "summary": calendar.summary,
        "description": calendar.description,
        "location": calendar.location,
        "owner": calendar.owner,
        "time_zone": calendar.time_zone,
        "push_supported": calendar.push_supported,
        "acl": [{"email": email, "role": role} for email, role in calendar.acl.items()],
        "events": [_dumped_event(calendar, event) for event in sorted(kept, key=lambda event: event.is_exception)],
    }


def _dumped_event(calendar: Calendar, event: Event) -> dict[str, Any]:
    body = deeds.wire(event, calendar) | {"id": event.id}
    if event.is_exception:
        original = event.data["originalStartTime"]
        body["originalStartTime"] = moments.render(original, original.get("zone") or calendar.time_zone)
    else:
        body |= {"iCalUID": event.data["iCalUID"]}
    organizer = event.data.get("organizer") or {}
    if organizer.get("email") != calendar.id:
        body["organizer"] = organizer
    if calendar.owner in event.reminders:
        body["reminders"] = event.reminders[calendar.owner]
    return body


def _load_calendar(world: World, item: dict[str, Any]) -> None:
    calendar = world.calendars.get(item["id"]) or world.add_calendar(
        item["id"], item.get("summary", item["id"]), item.get("owner", ""), item.get("time_zone", "UTC")
    )
    calendar.summary = item.get("summary", calendar.summary)
    calendar.description, calendar.location = item.get("description", ""), item.get("location", "")
    calendar.push_supported = item.get("push_supported", True)
    moments.zone(calendar.time_zone)
    for rule in item.get("acl") or []:
        world.share(calendar, rule["email"], rule["role"])
    for body in item.get("events") or []:
        _load_event(world, calendar, body)


def _load_event(world: World, calendar: Calendar, body: dict[str, Any]) -> None:
    """An event, or a changed or cancelled occurrence of one that stands before it."""
    actor = calendar.owner if calendar.owner in world.accounts else next(iter(world.accounts), "")
    if not actor:
        raise ValueError("events need an account")
    if not body.get("recurringEventId") and body.get("id") in calendar.events:
        return  # a guest's copy that came with its organizer's event
    granted = calendar.acl.get(actor)
    calendar.acl[actor] = "owner"
    params = bodies.Params({"conferenceDataVersion": "1", "supportsAttachments": "true"})
    try:
        if not body.get("recurringEventId"):
            _load_whole(world, calendar, actor, body, params)
        elif body.get("status") == "cancelled":
            events.delete(world, calendar, actor, body["id"], bodies.Params())
        else:
            left = {"recurringEventId", "recurrence", "originalStartTime", "organizer", "eventType"}
            events.patch(world, calendar, actor, body["id"], {n: v for n, v in body.items() if n not in left}, params)
    finally:
        if granted is None:
            del calendar.acl[actor]
        else:
            calendar.acl[actor] = granted


def _load_whole(world: World, calendar: Calendar, actor: str, body: dict[str, Any], params: bodies.Params) -> None:
    event = events.insert(world, calendar, actor, body, params, is_trusted=True)
    event.family = finding.base_of(event.id)
    calendar.store(event)
    if body.get("organizer", {}).get("email"):
        event.data["organizer"] = dict(body["organizer"])
        event.encoded.clear()
