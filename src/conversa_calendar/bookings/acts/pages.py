"""Acts on booking pages."""

from typing import Any
from uuid import UUID

from conversa_calendar.accounts import preconditions
from conversa_calendar.accounts.acting import NotFound, Viewer, does
from conversa_calendar.bookings import keeping, presenting, selectors
from conversa_calendar.bookings.acts.rules import Act, is_within, needs, page_of
from conversa_calendar.bookings.models import BookingPage


@does(Act.ADD_PAGE)
def add_page(viewer: Viewer, values: dict[str, Any]) -> BookingPage:
    """A new page, not published unless asked for. Raises NotAllowed, Invalid."""
    needs(Act.ADD_PAGE, viewer)
    return keeping.create(owner=viewer.member, values=values)


@does(Act.CHANGE_PAGE)
def change_page(viewer: Viewer, uuid: UUID | str, values: dict[str, Any], *, if_match: str = "") -> BookingPage:
    """Changes the named fields of a page. Raises NotFound, NotAllowed, Changed, Invalid."""
    page = _held(Act.CHANGE_PAGE, viewer, uuid, if_match)
    return keeping.change(page, values=values, by=viewer.member)


@does(Act.COPY_PAGE)
def copy_page(viewer: Viewer, uuid: UUID | str) -> BookingPage:
    """The same page once more, not published. Raises NotFound, NotAllowed, Invalid."""
    needs(Act.COPY_PAGE, viewer)
    return keeping.copy(page_of(viewer, uuid), owner=viewer.member)


@does(Act.DELETE_PAGE)
def delete_page(viewer: Viewer, uuid: UUID | str, *, if_match: str = "") -> None:
    """Takes a page away; its bookings stay. Raises NotFound, NotAllowed, Changed."""
    keeping.delete(_held(Act.DELETE_PAGE, viewer, uuid, if_match))


def own_page(viewer: Viewer, uuid: UUID | str) -> BookingPage:
    """A page that the viewer may change, as for its form. Raises NotFound."""
    page = selectors.own_page(viewer.member, uuid)
    if not is_within(viewer, page):
        raise NotFound
    return page


def _held(act: Act, viewer: Viewer, uuid: UUID | str, if_match: str) -> BookingPage:
    """The same, locked, where the viewer may do that and it is what they read."""
    needs(act, viewer)
    seen = own_page(viewer, uuid)
    BookingPage.objects.select_for_update(of=("self",), no_key=True).filter(pk=seen.pk).first()
    page = own_page(viewer, uuid)
    preconditions.hold(if_match, presenting.page(page)["etag"])
    return page
