"""Calls to Calendar API v3 on behalf of one connected account."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google import failures, mapping, wire
from conversa_calendar.providers.google.transport import Request, Response, Transport
from conversa_calendar.providers.protocol import Busy, Page, RemoteCalendar, RemoteEvent, Unreadable, Watch, Write

PAGE_SIZE = 2500
PAGES_MAX = 40
WATCHED_AT_LEAST = timedelta(hours=1)
"""So long a channel is relied on of which Google did not say how long it lives."""
"""A calendar list longer than this many pages is not believed."""

T = TypeVar("T")
Guard = Callable[[float, int], None]
"""Called with the deadline and Google's units before each call; raises when it must not start (lease, budget)."""
Timed = Callable[[float, bool], None]
"""Called after each call with the seconds that it took, and whether it was answered."""
_NOT_THERE = {"notFound", "forbidden", "deleted"}
"""Why free/busy is refused of a calendar that nobody here can use."""
UNITS = {"PATCH": 3}
"""What a call costs of Google's quota, where it is not one unit (G§9)."""


class GoogleCalendar:
    """Google Calendar as a Provider. `base_url` is the API's root, without trailing slash."""

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        access_token: Callable[[], str],
        *,
        renew: Callable[[], str] | None = None,
        guard: Guard | None = None,
        deadline_s: float = 25.0,
        page_size: int = PAGE_SIZE,
        headers: dict[str, str] | None = None,
        timed: Timed | None = None,
    ) -> None:
        self._transport = transport
        self._base_url = base_url
        self._access_token = access_token
        self._renew = renew
        self._guard = guard
        self._deadline_s = deadline_s
        self._page_size = page_size
        self._headers = headers or {}
        self._timed = timed

    @property
    def is_concurrent(self) -> bool:
        return self._transport.is_concurrent

    def list_calendars(self) -> Sequence[RemoteCalendar]:
        """Every calendar on the person's list, hidden ones included."""
        found: list[RemoteCalendar] = []
        page, seen = "", set[str]()
        for _ in range(PAGES_MAX):
            query = {"maxResults": "250", "showHidden": "true"} | ({"pageToken": page} if page else {})
            answer = self._get("/users/me/calendarList", query, wire.CalendarList)
            found += [_calendar(entry) for entry in answer.items if not entry.deleted]
            page = answer.next_page_token or ""
            if not page:
                return found
            if page in seen:
                break
            seen.add(page)
        raise protocol.Transient("The calendar list does not end.", reason="endlessList")

    def create_calendar(self, name: str, time_zone: str, description: str = "") -> RemoteCalendar:
        """A new secondary calendar owned by this account. Google makes another one each time that it is asked."""
        sent = msgspec.json.encode({"summary": name, "timeZone": time_zone, "description": description})
        answer = self._call("POST", "/calendars", {}, sent)
        entry = _decoded(answer, wire.CalendarListEntry, is_write=True)
        return RemoteCalendar(entry.id, name, "", "owner", time_zone, False, False, description)

    def list_events(
        self,
        calendar_id: str,
        *,
        cursor: str = "",
        page: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Page:
        """One page of everything (no cursor) or of what changed since the cursor."""
        query = {"maxResults": str(self._page_size)}
        query |= {"syncToken": cursor} if cursor else {}
        query |= {"pageToken": page} if page else {}
        query |= {"timeMin": _text(since)} if since else {}
        query |= {"timeMax": _text(until)} if until else {}
        answer = self._call("GET", f"/calendars/{_part(calendar_id)}/events", query)
        try:
            listing = wire.listing(answer.body)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise protocol.Transient("Google's list could not be read.", reason="nonsense") from error
        if not listing.next_page_token and not listing.next_sync_token and not (since or until):
            raise protocol.Transient("Google's list ended without a token.", reason="nonsense")
        zone = listing.time_zone or "UTC"
        return Page(
            items=tuple(mapping.read(bytes(item), zone) for item in listing.items),
            next_page=listing.next_page_token or "",
            next_cursor=listing.next_sync_token or "",
            access=listing.access_role or "none",
            time_zone=zone,
        )

    def get_event(self, calendar_id: str, event_id: str) -> RemoteEvent:
        answer = self._call("GET", f"/calendars/{_part(calendar_id)}/events/{_part(event_id)}", {})
        return _event(answer)

    def instances(self, calendar_id: str, series_id: str, original_start: str) -> Sequence[RemoteEvent]:
        """The occurrences of a series with this original start: one or none."""
        query = {"originalStart": original_start, "showDeleted": "true"}
        path = f"/calendars/{_part(calendar_id)}/events/{_part(series_id)}/instances"
        listing = self._get(path, query, wire.Listing)
        zone = listing.time_zone or "UTC"
        read = [mapping.read(bytes(item), zone) for item in listing.items]
        return [event for event in read if isinstance(event, RemoteEvent)]

    def occurrences(
        self, calendar_id: str, since: datetime, until: datetime
    ) -> Sequence[RemoteEvent | protocol.Unreadable]:
        """Everything that takes place in [since, until), series as their occurrences. Raises Transient for more than
        anybody does in the time of one appointment."""
        query = {"singleEvents": "true", "timeMin": _text(since), "timeMax": _text(until), "maxResults": "250"}
        listing = self._get(f"/calendars/{_part(calendar_id)}/events", query, wire.Listing)
        if listing.next_page_token:
            raise protocol.Transient("Too much takes place at that time.", reason="tooMany")
        return [mapping.read(bytes(item), listing.time_zone or "UTC") for item in listing.items]

    def taking_place(self, calendar_id: str, since: datetime, until: datetime, page: str = "") -> Page:
        """A page of everything that takes place in [since, until), series as Google expands them."""
        query = {"singleEvents": "true", "timeMin": _text(since), "timeMax": _text(until), "maxResults": "2500"}
        query |= {"pageToken": page} if page else {}
        listing = self._get(f"/calendars/{_part(calendar_id)}/events", query, wire.Listing)
        zone = listing.time_zone or "UTC"
        items = tuple(mapping.read(bytes(item), zone) for item in listing.items)
        return Page(items, listing.next_page_token or "", "", listing.access_role or "none", zone)

    def insert(self, calendar_id: str, write: Write) -> RemoteEvent:
        answer = self._call("POST", f"/calendars/{_part(calendar_id)}/events", _write_query(write), write.body)
        return _event(answer, is_write=True)

    def patch(self, calendar_id: str, write: Write) -> RemoteEvent:
        path = f"/calendars/{_part(calendar_id)}/events/{_part(write.event_id)}"
        answer = self._call("PATCH", path, _write_query(write), write.body, write.if_match)
        return _event(answer, is_write=True)

    def delete(self, calendar_id: str, write: Write) -> None:
        path = f"/calendars/{_part(calendar_id)}/events/{_part(write.event_id)}"
        _expect_nothing(self._call("DELETE", path, {"sendUpdates": _notify(write.notify)}, b"", write.if_match))

    def move(self, calendar_id: str, event_id: str, destination: str) -> RemoteEvent:
        path = f"/calendars/{_part(calendar_id)}/events/{_part(event_id)}/move"
        answer = self._call("POST", path, {"destination": destination, "sendUpdates": "none"})
        return _event(answer, is_write=True)

    def free_busy(self, calendar_id: str, since: datetime, until: datetime) -> Sequence[Busy]:
        """When a calendar is busy. Raises NotFound when Google says that there is none that may be seen."""
        sent = {"timeMin": _text(since), "timeMax": _text(until), "items": [{"id": calendar_id}]}
        answer = self._call("POST", "/freeBusy", {}, msgspec.json.encode(sent), is_write=False)
        found = _decoded(answer, wire.FreeBusy).calendars.get(calendar_id)
        reasons = {error.get("reason", "") for error in found.errors} if found is not None else {"notFound"}
        if found is None or reasons & _NOT_THERE:
            raise protocol.NotFound("Free/busy of this calendar is not available.", reason="notFound")
        if found.errors:
            raise protocol.Transient("Google could not say when this calendar is busy.", reason=min(reasons))
        return [Busy(datetime.fromisoformat(s.start), datetime.fromisoformat(s.end)) for s in found.busy]

    def watch(self, calendar_id: str, channel_id: str, token: str, address: str) -> Watch:
        return self._watch(f"/calendars/{_part(calendar_id)}/events/watch", channel_id, token, address)

    def watch_list(self, channel_id: str, token: str, address: str) -> Watch:
        """Has every change of the person's calendar list notified."""
        return self._watch("/users/me/calendarList/watch", channel_id, token, address)

    def _watch(self, path: str, channel_id: str, token: str, address: str) -> Watch:
        sent = {"id": channel_id, "type": "web_hook", "address": address, "token": token}
        channel = _decoded(self._call("POST", path, {}, msgspec.json.encode(sent)), wire.Channel, is_write=True)
        ends_at = datetime.fromtimestamp(int(channel.expiration) / 1000, UTC) if channel.expiration else None
        return Watch(channel.resource_id, ends_at or clock.now() + WATCHED_AT_LEAST)

    def stop(self, channel_id: str, resource_id: str) -> None:
        """Stops a channel; one that is unknown already counts as stopped."""
        sent = msgspec.json.encode({"id": channel_id, "resourceId": resource_id})
        try:
            _expect_nothing(self._call("POST", "/channels/stop", {}, sent))
        except (protocol.NotFound, protocol.Gone):
            return

    def _get(self, path: str, query: dict[str, str], kind: type[T]) -> T:
        return _decoded(self._call("GET", path, query), kind)

    def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: bytes = b"",
        if_match: str = "",
        is_write: bool | None = None,
    ) -> Response:
        writes = method != "GET" if is_write is None else is_write
        url = f"{self._base_url}{path}{'?' + urlencode(query) if query else ''}"
        try:
            return self._send(method, url, body, if_match, writes, self._access_token())
        except protocol.AccessTokenExpired:
            if self._renew is None:
                raise
        return self._send(method, url, body, if_match, writes, self._renew())

    def _send(self, method: str, url: str, body: bytes, if_match: str, is_write: bool, token: str) -> Response:
        if self._guard is not None:
            self._guard(self._deadline_s, UNITS.get(method, 1))
        headers = {"Authorization": f"Bearer {token}"} | self._headers
        headers |= {"Content-Type": "application/json"} if body else {}
        headers |= {"If-Match": if_match} if if_match else {}
        request = Request(method=method, url=url, headers=headers, body=body, deadline_s=self._deadline_s)
        response = self._answer(request)
        if response.status >= 300:
            raise failures.of(response, is_write=is_write, had_precondition=bool(if_match))
        return response

    def _answer(self, request: Request) -> Response:
        """Sends, and tells how long it took."""
        began_s, is_answered = clock.steady_s(), False
        try:
            response = self._transport.send(request)
            is_answered = True
            return response
        finally:
            if self._timed is not None:
                self._timed(clock.steady_s() - began_s, is_answered)


def _decoded(response: Response, kind: type[T], *, is_write: bool = False) -> T:
    try:
        return msgspec.json.decode(response.body, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        failure = protocol.OutcomeUnknown if is_write else protocol.Transient
        raise failure("Google's answer could not be read.", reason="nonsense") from error


def _expect_nothing(response: Response) -> None:
    """Google answers without a body; a page of something in between does not say that anything was done."""
    if response.body.strip():
        raise protocol.OutcomeUnknown("Google's answer could not be read.", reason="nonsense")


def _event(response: Response, *, is_write: bool = False) -> RemoteEvent:
    event = mapping.read(response.body, "UTC")
    if isinstance(event, Unreadable):
        # An answer without an id is no event at all, such as a proxy's page: that passes. One with an id will not.
        failure: type[protocol.ProviderError] = protocol.BadData if event.id else protocol.Transient
        failure = protocol.OutcomeUnknown if is_write else failure
        raise failure("Google's answer could not be read.", reason="nonsense")
    return event


def _calendar(entry: wire.CalendarListEntry) -> RemoteCalendar:
    return RemoteCalendar(
        id=entry.id,
        name=entry.summary_override or entry.summary or entry.id,
        color=entry.background_color or "",
        access=entry.access_role or "none",
        time_zone=entry.time_zone or "UTC",
        is_primary=bool(entry.primary),
        is_hidden=bool(entry.hidden),
        description=entry.description or "",
    )


def _write_query(write: Write) -> dict[str, str]:
    query: dict[str, Any] = {"sendUpdates": _notify(write.notify)}
    return query | ({"conferenceDataVersion": "1"} if write.wants_conference else {})


def _notify(choice: str) -> str:
    return {"all": "all", "external": "externalOnly"}.get(choice, "none")


def _part(text: str) -> str:
    return quote(text, safe="")


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
