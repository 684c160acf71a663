"""Events as the API and the pages show them (the `Event` of the stable interface), masked for the viewer."""

from typing import Any

from django.utils.translation import gettext as _

from conversa_calendar.calendars import access, schema
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts.rules import Act, authorise
from conversa_calendar.calendars.links import web_address
from conversa_calendar.calendars.models import Calendar, Event, History
from conversa_calendar.domain import times
from conversa_calendar.domain.event import Attendee, Content
from conversa_calendar.domain.times import Day, Moment


def event(
    shown: Event, calendar: Calendar, viewer: Viewer, level: str, content: Content | None = None
) -> dict[str, Any]:
    """The full event; `content` replaces it for one occurrence of a series."""
    content = content or shown.content
    if access.is_masked(shown, calendar, viewer, level):
        return _masked(shown, calendar, content)
    facts, (state, message) = shown.facts, shown.told
    refused = authorise(Act.CHANGE, viewer, shown, calendar, level)
    plain = {name: getattr(content, name) for name in schema.PLAIN}
    return (
        _frame(shown, calendar, content)
        | plain
        | {
            "recurrence": list(content.recurrence),
            "event_type": shown.event_type,
            "ical_uid": shown.uid,
            "attendees": [_attendee(guest) for guest in content.attendees],
            "organizer": _organizer(shown, calendar),
            "reminders": {
                "use_default": content.reminders.use_default,
                "overrides": [{"method": r.method, "minutes": r.minutes} for r in content.reminders.overrides],
            },
            "conference": {"state": content.conference.state, "uri": web_address(content.conference.uri)},
            "guests_can": {
                "invite_others": content.guests_can.invite_others,
                "modify": content.guests_can.modify,
                "see_others": content.guests_can.see_others,
            },
            "attachments": [
                {"url": web_address(a.url), "title": a.title, "mime_type": a.mime_type} for a in facts.attachments
            ],
            "references": [row | {"url": web_address(row.get("url", ""))} for row in shown.references],
            "editable": {
                "content": refused is None,
                "response": authorise(Act.RESPOND, viewer, shown, calendar, level) is None,
                "reason": refused.reason if refused else "",
            },
            "sync": {
                "state": state,
                "google_event_id": shown.remote_id,
                "remote_id": shown.remote_id,
                "message": _(message) if message else "",
            },
        }
    )


def moment(value: Moment) -> dict[str, str]:
    """A start or end: `{"date"}` or `{"date_time", "time_zone"}` with the offset of its own zone."""
    if isinstance(value, Day):
        return {"date": value.date.isoformat()}
    at = value.local.replace(tzinfo=times.zone_of(value.zone), fold=value.fold)
    return {"date_time": at.isoformat(), "time_zone": value.zone}


def calendar(shown: Calendar, level: str, assignments: list[dict[str, str]]) -> dict[str, Any]:
    """A calendar as the API shows it."""
    return {
        "id": str(shown.uuid),
        "name": shown.name,
        "remote_name": shown.remote_name,
        "color": shown.color,
        "time_zone": shown.time_zone,
        "kind": "mirrored" if shown.is_mirrored else "native",
        "place": shown.place or _("only here"),
        "owner": str(shown.owner.uuid) if shown.owner else None,
        "personal": shown.is_personal,
        "writable": level == "edit" and not shown.is_read_only,
        "counts_busy": shown.counts_busy,
        "hidden_types": shown.hidden_types,
        "level": level,
        "etag": shown.etag,
        "assignments": assignments,
    }


def history_entry(entry: History) -> dict[str, Any]:
    """An entry of a history as the API shows it, to who may read it."""
    return {
        "id": entry.pk,
        "at": entry.at,
        "actor": str(entry.actor) if entry.actor else None,
        "by": {"kind": entry.done_by, "name": entry.done_by_name or (str(entry.actor) if entry.actor else None)},
        "side": entry.side,
        "cause": entry.cause,
        "changes": entry.changes,
        "lost": entry.lost,
        "note": entry.note,
    }


def _frame(shown: Event, calendar: Calendar, content: Content) -> dict[str, Any]:
    series = shown.series.uuid if shown.kind == "override" and shown.series else None
    return {
        "id": str(shown.uuid),
        "calendar": str(calendar.uuid),
        "kind": shown.kind,
        "series": str(series) if series else None,
        "original_start": times.original_start(shown.original_key) if shown.original_key else None,
        "start": moment(content.start),
        "end": moment(content.end),
        "etag": shown.etag,
    }


def _masked(shown: Event, calendar: Calendar, content: Content) -> dict[str, Any]:
    plain = {name: schema.MASKED.get(name, getattr(content, name)) for name in schema.PLAIN}
    return (
        _frame(shown, calendar, content)
        | plain
        | {
            "summary": _("Busy"),
            "recurrence": [],
            "event_type": "default",
            "ical_uid": "",
            "attendees": [],
            "organizer": {"email": "", "name": "", "self": False},
            "reminders": {"use_default": True, "overrides": []},
            "conference": {"state": "none", "uri": ""},
            "guests_can": {"invite_others": False, "modify": False, "see_others": False},
            "attachments": [],
            "references": [],
            "editable": {"content": False, "response": False, "reason": _("You see only that this time is taken.")},
            "sync": {"state": shown.told[0], "google_event_id": "", "remote_id": "", "message": ""},
        }
    )


def _attendee(guest: Attendee) -> dict[str, Any]:
    return {
        "email": guest.email,
        "name": guest.name,
        "response": guest.response,
        "optional": guest.optional,
        "resource": guest.resource,
        "organizer": guest.organizer,
        "self": guest.self,
    }


def _organizer(shown: Event, calendar: Calendar) -> dict[str, Any]:
    organizer = shown.facts.organizer
    if organizer is None:
        return {"email": "", "name": calendar.name, "self": True}
    return {"email": organizer.email, "name": organizer.name, "self": organizer.self}
