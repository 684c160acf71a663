"""Whoever changes what somebody else changed meanwhile hears of it, whatever it is."""

from collections.abc import Callable
from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar
from tests.support.cast import Cast

Found = dict[str, Any]


def _member(cast: Cast) -> tuple[Found, str, str, Found, Found]:
    path = f"members/{cast.bob.member.uuid}"
    return cast.alice.get(path), "PATCH", path, {"suspended": True}, {"role": "administrator"}


def _role(cast: Cast) -> tuple[Found, str, str, Found, Found]:
    made = cast.alice.post("roles", {"name": "Planner", "permissions": []})
    return made, "PATCH", f"roles/{made['id']}", {"name": "Planners"}, {"permissions": ["bookings.own"]}


def _team(cast: Cast) -> tuple[Found, str, str, Found, Found]:
    made = cast.alice.post("teams", {"name": "Board"})
    one, two = ({"members": [str(actor.member.uuid)]} for actor in (cast.alice, cast.bob))
    return made, "PUT", f"teams/{made['id']}/members", one, two


def _inbox(cast: Cast) -> tuple[Found, str, str, Found, Found]:
    made = cast.alice.post("inboxes", {"name": "Sales"})
    one, two = ({"members": [str(actor.member.uuid)]} for actor in (cast.alice, cast.bob))
    return made, "PUT", f"inboxes/{made['id']}/members", one, two


def _calendar(cast: Cast) -> tuple[Found, str, str, Found, Found]:
    with tenant(cast.account.pk):
        path = f"calendars/{Calendar.objects.get(owner=cast.bob.member).uuid}"
    return cast.alice.get(path), "PATCH", path, {"name": "Bob's"}, {"color": "#123456"}


def _assignments(cast: Cast) -> tuple[Found, str, str, Found, Found]:
    with tenant(cast.account.pk):
        path = f"calendars/{Calendar.objects.get(owner=cast.bob.member).uuid}/assignments"
    items = [{"kind": "agent", "id": str(cast.alice.member.uuid), "level": level} for level in ("busy", "edit")]
    return cast.alice.get(path), "PUT", path, {"items": items[:1]}, {"items": items[1:]}


def _account(cast: Cast) -> tuple[Found, str, str, Found, Found]:
    return cast.alice.get("account"), "PATCH", "account", {"name": "Acme"}, {"time_zone": "UTC"}


def _profile(cast: Cast) -> tuple[Found, str, str, Found, Found]:
    return cast.alice.get("profile"), "PATCH", "profile", {"name": "Alice"}, {"language": "es"}


SUBJECTS: list[Callable[[Cast], tuple[Found, str, str, Found, Found]]] = [
    _member,
    _role,
    _team,
    _inbox,
    _calendar,
    _assignments,
    _account,
    _profile,
]
"""What can be edited: as it was read, and two changes of it."""


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.__name__[1:])
def test_a_change_of_what_was_changed_since_is_refused_and_says_so(
    cast: Cast, subject: Callable[[Cast], tuple[Found, str, str, Found, Found]]
) -> None:
    read, method, path, first, second = subject(cast)
    done = cast.alice.call(method, path, first, if_match=read["etag"])
    assert done.status_code == 200, done.content
    late = cast.alice.call(method, path, second, if_match=read["etag"])
    assert late.status_code == 412 and late.json()["code"] == "changed", late.content
    assert late.json()["etag"] == done.headers["ETag"] == done.json()["etag"]
    again = cast.alice.call(method, path, second, if_match=late.json()["etag"])
    assert again.status_code == 200, again.content


def test_a_token_or_role_that_changed_is_not_removed_unseen(cast: Cast) -> None:
    role = cast.alice.post("roles", {"name": "Planner", "permissions": []})
    cast.alice.patch(f"roles/{role['id']}", {"permissions": ["bookings.own"]})
    assert cast.alice.call("DELETE", f"roles/{role['id']}", if_match=role["etag"]).status_code == 412
    token = cast.alice.post("tokens", {"name": "crm", "scopes": ["events.read"]})
    assert cast.alice.call("DELETE", f"tokens/{token['id']}", if_match='"another"').status_code == 412
    assert cast.alice.call("DELETE", f"tokens/{token['id']}", if_match=token["etag"]).status_code == 204
