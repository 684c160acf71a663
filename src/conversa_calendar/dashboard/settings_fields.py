"""What the small forms of the settings show, as a browser sends them back untouched. One place for the page and for what
comes back from it."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Account, Member, Role
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.dashboard.differences import Fields

HIDEABLE = ("workingLocation", "focusTime", "birthday")
"""Kinds of Google events that each calendar shows or hides."""


def account(shown: Account) -> Fields:
    return {"name": [shown.name], "time_zone": [shown.time_zone]}


def profile(shown: Member) -> Fields:
    return {"name": [shown.name], "time_zone": [shown.time_zone], "language": [shown.language]}


def member(shown: Member) -> Fields:
    return {"role": [str(shown.role.uuid) if shown.role else shown.built_in]}


def role(shown: Role) -> Fields:
    return {"name": [shown.name], "permission": sorted(shown.permissions)}


def calendar(shown: Calendar) -> Fields:
    kinds = HIDEABLE if shown.is_mirrored else ()
    found = {"name": [shown.name], "color": [shown.color], "counts_busy": ["on"] if shown.counts_busy else []}
    return found | {f"show:{kind}": [] if kind in shown.hidden_types else ["on"] for kind in kinds}


def assignments(shown: Calendar, targets: list[tuple[str, str]]) -> Fields:
    """Who sees a calendar: the ticked ones as kind:id, and a level for everybody who could be."""
    known = {f"{item['kind']}:{item['id']}": item["level"] for item in selectors.assignment_items(shown)}
    keys = [f"{kind}:{uuid}" for kind, uuid in targets]
    found = {"assigned": [key for key in keys if key in known]}
    return found | {f"level:{key}": [known.get(key, "details")] for key in keys}


FORMS: dict[str, Callable[[Any], Fields]] = {
    "account": account,
    "profile": profile,
    "member": member,
    "calendar": calendar,
}


def label(name: str) -> str:
    """How a field is named to people."""
    return {
        "name": _("Name"),
        "time_zone": _("Time zone"),
        "language": _("Language"),
        "role": _("Role"),
        "color": _("Colour"),
        "counts_busy": _("counts as busy"),
        "show:workingLocation": _("working locations"),
        "show:focusTime": _("focus time"),
        "show:birthday": _("birthdays"),
    }.get(name, _("Level") if name.startswith("level:") else name)
