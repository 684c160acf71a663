"""What is said in addresses and headers, once for all operations."""

from conversa_calendar.api.contract.shapes import Schema, day, either, identity, instant, ref, switch, text, whole

_CURSOR = text("`next_cursor` of the page before; leave it out for the first page.")
_TIME = either(instant(), day())

PARAMETERS: dict[str, Schema] = {
    "uuid": identity("The id of what the address names."),
    "entry_id": whole("The id of an entry of the event's history.", least=1),
    "google_id": text("The provider's id of a calendar, percent-encoded.", example="team@group.calendar.google.com"),
    "from": _TIME | {"description": "The start of the range: a time, or a date at midnight UTC."},
    "to": _TIME | {"description": "The end of the range, not part of it."},
    "calendar": text("Only these calendars: ids, separated by commas."),
    "agent": identity("Only calendars that this member owns or is assigned to."),
    "team": identity("Only calendars that are assigned to this team."),
    "inbox": identity("Only calendars that are assigned to this inbox."),
    "q": text("Only what holds this text in its title, place or description.", example="review"),
    "cursor": _CURSOR,
    "limit": whole("How many at most in one page.", least=1),
    "scope": ref("SeriesScope") | {"description": "Which part of a series is meant; needed for a series."},
    "occurrence": text("The original start of the occurrence that is meant.", example="2026-12-01T12:00:00Z"),
    "notify": ref("Notify") | {"description": "Whom to tell by mail; nobody unless you say so."},
    "since": text("The cursor up to which you have read; leave it out to begin.", example="812.4471"),
    "reference": text("Only what is about this: kind, colon, id.", example="conversation:42"),
    "contact": text("Only what is about this contact: the id of a reference of kind contact, or a guest's address."),
    "changed_since": instant("Only what was changed at or after this time."),
    "refresh": switch("Ask Google for the list again."),
    "wait_s": {"type": "number", "minimum": 0, "maximum": 60, "description": "Seconds to wait for the check to end."},
    "duration": whole("Minutes; one of the page's durations, its first unless you say.", least=1, example=30),
    "page": identity("Only bookings of this page."),
    "state": text("Only what is in this state."),
    "name": text("What the file is called.", example="holidays.ics"),
    "proposal": identity("The id of a proposal."),
    "unread": switch("Only what was not read."),
    "key": text("The `id` of what was set aside.", example="g4711"),
    "dry_run": switch("Only tell what would be done."),
    "confirm": switch("Carry out removals that were held as implausible."),
}
HEADERS: dict[str, Schema] = {
    "If-Match": text(
        "The `etag` that your change is based on. If somebody changed it since, nothing is done: 412.", example='"17-3"'
    ),
    "Idempotency-Key": text(
        "A word of your own for this request. Repeating the request with the same word and body within a day gives the "
        "same answer and creates nothing more.",
        most=200,
        example="order-4711",
    ),
}
