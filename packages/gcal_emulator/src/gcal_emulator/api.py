"""Calendar API v3 over HTTP: the routes of events, and the assembly of all others."""

from flask import Blueprint, Response, g, request

from gcal_emulator import calendars, calls, errors, events, finding, listing, push, quick_add, shapes, sharing
from gcal_emulator.world import World

_READ_EVENTS = ("calendar", "calendar.readonly", "calendar.events", "calendar.events.readonly", "calendar.app.created")
_WRITE_EVENTS = ("calendar", "calendar.events", "calendar.app.created")
_READ_LIST = ("calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly")
_FREEBUSY = ("calendar", "calendar.readonly", "calendar.freebusy", "calendar.events.freebusy")
_SETTINGS = ("calendar", "calendar.readonly", "calendar.settings.readonly")
_ACL = ("calendar", "calendar.acls")
_STOP = tuple({*_READ_EVENTS, *_READ_LIST, *_SETTINGS, *_ACL})


def blueprint(world: World) -> Blueprint:
    """The routes of Calendar API v3 for one world."""
    api = Blueprint("api", __name__, url_prefix=calls.BASE)
    calendars.add_list_routes(api, world)
    calendars.add_calendar_routes(api, world)
    calendars.add_removal_routes(api, world)
    calendars.add_color_routes(api)
    _add_event_reads(api, world)
    _add_event_inserts(api, world)
    _add_event_changes(api, world)
    sharing.add_acl_routes(api, world)
    sharing.add_settings_routes(api, world)

    @api.post("/channels/stop")
    def stop_channel() -> Response:
        calls.allow("Channels.Stop", _STOP)
        push.stop(world, g.token.email, g.token.client_id, calls.body(shapes.CHANNEL))
        return Response(status=204)

    return api


def _add_event_reads(api: Blueprint, world: World) -> None:
    """Events listed, read and watched, and free/busy."""

    @api.get("/calendars/<path:calendar_id>/events")
    def list_events(calendar_id: str) -> Response:
        calls.allow("Events.List", (*_READ_EVENTS, "calendar.events.freebusy"))
        query = listing.Query(request.args.to_dict(flat=False))
        calendar = calls.calendar_of(world, calendar_id)
        return calls.raw(listing.listed(world, calendar, g.token.email, query, g.effect))

    @api.get("/calendars/<path:calendar_id>/events/<event_id>")
    def get_event(calendar_id: str, event_id: str) -> Response:
        calls.allow("Events.Get", (*_READ_EVENTS, "calendar.events.freebusy"))
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(world, calendar, finding.find(world, calendar, event_id))

    @api.get("/calendars/<path:calendar_id>/events/<event_id>/instances")
    def list_instances(calendar_id: str, event_id: str) -> Response:
        calls.allow("Events.Instances", (*_READ_EVENTS, "calendar.events.freebusy"))
        query = listing.Query(request.args.to_dict(flat=False))
        return calls.raw(
            listing.instances(world, calls.calendar_of(world, calendar_id), g.token.email, event_id, query)
        )

    @api.post("/calendars/<path:calendar_id>/events/watch")
    def watch_events(calendar_id: str) -> Response:
        calls.allow("Events.Watch", (*_READ_EVENTS, "calendar.events.freebusy"))
        calendar = calls.calendar_of(world, calendar_id)
        uri = f"https://www.googleapis.com{calls.BASE}/calendars/{calendar_id}/events?alt=json"
        answer = push.watch(
            world,
            g.token.email,
            g.token.client_id,
            f"events:{calendar.id}",
            uri,
            calls.body(shapes.CHANNEL),
            calendar.push_supported,
        )
        return calls.answer(answer)

    @api.post("/freeBusy")
    def free_busy() -> Response:
        calls.allow("Freebusy.Query", _FREEBUSY)
        return calls.answer(listing.free_busy(world, g.token.email, calls.body(shapes.FREE_BUSY)))


def _add_event_inserts(api: Blueprint, world: World) -> None:
    """Events made: inserted, imported, out of one line of text."""

    @api.post("/calendars/<path:calendar_id>/events")
    def insert_event(calendar_id: str) -> Response:
        calls.allow("Events.Insert", _WRITE_EVENTS)
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(
            world, calendar, events.insert(world, calendar, g.token.email, calls.body(shapes.EVENT), calls.params())
        )

    @api.post("/calendars/<path:calendar_id>/events/import")
    def import_event(calendar_id: str) -> Response:
        calls.allow("Events.Import", _WRITE_EVENTS)
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(
            world, calendar, events.import_event(world, calendar, g.token.email, calls.body(shapes.EVENT))
        )

    @api.post("/calendars/<path:calendar_id>/events/quickAdd")
    def quick_add_event(calendar_id: str) -> Response:
        calls.allow("Events.QuickAdd", _WRITE_EVENTS)
        calendar = calls.calendar_of(world, calendar_id)
        text = request.args.get("text") or ""
        if not text:
            raise errors.required("Required")
        body = quick_add.parse(text, world.clock.now(), calendar.time_zone)
        return calls.shown(world, calendar, events.insert(world, calendar, g.token.email, body, calls.params()))


def _add_event_changes(api: Blueprint, world: World) -> None:
    """Events changed, moved and deleted."""

    @api.route("/calendars/<path:calendar_id>/events/<event_id>", methods=["PUT"])
    def update_event(calendar_id: str, event_id: str) -> Response:
        calls.allow("Events.Update", _WRITE_EVENTS)
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(
            world,
            calendar,
            events.update(world, calendar, g.token.email, event_id, calls.body(shapes.EVENT), calls.params()),
        )

    @api.route("/calendars/<path:calendar_id>/events/<event_id>", methods=["PATCH"])
    def patch_event(calendar_id: str, event_id: str) -> Response:
        calls.allow("Events.Patch", _WRITE_EVENTS)
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(
            world,
            calendar,
            events.patch(world, calendar, g.token.email, event_id, calls.body(shapes.EVENT), calls.params()),
        )

    @api.delete("/calendars/<path:calendar_id>/events/<event_id>")
    def delete_event(calendar_id: str, event_id: str) -> Response:
        calls.allow("Events.Delete", _WRITE_EVENTS)
        events.delete(world, calls.calendar_of(world, calendar_id), g.token.email, event_id, calls.params())
        return Response(status=204)

    @api.post("/calendars/<path:calendar_id>/events/<event_id>/move")
    def move_event(calendar_id: str, event_id: str) -> Response:
        calls.allow("Events.Move", _WRITE_EVENTS[:2])
        calendar, target = (
            calls.calendar_of(world, calendar_id),
            calls.calendar_of(world, request.args.get("destination") or ""),
        )
        return calls.shown(world, target, events.move(world, calendar, target, g.token.email, event_id, calls.params()))
