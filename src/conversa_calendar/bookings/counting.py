"""What counts as busy on a page: one table of rules, once for the database and once for events as a provider shows them.

Both spellings are held equal by a test; what is asked of a provider right before a booking means what the page offers.
"""

from collections.abc import Iterator

from conversa_calendar.bookings.models import BookingPage
from conversa_calendar.calendars.selectors import FREE_TYPES
from conversa_calendar.domain.event import Content

_OWN = "$.attendees[*] ? (@.self == true && {})"
_UNANSWERED = _OWN.format('(!exists(@.response) || @.response == "needsAction")')
_MAYBE = _OWN.format('@.response == "tentative"')


def counts(page: BookingPage, content: Content, event_type: str) -> bool:
    """Whether an event takes its host's time on this page."""
    if event_type in free_types(page) or not content.is_busy:
        return False
    answers = [guest.response for guest in content.attendees if guest.self]
    if not page.tentative_busy and (content.status == "tentative" or "tentative" in answers):
        return False
    return page.unanswered_busy or "needsAction" not in answers


def free_types(page: BookingPage) -> tuple[str, ...]:
    """Kinds of events that take no time on this page."""
    return FREE_TYPES if page.focus_time_busy else (*FREE_TYPES, "focusTime")


def conditions(page: BookingPage) -> Iterator[str]:
    """SQL of what a busy event `e` has to meet to count on this page. “Maybe” is a tentative answer."""
    if not page.tentative_busy:
        yield "e.content_json::jsonb->>'status' IS DISTINCT FROM 'tentative'"
        yield f"NOT jsonb_path_exists(e.content_json::jsonb, '{_MAYBE}')"
    if not page.unanswered_busy:
        yield f"NOT jsonb_path_exists(e.content_json::jsonb, '{_UNANSWERED}')"
