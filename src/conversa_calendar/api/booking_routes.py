"""Booking pages, slots, holds and bookings."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils import translation
from ninja import Router
from ninja.params.functions import Body, Header, Query

from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api import bodies
from conversa_calendar.api.auth import ApiRequest, Caller, Limit, scoped
from conversa_calendar.api.problems import Problem
from conversa_calendar.bookings import acts, availability, caps, keys, presenting, selectors, why
from conversa_calendar.bookings.acts import Visitor, Wish
from conversa_calendar.bookings.models import Booking, BookingPage
from conversa_calendar.calendars import access, finding, parsing
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.domain import times
from conversa_calendar.kit import reading

router = Router(tags=["bookings"])
Payload = dict[str, Any]
PAGE = 100


@router.get("/booking-pages", summary="Booking pages")
@scoped("bookings.read", limit=Limit.CALENDARS)
def list_pages(request: ApiRequest) -> Payload:
    found = [page for page in selectors.pages() if acts.is_within(request.caller.viewer, page)]
    return {"items": [presenting.page(page) for page in found]}


@router.post("/booking-pages", response={201: Payload}, summary="Create a booking page")
@scoped("bookings.manage", Permission.OWN_PAGES, limit=Limit.REFUSED)
def add_page(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    return 201, presenting.page(acts.add_page(request.caller.viewer, payload))


@router.get("/booking-pages/{uuid}", summary="One booking page")
@scoped("bookings.read", limit=Limit.CALENDARS)
def get_page(request: ApiRequest, response: HttpResponse, uuid: str) -> Payload:
    return bodies.tagged(response, presenting.page(acts.page_of(request.caller.viewer, uuid)))


@router.patch("/booking-pages/{uuid}", summary="Change a booking page")
@scoped("bookings.manage", Permission.OWN_PAGES, limit=Limit.REFUSED)
def change_page(
    request: ApiRequest,
    response: HttpResponse,
    uuid: str,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    changed = acts.change_page(request.caller.viewer, uuid, payload, if_match=if_match)
    return bodies.tagged(response, presenting.page(changed))


@router.post("/booking-pages/{uuid}/copy", response={201: Payload}, summary="The same page once more, not published")
@scoped("bookings.manage", Permission.OWN_PAGES, limit=Limit.REFUSED)
def copy_page(
    request: ApiRequest, uuid: str, idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    return 201, presenting.page(acts.copy_page(request.caller.viewer, uuid))


@router.delete("/booking-pages/{uuid}", response={204: None}, summary="Take a booking page away")
@scoped("bookings.manage", Permission.OWN_PAGES, limit=Limit.CALENDARS)
def delete_page(request: ApiRequest, uuid: str, if_match: str = Header("", alias="If-Match")) -> tuple[int, None]:
    acts.delete_page(request.caller.viewer, uuid, if_match=if_match)
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
    page = acts.page_of(request.caller.viewer, uuid)
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
    page = acts.own_page(request.caller.viewer, uuid)
    begin, end = _range(since, until)
    found = why.explained(page, _duration(page, duration), begin, end, request.caller.viewer)
    closed = availability.unwritable_hosts(page)
    return {
        "items": [why.shown(one) for one in found],
        "unwritable": [{"host": str(one.member.uuid), "calendar": str(one.calendar.uuid)} for one in closed],
    }


@router.post("/booking-pages/{uuid}/holds", response={201: Payload}, summary="Keep a time for ten minutes")
@scoped("bookings.write", limit=Limit.CALENDARS)
def add_hold(
    request: ApiRequest,
    uuid: str,
    payload: Payload = Body(...),
    idempotency_key: str = Header("", alias="Idempotency-Key"),
) -> tuple[int, Payload]:
    page = acts.page_of(request.caller.viewer, uuid)
    start, duration = _instant("start", payload.get("start")), _duration(page, payload.get("duration"))
    if not caps.may_hold(page, address=f"token {request.caller.token.pk}"):
        raise Problem(429, "rate_limited", "Too many holds; wait ten minutes.", retry_after_s=600)
    return 201, {"id": str(acts.hold(request.caller.viewer, uuid, start, duration))}


@router.post("/booking-pages/{uuid}/offers", response={201: Payload}, summary="Keep up to three times for one customer")
@scoped("bookings.write", limit=Limit.CALENDARS)
def add_offer(
    request: ApiRequest,
    uuid: str,
    payload: Payload = Body(...),
    idempotency_key: str = Header("", alias="Idempotency-Key"),
) -> tuple[int, Payload]:
    page = acts.page_of(request.caller.viewer, uuid)
    references = parsing.references(payload)
    starts = [_instant("starts", text) for text in _texts("starts", payload.get("starts"))]
    zone = str(payload.get("time_zone") or page.time_zone)
    duration = _duration(page, payload.get("duration"))
    made = acts.offer(request.caller.viewer, uuid, starts, duration, zone, references)
    with translation.override(_language(payload.get("language")) or settings.LANGUAGE_CODE):
        return 201, presenting.offer(made)


@router.delete("/booking-offers/{uuid}", response={204: None}, summary="Free the times of an offer")
@scoped("bookings.write", limit=Limit.CALENDARS)
def withdraw_offer(request: ApiRequest, uuid: str) -> tuple[int, None]:
    acts.withdraw_offer(request.caller.viewer, uuid)
    return 204, None


@router.get("/bookings", summary="Bookings that the caller sees, latest first")
@scoped("bookings.read", limit=Limit.CALENDARS)
def list_bookings(
    request: ApiRequest,
    page: str = "",
    state: str = "",
    calendar: str = "",
    reference: str = "",
    contact: str = "",
    cursor: str = "",
    limit: int = Query(PAGE, ge=1, le=PAGE),
) -> Payload:
    rows = _bookings(request.caller)
    rows = rows.filter(page=acts.page_of(request.caller.viewer, page)) if page else rows
    rows = rows.filter(state=state) if state else rows
    rows = _narrowed(request.caller.viewer, rows, calendar, reference, contact).order_by("-pk")
    if (last := reading.whole(cursor)) is not None:
        rows = rows.filter(pk__lt=last)
    found = list(rows[: limit + 1])
    more = str(found[limit - 1].pk) if len(found) > limit else None
    return {"items": [presenting.booking(row, request.caller.viewer) for row in found[:limit]], "next_cursor": more}


@router.post("/bookings", response={201: Payload}, summary="Book a time")
@scoped("bookings.write", limit=Limit.CALENDARS, in_tenant=False)
def add_booking(
    request: ApiRequest, payload: Payload = Body(...), idempotency_key: str = Header("", alias="Idempotency-Key")
) -> tuple[int, Payload]:
    viewer, key = request.caller.viewer, keys.of_token(request.caller.token, idempotency_key)
    start, visitor = _instant("start", payload.get("start")), _visitor(payload)
    references = parsing.references(payload)
    with tenant(viewer.account_id):
        page = acts.page_of(viewer, str(payload.get("page", "")))
        duration = _duration(page, payload.get("duration"))
    hold = _hold(payload.get("hold"))
    made = acts.book(viewer, page.uuid, Wish(start, duration, visitor, key=key, hold=hold, references=references))
    with tenant(viewer.account_id):
        return 201, presenting.booking(made, viewer)


@router.get("/bookings/{uuid}", summary="One booking")
@scoped("bookings.read", limit=Limit.CALENDARS)
def get_booking(request: ApiRequest, response: HttpResponse, uuid: str) -> Payload:
    viewer = request.caller.viewer
    return bodies.tagged(response, presenting.booking(acts.booking_of(viewer, uuid), viewer))


@router.patch("/bookings/{uuid}", summary="Move a booking, hand it over, answer it, or mark that nobody came")
@scoped("bookings.write", limit=Limit.CALENDARS, in_tenant=False)
def change_booking(
    request: ApiRequest,
    response: HttpResponse,
    uuid: str,
    payload: Payload = Body(...),
    if_match: str = Header("", alias="If-Match"),
) -> Payload:
    viewer = request.caller.viewer
    with tenant(viewer.account_id):
        acts.booking_of(viewer, uuid)
    start = _instant("start", payload["start"]) if "start" in payload else None
    if start is not None:
        acts.move(viewer, uuid, start, if_match=if_match)
    with tenant(viewer.account_id):
        changed = _change(viewer, uuid, payload, "" if start is not None else if_match)
        return bodies.tagged(response, presenting.booking(changed, viewer))


@router.post("/bookings/{uuid}/link", summary="Ask once more for the meeting link that was not made")
@scoped("bookings.write", limit=Limit.CALENDARS)
def ask_for_link(request: ApiRequest, uuid: str) -> Payload:
    viewer = request.caller.viewer
    return presenting.booking(acts.ask_for_link(viewer, uuid), viewer)


def _change(viewer: Viewer, uuid: str, payload: Payload, if_match: str) -> Booking:
    """One act after the other, who answers for it last; what the caller read is compared at the first of them."""
    booking = acts.booking_of(viewer, uuid)
    if "guests" in payload:
        booking = acts.add_guests(viewer, uuid, _texts("guests", payload["guests"]), if_match=if_match)
        if_match = ""
    match payload.get("state"):
        case None:
            pass
        case "confirmed":
            booking, if_match = acts.decide(viewer, uuid, is_accepted=True, if_match=if_match), ""
        case "cancelled":
            booking, if_match = acts.cancel(viewer, uuid, if_match=if_match), ""
        case "no_show":
            booking, if_match = acts.mark_no_show(viewer, uuid, if_match=if_match), ""
        case _:
            raise Problem(422, "invalid", "A booking becomes confirmed, cancelled or no_show.")
    if "host" in payload:
        booking = acts.hand_over(viewer, uuid, _host(payload["host"]), if_match=if_match)
    return booking


def _host(uuid: Any) -> str:
    if not isinstance(uuid, str):
        raise Problem(422, "invalid", "host is a member's id.")
    return uuid


def _texts(field: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Problem(422, "invalid", f"{field} is a list of texts.")
    return value


@router.delete("/bookings/{uuid}", response={204: None}, summary="Cancel a booking")
@scoped("bookings.write", limit=Limit.CALENDARS)
def cancel_booking(request: ApiRequest, uuid: str, if_match: str = Header("", alias="If-Match")) -> tuple[int, None]:
    acts.cancel(request.caller.viewer, uuid, if_match=if_match)
    return 204, None


def _bookings(caller: Caller) -> QuerySet[Booking]:
    """The bookings that the member sees, of a limited token those in its calendars."""
    rows = selectors.bookings(caller.member)
    return rows if caller.reach is None else rows.filter(event__calendar__uuid__in=caller.reach)


def _narrowed(
    viewer: Viewer, rows: QuerySet[Booking], calendar: str, reference: str, contact: str
) -> QuerySet[Booking]:
    """Bookings in these calendars, about this, with this contact. Raises Problem."""
    is_open = access.readable(viewer, "event__")
    if calendar:
        rows = rows.filter(event__calendar__uuid__in=[bodies.uuid(one) for one in calendar.split(",")])
    if reference:
        if not all(reference.partition(":")):
            raise bodies.invalid("reference", "A reference reads kind:id, such as conversation:42.")
        rows = rows.filter(finding.about(reference, "event__") & is_open)
    if contact:
        rows = rows.filter(Q(email__iexact=contact) | (finding.with_contact(contact, "event__") & is_open))
    return rows


def _visitor(payload: Payload) -> Visitor:
    answers = payload.get("answers") or []
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
