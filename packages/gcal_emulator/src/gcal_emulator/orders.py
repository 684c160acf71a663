"""What the control API under `/_emulator/` understands, so that a misspelt order is refused and never does nothing."""

from datetime import UTC, datetime
from typing import Any

from gcal_emulator import discovery, faults, moments, resources
from gcal_emulator.identity import IDENTITY
from gcal_emulator.misspelt import BadOrder, unknown

Shape = dict[str, Any]
"""Member → its kind: a type, a tuple of words, a list of one kind, a nested shape, `ANY`, or a name below; a `!` behind
the member says that it has to be there."""

ANY, NUMBER, MOMENT, ZONE, SCOPE, CODE = "any", "number", "moment", "zone", "scope", "code"
_DELIVERY: Shape = {
    "mode": ("deliver", "hold", "drop"),
    "delay_s": NUMBER,
    "drop_rate": NUMBER,
    "duplicate_rate": NUMBER,
    "coalesce": bool,
}
_MATCH: Shape = {
    **dict.fromkeys(("email", "path", "calendar", "resource", "operation"), str),
    "method": ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"),
    "nth": int,
}
_EFFECT: Shape = {
    "code": CODE,
    **dict.fromkeys(("reason", "message", "domain", "location", "oauth", "body"), str),
    "status": int,
    **dict.fromkeys(("delay_s", "deliver_after_s", "clock_skew_s"), NUMBER),
    "drop": ("before", "after_commit", True),
    "twice": bool,
    "list": ("odd", "empty_page", "stale", "restamped", "reminded", "short"),
    "scopes": ("fewer",),
    **dict.fromkeys(("copies", "fails"), int),
    **dict.fromkeys(("is_shuffled", "is_early", "after_stop"), bool),
    "headers": ANY,
}
_SERIES: Shape = {"calendar_id!": str, "event_id!": str}
_RULE: Shape = {"email!": str, "role!": resources.VALUES["AclRule.role"]}

BODIES: dict[str, Shape] = {
    "POST reset": {"seed": int},
    "POST snapshot": {"name!": str},
    "POST restore": {"name!": str},
    "PUT world": {
        "clients": [{"id!": str, "secret!": str, "redirect_uris": [str], "project": str}],
        "accounts": [{"email!": str, "name": str, "time_zone": ZONE, "sub": str, "settings": ANY}],
        "calendars": [
            {
                "id!": str,
                **dict.fromkeys(("summary", "description", "location", "owner"), str),
                "time_zone": ZONE,
                "push_supported": bool,
                "acl": [_RULE],
                "events": [ANY],
            }
        ],
        "state": ANY,
    },
    "POST accounts": {"email!": str, "name": str, "time_zone": ZONE},
    "POST tokens": {"email!": str, "scopes": [SCOPE], "client_id": str},
    "POST service-accounts": {"email": str, "subjects": [str], "scopes": [SCOPE]},
    "POST clients": {
        "id!": str,
        "secret!": str,
        "redirect_uris": [str],
        "project": str,
        "type": ("web", "installed"),
    },
    "POST consent": {"email": str, "scopes": [SCOPE], "deny": bool, "times": int},
    "POST revoke": {"email!": str, "client_id": str},
    "PUT behaviours": {},
    "POST clock": {"now": MOMENT, "advance_s": NUMBER, "mode": ("manual", "real")},
    "POST faults": {"match": _MATCH, "effect!": _EFFECT, "times": int, "probability": NUMBER, "seed": int},
    "DELETE faults": {},
    "POST notifications": _DELIVERY,
    "POST notifications/flush": {},
    "POST expire-sync-tokens": {"calendar_id": str},
    "POST share": {"calendar_id!": str} | _RULE,
    "POST settings": {"email!": str, "values!": ANY},
    "POST delete-calendar": {"calendar_id!": str},
    "POST ui/split-series": _SERIES | {"original_start!": str, "changes": ANY},
    "POST ui/edit-all": _SERIES | {"changes!": ANY},
    "POST ui/duplicate-event": _SERIES,
}
"""Method and path of each order → its body."""


def check(order: str, body: Any) -> None:
    """Raises BadOrder."""
    shape = BODIES.get(order)
    if shape is not None and order != "PUT behaviours":
        _check_shape(shape, body, "")


def read_moment(text: Any) -> datetime:
    """A point in time, UTC where it has no offset. Raises BadOrder."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadOrder(f"{text!r} is no point in time such as 2026-12-01T09:00:00Z") from None
    if not moments.FIRST_YEAR <= at.year <= moments.LAST_YEAR:
        raise BadOrder(f"{text!r} lies outside the years {moments.FIRST_YEAR} to {moments.LAST_YEAR}")
    return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)


def _check_shape(shape: Shape, value: Any, place: str) -> None:
    if not isinstance(value, dict):
        raise BadOrder(f"{place or 'the body'} has to be an object")
    known = {name.rstrip("!"): kind for name, kind in shape.items()}
    for name, item in value.items():
        if name not in known:
            raise unknown(f"member of {place}" if place else "member", name, known)
        if item is not None:
            _check(known[name], item, f"{place}.{name}" if place else name)
    for name in shape:
        if name.endswith("!") and value.get(name[:-1]) is None:
            raise BadOrder(f"missing {place + '.' if place else ''}{name[:-1]}")


def _check(kind: Any, value: Any, place: str) -> None:
    if isinstance(kind, dict):
        _check_shape(kind, value, place)
    elif isinstance(kind, list):
        if not isinstance(value, list):
            raise BadOrder(f"{place} has to be a list")
        for item in value:
            _check(kind[0], item, place)
    elif isinstance(kind, tuple):
        if not any(value is word or value == word for word in kind if type(word) is type(value)):
            raise unknown(f"value of {place}:", value, kind)
    elif isinstance(kind, str):
        _check_named(kind, value, place)
    elif not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadOrder(f"{place} has to be {_ARTICLES[kind]}, not {value!r}")


_ARTICLES = {str: "a text", int: "a whole number", bool: "true or false"}


def _check_named(kind: str, value: Any, place: str) -> None:
    if kind == NUMBER and (not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > 1e10):
        raise BadOrder(f"{place} has to be a number, not {value!r}")
    if kind == MOMENT:
        read_moment(value)
    if kind == ZONE and (not isinstance(value, str) or moments.zone_or_none(value) is None):
        raise BadOrder(f"{place} has to be a zone of the IANA database, not {value!r}")
    if kind == SCOPE and (not isinstance(value, str) or not _is_scope(value)):
        raise unknown("scope", value, [*discovery.SCOPE_TEXTS, *IDENTITY])
    if kind == CODE and value not in faults.CODES and value not in faults.MESSAGES:
        raise unknown("fault code", value, [*faults.CODES, *faults.MESSAGES])


def _is_scope(name: str) -> bool:
    """A scope in short or long form, or one of another API."""
    return "/" in name or name in discovery.SCOPE_TEXTS or name in IDENTITY or name == "*"
