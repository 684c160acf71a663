"""Google's resources as typed structs; unknown members are ignored here and kept in the raw item."""

import json

import msgspec


class When(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    date: str | None = None
    date_time: str | None = None
    time_zone: str | None = None


class Person(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    email: str | None = None
    display_name: str | None = None
    self: bool | None = None


class Attendee(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    email: str | None = None
    id: str | None = None
    display_name: str | None = None
    response_status: str | None = None
    optional: bool | None = None
    resource: bool | None = None
    organizer: bool | None = None
    self: bool | None = None
    comment: str | None = None
    additional_guests: int | None = None


class Override(msgspec.Struct, frozen=True, gc=False):
    method: str = "popup"
    minutes: int = 0


class Reminders(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    use_default: bool | None = None
    overrides: tuple[Override, ...] | None = None


class Status(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    status_code: str | None = None


class CreateRequest(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    request_id: str | None = None
    status: Status | None = None


class EntryPoint(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    entry_point_type: str | None = None
    uri: str | None = None


class Conference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    create_request: CreateRequest | None = None
    entry_points: tuple[EntryPoint, ...] | None = None
    conference_id: str | None = None


class Properties(msgspec.Struct, frozen=True, gc=False):
    private: dict[str, str] | None = None
    shared: dict[str, str] | None = None


class Attachment(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    file_url: str | None = None
    title: str | None = None
    mime_type: str | None = None


class Event(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    id: str
    etag: str = ""
    created: str | None = None
    updated: str | None = None
    status: str | None = None
    summary: str | None = None
    description: str | None = None
    location: str | None = None
    color_id: str | None = None
    start: When | None = None
    end: When | None = None
    recurrence: tuple[str, ...] | None = None
    recurring_event_id: str | None = None
    original_start_time: When | None = None
    transparency: str | None = None
    visibility: str | None = None
    ical_uid: str | None = msgspec.field(default=None, name="iCalUID")
    attendees: tuple[Attendee, ...] | None = None
    attendees_omitted: bool | None = None
    organizer: Person | None = None
    extended_properties: Properties | None = None
    hangout_link: str | None = None
    conference_data: Conference | None = None
    guests_can_invite_others: bool | None = None
    guests_can_modify: bool | None = None
    guests_can_see_other_guests: bool | None = None
    reminders: Reminders | None = None
    attachments: tuple[Attachment, ...] | None = None
    event_type: str | None = None
    html_link: str | None = None
    locked: bool | None = None
    private_copy: bool | None = None


class Listing(msgspec.Struct, frozen=True, rename="camel"):
    items: tuple[msgspec.Raw, ...] = ()
    next_page_token: str | None = None
    next_sync_token: str | None = None
    access_role: str | None = None
    time_zone: str | None = None


class CalendarListEntry(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    summary: str | None = None
    description: str | None = None
    summary_override: str | None = None
    background_color: str | None = None
    access_role: str | None = None
    time_zone: str | None = None
    primary: bool | None = None
    hidden: bool | None = None
    deleted: bool | None = None


class CalendarList(msgspec.Struct, frozen=True, rename="camel"):
    items: tuple[CalendarListEntry, ...] = ()
    next_page_token: str | None = None


class Channel(msgspec.Struct, frozen=True, rename="camel"):
    resource_id: str
    expiration: str | int | None = None


class Span(msgspec.Struct, frozen=True, gc=False):
    start: str
    end: str


class FreeBusyCalendar(msgspec.Struct, frozen=True):
    busy: tuple[Span, ...] = ()
    errors: tuple[dict[str, str], ...] = ()


class FreeBusy(msgspec.Struct, frozen=True):
    calendars: dict[str, FreeBusyCalendar] = {}


event_decoder = msgspec.json.Decoder(Event)
listing_decoder = msgspec.json.Decoder(Listing)


def listing(body: bytes) -> Listing:
    """One page of a listing. A single item that holds half of a character, or bytes that are no text, does not make the
    others unreadable: it stays as it is among them. Raises msgspec.DecodeError, msgspec.ValidationError."""
    try:
        return listing_decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return _item_by_item(body)


def _item_by_item(body: bytes) -> Listing:
    try:
        page = json.loads(body.decode(errors="replace"))
        items = tuple(msgspec.Raw(json.dumps(item).encode()) for item in page.pop("items", []))
        rest = json.dumps(page)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
    return msgspec.structs.replace(listing_decoder.decode(rest), items=items)
