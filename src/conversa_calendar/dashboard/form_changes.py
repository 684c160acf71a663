"""What somebody changed in the editor: the difference between what a form showed and what came back.

A form cannot show everything that an event holds: seconds, a second zone, the repeated hour, a line break in a title.
What was not touched is therefore not read back at all. The form carries what it showed.
"""

from typing import Any

import msgspec
from django.http import QueryDict
from django.utils.translation import gettext as _

from conversa_calendar.calendars import parsing, presenting, schema
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard import event_forms
from conversa_calendar.domain import times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Moment, Timed

WHEN = ("start_date", "start_time", "end_date", "end_time", "all_day", "zone")
REPEAT = (
    "repeat",
    "repeat_every",
    "repeat_days",
    "repeat_monthly",
    "repeat_ends",
    "repeat_count",
    "repeat_until",
    "rules",
)
REMINDERS = ("reminders_default", "reminder_count", "reminder_unit", "reminder_method")
MAY = tuple(f"may_{name}" for name in event_forms.MAY)
CHECKED = {"all_day", "meet", "reminders_default", "repeat_days", *MAY}
"""Fields that are not sent at all when nothing is ticked."""


class Shown(msgspec.Struct, frozen=True):
    """A form's fields as a browser sends them back untouched, and the times that it cannot show to the second."""

    fields: dict[str, list[str]]
    start: Moment
    end: Moment


def shown(values: dict[str, Any], content: Content) -> str:
    """What a form of these values shows, in the way in which a browser sends it back, beside the exact times."""
    rows = values["reminders"]
    fields: dict[str, list[str]] = {
        name: [str(values.get(name, ""))] for name in (*schema.TYPED, *WHEN, *REPEAT, "guests", "optional")
    }
    fields |= {"reminder_count": [str(row["count"]) for row in rows]}
    fields |= {"reminder_unit": [row["unit"] for row in rows], "reminder_method": [row["method"] for row in rows]}
    fields["repeat_days"] = [str(day) for day in values["repeat_days"]]
    fields["color"] = [values["color"]] if values["color"] in schema.COLORS else []
    fields["transparency"] = ["transparent" if values["transparency"] == "transparent" else "opaque"]
    fields["visibility"] = [values["visibility"] if values["visibility"] in schema.VISIBILITIES else "default"]
    ticked = {"all_day": values["all_day"], "meet": values["meet"], "reminders_default": values["reminders_default"]}
    ticked |= {f"may_{name}": values["guests_can"][name] for name in event_forms.MAY}
    fields |= {name: ["on"] if is_ticked else [] for name, is_ticked in ticked.items()}
    return msgspec.json.encode(Shown(fields, content.start, content.end)).decode()


def touched(form: QueryDict) -> frozenset[str]:
    """The names of the fields that somebody changed; all of those that are there, when they come from no form of ours."""
    if "shown" not in form:
        return frozenset(form)
    fields = _shown(form).fields
    names = [*schema.TYPED, *WHEN, "guests", "optional", "meet"]
    names += REPEAT if "repeat" in form else ()
    names += REMINDERS if "reminders_shown" in form else ()
    names += MAY if "may_shown" in form else ()
    return frozenset(name for name in names if _is_touched(form, name, fields.get(name, [])))


def body(form: QueryDict, calendar: Calendar, known: Content) -> dict[str, Any]:
    """The changed fields as the body that `parsing` understands; `known` is what the event or series holds. Raises
    Invalid."""
    if "shown" not in form:
        return event_forms.body(form, calendar, known)
    changed = touched(form)
    full = event_forms.body(form, calendar)
    found = {name: full[name] for name in schema.TYPED if name in changed}
    found |= _when(form, changed)
    if changed & {"guests", "optional"}:
        found["attendees"] = _guests(form)
    if changed & set(REPEAT):
        start = _shown(form).start
        if "start" in found:
            start = parsing.moment(found["start"], "start", "UTC", start)
        found["recurrence"] = list(event_forms.rules(form, start, known))
    if changed & set(REMINDERS):
        found["reminders"] = full["reminders"]
    if changed & set(MAY):
        found["guests_can"] = {n: f"may_{n}" in form for n in event_forms.MAY if f"may_{n}" in changed}
    if "meet" in changed:
        found["conference"] = full["conference"]
    return found


def _shown(form: QueryDict) -> Shown:
    try:
        return msgspec.json.decode(form.get("shown", "") or "", type=Shown)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise Invalid("shown", _("This form came back without what it showed. Open the event again.")) from None


def _is_touched(form: QueryDict, name: str, before: list[str]) -> bool:
    if name in CHECKED:
        return bool(before) != bool(form.getlist(name)) if name != "repeat_days" else before != form.getlist(name)
    if name not in form:
        return False
    was, now = [_lines(text) for text in before], [_lines(text) for text in form.getlist(name)]
    return was != now and [text.replace("\n", "") for text in was] != now  # a field of one line drops the breaks


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\n")


def _guests(form: QueryDict) -> parsing.GuestChange:
    """Guests by the difference of both lists, so that who was not touched stays as they are."""
    fields = _shown(form).fields
    before = dict.fromkeys(event_forms.addresses(",".join(fields.get("guests", []))), False)
    before |= dict.fromkeys(event_forms.addresses(",".join(fields.get("optional", []))), True)
    now = dict.fromkeys(event_forms.addresses(form.get("guests", "")), False)
    now |= dict.fromkeys(event_forms.addresses(form.get("optional", "")), True)
    given = tuple(
        {"email": e, "optional": is_optional} for e, is_optional in now.items() if before.get(e) != is_optional
    )
    return parsing.GuestChange(given, frozenset(before) - frozenset(now))


def _when(form: QueryDict, changed: frozenset[str]) -> dict[str, Any]:
    """The sides that changed, each with what the form could not show of it; a side that did not change is said exactly
    when the other one moved."""
    if not changed & set(WHEN):
        return {}
    start, end = _shown(form).start, _shown(form).end
    zone = form.get("zone", "")
    if "all_day" in changed or form.get("all_day"):
        return {side: event_forms.moment(form, side, zone) for side in ("start", "end")}
    found: dict[str, Any] = {}
    for side, was in (("start", start), ("end", end)):
        is_changed = bool(changed & {f"{side}_date", f"{side}_time", "zone"})
        found[side] = _typed(form, side, was, start, changed) if is_changed else presenting.moment(was)
    return found


def _typed(form: QueryDict, side: str, was: Moment, start: Moment, changed: frozenset[str]) -> dict[str, str]:
    typed = event_forms.moment(form, side, form.get("zone", ""))
    if not isinstance(was, Timed) or not isinstance(start, Timed):
        return typed
    at = event_forms.civil(typed["date_time"])
    if f"{side}_time" not in changed:
        at = at.replace(second=was.local.second)
    if "zone" in changed or was.zone == start.zone:
        return {"date_time": at.isoformat(), "time_zone": typed["time_zone"]}
    read = at.replace(tzinfo=times.zone_of(start.zone))  # it was shown in the zone of the start
    return {"date_time": read.isoformat(), "time_zone": was.zone}
