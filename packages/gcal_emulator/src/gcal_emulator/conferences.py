"""Meet links: asked for, pending, made or failed."""

from gcal_emulator import copies, errors, push
from gcal_emulator.bodies import Body, Params
from gcal_emulator.world import Event, World


def apply(world: World, event: Event, body: Body, params: Params, before: Body) -> None:
    """Asks for a link; a request with an id that the event had `before` is the same request."""
    request = (body.get("conferenceData") or {}).get("createRequest") if params.conference_version else None
    if not request:
        return
    kind = (request.get("conferenceSolutionKey") or {}).get("type", "hangoutsMeet")
    if kind != "hangoutsMeet" or not request.get("requestId"):
        raise errors.invalid("Invalid conference type value.")
    known = (before.get("conferenceData") or {}).get("createRequest") or {}
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


def settle(world: World) -> None:
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
            copies.send_off(world, calendar.id, event.id, [])


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
