"""Calendar API v3 over HTTP: the routes of events, and the assembly of all others."""

from flask import Blueprint, Response, g, request

from gcal_emulator import (
    calendars,
    calls,
    errors,
    events,
    finding,
    free_busy,
    listing,
    push,
    queries,
    quick_add,
    sharing,
)
from gcal_emulator.world import World


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
        calls.allow("channels.stop")
        push.stop(world, g.token.email, g.token.client_id, calls.body("Channel"))
        return Response(status=204)

    return api


def _add_event_reads(api: Blueprint, world: World) -> None:
    """Events listed, read and watched, and free/busy."""

    @api.get("/calendars/<path:calendar_id>/events")
    def list_events(calendar_id: str) -> Response:
        calls.allow("events.list")
        query = queries.Query(request.args.to_dict(flat=False))
        calendar = calls.calendar_of(world, calendar_id)
        return calls.raw(listing.listed(world, calendar, g.token.email, query, g.effect))

    @api.get("/calendars/<path:calendar_id>/events/<event_id>")
    def get_event(calendar_id: str, event_id: str) -> Response:
        calls.allow("events.get")
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(world, calendar, finding.find(world, calendar, event_id))

    @api.get("/calendars/<path:calendar_id>/events/<event_id>/instances")
    def list_instances(calendar_id: str, event_id: str) -> Response:
        calls.allow("events.instances")
        query = queries.Query(request.args.to_dict(flat=False))
        return calls.raw(
            listing.instances(world, calls.calendar_of(world, calendar_id), g.token.email, event_id, query)
        )

    @api.post("/calendars/<path:calendar_id>/events/watch")
    def watch_events(calendar_id: str) -> Response:
        calls.allow("events.watch")
        calendar = calls.calendar_of(world, calendar_id)
        uri = f"https://www.googleapis.com{calls.BASE}/calendars/{calendar_id}/events?alt=json"
        answer = push.watch(
            world,
            g.token.email,
            g.token.client_id,
            f"events:{calendar.id}",
            uri,
            calls.body("Channel"),
            calendar.push_supported,
        )
        return calls.answer(answer)

    @api.post("/freeBusy")
    def query_free_busy() -> Response:
        calls.allow("freebusy.query")
        return calls.answer(free_busy.answer(world, g.token.email, calls.body("FreeBusyRequest")))


def _add_event_inserts(api: Blueprint, world: World) -> None:
    """Events made: inserted, imported, out of one line of text."""

    @api.post("/calendars/<path:calendar_id>/events")
    def insert_event(calendar_id: str) -> Response:
        calls.allow("events.insert")
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(
            world, calendar, events.insert(world, calendar, g.token.email, calls.body("Event"), calls.params())
        )

    @api.post("/calendars/<path:calendar_id>/events/import")
    def import_event(calendar_id: str) -> Response:
        calls.allow("events.import")
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(world, calendar, events.import_event(world, calendar, g.token.email, calls.body("Event")))

    @api.post("/calendars/<path:calendar_id>/events/quickAdd")
    def quick_add_event(calendar_id: str) -> Response:
        calls.allow("events.quickAdd")
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
        calls.allow("events.update")
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(
            world,
            calendar,
            events.update(world, calendar, g.token.email, event_id, calls.body("Event"), calls.params()),
        )

    @api.route("/calendars/<path:calendar_id>/events/<event_id>", methods=["PATCH"])
    def patch_event(calendar_id: str, event_id: str) -> Response:
        calls.allow("events.patch")
        calendar = calls.calendar_of(world, calendar_id)
        return calls.shown(
            world,
            calendar,
            events.patch(world, calendar, g.token.email, event_id, calls.body("Event"), calls.params()),
        )

    @api.delete("/calendars/<path:calendar_id>/events/<event_id>")
    def delete_event(calendar_id: str, event_id: str) -> Response:
        calls.allow("events.delete")
        events.delete(world, calls.calendar_of(world, calendar_id), g.token.email, event_id, calls.params())
        return Response(status=204)

    @api.post("/calendars/<path:calendar_id>/events/<event_id>/move")
    def move_event(calendar_id: str, event_id: str) -> Response:
        calls.allow("events.move")
        calendar, target = (
            calls.calendar_of(world, calendar_id),
            calls.calendar_of(world, request.args.get("destination") or ""),
        )
        return calls.shown(world, target, events.move(world, calendar, target, g.token.email, event_id, calls.params()))
