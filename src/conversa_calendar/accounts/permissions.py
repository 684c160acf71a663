"""What a role may do."""

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
