"""The fields of an event: one row for each, asked by everything that reads, checks, shows, names or documents them.

What holds a text or one of several words needs nothing but its row here, its place in `domain.event.Content`, its words at
the provider and, where people type it, its place in the form. Fields of a shape of their own are read and shown by code
that is theirs (`parsing`, `presenting`); their rows say the rest.
"""

from enum import StrEnum

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Kind(StrEnum):
    """What a field holds."""

    TEXT = "text"
    CHOICE = "choice"
    OWN = "own"
    """A shape of its own."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field. `unit` is the unit in which it merges (`domain.event.UNITS`), `words` name it for people in forms and
    histories, `says` in the API's document. `wire` is its name at Google, `ics` its property in a file, empty where it has
    none there. `masked` is what it reads for whoever may only know that the time is taken; None where that may be known."""

    name: str
    unit: str
    kind: Kind = Kind.OWN
    words: str | Promise
    says: str = ""
    example: str = ""
    most: int = 0
    choices: tuple[str, ...] = ()
    masked: str | None = ""
    wire: str
    ics: str = ""
    in_form: bool = True


VISIBILITIES = ("default", "public", "private", "confidential")
COLORS = ("", *map(str, range(1, 12)))

FIELDS = (
    Field(name="start", unit="when", words=_("Time"), wire="start", ics="DTSTART"),
    Field(name="end", unit="when", words=_("Time"), wire="end", ics="DTEND"),
    Field(name="recurrence", unit="when", words=_("Time"), wire="recurrence", ics="RRULE"),
    Field(
        name="status",
        unit="status",
        kind=Kind.CHOICE,
        words=_("State"),
        says="Google's word for whether it stands.",
        choices=("confirmed", "tentative", "cancelled"),
        masked="confirmed",
        wire="status",
        ics="STATUS",
        in_form=False,
    ),
    Field(
        name="summary",
        unit="summary",
        kind=Kind.TEXT,
        words=_("Title"),
        says="The title.",
        example="Quarterly review",
        most=1024,
        wire="summary",
        ics="SUMMARY",
    ),
    Field(
        name="description",
        unit="description",
        kind=Kind.TEXT,
        words=_("Description"),
        says="Plain text, or HTML as Google knows it.",
        example="Numbers and next steps",
        most=8192,
        wire="description",
        ics="DESCRIPTION",
    ),
    Field(
        name="location",
        unit="location",
        kind=Kind.TEXT,
        words=_("Location"),
        says="Where.",
        example="Room 4",
        most=1024,
        wire="location",
        ics="LOCATION",
    ),
    Field(
        name="transparency",
        unit="transparency",
        kind=Kind.CHOICE,
        words=_("Shown as"),
        says="Whether it takes time: opaque does, transparent does not.",
        choices=("opaque", "transparent"),
        masked=None,
        wire="transparency",
        ics="TRANSP",
    ),
    Field(
        name="visibility",
        unit="visibility",
        kind=Kind.CHOICE,
        words=_("Visibility"),
        says="Who may read it.",
        choices=VISIBILITIES,
        masked="private",
        wire="visibility",
        ics="CLASS",
    ),
    Field(
        name="color",
        unit="color",
        kind=Kind.CHOICE,
        words=_("Colour"),
        says="Google's number of a colour; empty is the calendar's own.",
        choices=COLORS,
        wire="colorId",
    ),
    Field(name="reminders", unit="reminders", words=_("Reminders"), wire="reminders", ics="VALARM"),
    Field(name="conference", unit="conference", words=_("Video meeting"), wire="conferenceData", ics="URL"),
    Field(name="guests_can", unit="guests_can", words=_("What guests may do"), wire="guestsCanModify"),
    Field(name="attendees", unit="attendees", words=_("Guests"), wire="attendees", ics="ATTENDEE"),
)
"""In the order in which people read them."""
BY_NAME = {field.name: field for field in FIELDS}
PLAIN = tuple(field.name for field in FIELDS if field.kind is not Kind.OWN)
"""Those that hold a text or a word."""
TEXTS = tuple(field.name for field in FIELDS if field.kind is Kind.TEXT)
CHOICES = {field.name: field.choices for field in FIELDS if field.kind is Kind.CHOICE}
LIMITS = {field.name: field.most for field in FIELDS if field.most}
MASKED = {field.name: field.masked for field in FIELDS if field.name in PLAIN and field.masked is not None}
TYPED = tuple(name for name in PLAIN if BY_NAME[name].in_form)
"""Those of them that people type or choose in the form."""


def unit_words(unit: str) -> str:
    """A unit of an event's content in words, in the reader's language; the unit itself where it is none of ours."""
    return next((str(field.words) for field in FIELDS if field.unit == unit), unit)
