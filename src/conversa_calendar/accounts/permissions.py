"""What a role may do."""

from collections.abc import Iterable
from enum import StrEnum

from django.utils.translation import gettext_lazy as _


class Permission(StrEnum):
    CALENDARS = "calendars.manage"
    INTEGRATIONS = "integrations.manage"
    BOOKINGS = "bookings.manage"
    OWN_PAGES = "bookings.own"
    ACCOUNT = "account.manage"


NAMES = {
    Permission.CALENDARS: _("Manage calendars and who sees them"),
    Permission.INTEGRATIONS: _("Connect and disconnect outside calendars"),
    Permission.BOOKINGS: _("Manage booking pages"),
    Permission.OWN_PAGES: _("Make booking pages of one's own"),
    Permission.ACCOUNT: _("Manage members, teams, inboxes and settings"),
}
ADMINISTRATOR, AGENT = "administrator", "agent"
BUILT_IN: dict[str, frozenset[str]] = {ADMINISTRATOR: frozenset(Permission), AGENT: frozenset()}

ALL = "all"
"""The scope of a token that may do everything its member may do, now and later."""
SCOPES = (
    "events.read",
    "events.write",
    "events.private",
    "feeds.manage",
    "mail.receive",
    "bookings.read",
    "bookings.write",
    "calendars.manage",
    "integrations.manage",
    "bookings.manage",
    "account.manage",
)
"""What an API token may be allowed, each for itself: no scope implies another."""
SCOPE_NAMES = {
    ALL: _("Everything you may do, now and later"),
    "events.read": _("Read events, calendars and people"),
    "events.write": _("Create, change and delete events"),
    "events.private": _("Read your own private events"),
    "feeds.manage": _("Make and end addresses at which calendars can be read"),
    "mail.receive": _("Hand over answers that guests sent by mail"),
    "bookings.read": _("Read booking pages, free times and bookings"),
    "bookings.write": _("Book, move and cancel"),
    "calendars.manage": _("Change calendars and who sees them"),
    "integrations.manage": _("Connect, sync and disconnect outside calendars"),
    "bookings.manage": _("Change booking pages"),
    "account.manage": _("Change members, roles, tokens and settings"),
}
SCOPE_NEEDS = {
    "mail.receive": Permission.ACCOUNT,
    "integrations.manage": Permission.INTEGRATIONS,
    "bookings.manage": Permission.OWN_PAGES,
    "account.manage": Permission.ACCOUNT,
}
"""Scopes of which nothing works without a permission."""


def with_implied(held: Iterable[str]) -> frozenset[str]:
    """Permissions with those that come with them: who manages all booking pages may have own ones too."""
    found = frozenset(held)
    return found | {Permission.OWN_PAGES} if Permission.BOOKINGS in found else found
