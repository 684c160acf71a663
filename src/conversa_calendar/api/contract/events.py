"""Events, their history, the trash and the change feed."""

from conversa_calendar.accounts.acting import By
from conversa_calendar.api.contract.shapes import (
    Operation,
    Schema,
    answer,
    body,
    day,
    either,
    enum,
    identity,
    instant,
    listing,
    mail,
    many,
    nullable,
    ref,
    switch,
    text,
    url,
    whole,
    zone,
)
from conversa_calendar.calendars import parsing, schema, validation
from conversa_calendar.calendars.schema import Field, Kind
from conversa_calendar.domain.event import UNITS

RESPONSE, KIND = ref("GuestResponse"), ref("EventKind")
SYNC_STATES = ("native", "synced", "pending", "held", "parked", "refused", "paused")
KINDS = ("single", "series", "override")
_ORIGINAL = text(
    "When this occurrence was to start before anybody moved it: UTC, or a date.", example="2026-12-01T12:00:00Z"
)
_RULES = many(
    text(example="RRULE:FREQ=WEEKLY;BYDAY=TU", most=4000), "RFC 5545 lines without DTSTART.", most=validation.RULES_MAX
)
_REFERENCES = many(ref("Reference"), "What the event is about.", most=parsing.REFERENCES_MAX)


def _plain(field: Field) -> Schema:
    if field.kind is Kind.CHOICE:
        return ref(f"Event{field.name.title()}")
    return text(field.says, example=field.example, most=field.most)


_CONTENT: dict[str, Schema] = {name: _plain(schema.BY_NAME[name]) for name in schema.PLAIN} | {"recurrence": _RULES}
_SHOWN = _CONTENT | {
    name: text(f"{field.says} What the provider has is shown as it is.", example=field.example)
    for name, field in ((name, schema.BY_NAME[name]) for name in schema.PLAIN)
    if name == "color" or field.kind is not Kind.CHOICE
}
"""As they are answered: what came from elsewhere may be longer than what may be sent, or a colour of later."""
_WRITABLE: dict[str, Schema] = {
    "start": ref("EventTime"),
    "end": ref("EventTime"),
    **_CONTENT,
    "attendees": many(ref("AttendeeInput"), "All guests; who is not named is taken out.", most=validation.GUESTS_MAX),
    "reminders": ref("Reminders"),
    "conference": nullable(ref("ConferenceInput"), "Ask for a video meeting, or take it away with null."),
    "guests_can": ref("GuestsCanInput"),
    "references": _REFERENCES,
    "notify": ref("Notify"),
}
_EVENT: dict[str, Schema] = {
    "id": identity(),
    "calendar": identity("The id of its calendar."),
    "kind": KIND,
    "series": nullable(identity("The series of an override.")),
    "original_start": nullable(_ORIGINAL),
    "start": ref("EventTime"),
    "end": ref("EventTime"),
    "etag": text("Changes with every change; pass it as If-Match.", example='"17-3"'),
    **_SHOWN,
    "event_type": text(
        "Google's kind: default, outOfOffice, focusTime, workingLocation, birthday …", example="default"
    ),
    "ical_uid": text("The iCalendar UID.", example="4711@google.com"),
    "attendees": many(ref("Attendee")),
    "organizer": ref("Organizer"),
    "reminders": ref("Reminders"),
    "conference": ref("Conference"),
    "guests_can": ref("GuestsCan"),
    "attachments": many(ref("Attachment")),
    "references": many(ref("Reference"), "What the event is about."),
    "editable": ref("Editable"),
    "sync": ref("EventSync"),
}
_REFERENCE_FIELDS = {
    "kind": text(
        "What sort of thing: conversation, contact, ticket …", example="conversation", most=parsing.REFERENCE["kind"]
    ),
    "id": text("Its id over there.", example="42", most=parsing.REFERENCE["id"]),
    "title": text("Words for people.", example="Where is my order?", most=parsing.REFERENCE["title"]),
    "url": url("Where to read it."),
}
_ATTENDEE: dict[str, Schema] = {
    "email": mail(),
    "name": text(example="Ana Souza", most=validation.NAME_MAX),
    "response": RESPONSE,
    "optional": switch("Whether they need not come."),
    "resource": switch("Whether it is a room or thing."),
}
_READ_BACK: dict[str, Schema] = {
    "organizer": switch("Whether they organise it. Taken back as it was answered, and not changed by that."),
    "self": switch("Whether they are the calendar's own attendee. Taken back, and not changed by that."),
}
_UNIT_VALUES: dict[str, Schema] = {
    "when": ref("HistoryWhen"),
    "reminders": ref("HistoryReminders"),
    "conference": ref("HistoryConference"),
    "guests_can": ref("HistoryGuestsCan"),
    "attendees": many(ref("HistoryAttendee")),
}
_HISTORY_TIME = answer(
    "A start or end as history keeps it: `date`, or `local` with its `zone`.",
    {"fold": whole("1 for the second of two equal hours.", least=0, most=1, example=0)},
    optional=("kind", "type", "date", "local", "zone", "fold"),
    kind=enum(("date", "time"), "Which of both it is."),
    type=text(example="time"),
    date=day(),
    local=text("Civil time.", example="2026-12-01T09:00:00"),
    zone=zone(),
)

SCHEMAS: dict[str, Schema] = {
    "EventKind": enum(KINDS, "A single event, a series, or one changed occurrence of a series."),
    **{f"Event{name.title()}": enum(words, schema.BY_NAME[name].says) for name, words in schema.CHOICES.items()},
    "EventSyncState": enum(SYNC_STATES, "How an event stands with the provider."),
    "GuestResponse": enum(("needsAction", "declined", "tentative", "accepted"), "A guest's answer."),
    "Notify": enum(("none", "external", "all"), "Whom to tell by mail; nobody unless you say so."),
    "SeriesScope": enum(("this", "following", "all"), "Which part of a series is meant."),
    "DoneBy": enum(("", *By), "What sort of caller did it; empty where it was not kept."),
    "NoticeOption": enum(("use", "restore"), "Use the lost values, or restore the event."),
    "TimedMoment": body(
        "A time. Without an offset in `date_time` it is read in `time_zone`, without that in the calendar's zone.",
        needs=("date_time",),
        date_time=text(example="2026-12-01T09:00:00-03:00"),
        time_zone=zone(),
    ),
    "DayMoment": body(
        "A whole day. The end of an all-day event is the day after its last.", needs=("date",), date=day()
    ),
    "EventTime": either(ref("TimedMoment"), ref("DayMoment"), says="A start or end."),
    "Reference": body("Something elsewhere that an event is about.", _REFERENCE_FIELDS, needs=("kind", "id")),
    "AttendeeInput": body(
        "A guest, known by address; what you do not say about a known guest stays.",
        _ATTENDEE | _READ_BACK,
        needs=("email",),
        comment=text("A word to the organiser.", most=validation.NAME_MAX),
    ),
    "Attendee": answer(
        "A guest.",
        _ATTENDEE | {"name": text(example="Ana Souza")} | _READ_BACK,
    ),
    "Organizer": answer(
        "Who organises the event.",
        {"email": text(example="ana@acme.example"), "name": text(example="Ana"), "self": switch()},
    ),
    "Reminder": body(
        "A reminder before the start.",
        needs=("method", "minutes"),
        method=enum(("popup", "email")),
        minutes=whole(least=0, most=validation.REMINDER_MINUTES_MAX, example=10),
    ),
    "Reminders": body(
        "The calendar's own reminders, or these; no default and no override means none.",
        needs=("use_default",),
        use_default=switch(example=False),
        overrides=many(ref("Reminder"), most=validation.REMINDERS_MAX),
    ),
    "ConferenceInput": body("Whether a video meeting is wanted.", needs=("request",), request=switch(example=True)),
    "Conference": answer(
        "The video meeting.",
        state=enum(("none", "pending", "ready", "failed"), "pending: asked for at Google, not there yet."),
        uri=url("Where to join; empty until ready.", example="https://meet.google.com/abc-defg-hij"),
    ),
    "GuestsCanInput": body(
        "What guests may do; what you do not say stays.", invite_others=switch(), modify=switch(), see_others=switch()
    ),
    "GuestsCan": answer("What guests may do.", invite_others=switch(), modify=switch(), see_others=switch()),
    "Attachment": answer("A file.", url=url(), title=text(example="Agenda"), mime_type=text(example="application/pdf")),
    "Editable": answer(
        "What the caller may do with the event.",
        content=switch("Whether it can be changed.", example=True),
        response=switch("Whether an invitation can be answered."),
        reason=text("Why not, in words for people."),
    ),
    "EventSync": answer(
        "How the event stands with the provider.",
        state=ref("EventSyncState"),
        google_event_id=text("Google's id; empty where it has none.", example="4711"),
        remote_id=text("The same, whichever the provider.", example="4711"),
        message=text("What is said about it, in words for people."),
    ),
    "Event": answer("A single event, a series, or one changed occurrence of a series.", _EVENT),
    "OccurrenceItem": answer("An event at one of its occurrences.", _EVENT | {"occurrence": nullable(_ORIGINAL)}),
    "OccurrenceList": listing("OccurrenceItem", "Occurrences in order of their start.", is_paged=True),
    "EventInput": body(
        "A new event. Without `end` it lasts an hour, or a day.",
        {"calendar": identity("The id of its calendar."), **_WRITABLE},
        needs=("calendar", "start"),
    ),
    "EventChange": body(
        "What is to be different; what you leave out stays. `calendar` moves the event.",
        {"calendar": identity("The calendar to move it to."), **_WRITABLE},
    ),
    "SplitSeries": answer(
        "A series that was divided: the new part, and the id of the earlier one.",
        event=ref("Event"),
        previous=identity("The id of the series before the cut."),
    ),
    "ResponseInput": body(
        "An answer to an invitation.",
        needs=("response",),
        response=RESPONSE,
        comment=text("A word to the organiser.", most=1000),
    ),
    "Tried": answer(
        "What came of trying again.",
        state=ref("EventSyncState"),
        message=text("In words for people.", example="Google has it now."),
    ),
    "RetriedEvent": answer("The event, and what came of trying again.", _EVENT | {"tried": ref("Tried")}),
    "TrashItem": answer(
        "A deleted event.",
        _EVENT | {"deleted_at": instant(), "deleted_by": text("Who or what deleted it.", example="local")},
    ),
    "TrashList": listing("TrashItem", "Deleted events, latest first.", is_paged=True),
    "HistoryTime": _HISTORY_TIME,
    "HistoryWhen": answer(
        "Start, end and rules.",
        optional=("start", "end", "recurrence"),
        start=ref("HistoryTime"),
        end=ref("HistoryTime"),
        recurrence=many(text(example="RRULE:FREQ=DAILY")),
    ),
    "HistoryReminder": answer("A reminder.", method=text(example="popup"), minutes=whole(example=10)),
    "HistoryReminders": answer(
        "Reminders.",
        optional=("use_default", "overrides"),
        use_default=switch(),
        overrides=many(ref("HistoryReminder")),
    ),
    "HistoryConference": answer(
        "The video meeting.",
        optional=("state", "uri", "request_id"),
        state=text(example="ready"),
        uri=url(),
        request_id=text(),
    ),
    "HistoryGuestsCan": answer(
        "What guests may do; only what differs from Google's defaults.",
        optional=("invite_others", "modify", "see_others"),
        invite_others=switch(),
        modify=switch(),
        see_others=switch(),
    ),
    "HistoryAttendee": answer(
        "A guest; only what differs from a guest without answer.",
        _ATTENDEE
        | {
            "organizer": switch(),
            "self": switch(),
            "comment": text(),
            "additional_guests": whole(least=0, example=1),
        },
        optional=("name", "response", "optional", "resource", "organizer", "self", "comment", "additional_guests"),
    ),
    **{
        f"History{unit.title().replace('_', '')}Change": answer(
            f"How {unit} changed.", before=_UNIT_VALUES.get(unit, text()), after=_UNIT_VALUES.get(unit, text())
        )
        for unit in UNITS
    },
    "HistoryChanges": answer(
        "What changed, unit by unit.",
        {unit: ref(f"History{unit.title().replace('_', '')}Change") for unit in UNITS},
        optional=UNITS,
    ),
    "HistoryLost": answer(
        "Values that did not stand in a conflict and can be put back.",
        {unit: _UNIT_VALUES.get(unit, text()) for unit in UNITS},
        optional=UNITS,
    ),
    "Doer": answer(
        "Who did it.",
        kind=ref("DoneBy"),
        name=nullable(text(example="Alice Lima")),
    ),
    "HistoryEntry": answer(
        "What one cause changed about an event.",
        id=whole("Pass it to use a value of `lost` instead."),
        at=instant(),
        actor=nullable(text("Who did it, by name; null for sync.", example="Alice Lima")),
        by=ref("Doer"),
        side=enum(("local", "remote", "sync"), "Where it was changed."),
        cause=text("In a word or two.", example="edited"),
        changes=ref("HistoryChanges"),
        lost=ref("HistoryLost"),
        note=text(),
    ),
    "HistoryList": listing("HistoryEntry", "What happened to an event, latest first."),
    "Notice": answer(
        "An edit of the caller's that did not stand.",
        id=text("The id of the notice."),
        at=instant(),
        read=switch(),
        event=identity(),
        calendar=identity(),
        summary=text(example="Review"),
        message=text("What happened, in words for people."),
        lost=ref("HistoryLost"),
        instead=ref("HistoryLost"),
        history=whole("The entry of the event's history."),
        can=nullable(ref("NoticeOption"), "What can be done about it."),
    ),
    "NoticeList": listing("Notice", "Edits that did not stand, latest first.", is_paged=True),
    "ChangedBooking": answer(
        "What a booking was or became.",
        start=instant(),
        end=instant(),
        host=identity(),
        state=text(example="confirmed"),
    ),
    "ChangeItem": answer(
        "One change of the account.",
        optional=("series", "moved_from", "before", "after"),
        kind=ref("ChangeKind"),
        id=identity("The id of what changed."),
        calendar=nullable(identity()),
        what=text("What happened: created, updated, deleted, restored, synced …", example="updated"),
        by=ref("DoneBy"),
        at=instant(),
        series=identity("The series of an event that is one occurrence."),
        moved_from=identity("The calendar that an event was in before."),
        before=ref("ChangedBooking"),
        after=ref("ChangedBooking"),
    ),
    "ChangeList": listing(
        "ChangeItem",
        "Changes in order.",
        cursor=text("Pass it as `since` next time.", example="812.4471"),
        next_cursor=text("The same.", example="812.4471"),
        has_more=switch("Whether there is more now."),
    ),
}
OPERATIONS: dict[str, Operation] = {
    "list_events": Operation(
        answer=ref("OccurrenceList"),
        says="With `from` and `to`, each occurrence in the range. Without them, the events that `q`, `reference`, `contact` "
        "or `changed_since` select.",
    ),
    "create_event": Operation(answer=ref("Event"), body=ref("EventInput"), refuses=(404,)),
    "get_event": Operation(answer=ref("Event")),
    "change_event": Operation(
        answer=either(ref("Event"), ref("SplitSeries")),
        body=ref("EventChange"),
        says="`following` answers the new series and the id of the earlier one; everything else the changed event.",
    ),
    "delete_event": Operation(answer=None),
    "respond": Operation(answer=ref("Event"), body=ref("ResponseInput")),
    "event_history": Operation(answer=ref("HistoryList")),
    "use_instead": Operation(answer=ref("Event")),
    "list_notices": Operation(answer=ref("NoticeList")),
    "read_notice": Operation(answer=None),
    "retry_event": Operation(
        answer=ref("RetriedEvent"),
        parameters={"wait_s": {"type": "number", "description": "Seconds to wait for the provider's answer."}},
    ),
    "list_trash": Operation(answer=ref("TrashList")),
    "restore": Operation(answer=ref("Event")),
    "list_changes": Operation(
        answer=ref("ChangeList"),
        refuses=(410,),
        says="What changed behind the cursor `since`; `since=now` answers a cursor behind everything there is.",
    ),
}
