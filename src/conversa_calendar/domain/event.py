"""What an event holds, cut into the units that merge independently.

`Content` is what people edit and both sides agree on; `Facts` is what only the provider says. The unit names are the
vocabulary of merging, history and overrides: a unit is the smallest thing that one side can change without the other.
"""

from collections.abc import Iterable

import msgspec

from conversa_calendar.domain import times
from conversa_calendar.domain.times import Day, Moment

UNITS = (
    "when",
    "summary",
    "description",
    "location",
    "status",
    "transparency",
    "visibility",
    "color",
    "reminders",
    "conference",
    "guests_can",
    "attendees",
)
"""Every unit of `Content`, in the order in which people read them."""

PERSONAL_UNITS = frozenset({"reminders", "color", "transparency"})
"""Units that belong to one copy of an event and never travel to other guests (Google: inviting concept)."""


class Reminder(msgspec.Struct, frozen=True, gc=False):
    """`method` is Google's: popup or email; `minutes` before the start, 0 to 40320."""

    method: str
    minutes: int


class Reminders(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Either the calendar's defaults or these; no default and no override means none."""

    use_default: bool = True
    overrides: tuple[Reminder, ...] = ()


class Conference(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A video meeting: none, pending (asked for, not there yet), ready (with `uri`) or failed."""

    state: str = "none"
    uri: str = ""
    request_id: str = ""

    @property
    def is_meeting(self) -> bool:
        """Whether there is one, or will be: one that failed is none, as it may be asked for again."""
        return self.state not in {"none", "failed"}


class GuestsCan(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What guests may do; the defaults are Google's."""

    invite_others: bool = True
    modify: bool = False
    see_others: bool = True


class Attendee(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One guest; `email` identifies, `response` is needsAction, declined, tentative or accepted."""

    email: str
    name: str = ""
    response: str = "needsAction"
    optional: bool = False
    resource: bool = False
    organizer: bool = False
    self: bool = False
    comment: str = ""
    additional_guests: int = 0


class Content(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """The editable state of an event. `end` is exclusive. `recurrence` holds RFC 5545 lines without DTSTART."""

    start: Moment
    end: Moment
    recurrence: tuple[str, ...] = ()
    summary: str = ""
    description: str = ""
    location: str = ""
    status: str = "confirmed"
    transparency: str = "opaque"
    visibility: str = "default"
    color: str = ""
    reminders: Reminders = Reminders()
    conference: Conference = Conference()
    guests_can: GuestsCan = GuestsCan()
    attendees: tuple[Attendee, ...] = ()

    @property
    def is_all_day(self) -> bool:
        return isinstance(self.start, Day)

    @property
    def is_busy(self) -> bool:
        """Whether it takes time: not transparent, not cancelled, not declined by the calendar's own attendee."""
        declined = any(guest.self and guest.response == "declined" for guest in self.attendees)
        return self.transparency != "transparent" and self.status != "cancelled" and not declined


class Person(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    email: str = ""
    name: str = ""
    self: bool = False


class Attachment(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    url: str = ""
    title: str = ""
    mime_type: str = ""


class Facts(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the provider says and nobody here edits."""

    ical_uid: str = ""
    event_type: str = "default"
    organizer: Person | None = None
    attachments: tuple[Attachment, ...] = ()
    attendees_omitted: bool = False
    html_link: str = ""
    is_locked: bool = False
    is_private_copy: bool = False

    @property
    def is_own_copy(self) -> bool:
        """Whether this calendar organises the event, so that shared units may be changed here."""
        return self.organizer is None or self.organizer.self


def unit(content: Content, name: str) -> object:
    """The value of one unit, in a form in which equal meaning compares equal."""
    if name == "when":
        return when(content)
    if name == "attendees":
        return {guest.email.lower(): guest for guest in content.attendees}
    if name == "conference":
        return (content.conference.is_meeting, content.conference.uri)
    return getattr(content, name)


def when(content: Content) -> tuple[object, ...]:
    """Start, end, zone and rules as one comparable value: instants, not offsets; rules by meaning, not by spelling."""
    from conversa_calendar.domain import recurrence

    if not content.recurrence:
        return (_comparable(content.start), _comparable(content.end))
    zone = "" if isinstance(content.start, Day) else content.start.zone
    rules = recurrence.canonical(content.recurrence, content.start)
    return (_comparable(content.start), _comparable(content.end), zone, rules)


def changed_units(before: Content, after: Content) -> tuple[str, ...]:
    """The units in which two contents differ."""
    return tuple(name for name in UNITS if unit(before, name) != unit(after, name))


def with_units(content: Content, source: Content, names: Iterable[str]) -> Content:
    """`content` with the named units taken from `source`."""
    values: dict[str, object] = {}
    for name in names:
        if name == "when":
            values |= {"start": source.start, "end": source.end, "recurrence": source.recurrence}
        else:
            values[name] = getattr(source, name)
    return msgspec.structs.replace(content, **values)


def with_master_units(override: Content, master: Content, overridden: Iterable[str]) -> Content:
    """An override after its master changed: units that it does not override follow the master."""
    follows = set(UNITS) - set(overridden) - {"when", "status"}
    return with_units(override, master, follows)


def readable(content: Content, name: str) -> object:
    """A unit as history keeps it: plain JSON."""
    if name == "when":
        return msgspec.to_builtins({"start": content.start, "end": content.end, "recurrence": content.recurrence})
    return msgspec.to_builtins(getattr(content, name))


def from_readable(content: Content, name: str, value: object) -> Content:
    """`content` with one unit put back from history. Raises msgspec.ValidationError on a foreign shape."""
    plain = msgspec.to_builtins(content)
    plain |= value if name == "when" and isinstance(value, dict) else {name: value}
    return msgspec.convert(plain, Content)


_content_decoder = msgspec.json.Decoder(Content)
_facts_decoder = msgspec.json.Decoder(Facts)
_encoder = msgspec.json.Encoder()


def encode(value: Content | Facts) -> str:
    return _encoder.encode(value).decode()


def decode_content(text: str | bytes) -> Content:
    return _content_decoder.decode(text)


def decode_facts(text: str | bytes) -> Facts:
    return _facts_decoder.decode(text)


def _comparable(moment: Moment) -> object:
    return moment.date if isinstance(moment, Day) else times.instant(moment)
