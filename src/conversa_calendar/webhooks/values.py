"""What an endpoint's fields may be, for the one who sets them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from conversa_calendar.accounts.acting import Viewer
from conversa_calendar.calendars import access
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import names
from conversa_calendar.kit import clock
from conversa_calendar.webhooks import network
from conversa_calendar.webhooks.models import Endpoint
from conversa_calendar.webhooks.reading import KINDS

SCOPE_OF_KIND = {
    "event": "events.read",
    "calendar": "events.read",
    "mirror": "events.read",
    "member": "events.read",
    "booking": "bookings.read",
    "offer": "bookings.read",
    "connection": "integrations.manage",
}


def take(found: Endpoint, by: Viewer, values: dict[str, Any]) -> None:
    """Puts values into a row, which the caller saves. Raises Invalid."""
    for name, value in values.items():
        _TAKEN[name](found, by, value)


def allowed(by: Viewer) -> list[str]:
    """The kinds that somebody may read, and so have sent somewhere."""
    return [kind for kind in KINDS if allows(by, SCOPE_OF_KIND[kind])]


def allows(by: Viewer, scope: str) -> bool:
    """Whether whoever acts may do what a scope allows; only a token may lack one."""
    return by.token is None or by.token.allows(scope)


def _take_url(found: Endpoint, by: Viewer, value: Any) -> None:
    try:
        found.url = network.check(str(value).strip())
    except network.BadAddress as error:
        raise Invalid("url", str(error)) from None


def _take_description(found: Endpoint, by: Viewer, value: Any) -> None:
    found.description = names.tidy(str(value or ""), 200)


def _take_kinds(found: Endpoint, by: Viewer, value: Any) -> None:
    wanted = value if isinstance(value, list) else []
    if not wanted or not set(map(str, wanted)) <= set(KINDS):
        raise Invalid("kinds", _("Kinds are some of: %(kinds)s.") % {"kinds": ", ".join(KINDS)})
    for kind in wanted:
        if not allows(by, SCOPE_OF_KIND[kind]):
            words = _("This token lacks the scope %(scope)s, which %(kind)s needs.")
            raise Invalid("kinds", words % {"scope": SCOPE_OF_KIND[kind], "kind": kind})
    found.kinds = [kind for kind in KINDS if kind in wanted]


def _take_calendars(found: Endpoint, by: Viewer, value: Any) -> None:
    wanted = {_calendar_id(one) for one in (value or [])} if isinstance(value, list | None) else set()
    seen = Calendar.objects.filter(pk__in=access.levels(by), uuid__in=wanted)
    if (value and not wanted) or seen.count() != len(wanted):
        raise Invalid("calendars", _("Some of these calendars are not here."))
    found.calendars = sorted(wanted)


def _take_private(found: Endpoint, by: Viewer, value: Any) -> None:
    if value is True and not allows(by, "events.private"):
        raise Invalid("private", _("This token lacks the scope events.private and cannot give it."))
    found.sees_private = value is True


def _take_on(found: Endpoint, by: Viewer, value: Any) -> None:
    found.is_on = value is True
    if found.is_on:
        found.off_reason, found.off_at, found.rests, found.rests_until = "", None, 0, None
    elif found.off_at is None:
        found.off_at = clock.now()


_TAKEN: dict[str, Callable[[Endpoint, Viewer, Any], None]] = {
    "url": _take_url,
    "description": _take_description,
    "kinds": _take_kinds,
    "calendars": _take_calendars,
    "private": _take_private,
    "on": _take_on,
}


def _calendar_id(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise Invalid("calendars", _("Some of these calendars are not here.")) from None
