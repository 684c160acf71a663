"""Booking pages, slots, holds and bookings."""

from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import translation
from ninja import Router
from ninja.params.functions import Body, Header, Query

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api import bodies
from conversa_calendar.api.auth import ApiRequest, Caller, Limit, scoped, token_limited
from conversa_calendar.api.problems import Problem
from conversa_calendar.bookings import availability, caps, keys, live, pages, presenting, selectors, services, why
from conversa_calendar.bookings.live import Taken
from conversa_calendar.bookings.models import Booking, BookingPage
from conversa_calendar.bookings.services import Visitor
from conversa_calendar.calendars import parsing
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.domain import times
from conversa_calendar.kit import reading

router = Router(tags=["bookings"])
Payload = dict[str, Any]
Found = TypeVar("Found")
PAGE = 100


@router.get("/booking-pages", summary="Booking pages")
@scoped("bookings.read", limit=Limit.CALENDARS)
def list_pages(request: ApiRequest) -> Payload:
    found = [page for page in selectors.pages() if _is_within(request.caller, page)]
    return {"items": [presenting.page(page) for page in found]}


@router.post("/booking-pages", response={201: Payload}, summary="Create a booking page")
@scoped("bookings.manage", Permission.OWN_PAGES, limit=Limit.REFUSED)
def add_page(request: ApiRequest, payload: Payload = Body(...)) -> tuple[int, Payload]:
    return 201, presenting.page(pages.create(owner=request.caller.member, values=payload))


@router.get("/booking-pages/{uuid}", summary="One booking page")
@scoped("bookings.read", limit=Limit.CALENDARS)
def get_page(request: ApiRequest, uuid: str) -> Payload:
    return presenting.page(_page(request.caller, uuid))


@router.patch("/booking-pages/{uuid}", summary="Change a booking page")
@scoped("bookings.manage", Permission.OWN_PAGES, limit=Limit.REFUSED)
def change_page(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> Payload:
    return presenting.page(pages.change(_own(request, uuid), values=payload, by=request.caller.member))


@router.delete("/booking-pages/{uuid}", response={204: None}, summary="Take a booking page away")
@scoped("bookings.manage", Permission.OWN_PAGES, limit=Limit.CALENDARS)
def delete_page(request: ApiRequest, uuid: str) -> tuple[int, None]:
    pages.delete(_own(request, uuid))
    return 204, None


@router.get("/booking-pages/{uuid}/slots", summary="Times that can be booked, in order")
@scoped("bookings.read", limit=Limit.CALENDARS)
def list_slots(
    request: ApiRequest,
    uuid: str,
    since: str = Query("", alias="from"),
    until: str = Query("", alias="to"),
    duration: int | None = None,
) -> Payload:
    page = _page(request.caller, uuid)
    begin, end = _range(since, until)
    wanted = _duration(page, duration)
    length = timedelta(minutes=wanted)
    found = availability.slots(page, wanted, begin, end)
    return {"items": [presenting.slot(start, start + length, hosts) for start, hosts in found.items()]}


@router.get("/booking-pages/{uuid}/why", summary="Why each time of the hours is or is not offered")
@scoped("bookings.manage", Permission.OWN_PAGES, limit=Limit.CALENDARS)
def explain_slots(
    request: ApiRequest,
    uuid: str,
    since: str = Query("", alias="from"),
    until: str = Query("", alias="to"),
    duration: int | None = None,
) -> Payload:
    page = _own(request, uuid)
    begin, end = _range(since, until)
    found = why.explained(page, _duration(page, duration), begin, end, request.caller.viewer)
    closed = availability.unwritable_hosts(page)
    return {
        "items": [why.shown(one) for one in found],
        "unwritable": [{"host": str(one.member.uuid), "calendar": str(one.calendar.uuid)} for one in closed],
    }


@router.post("/booking-pages/{uuid}/holds", response={201: Payload}, summary="Keep a time for ten minutes")
@scoped("bookings.write", limit=Limit.CALENDARS)
def add_hold(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> tuple[int, Payload]:
    page = _page(request.caller, uuid)
    start = _instant("start", payload.get("start"))
    if not caps.may_hold(page, address=f"token {request.caller.token.pk}"):
        raise Problem(429, "rate_limited", "Too many holds; wait ten minutes.", retry_after_s=600)
    return 201, {"id": str(services.hold(page, start, _duration(page, payload.get("duration"))))}


@router.post("/booking-pages/{uuid}/offers", response={201: Payload}, summary="Keep up to three times for one customer")
@scoped("bookings.write", limit=Limit.CALENDARS)
def add_offer(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> tuple[int, Payload]:
    page = _page(request.caller, uuid)
    references = parsing.references(payload)
    starts = [_instant("starts", text) for text in _texts("starts", payload.get("starts"))]
    zone = str(payload.get("time_zone") or page.time_zone)
    duration = _duration(page, payload.get("duration"))
    made = services.offer(page, request.caller.member, starts, duration, zone, references)
    with translation.override(_language(payload.get("language")) or settings.LANGUAGE_CODE):
        return 201, presenting.offer(made)


@router.delete("/booking-offers/{uuid}", response={204: None}, summary="Free the times of an offer")
@scoped("bookings.write", limit=Limit.CALENDARS)
def withdraw_offer(request: ApiRequest, uuid: str) -> tuple[int, None]:
    offered = selectors.offer(request.caller.member, uuid)
    services.withdraw(_checked(request.caller, offered, offered.page))
    return 204, None


@router.get("/bookings", summary="Bookings that the caller sees, latest first")
@scoped("bookings.read", limit=Limit.CALENDARS)
def list_bookings(request: ApiRequest, page: str = "", state: str = "", cursor: str = "") -> Payload:
    rows = _bookings(request.caller)
    rows = rows.filter(page=_page(request.caller, page)) if page else rows
    rows = rows.filter(state=state) if state else rows
    rows = rows.order_by("-pk")
    if (last := reading.whole(cursor)) is not None:
        rows = rows.filter(pk__lt=last)
    found = list(rows[: PAGE + 1])
    more = str(found[PAGE - 1].pk) if len(found) > PAGE else None
    return {"items": [presenting.booking(row) for row in found[:PAGE]], "next_cursor": more}


@router.post("/bookings", response={201: Payload}, summary="Book a time")
@scoped("bookings.write", limit=Limit.CALENDARS, in_tenant=False)
def add_booking(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    account_id, key = request.caller.account_id, keys.of_token(request.caller.token, idempotency_key)
    start, visitor = _instant("start", payload.get("start")), _visitor(payload)
    references = parsing.references(payload)
    with tenant(account_id):
        page = _page(request.caller, str(payload.get("page", "")))
        duration = _duration(page, payload.get("duration"))
        if known := services.repeated(page, key):
            return 201, presenting.booking(known)
        starts = services.repetitions(page, start, visitor.repeats)
        held = _hold(payload.get("hold"))
        if held is not None:
            services.release(page, held)
    with live.showing_others(account_id, page.uuid, start, duration):
        try:
            willing = live.choice(account_id, page.uuid, starts, duration)
        except Taken:
            with tenant(account_id):
                if known := services.repeated(page, key):
                    return 201, presenting.booking(known)
            raise
        with tenant(account_id):
            page = selectors.page(page.uuid)
            made = services.book(page, start, duration, visitor, only=willing, key=key, references=references)
            return 201, presenting.booking(made)


@router.get("/bookings/{uuid}", summary="One booking")
@scoped("bookings.read", limit=Limit.CALENDARS)
def get_booking(request: ApiRequest, uuid: str) -> Payload:
    return presenting.booking(_manageable(request.caller, uuid))


@router.patch("/bookings/{uuid}", summary="Move a booking, hand it over, answer it, or mark that nobody came")
@scoped("bookings.write", limit=Limit.CALENDARS, in_tenant=False)
def change_booking(request: ApiRequest, uuid: str, payload: Payload = Body(...)) -> Payload:
    account_id = request.caller.account_id
    with tenant(account_id):
        booking = _manageable(request.caller, uuid)
    if unknown := set(payload) - {"start", "state", "guests", "host"}:
        raise Problem(422, "invalid", f"The field {sorted(unknown)[0]} cannot be written.")
    start = _instant("start", payload["start"]) if "start" in payload else None
    if start is not None:
        _move(request.caller, booking, start)
    with tenant(account_id):
        booking = _manageable(request.caller, uuid)
        if "host" in payload:
            if not _is_within(request.caller, booking.page):
                raise token_limited()
            booking = services.hand_over(booking, _member(payload["host"]), viewer=request.caller.viewer)
        if "guests" in payload:
            guests = _texts("guests", payload["guests"])
            booking = services.add_guests(booking, guests, viewer=request.caller.viewer)
        return presenting.booking(_in_state(request.caller, booking, payload.get("state")))


def _move(caller: Caller, booking: Booking, start: datetime) -> None:
    """Moves a booking to another time that its provider, asked at this moment, has free as well."""
    minutes, event_id = booking.minutes, booking.event_id
    with live.showing_others(caller.account_id, booking.page.uuid, start, minutes, event_id):
        willing = live.choice(caller.account_id, booking.page.uuid, [start], minutes, event_id)
        with tenant(caller.account_id):
            found = _manageable(caller, str(booking.uuid))
            services.reschedule(found, start, viewer=caller.viewer, only=willing)


def _in_state(caller: Caller, booking: Booking, state: Any) -> Booking:
    match state:
        case None:
            return booking
        case "confirmed":
            return services.decide(booking, is_accepted=True, viewer=caller.viewer)
        case "cancelled":
            return services.cancel(booking, viewer=caller.viewer)
        case "no_show":
            return services.mark_no_show(booking)
        case _:
            raise Problem(422, "invalid", "A booking becomes confirmed, cancelled or no_show.")


def _member(uuid: Any) -> Member:
    for found in accounts.members():
        if str(found.uuid) == uuid:
            return found
    raise Problem(422, "invalid", "host is a member's id.")


def _texts(field: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Problem(422, "invalid", f"{field} is a list of texts.")
    return value


@router.delete("/bookings/{uuid}", response={204: None}, summary="Cancel a booking")
@scoped("bookings.write", limit=Limit.CALENDARS)
def cancel_booking(request: ApiRequest, uuid: str) -> tuple[int, None]:
    services.cancel(_manageable(request.caller, uuid), viewer=request.caller.viewer)
    return 204, None


def _own(request: ApiRequest, uuid: str) -> BookingPage:
    """A page that the caller may change. Raises NotFound."""
    found = selectors.own_page(request.caller.member, uuid)
    return _checked(request.caller, found, found)


def _page(caller: Caller, uuid: object) -> BookingPage:
    """A page within the caller's reach. Raises NotFound."""
    found = selectors.page(str(uuid))
    return _checked(caller, found, found)


def _checked(caller: Caller, found: Found, page: BookingPage) -> Found:
    """What belongs to a page, where the caller's token reaches that. Raises NotFound."""
    if not _is_within(caller, page):
        raise NotFound
    return found


def _is_within(caller: Caller, page: BookingPage) -> bool:
    """Whether the caller's token reaches every calendar that the page reads or books into: its free times tell of all
    of them."""
    if caller.reach is None:
        return True
    used = availability.calendars_of(page)
    return bool(used) and used <= caller.reach


def _bookings(caller: Caller) -> QuerySet[Booking]:
    """The bookings that the member sees, of a limited token those in its calendars."""
    rows = selectors.bookings(caller.member)
    return rows if caller.reach is None else rows.filter(event__calendar__uuid__in=caller.reach)


def _manageable(caller: Caller, uuid: str) -> Booking:
    found = selectors.booking(caller.member, uuid)
    if caller.reach is not None and not (found.event and caller.reaches(found.event.calendar.uuid)):
        raise NotFound
    return found


def _visitor(payload: Payload) -> Visitor:
    answers = payload.get("answers", [])
    if not isinstance(answers, list):
        raise Problem(422, "invalid", "Answers are a list of texts, in the order of the questions.")
    bodies.kinds(payload, name=str, email=str, time_zone=str, language=str, repeats=int)
    repeats = 1 if payload.get("repeats") is None else payload["repeats"]
    return Visitor(
        name=str(payload.get("name", "")),
        email=str(payload.get("email", "")),
        time_zone=str(payload.get("time_zone") or "UTC"),
        repeats=repeats,
        language=_language(payload.get("language")),
        answers=tuple(str(answer) for answer in answers),
    )


def _language(value: Any) -> str:
    if value and (not isinstance(value, str) or value not in dict(settings.LANGUAGES)):
        raise Problem(422, "invalid", "This language is not offered.", offered=list(dict(settings.LANGUAGES)))
    return str(value or "")


def _duration(page: BookingPage, value: Any) -> int:
    duration = page.durations[0] if value is None else value
    if duration not in page.durations:
        raise Problem(422, "invalid", "This page does not offer that duration.", offered=page.durations)
    return int(duration)


def _range(since: str, until: str) -> tuple[datetime, datetime]:
    begin, end = _instant("from", since), _instant("to", until)
    if not begin < end <= begin + availability.RANGE_MAX:
        raise Problem(422, "invalid", "The range must have an end after its start, at most 62 days later.")
    return begin, end


def _instant(field: str, value: Any) -> datetime:
    try:
        at = times.read_time(str(value).replace(" ", "+"))
    except ValueError:
        raise Problem(422, "invalid", f"{field} is a time like 2026-12-01T09:00:00Z.") from None
    if at.tzinfo is None:
        raise Problem(422, "invalid", f"{field} needs an offset.")
    return at


def _hold(value: Any) -> UUID | None:
    try:
        return UUID(str(value)) if value else None
    except ValueError:
        raise Problem(422, "invalid", "This is not a hold.") from None
