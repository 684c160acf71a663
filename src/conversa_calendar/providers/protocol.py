"""What the engine needs of an outside calendar: values, one Protocol, and errors that are decisions.

ProviderError
├── Transient            try again later; nothing is known to have happened
│   └── OutcomeUnknown   a write whose answer was lost: it may have happened
├── RateLimited          this person's calls are too many: slow down
├── WritesPaused         the account may only read for some hours
├── GrantDead            the authorisation is gone: a person must reconnect
├── AccessTokenExpired   renew the access token and repeat once
├── CursorExpired        the incremental cursor is worthless: list everything
├── PageExpired          the page token is worthless: begin the listing again
├── PreconditionFailed   someone changed it since we read it
├── AlreadyExists        the id is taken, perhaps by ourselves
├── Gone                 it is already deleted
├── NotFound             not there, or not visible
├── Forbidden            this event or calendar may not be changed by this account
├── PushRefused          no notifications for this calendar: poll
├── BadData              the provider will never take this: park the event
├── Sealed               the key of the stored credentials is not at hand: wait until it is put back
└── OperatorError        the installation is misconfigured; no connection is at fault
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from conversa_calendar.domain.event import Content, Facts


class ProviderError(Exception):
    """A failed call; the subclass says what to do. `reason` is the provider's own word for it."""

    def __init__(self, message: str = "", *, reason: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message or reason or type(self).__name__)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Transient(ProviderError): ...


class OutcomeUnknown(Transient): ...


class RateLimited(ProviderError): ...


class WritesPaused(ProviderError): ...


class GrantDead(ProviderError): ...


class AccessTokenExpired(ProviderError): ...


class CursorExpired(ProviderError): ...


class PageExpired(ProviderError): ...


class PreconditionFailed(ProviderError): ...


class AlreadyExists(ProviderError): ...


class Gone(ProviderError): ...


class NotFound(ProviderError): ...


class Forbidden(ProviderError): ...


class AccessLost(Forbidden):
    """The caller may do less in the whole calendar than was thought."""


class PushRefused(ProviderError): ...


class BadData(ProviderError): ...


class Sealed(ProviderError): ...


class OperatorError(ProviderError): ...


class RemoteEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One event as the provider shows it. A tombstone has no content. `raw` is the item's own JSON."""

    id: str
    etag: str
    is_cancelled: bool
    raw: bytes
    content: Content | None = None
    facts: Facts = Facts()
    series_id: str = ""
    original_key: str = ""
    updated: str = ""
    """The provider's own time of the last change, for ordering answers of one server, never against our clock."""
    tag: str = ""
    """The identity that a client of ours wrote on it, for recovery; copies carry it too."""
    is_masked: bool = False
    """Whether the provider hides its details from this account."""


class Unreadable(msgspec.Struct, frozen=True, gc=False):
    """An item that could not be understood; kept raw and parked. `series_id` is what its id says of a series."""

    id: str
    reason: str
    raw: bytes
    series_id: str = ""


class Page(msgspec.Struct, frozen=True):
    """One page of a listing. Exactly one of `next_page` and `next_cursor` is set, except when a cursor is not given."""

    items: tuple[RemoteEvent | Unreadable, ...]
    next_page: str
    next_cursor: str
    access: str
    time_zone: str


class RemoteCalendar(msgspec.Struct, frozen=True):
    """One entry of the person's calendar list."""

    id: str
    name: str
    color: str
    access: str
    time_zone: str
    is_primary: bool
    is_hidden: bool
    description: str = ""


class Busy(msgspec.Struct, frozen=True):
    starts_at: datetime
    ends_at: datetime


class Watch(msgspec.Struct, frozen=True):
    """An open notification channel."""

    resource_id: str
    expires_at: datetime


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One change of an event, ready to send; it is stored as the intent before it is sent."""

    event_id: str
    body: bytes
    if_match: str = ""
    notify: str = "none"
    wants_conference: bool = False


class Provider(Protocol):
    """Calls on behalf of one connected account. Every method may raise any ProviderError."""

    @property
    def is_concurrent(self) -> bool:
        """Whether calls may go out from several threads at once."""

    def list_calendars(self) -> Sequence[RemoteCalendar]: ...

    def create_calendar(self, name: str, time_zone: str, description: str = "") -> RemoteCalendar: ...

    def list_events(
        self,
        calendar_id: str,
        *,
        cursor: str = "",
        page: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Page: ...

    def get_event(self, calendar_id: str, event_id: str) -> RemoteEvent: ...

    def instances(self, calendar_id: str, series_id: str, original_start: str) -> Sequence[RemoteEvent]: ...

    def occurrences(self, calendar_id: str, since: datetime, until: datetime) -> Sequence[RemoteEvent | Unreadable]: ...

    def taking_place(self, calendar_id: str, since: datetime, until: datetime, page: str = "") -> Page: ...

    def insert(self, calendar_id: str, write: Write) -> RemoteEvent: ...

    def patch(self, calendar_id: str, write: Write) -> RemoteEvent: ...

    def delete(self, calendar_id: str, write: Write) -> None: ...

    def move(self, calendar_id: str, event_id: str, destination: str) -> RemoteEvent: ...

    def free_busy(self, calendar_id: str, since: datetime, until: datetime) -> Sequence[Busy]: ...

    def watch(self, calendar_id: str, channel_id: str, token: str, address: str) -> Watch: ...

    def watch_list(self, channel_id: str, token: str, address: str) -> Watch: ...

    def stop(self, channel_id: str, resource_id: str) -> None: ...
