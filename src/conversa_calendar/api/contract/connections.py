"""Connections, discovered calendars, mirrors and what waits for a person."""

from conversa_calendar.api.contract.shapes import (
    Operation,
    Schema,
    answer,
    body,
    by_name,
    enum,
    identity,
    instant,
    listing,
    many,
    nullable,
    ref,
    switch,
    text,
    whole,
)
from conversa_calendar.connections.models import ACTIVE, DISCONNECTING, RECONNECT_NEEDED
from conversa_calendar.sync.mirrors.held import ACTIONS
from conversa_calendar.sync.mirrors.unsent import LEAVE, SEND
from conversa_calendar.sync.models import BUSY_ONLY, READ_ONLY, TWO_WAY

MODE = ref("MirrorMode")
MIRROR_STATES = (
    "first_sync",
    "live",
    "polling",
    "paused",
    "held",
    "access_reduced",
    "unavailable",
    "reconnect_needed",
)
DISPOSITIONS = ("remove", "keep", "purge")
_GOOGLE_ID = text("Google's id of the calendar.", example="team@group.calendar.google.com")
_REMOTE_ID = text("The same id, whichever the provider.", example="team@group.calendar.google.com")
_UNSENT = ref("UnsentChoice")
_EMAIL = text(example="ana@acme.example")
_COUNT = whole(least=0, example=3)
_PROVIDER = text("Whose account it is.", example="google")
_MIRROR: dict[str, Schema] = {
    "id": identity(),
    "calendar": identity("The calendar here."),
    "connection": nullable(identity("The connection through which it is mirrored.")),
    "provider": _PROVIDER,
    "google_calendar_id": _GOOGLE_ID,
    "remote_calendar_id": _REMOTE_ID,
    "access": text("What the provider lets the connection do.", example="owner"),
    "mode": MODE,
    "state": ref("MirrorState"),
    "progress": ref("MirrorProgress"),
    "events": _COUNT,
    "pending": ref("MirrorPending"),
    "set_aside": many(ref("SetAsideEvent"), "Events of the provider's that cannot be understood."),
    "last_sync_at": nullable(instant()),
    "next_check_at": nullable(instant()),
    "last_proven_equal_at": nullable(instant("When every event was last compared.")),
    "channel": ref("MirrorChannel"),
    "error": nullable(ref("SyncError")),
}
_NAMED = {"id": identity(), "name": text(example="Work")}

SCHEMAS: dict[str, Schema] = {
    "MirrorMode": enum((TWO_WAY, READ_ONLY, BUSY_ONLY), "How far a calendar is mirrored."),
    "MirrorState": enum(MIRROR_STATES, "How the sync of a calendar stands."),
    "UnsentChoice": enum(
        (SEND, LEAVE),
        "What becomes of edits that have not reached the provider: sent first, or left behind; 409 unless you say.",
    ),
    "Disposition": enum(
        DISPOSITIONS,
        "remove: they go from here. keep: they stay as native ones. purge: they go, and what was made here goes from the "
        "provider as well.",
    ),
    "SyncError": answer(
        "What stands in the way.",
        code=text("A stable word.", example="invalid_grant"),
        message=text("Words for people."),
        action=text("What helps: reconnect, tell_operator, disconnect, wait …", example="reconnect"),
    ),
    "Connection": answer(
        "A connected account of a provider.",
        id=identity(),
        provider=_PROVIDER,
        email=_EMAIL,
        owner=nullable(identity("The member who connected it.")),
        state=enum((ACTIVE, RECONNECT_NEEDED, DISCONNECTING)),
        connected_at=instant(),
        error=nullable(ref("SyncError")),
    ),
    "ConnectionList": listing("Connection", "Connected accounts."),
    "AuthorizeInput": body("Whose account is to be connected.", member=nullable(identity("You, unless you say."))),
    "Authorization": answer(
        "Where the member gives their consent; works once, for ten minutes, and only for them.",
        authorization_url=text(example="https://calendar.example.com/connections/google/start?ticket=…"),
    ),
    "DiscoveredCalendar": answer(
        "A calendar that a connection can see.",
        google_id=_GOOGLE_ID,
        remote_id=_REMOTE_ID,
        name=text(example="Team"),
        color=text(example="#9fe1e7"),
        access=text("Google's role: owner, writer, reader or freeBusyReader.", example="owner"),
        primary=switch(),
        hidden=switch(),
        missing=switch("Whether the provider no longer lists it."),
        modes=many(MODE, "How it can be mirrored, best first."),
        mirrored=switch(),
        mirror=nullable(identity()),
        mirrored_through=nullable(text("Another connection that mirrors it, by address.", example="bob@acme.example")),
    ),
    "DiscoveredCalendarList": listing("DiscoveredCalendar", "The calendars that a connection can see."),
    "RehearseChoice": body(
        "A calendar and how it would be mirrored. Name it by `google_id` or `remote_id`.",
        google_id=_GOOGLE_ID,
        remote_id=_REMOTE_ID,
        mode=MODE,
    ),
    "RehearseInput": body("What to try.", needs=("calendars",), calendars=many(ref("RehearseChoice"))),
    "Rehearsal": answer(
        "What mirroring a calendar would do.",
        google_id=_GOOGLE_ID,
        remote_id=_REMOTE_ID,
        incoming=whole("Events that would come in.", least=0),
        matching=whole("Events that are here already.", least=0),
        read_only=switch(),
        partial=switch("Whether more would come than was counted."),
        mails={"type": "integer", "const": 0, "description": "Nobody is ever mailed.", "examples": [0]},
    ),
    "RehearsalList": listing("Rehearsal", "What mirroring each calendar would do."),
    "MirrorChoice": body(
        "Mirror it, or stop mirroring it.",
        needs=("mirrored",),
        mirrored=switch(example=True),
        mode=MODE,
        disposition=enum(("keep", "remove"), "When you stop: whether its events stay here."),
        unsent=_UNSENT,
    ),
    "MirrorProgress": answer("How far the first sync is.", events=_COUNT, pages=_COUNT, done=switch(example=True)),
    "MirrorPending": answer("What waits.", out=_COUNT, held=_COUNT, parked=_COUNT),
    "SetAsideEvent": answer(
        "An event that cannot be understood.",
        google_event_id=text(example="4711"),
        remote_id=text(example="4711"),
        summary=text(example="Offsite"),
        reason=text("Why, in words for people."),
    ),
    "MirrorChannel": answer(
        "Whether the provider notifies us of changes, and if not, why.",
        state=enum(("live", "silent", "refused", "none")),
        expires_at=nullable(instant()),
        reason=text(),
    ),
    "Mirror": answer("A mirrored calendar and how its sync stands.", _MIRROR),
    "MirrorList": listing("Mirror", "Mirrored calendars."),
    "ChosenMirror": answer(
        "The mirror; where mirroring ended, with the number of edits that were not sent.",
        _MIRROR | {"unsent": _COUNT},
        optional=("unsent",),
    ),
    "PublishInput": body("Whose account it goes to.", needs=("connection",), connection=identity()),
    "NamedCalendar": answer("A calendar.", _NAMED),
    "NamedEvent": answer("An event.", id=identity(), summary=text(example="Review")),
    "NamedThing": answer("A booking page.", _NAMED),
    "ComingBooking": answer("A booking still to come.", _NAMED, starts_at=instant()),
    "PurgePreview": answer(
        "What `calendars=purge` would do to events that were made here.",
        unchanged=whole("So many would be deleted at the provider.", least=0),
        with_guests=many(ref("NamedEvent"), "These stay there, as they have guests."),
        changed=many(ref("NamedEvent"), "These stay there, as somebody changed them."),
    ),
    "DisconnectPreview": answer(
        "What disconnecting would do.",
        email=_EMAIL,
        calendars=many(ref("NamedCalendar")),
        events=_COUNT,
        from_google=_COUNT,
        created_here=_COUNT,
        private_to_others=_COUNT,
        unsent=_COUNT,
        unsent_changes=many(ref("UnsentEvent"), "Which, a few of them."),
        purge=ref("PurgePreview"),
        booking_pages=many(ref("NamedThing")),
        bookings=many(ref("ComingBooking")),
    ),
    "Disconnecting": answer("Where to read what was done.", receipt=text(example="/api/v1/disconnects/…")),
    "DisconnectReceipt": answer(
        "What was done, in plain facts.",
        id=identity(),
        email=_EMAIL,
        requested_at=instant(),
        requested_by=nullable(text("By name.", example="Alice Lima")),
        calendars=ref("Disposition"),
        counts=by_name(whole(least=0), "How many events, calendars and channels it concerned, by what was done."),
        revocation=text("Whether the provider confirmed that access ended.", example="revoked"),
        finished_at=nullable(instant()),
        step=text("Where it stands; `done` at the end.", example="done"),
    ),
    "RepairedEvent": answer("What differed and was repaired.", event=identity(), kind=text(example="different")),
    "CheckReport": answer(
        "The result of comparing every event.",
        checked=_COUNT,
        equal=_COUNT,
        repaired=many(ref("RepairedEvent")),
        waiting=_COUNT,
        refused=_COUNT,
    ),
    "HeldDeletion": answer(
        "A deletion that waits for a person.",
        event=identity(),
        summary=text(example="Review"),
        starts_at=instant(),
        deleted_at=enum(("google", "here"), "On which side it was deleted."),
        since=nullable(instant()),
    ),
    "HeldList": listing("HeldDeletion", "Deletions that wait for a person."),
    "HeldDecision": body(
        "What to do with all of them.",
        needs=("action",),
        action=enum(ACTIONS, "approve: deleted on both sides. keep: stays here. put_back: exists on both sides again."),
    ),
    "HeldDecided": answer("How many events it concerned.", decided=_COUNT),
}
OPERATIONS: dict[str, Operation] = {
    "list_connections": Operation(answer=ref("ConnectionList")),
    "authorize": Operation(
        answer=ref("Authorization"), body=ref("AuthorizeInput"), is_body_optional=True, refuses=(404, 409)
    ),
    "get_connection": Operation(answer=ref("Connection")),
    "list_connection_calendars": Operation(answer=ref("DiscoveredCalendarList"), refuses=(409,)),
    "rehearse": Operation(answer=ref("RehearsalList"), body=ref("RehearseInput"), refuses=(409,)),
    "choose_calendar": Operation(answer=ref("ChosenMirror"), body=ref("MirrorChoice"), refuses=(409,)),
    "disconnect_preview": Operation(answer=ref("DisconnectPreview")),
    "disconnect": Operation(
        answer=ref("Disconnecting"),
        needs=("calendars",),
        parameters={
            "calendars": ref("Disposition") | {"description": "What becomes of the calendars here."},
            "unsent": _UNSENT | {"description": "What becomes of edits that have not reached the provider."},
        },
    ),
    "get_receipt": Operation(answer=ref("DisconnectReceipt")),
    "list_mirrors": Operation(answer=ref("MirrorList")),
    "publish": Operation(answer=ref("Mirror"), body=ref("PublishInput"), refuses=(409,)),
    "get_mirror": Operation(answer=ref("Mirror")),
    "sync_mirror": Operation(answer=ref("Mirror")),
    "check_mirror": Operation(answer=ref("CheckReport"), refuses=(409,)),
    "list_held": Operation(answer=ref("HeldList")),
    "decide_held": Operation(answer=ref("HeldDecided"), body=ref("HeldDecision")),
    "pause_mirror": Operation(answer=ref("Mirror")),
    "resume_mirror": Operation(answer=ref("Mirror")),
}
