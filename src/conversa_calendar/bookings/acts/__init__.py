"""The one door for acts on booking pages, bookings and offers: pages, the API and the public pages change them only here.

An act looks its target up as whoever does it sees it, locks it, asks `authorise`, which has one table of what each act
needs, holds the caller's precondition against what stands now, and only then calls the service. Those that take a time
ask the hosts' providers on their way and open their own transactions. Errors:

    NotFound     there is no such thing, or who asks may not know of it
    NotAllowed   they may not do that; its refusal says why
    Invalid      what is asked cannot be; its field and message say why
    Taken        the time is not, or no longer, free
    Changed      it changed since the caller read it (If-Match)
"""

from conversa_calendar.bookings.acts.bookings import (
    add_guests,
    ask_for_link,
    cancel,
    decide,
    hand_over,
    mark_no_show,
    move,
    show,
)
from conversa_calendar.bookings.acts.making import Wish, book, hold, offer, withdraw_offer
from conversa_calendar.bookings.acts.pages import add_page, change_page, copy_page, delete_page, own_page
from conversa_calendar.bookings.acts.rules import Act, Visiting, authorise, booking_of, is_within, page_of
from conversa_calendar.bookings.changing import GUESTS_MAX, REASON_MAX
from conversa_calendar.bookings.claiming import HOLD_LASTS
from conversa_calendar.bookings.making import ANSWER_MAX, Visitor, check, repeated, repetitions

__all__ = [
    "ANSWER_MAX",
    "GUESTS_MAX",
    "HOLD_LASTS",
    "REASON_MAX",
    "Act",
    "Visiting",
    "Visitor",
    "Wish",
    "add_guests",
    "add_page",
    "ask_for_link",
    "authorise",
    "book",
    "booking_of",
    "cancel",
    "change_page",
    "check",
    "copy_page",
    "decide",
    "delete_page",
    "hand_over",
    "hold",
    "is_within",
    "mark_no_show",
    "move",
    "offer",
    "own_page",
    "page_of",
    "repeated",
    "repetitions",
    "show",
    "withdraw_offer",
]
