"""What a page does, a program does: each act is reached by the API and, where it has one, by a page. Read from the code of
the ways in and the product's own registry, so that a new act, route or page without an entry breaks the build."""

import re
from uuid import uuid4

from django.test import Client

from conversa_calendar.accounts import acting
from tests.support import reach
from tests.web.test_access import _filled

BY_LINK = {
    "show_booking": "a visitor's link in their mail is the right to it",
}
"""Acts of people without a token, and why no program does them."""
NO_PAGE = {
    "refer": "references come from the platform",
    "put_directory": "the platform's people come from the platform",
    "connect": "a person goes to Google from the page itself",
    "withdraw_offer": "an offer ends by itself",
    "see": "reading",
    "replay_webhook": "a program says from where on it missed something",
    "adjust": "the form of an event holds everything",
}
"""Acts that programs do and no page offers, and why."""
READS = {"see", "see_webhooks"}
OTHERS = {
    "events/repeats": "says a rule in words",
    "events/{}/{}": "asks",
    "calendars/{}/toggle": "what a member hides from themselves",
    "calendar/rings": "hands a member's own reminders out",
    "connections/google/start": "leads to Google, whose answer is the right",
    "connections/{}/rehearse": "writes nothing",
    "switch-account": "which of their accounts a person looks at",
    "exports": "packs what the account holds; nothing in it is changed",
    "settings/exports": "the same",
    "settings/imports": "rehearses a file; tests/web/test_imports.py shows who may bring one in",
    "settings/feeds": "secret addresses of what one sees, with rules of their own",
    "settings/live": "a ticket for the live stream",
    "push/google": "Google's notifications",
    "": "leads to the calendar",
}
"""Routes that take a post and change nothing that an act is about, and why."""
AREAS = {
    "sign-in": "login logout signup setup password invitation invitations",
    "of their own": "webhooks feeds imports formats import notices launch",
}
"""Areas that have their own rules."""


def _by_api() -> dict[str, frozenset[str]]:
    return {name: reach.acts_of(view) for name, view in reach.operations().items()}


def _by_page() -> dict[str, frozenset[str]]:
    return {route: reach.acts_of(view) for route, view in reach.pages().items()}


def test_every_act_is_done_by_the_api() -> None:
    acts = {str(act) for act in acting.ACTS}
    reached = frozenset[str]().union(*_by_api().values())
    assert acts - reached == set(BY_LINK), "an act that no operation does: add one, or say in BY_LINK why there is none"


def test_every_act_has_its_page_or_says_why_not() -> None:
    acts = {str(act) for act in acting.ACTS}
    reached = frozenset[str]().union(*_by_page().values())
    assert acts - reached <= set(NO_PAGE), "an act that no page does: offer it, or say in NO_PAGE why not"


def test_no_two_acts_share_a_name() -> None:
    kinds: dict[str, set[type]] = {}
    for act in acting.ACTS:
        kinds.setdefault(str(act), set()).add(type(act))
    for package in {type(act) for act in acting.ACTS}:
        done = {act for act in acting.ACTS if type(act) is package}
        assert {str(act) for act in package} - {str(act) for act in done} <= READS, package
    assert all(len(found) == 1 for found in kinds.values())


def test_whatever_changes_something_does_an_act(db: None) -> None:
    left = [name for name, acts in _by_api().items() if name.split(" ")[0] in reach.METHODS and not acts]
    stranger = Client()
    for route, acts in _by_page().items():
        if not acts and stranger.post("/" + _filled(route, str(uuid4()))).status_code != 405:
            left.append(f"page {route}")
    left = [name for name in left if not _is_other(name.partition(" ")[2])]
    assert left == [], "a route that changes something and does no act: use one, or say in OTHERS why it needs none"


def test_every_door_is_known() -> None:
    """A new kind of door, as pages in a host's frame, gets its column by being in the addresses."""
    doors = {reach.door_of(route) for route, acts in _by_page().items() if acts}
    assert doors <= {"page", "live", "embed"}


def _is_other(path: str) -> bool:
    bare = re.sub(r"[<{][^>}]*[>}]", "{}", path).strip("^$/")
    head = bare.split("/")[0]
    return bare in OTHERS or head in " ".join(AREAS.values()).split()
