"""Every act on booking pages and bookings, and what it needs: one table.

What a member may do with a booking is what they may do with its event, where that lies now. A visitor's private link is
its own right: to that booking, and to nothing else.
"""

from collections.abc import Callable
from enum import StrEnum
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.accounts.acting import By, NotAllowed, NotFound, Refusal, Viewer, Who
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.bookings import availability, selectors
from conversa_calendar.bookings.models import Booking, BookingPage
from conversa_calendar.calendars import access
from conversa_calendar.calendars import acts as calendars


class Act(StrEnum):
    """What can be done with booking pages, bookings and offers."""

    ADD_PAGE = "add_page"
    CHANGE_PAGE = "change_page"
    COPY_PAGE = "copy_page"
    DELETE_PAGE = "delete_page"
    HOLD = "hold"
    """Keep a time while somebody fills in the form."""
    BOOK = "book"
    MOVE_BOOKING = "move_booking"
    HAND_OVER = "hand_over"
    CANCEL_BOOKING = "cancel_booking"
    DECIDE_BOOKING = "decide_booking"
    ADD_GUESTS = "add_guests"
    ASK_FOR_LINK = "ask_for_link"
    MARK_NO_SHOW = "mark_no_show"
    SHOW_BOOKING = "show_booking"
    """A visitor opened a link that only a mail to them carried."""
    OFFER = "offer"
    WITHDRAW_OFFER = "withdraw_offer"


class Visiting(msgspec.Struct, frozen=True):
    """Somebody from outside: who books on a public page, or holds the private link of one booking. `address` is where
    they come from."""

    account_id: int
    name: str = ""
    address: str = ""
    booking: UUID | None = None

    @property
    def who(self) -> Who:
        return Who(By.VISITOR, self.name)


Doer = Viewer | Visiting
About = BookingPage | Booking | None


def authorise(act: Act, doer: Doer, about: About = None) -> Refusal | None:
    """Whether somebody may do something with a page or a booking that they see; None when they may."""
    for check in NEEDS[act]:
        if (found := check(doer, about)) is not None:
            return found
    return None


def needs(act: Act, doer: Doer, about: About = None) -> None:
    """Raises NotAllowed unless they may do that."""
    if (refused := authorise(act, doer, about)) is not None:
        raise NotAllowed(refused)


def page_of(doer: Doer, uuid: UUID | str) -> BookingPage:
    """A page as somebody sees it: visitors one that is published, a token one all of whose calendars it reaches, as its
    free times tell of all of them. Raises NotFound."""
    found = selectors.page(uuid)
    if isinstance(doer, Visiting):
        is_seen = found.is_published
    else:
        is_seen = is_within(doer, found)
    if not is_seen:
        raise NotFound
    return found


def booking_of(doer: Doer, uuid: UUID | str) -> Booking:
    """A booking as somebody sees it: visitors the one of their link, a token one in a calendar that it reaches. Raises
    NotFound."""
    if isinstance(doer, Visiting):
        return selectors.any_booking(uuid) if doer.booking is not None and str(doer.booking) == str(uuid) else _none()
    found = selectors.booking(doer.member, uuid)
    is_reached = found.event is not None and str(found.event.calendar.uuid) in (doer.only_calendars or ())
    return found if doer.only_calendars is None or is_reached else _none()


def is_within(viewer: Viewer, page: BookingPage) -> bool:
    """Whether a viewer reaches every calendar that the page reads or books into."""
    if viewer.only_calendars is None:
        return True
    used = availability.calendars_of(page)
    return bool(used) and used <= viewer.only_calendars


def _none() -> Booking:
    raise NotFound


def _member(doer: Doer, about: About) -> Refusal | None:
    return None if isinstance(doer, Viewer) else Refusal("forbidden", _("Only the host can do that."))


def _visitor(doer: Doer, about: About) -> Refusal | None:
    return None if isinstance(doer, Visiting) else Refusal("forbidden", _("Only the visitor can do that."))


def _makes_pages(doer: Doer, about: About) -> Refusal | None:
    if isinstance(doer, Visiting) or not doer.member.may(Permission.OWN_PAGES):
        return Refusal("forbidden", _("Only who makes booking pages can do that."))
    if doer.token is not None and not doer.token.allows(Permission.BOOKINGS):
        return Refusal("scope_missing", _("This token lacks the scope %(scope)s.") % {"scope": Permission.BOOKINGS})
    return None


def _writes(doer: Doer, about: About) -> Refusal | None:
    if isinstance(doer, Visiting) or doer.token is None or doer.token.allows("bookings.write"):
        return None
    return Refusal("scope_missing", _("This token lacks the scope %(scope)s.") % {"scope": "bookings.write"})


def _whole(doer: Doer, about: About) -> Refusal | None:
    if isinstance(doer, Visiting) or not doer.is_limited:
        return None
    return _limited()


def _page_within(doer: Doer, about: About) -> Refusal | None:
    """Who takes a booking over is another calendar, which a token has to reach as well."""
    if isinstance(doer, Visiting) or not isinstance(about, Booking) or is_within(doer, about.page):
        return None
    return _limited()


def _limited() -> Refusal:
    return Refusal("token_limited", _("This token reaches some calendars only, and this needs more than those."))


def _event(act: calendars.Act) -> "Check":
    """The right to that with the booking's event, where it lies now; one that is gone has nothing to protect."""

    def check(doer: Doer, about: About) -> Refusal | None:
        if isinstance(doer, Visiting) or not isinstance(about, Booking):
            return None
        event = about.event
        if event is None or event.deleted_at is not None:
            return None
        level = access.levels(doer).get(event.calendar_id, "")
        return calendars.authorise(act, doer, event, event.calendar, level)

    return check


Check = Callable[[Doer, About], Refusal | None]
NEEDS: dict[Act, tuple[Check, ...]] = {
    Act.ADD_PAGE: (_makes_pages, _whole),
    Act.CHANGE_PAGE: (_makes_pages, _whole),
    Act.COPY_PAGE: (_makes_pages, _whole),
    Act.DELETE_PAGE: (_makes_pages,),
    Act.HOLD: (_writes,),
    Act.BOOK: (_writes,),
    Act.MOVE_BOOKING: (_writes, _event(calendars.Act.CHANGE)),
    Act.HAND_OVER: (_member, _writes, _page_within, _event(calendars.Act.MOVE)),
    Act.CANCEL_BOOKING: (_writes, _event(calendars.Act.REMOVE)),
    Act.DECIDE_BOOKING: (_member, _writes, _event(calendars.Act.CHANGE)),
    Act.ADD_GUESTS: (_writes, _event(calendars.Act.CHANGE)),
    Act.ASK_FOR_LINK: (_member, _writes, _event(calendars.Act.CHANGE)),
    Act.MARK_NO_SHOW: (_member, _writes),
    Act.SHOW_BOOKING: (_visitor,),
    Act.OFFER: (_member, _writes),
    Act.WITHDRAW_OFFER: (_member, _writes),
}
"""What each act needs, in the order in which a refusal is said; what is not theirs at all is NotFound before."""
