"""Addresses at which calendars can be read as files."""

from conversa_calendar.api.contract.shapes import (
    Operation,
    Schema,
    answer,
    body,
    enum,
    identity,
    instant,
    listing,
    nullable,
    ref,
    text,
    url,
)
from conversa_calendar.formats.models import DETAILS, KINDS

SCHEMAS: dict[str, Schema] = {
    "FeedKind": enum(KINDS, "Whose calendars it shows."),
    "FeedDetails": enum(DETAILS, "Only that time is taken, or what the events say."),
    "Feed": answer(
        "An address at which calendars can be read.",
        {"url": nullable(url("Told only when it was just made.", example="https://calendar.example.com/feeds/….ics"))},
        optional=("url",),
        id=identity(),
        kind=ref("FeedKind"),
        target=identity("The calendar, team or member."),
        name=text(example="Support"),
        details=ref("FeedDetails"),
        member=identity("As whom it reads."),
        hint=text("How its secret begins.", example="ab12"),
        created_at=instant(),
        rotated_at=nullable(instant()),
        last_read_at=nullable(instant()),
    ),
    "FeedList": listing("Feed", "Addresses, without their secrets."),
    "FeedInput": body(
        "Whose calendars are to be read.",
        needs=("kind", "target"),
        kind=ref("FeedKind"),
        target=identity("The id of the calendar, team or member."),
        details=ref("FeedDetails"),
    ),
}
OPERATIONS: dict[str, Operation] = {
    "list_feeds": Operation(answer=ref("FeedList")),
    "add_feed": Operation(answer=ref("Feed"), body=ref("FeedInput"), refuses=(404,), secrets=("url",)),
    "rotate_feed": Operation(answer=ref("Feed")),
    "remove_feed": Operation(answer=None),
}
