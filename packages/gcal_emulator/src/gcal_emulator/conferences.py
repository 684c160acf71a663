"""Meet links: asked for, pending, made or failed."""

from gcal_emulator import copies, errors, push, shapes
from gcal_emulator.bodies import Body, Params
from gcal_emulator.world import Event, World


def apply(world: World, event: Event, body: Body, params: Params, before: Body) -> None:
    """Asks for a link; a request with an id that the event had `before` is the same request."""
    given = body.get("conferenceData") if params.conference_version else None
    if not given:
        return
    request = given.get("createRequest")
    if not request:
        _copy(event, given, before)
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


def is_ready(given: Body) -> bool:
    """Whether conference data names a place to meet at, rather than asking for one."""
    return bool(given.get("entryPoints") and given.get("conferenceSolution")) and not given.get("createRequest")


def _copy(event: Event, given: Body, before: Body) -> None:
    """Keeps the data of a conference that exists already, as from another event or another service."""
    if not is_ready(given):
        if not before.get("conferenceData"):
            raise errors.invalid("Invalid conference data.", "conferenceData")
        return
    kind = (given["conferenceSolution"].get("key") or {}).get("type")
    if not kind or not all(entry.get("entryPointType") and entry.get("uri") for entry in given["entryPoints"]):
        raise errors.invalid("Invalid conference data.", "conferenceData")
    names = ("conferenceId", "conferenceSolution", "entryPoints", "notes", "parameters", "signature")
    event.data["conferenceData"] = shapes.without_nulls({name: given[name] for name in names if given.get(name)})
    video = next((entry["uri"] for entry in given["entryPoints"] if entry["entryPointType"] == "video"), "")
    event.data.pop("hangoutLink", None)
    if kind == "hangoutsMeet" and video:
        event.data["hangoutLink"] = video


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
