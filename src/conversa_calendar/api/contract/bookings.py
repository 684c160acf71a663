"""Booking pages, free times, holds, offers and bookings."""

from django.conf import settings

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
from conversa_calendar.bookings import pages
from conversa_calendar.bookings.models import (
    CANCELLED,
    CONFIRMED,
    HOST_MODES,
    LOCATIONS,
    NO_SHOW,
    PENDING,
    STALE_POLICIES,
)
from conversa_calendar.calendars import parsing

STATES = (PENDING, CONFIRMED, CANCELLED, NO_SHOW)
_LANGUAGES = tuple(code for code, _name in settings.LANGUAGES)
_MINUTE = whole("Minutes after midnight.", least=0, most=1440, example=540)
_SPANS = many(many(_MINUTE, "[from, to].", least=2, most=2), "Hours of one day.", most=12)
_NUMBERS_SAY = {
    "buffer_before": "Minutes kept free before a booking.",
    "buffer_after": "Minutes kept free after a booking.",
    "notice": "How many minutes ahead one has to book.",
    "horizon_days": "How many days ahead one can book.",
    "step": "Minutes between the starts that are offered.",
    "per_day": "At most so many bookings a day; 0 for any number.",
    "per_week": "At most so many bookings a week; 0 for any number.",
    "repeats_max": "So many weeks in a row may be booked at once.",
}
_NUMBERS = {
    name: whole(_NUMBERS_SAY[name], least=least, most=most, example=least)
    for name, (least, most) in pages.BOUNDS.items()
}
_LANGUAGE = ref("Language")
_FIELDS: dict[str, Schema] = {
    "title": text(example="Call", most=120),
    "description": text(example="Half an hour with us", most=5000),
    "durations": many(
        whole(least=5, most=1440, example=30), "Minutes to choose from.", least=1, most=pages.DURATIONS_MAX
    ),
    "time_zone": zone(),
    "weekly": many(_SPANS, "Seven days, Monday first.", least=7, most=7),
    "overrides": by_name(_SPANS, "Other hours for single dates, by date."),
    **_NUMBERS,
    "questions": many(ref("Question"), most=pages.QUESTIONS_MAX),
    "location": ref("BookingLocation"),
    "host_mode": ref("HostMode"),
    "needs_confirmation": switch("Whether a host confirms each booking."),
    "focus_time_busy": switch(example=True),
    "tentative_busy": switch(example=True),
    "unanswered_busy": switch(example=True),
    "stale_policy": ref("StalePolicy"),
    "reminders": many(whole(least=10, most=40320, example=60), "Minutes before the start.", most=pages.REMINDERS_MAX),
    "embed_origins": many(text(example="https://www.example.com"), "Sites that may frame the page.", most=20),
    "color": text(example="#4f46e5", pattern="^#[0-9a-fA-F]{6}$"),
    "language": _LANGUAGE,
    "logo": text("A PNG, JPEG or WebP picture as a data: address; empty for none."),
    "is_published": switch("Whether visitors can book."),
}
_GROUPS = {
    "team": nullable(identity("Everybody in it is a host.")),
    "inbox": nullable(identity("Everybody in it is a host.")),
}
_PAGE_INPUT = _FIELDS | _GROUPS | {"hosts": many(ref("HostInput"), most=pages.HOSTS_MAX)}
_DURATION = nullable(whole("Minutes; one of the page's durations, its first unless you say.", least=1, example=30))
_REFERENCES = many(ref("Reference"), "What it is about.", most=parsing.REFERENCES_MAX)
_INSTANT = text("A time with its offset.", example="2026-12-01T12:00:00Z")
_QUESTION = {
    "label": text(example="What is it about?", most=200),
    "kind": enum(pages.QUESTION_KINDS),
    "required": switch(),
    "options": many(text(example="An order", most=100), "What can be chosen.", most=20),
}

SCHEMAS: dict[str, Schema] = {
    "Language": enum(("", *_LANGUAGES), "A language; empty is the visitor's own."),
    "BookingState": enum(STATES, "How a booking stands."),
    "BookingDecision": enum((CONFIRMED, CANCELLED, NO_SHOW), "What a booking can be made."),
    "HostMode": enum(HOST_MODES, "Which of the hosts take part."),
    "StalePolicy": enum(STALE_POLICIES, "What happens to a host whose calendar cannot be read."),
    "Question": body("Something that a visitor is asked.", _QUESTION, needs=("label",)),
    "BookingLocation": body(
        "Where it takes place; `value` is the number, address or link.",
        needs=("kind",),
        kind=enum(LOCATIONS),
        value=text(example="+55 11 5555 0100", most=500),
    ),
    "HostInput": body(
        "A member who can be booked.",
        needs=("id",),
        id=identity(),
        calendar=nullable(identity("Where bookings go; null: their personal calendar.")),
        weight=whole("How often, beside the others.", least=1, most=100),
    ),
    "Host": answer("A member who can be booked.", id=identity(), calendar=nullable(identity()), weight=whole(least=1)),
    "BookingPage": answer(
        "A page on which visitors book.",
        {
            "id": identity(),
            "slug": text(example="call-0198c7f26a"),
            "url": url(example="https://calendar.example.com/book/call-0198c7f26a"),
        }
        | _FIELDS
        | _GROUPS
        | {"hosts": many(ref("Host"))},
        etag=text("Changes with every change; pass it as If-Match.", example='"5d41402abc4b2a76"'),
    ),
    "BookingPageList": listing("BookingPage", "Booking pages."),
    "BookingPageInput": body("A new page; without hosts its owner is the one host.", _PAGE_INPUT),
    "BookingPageChange": body("What is to be different; hosts are replaced as a whole.", _PAGE_INPUT),
    "Slot": answer(
        "A time that can be booked.", start=instant(), end=instant(), hosts=many(identity(), "Who is free.")
    ),
    "SlotList": listing("Slot", "Times that can be booked, in order."),
    "Obstacle": answer(
        "What takes a host's time.",
        host=text("By name.", example="Bob Reis"),
        kind=enum(("event", "booking", "hold")),
        calendar=nullable(text("By name; null where you may not see it.", example="Work")),
        event=nullable(identity()),
        title=text(example="Busy"),
        start=instant(),
        end=instant(),
        is_buffer=switch("Whether it stands only in the way of the page's buffers."),
    ),
    "Verdict": answer(
        "A time of the hours, and why it is or is not offered.",
        start=instant(),
        reason=enum(("free", "notice", "horizon", "day_full", "week_full", "busy")),
        obstacles=many(ref("Obstacle")),
    ),
    "ClosedHost": answer("A host whose calendar takes no bookings.", host=identity(), calendar=identity()),
    "VerdictList": listing(
        "Verdict", "Each time of the hours.", unwritable=many(ref("ClosedHost"), "Hosts whose calendars take none.")
    ),
    "HoldInput": body("The time to keep.", needs=("start",), start=_INSTANT, duration=_DURATION),
    "Hold": answer("A kept time; pass its id when you book.", id=identity()),
    "OfferInput": body(
        "Up to three times for one customer.",
        needs=("starts",),
        starts=many(_INSTANT, least=1, most=3),
        duration=_DURATION,
        time_zone=nullable(zone("The customer's; the page's unless you say.")),
        references=_REFERENCES,
        language=nullable(_LANGUAGE, "In which the text is written."),
    ),
    "OfferLink": answer("One of the times and where to take it.", start=instant(), url=url()),
    "Offer": answer(
        "Times kept for one customer.",
        id=identity(),
        expires_at=instant(),
        links=many(ref("OfferLink")),
        text=text("What an agent pastes into a reply."),
    ),
    "BookingInput": body(
        "Whom to book, when, on which page.",
        needs=("page", "start", "name", "email"),
        page=identity(),
        start=_INSTANT,
        duration=_DURATION,
        name=text("The visitor's.", example="Ana Souza", most=120),
        email=mail("The visitor's."),
        time_zone=nullable(zone("The visitor's; UTC unless you say.")),
        answers=many(text(example="An order"), "In the order of the questions.", most=pages.QUESTIONS_MAX),
        repeats=nullable(whole("So many weeks in a row.", least=1, most=12)),
        language=nullable(_LANGUAGE, "In which the visitor is written to."),
        hold=nullable(identity("A hold to book.")),
        references=_REFERENCES,
    ),
    "GivenAnswer": answer(
        "What a visitor answered.", label=text(example="What is it about?"), answer=text(example="An order")
    ),
    "Booking": answer(
        "A booking.",
        id=identity(),
        page=identity(),
        host=identity(),
        event=nullable(identity("Its event; null once that is gone.")),
        calendar=nullable(identity()),
        state=ref("BookingState"),
        start=instant(),
        end=instant(),
        name=text(example="Ana Souza"),
        email=mail(),
        time_zone=zone(),
        answers=many(ref("GivenAnswer")),
        guests=many(mail()),
        group=nullable(identity("The same for all of one repeating request.")),
        flag=nullable(text("What a person should look at: overlap, declined …", example="overlap")),
        moved_by=nullable(text("Who moved it last: visitor, host …", example="visitor")),
        cancelled_by=nullable(text("visitor, host …", example="visitor")),
        references=many(ref("Reference")),
        conference_uri=url("Where to join; empty without a meeting.", example="https://meet.google.com/abc-defg-hij"),
        created_at=instant(),
        etag=text("Changes with every change; pass it as If-Match.", example='"5d41402abc4b2a76"'),
    ),
    "BookingList": listing("Booking", "Bookings, latest first.", is_paged=True),
    "BookingChange": body(
        "What is to be different.",
        start=_INSTANT,
        state=nullable(ref("BookingDecision"), "What it becomes."),
        guests=many(mail(), "Guests to add."),
        host=identity("The member who takes it over."),
    ),
}
OPERATIONS: dict[str, Operation] = {
    "list_pages": Operation(answer=ref("BookingPageList")),
    "add_page": Operation(answer=ref("BookingPage"), body=ref("BookingPageInput")),
    "get_page": Operation(answer=ref("BookingPage")),
    "change_page": Operation(answer=ref("BookingPage"), body=ref("BookingPageChange")),
    "copy_page": Operation(answer=ref("BookingPage")),
    "ask_for_link": Operation(answer=ref("Booking")),
    "delete_page": Operation(answer=None),
    "list_slots": Operation(answer=ref("SlotList"), needs=("from", "to")),
    "explain_slots": Operation(answer=ref("VerdictList"), needs=("from", "to")),
    "add_hold": Operation(answer=ref("Hold"), body=ref("HoldInput"), refuses=(409,)),
    "add_offer": Operation(answer=ref("Offer"), body=ref("OfferInput"), refuses=(409,)),
    "withdraw_offer": Operation(answer=None),
    "list_bookings": Operation(
        answer=ref("BookingList"),
        parameters={"state": ref("BookingState") | {"description": "Only bookings in this state."}},
    ),
    "add_booking": Operation(answer=ref("Booking"), body=ref("BookingInput"), refuses=(404, 409)),
    "get_booking": Operation(answer=ref("Booking")),
    "change_booking": Operation(answer=ref("Booking"), body=ref("BookingChange"), refuses=(409,)),
    "cancel_booking": Operation(answer=None),
}
