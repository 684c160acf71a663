"""A body for every operation of the API that takes one, with ids of a scene in angle brackets."""

from typing import Any

from tests.bookings.test_bookings import VISITOR
from tests.support.world import ZONE

T = {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": ZONE}
EVENT = {
    "calendar": "<calendars>",
    "summary": "x",
    "description": "d",
    "location": "l",
    "start": T,
    "end": {"date_time": "2026-12-01T10:00:00-03:00", "time_zone": ZONE},
    "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"],
    "attendees": [{"email": "a@else.example", "name": "A", "response": "accepted", "optional": True, "comment": "c"}],
    "reminders": {"use_default": False, "overrides": [{"method": "popup", "minutes": 10}]},
    "conference": {"request": True},
    "guests_can": {"modify": True},
    "references": [{"kind": "ticket", "id": "7", "title": "t", "url": "https://example.com"}],
    "transparency": "opaque",
    "visibility": "default",
    "color": "5",
    "status": "confirmed",
    "notify": "none",
}
PAGE = {
    "title": "Call",
    "description": "d",
    "time_zone": ZONE,
    "durations": [30],
    "weekly": [[[540, 1020]]] * 7,
    "overrides": {"2026-12-24": [[540, 600]]},
    "hosts": [{"id": "<members>", "calendar": None, "weight": 1}],
    "host_mode": "one",
    "stale_policy": "hide",
    "questions": [{"label": "Topic", "required": True, "kind": "choice", "options": ["a"]}],
    "reminders": [60],
    "location": {"kind": "phone", "value": "+1"},
    "notice": 0,
    "horizon_days": 30,
    "buffer_before": 5,
    "buffer_after": 5,
    "per_day": 3,
    "per_week": 9,
    "step": 15,
    "repeats_max": 2,
    "embed_origins": ["https://example.com"],
    "team": None,
    "inbox": None,
    "logo": "",
    "color": "#123456",
    "language": "en",
    "is_published": True,
    "needs_confirmation": False,
}
DIRECTORY = {
    "members": [{"external_id": "1", "email": "dir@acme.example", "name": "Dir", "role": "agent"}],
    "teams": [{"external_id": "t", "name": "T", "members": ["1"]}],
    "inboxes": [{"external_id": "i", "name": "I", "members": ["1"]}],
}
BODIES: dict[str, dict[str, Any]] = {
    "POST /roles": {"name": "R", "permissions": ["bookings.own"]},
    "PATCH /roles/{uuid}": {"name": "R", "permissions": ["bookings.own"]},
    "PATCH /account": {"name": "Acme", "time_zone": ZONE, "calendar_enabled": True},
    "PATCH /profile": {"name": "Alice Lima", "time_zone": ZONE, "language": "en"},
    "POST /members": {"email": "new@acme.example", "name": "New", "role": "agent"},
    "PATCH /members/{uuid}": {"role": "agent", "suspended": False},
    "POST /teams": {"name": "T", "members": ["<members>"]},
    "PUT /teams/{uuid}/members": {"members": ["<members>"]},
    "POST /inboxes": {"name": "I", "members": ["<members>"]},
    "PUT /inboxes/{uuid}/members": {"members": ["<members>"]},
    "PUT /directory": DIRECTORY,
    "POST /tokens": {
        "name": "n",
        "scopes": ["events.read"],
        "calendars": ["<calendars>"],
        "teams": ["<teams>"],
        "inboxes": ["<inboxes>"],
        "expires_at": "2027-01-31T12:00:00Z",
    },
    "POST /calendars": {"name": "C", "time_zone": ZONE, "color": "#123456"},
    "PATCH /calendars/{uuid}": {
        "name": "C",
        "color": "#123456",
        "time_zone": ZONE,
        "counts_busy": True,
        "hidden_types": ["birthday"],
    },
    "PUT /calendars/{uuid}/assignments": {"items": [{"kind": "agent", "id": "<members>", "level": "edit"}]},
    "POST /calendars/{uuid}/publish": {"connection": "<connections>"},
    "POST /feeds": {"kind": "calendar", "target": "<calendars>", "details": "busy"},
    "POST /events/{uuid}/proposals/{proposal}": {"action": "dismiss", "notify": "none"},
    "POST /events": EVENT,
    "PATCH /events/{uuid}": EVENT,
    "POST /events/{uuid}/respond": {"response": "accepted", "comment": "c"},
    "POST /connections/google/authorize": {"member": "<members>"},
    "POST /connections/{uuid}/rehearse": {"calendars": [{"google_id": "<google_id>", "mode": "two_way"}]},
    "PUT /connections/{uuid}/calendars/{google_id}": {"mirrored": True, "mode": "two_way", "disposition": "keep"},
    "POST /mirrors/{uuid}/held": {"action": "keep"},
    "POST /booking-pages": PAGE,
    "PATCH /booking-pages/{uuid}": PAGE,
    "POST /booking-pages/{uuid}/holds": {"start": "<slot>", "duration": 30},
    "POST /booking-pages/{uuid}/offers": {
        "starts": ["<slot>"],
        "duration": 30,
        "time_zone": ZONE,
        "references": EVENT["references"],
        "language": "en",
    },
    "POST /bookings": VISITOR
    | {
        "page": "<booking-pages>",
        "start": "<slot>",
        "duration": 30,
        "answers": ["a"],
        "repeats": 1,
        "language": "en",
        "hold": None,
    },
    "PATCH /bookings/{uuid}": {
        "start": "<slot>",
        "state": "cancelled",
        "guests": ["g@else.example"],
        "host": "<host>",
    },
}
"""A body that each operation takes, with ids of the scene in angle brackets."""
TURNED_DOWN = {
    "POST /calendars/{uuid}/publish": "permission_needed",
    "POST /events/{uuid}/proposals/{proposal}": "not_found",
}
"""Where the scene does not let an operation come to its end: what it says then."""
