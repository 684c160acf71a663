"""Every act on an account, its connected calendars, its bookings and its webhooks × viewer × door. Who may is said here by
hand, from what is promised; an act without an entry breaks the build. (Acts on calendars and events: test_matrix.py.)

What is refused changes nothing, in no table and in neither account. What is allowed changes something.
"""

from collections.abc import Iterator
from enum import StrEnum

import pytest

from conversa_calendar.accounts import acting
from conversa_calendar.accounts.acts import Act as People
from conversa_calendar.bookings.acts import Act as Booking
from conversa_calendar.sync.acts import Act as Sync
from conversa_calendar.webhooks.acts import Act as Webhook
from tests.support import database
from tests.support.cast import build_cast
from tests.support.company import BY_TOKEN, VIEWERS, Company, Door, build_company, by_api, by_page
from tests.support.google import Google
from tests.support.operations import DIRECTORY

Who = frozenset[str]
ADMIN = frozenset({"administrator"})
MANAGERS = ADMIN | {"holder"}
OWN = MANAGERS | {"foreign"}
"""Where an act is about the account itself: an administrator of another one does it there."""
ANYBODY_HERE = MANAGERS | {"agent", "owner", "other"}
EVERYBODY = ANYBODY_HERE | {"foreign"}

ALLOWED: dict[StrEnum, Who] = {
    People.INVITE: OWN,
    People.INVITE_AGAIN: MANAGERS,
    People.WITHDRAW: MANAGERS,
    People.GIVE_ROLE: MANAGERS,
    People.SUSPEND: MANAGERS,
    People.LET_BACK: MANAGERS,
    People.END_SESSIONS: MANAGERS,
    People.ADD_ROLE: OWN,
    People.CHANGE_ROLE: MANAGERS,
    People.DELETE_ROLE: MANAGERS,
    People.ADD_GROUP: OWN,
    People.CHANGE_GROUP: MANAGERS,
    People.ADD_TOKEN: OWN,
    People.REVOKE_TOKEN: MANAGERS,
    People.CHANGE_ACCOUNT: OWN,
    People.SWITCH_MODULE: OWN,
    People.PUT_DIRECTORY: OWN,
    People.CHANGE_PROFILE: EVERYBODY,
    People.END_OWN_SESSIONS: EVERYBODY,
    Sync.CONNECT: MANAGERS,
    Sync.INVITE_TO_CONNECT: MANAGERS,
    Sync.ASK_TO_CONNECT: EVERYBODY,
    Sync.REREAD: MANAGERS | {"owner"},
    Sync.CHOOSE: MANAGERS | {"owner"},
    Sync.DESELECT: MANAGERS,
    Sync.SET_MODE: MANAGERS | {"within"},
    Sync.CONFIRM_ACCESS: MANAGERS | {"within"},
    Sync.PAUSE: MANAGERS | {"within"},
    Sync.RESUME: MANAGERS,
    Sync.CHECK_NOW: MANAGERS | {"within"},
    Sync.DEEP_CHECK: MANAGERS | {"within"},
    Sync.WATCH_AGAIN: MANAGERS | {"within"},
    Sync.DECIDE_HELD: MANAGERS | {"within", "owner"},
    Sync.PUBLISH: ADMIN,
    Sync.DISCONNECT: MANAGERS,
    Sync.RETRY_SET_ASIDE: MANAGERS | {"within", "owner"},
    Sync.DISMISS_SET_ASIDE: MANAGERS | {"within", "owner"},
    Booking.ADD_PAGE: OWN | {"owner", "other"},
    Booking.CHANGE_PAGE: MANAGERS | {"owner"},
    Booking.COPY_PAGE: MANAGERS | {"owner", "other"},
    Booking.DELETE_PAGE: MANAGERS | {"owner", "within"},
    Booking.HOLD: ANYBODY_HERE | {"within"},
    Booking.BOOK: ANYBODY_HERE | {"within"},
    Booking.OFFER: ANYBODY_HERE | {"within"},
    Booking.WITHDRAW_OFFER: MANAGERS | {"owner", "within"},
    Booking.MOVE_BOOKING: ADMIN | {"owner", "within"},
    Booking.HAND_OVER: ADMIN | {"owner"},
    Booking.CANCEL_BOOKING: ADMIN | {"owner", "within"},
    Booking.DECIDE_BOOKING: ADMIN | {"owner", "within"},
    Booking.ADD_GUESTS: ADMIN | {"owner", "within"},
    Booking.ASK_FOR_LINK: ADMIN | {"owner", "within"},
    Booking.MARK_NO_SHOW: MANAGERS | {"owner", "within"},
    Webhook.CREATE: OWN,
    Webhook.CHANGE: MANAGERS,
    Webhook.DELETE: MANAGERS,
    Webhook.ROTATE: MANAGERS,
    Webhook.TEST: MANAGERS,
    Webhook.REPLAY: MANAGERS,
}
"""Who may. `holder` is an agent with the one permission that the part needs; what they do with a booking they need its
event's calendar for, and to put a calendar into Google its right as well."""
ABOVE: dict[StrEnum, Who] = {
    People.INVITE: ADMIN | {"foreign"},
    People.INVITE_AGAIN: ADMIN,
    People.WITHDRAW: ADMIN,
    People.GIVE_ROLE: ADMIN,
    People.SUSPEND: ADMIN,
    People.LET_BACK: ADMIN,
    People.END_SESSIONS: ADMIN,
    People.ADD_ROLE: ADMIN | {"foreign"},
    People.CHANGE_ROLE: ADMIN,
    People.DELETE_ROLE: ADMIN,
    People.ADD_TOKEN: ADMIN | {"foreign"},
    People.REVOKE_TOKEN: ADMIN,
}
"""The same where more is given, or somebody concerned, than `holder` holds."""
ELSEWHERE = {Booking.SHOW_BOOKING: "a visitor's link in their mail is the right to it: tests/bookings/test_links.py"}
QUIET = {(Sync.PUBLISH, "api"): 409}
"""What comes to no end here, and what is said then: Google is asked for the permission first."""

_MEMBER, _WHAT = "members/<member>", "/settings/account/"
_CALENDAR = "connections/<connection>/calendars/"
_BOOKING = "bookings/<booking>"
_VISIT = {"name": "Vera", "email": "vera@else.example", "time_zone": "Europe/Lisbon"}

_FORM = {"title": "New", "durations": "30", "time_zone": "UTC", "host_mode": "one", "location_kind": "phone"}
_FORM |= {f"day{number}": "09:00-17:00" for number in range(7)} | {"questions": "", "overrides": "", "hosts": "<self>"}
_FORM |= dict.fromkeys(("buffer_before", "buffer_after", "notice", "per_day", "per_week"), "0")
_FORM |= {"horizon_days": "60", "step": "30", "repeats_max": "1"}

API: dict[StrEnum, tuple[Door, ...]] = {
    People.INVITE: (by_api("POST", "members", {"email": "new@acme.example", "name": "New", "role": "<entry_role>"}),),
    People.INVITE_AGAIN: (
        by_api("POST", "members/<invited>/invite"),
        by_api("POST", "invitations/<invited>/resend"),
    ),
    People.WITHDRAW: (by_api("DELETE", "invitations/<invited>"),),
    People.GIVE_ROLE: (by_api("PATCH", _MEMBER, {"role": "<given>"}),),
    People.SUSPEND: (by_api("PATCH", _MEMBER, {"suspended": True}),),
    People.LET_BACK: (by_api("PATCH", "members/<away>", {"suspended": False}),),
    People.END_SESSIONS: (by_api("DELETE", f"{_MEMBER}/sessions"),),
    People.ADD_ROLE: (by_api("POST", "roles", {"name": "New", "permissions": ["<permission>"]}),),
    People.CHANGE_ROLE: (by_api("PATCH", "roles/<role>", {"name": "Renamed"}),),
    People.DELETE_ROLE: (by_api("DELETE", "roles/<role>"),),
    People.ADD_GROUP: tuple(by_api("POST", kind, {"name": "New", "members": []}) for kind in ("teams", "inboxes")),
    People.CHANGE_GROUP: (
        by_api("PUT", "teams/<team>/members", {"members": ["<member>"]}),
        by_api("PUT", "inboxes/<inbox>/members", {"members": ["<member>"]}),
    ),
    People.ADD_TOKEN: (by_api("POST", "tokens", {"name": "New", "scopes": ["<scope>"]}),),
    People.REVOKE_TOKEN: (by_api("DELETE", "tokens/<token>"),),
    People.CHANGE_ACCOUNT: (by_api("PATCH", "account", {"name": "Renamed"}),),
    People.SWITCH_MODULE: (by_api("PATCH", "account", {"calendar_enabled": False}),),
    People.PUT_DIRECTORY: (by_api("PUT", "directory", DIRECTORY),),
    People.CHANGE_PROFILE: (by_api("PATCH", "profile", {"name": "Renamed"}),),
    People.END_OWN_SESSIONS: (by_api("DELETE", "profile/sessions"),),
    Sync.CONNECT: (by_api("POST", "connections/google/authorize", {"member": "<member>"}),),
    Sync.INVITE_TO_CONNECT: (by_api("POST", "connections/invitations", {"member": "<member>"}),),
    Sync.ASK_TO_CONNECT: (by_api("POST", "connections/ask"),),
    Sync.REREAD: (by_api("GET", "connections/<connection>/calendars?refresh=true"),),
    Sync.CHOOSE: (by_api("PUT", f"{_CALENDAR}<third>", {"mirrored": True}),),
    Sync.DESELECT: (
        by_api("PUT", f"{_CALENDAR}<google_id>", {"mirrored": False, "disposition": "keep", "unsent": "leave"}),
    ),
    Sync.SET_MODE: (by_api("PATCH", "mirrors/<mirror>", {"mode": "read_only"}),),
    Sync.CONFIRM_ACCESS: (by_api("POST", "mirrors/<mirror>/confirm-access"),),
    Sync.PAUSE: (by_api("POST", "mirrors/<mirror>/pause"),),
    Sync.RESUME: (by_api("POST", "mirrors/<resting>/resume"),),
    Sync.CHECK_NOW: (by_api("POST", "mirrors/<mirror>/sync"),),
    Sync.DEEP_CHECK: (by_api("POST", "mirrors/<mirror>/check"),),
    Sync.WATCH_AGAIN: (by_api("POST", "mirrors/<mirror>/watch"),),
    Sync.DECIDE_HELD: (by_api("POST", "mirrors/<mirror>/held", {"action": "keep"}),),
    Sync.PUBLISH: (by_api("POST", "calendars/<native>/publish", {"connection": "<connection>"}),),
    Sync.DISCONNECT: (by_api("DELETE", "connections/<connection>?calendars=keep&unsent=leave"),),
    Sync.RETRY_SET_ASIDE: (by_api("POST", "set-aside/<aside>/retry"),),
    Sync.DISMISS_SET_ASIDE: (by_api("POST", "set-aside/<aside>/dismiss"),),
    Booking.ADD_PAGE: (by_api("POST", "booking-pages", {"title": "New"}),),
    Booking.CHANGE_PAGE: (by_api("PATCH", "booking-pages/<page>", {"title": "Renamed"}),),
    Booking.COPY_PAGE: (by_api("POST", "booking-pages/<page>/copy"),),
    Booking.DELETE_PAGE: (by_api("DELETE", "booking-pages/<page>"),),
    Booking.HOLD: (by_api("POST", "booking-pages/<page>/holds", {"start": "<slot>", "duration": 30}),),
    Booking.BOOK: (by_api("POST", "bookings", {"page": "<page>", "start": "<slot>"} | _VISIT),),
    Booking.OFFER: (by_api("POST", "booking-pages/<page>/offers", {"starts": ["<slot>"], "duration": 30}),),
    Booking.WITHDRAW_OFFER: (by_api("DELETE", "booking-offers/<offer>"),),
    Booking.MOVE_BOOKING: (by_api("PATCH", _BOOKING, {"start": "<later>"}),),
    Booking.HAND_OVER: (by_api("PATCH", _BOOKING, {"host": "<host>"}),),
    Booking.CANCEL_BOOKING: (by_api("PATCH", _BOOKING, {"state": "cancelled"}), by_api("DELETE", _BOOKING)),
    Booking.DECIDE_BOOKING: tuple(
        by_api("PATCH", "bookings/<waiting>", {"state": state}) for state in ("confirmed", "cancelled")
    ),
    Booking.ADD_GUESTS: (by_api("PATCH", _BOOKING, {"guests": ["gina@else.example"]}),),
    Booking.ASK_FOR_LINK: (by_api("POST", "bookings/<linkless>/link"),),
    Booking.MARK_NO_SHOW: (by_api("PATCH", "bookings/<begun>", {"state": "no_show"}),),
    Webhook.CREATE: (by_api("POST", "webhooks", {"url": "https://hooks.example.com/new"}),),
    Webhook.CHANGE: (by_api("PATCH", "webhooks/<webhook>", {"on": False}),),
    Webhook.DELETE: (by_api("DELETE", "webhooks/<webhook>"),),
    Webhook.ROTATE: (by_api("POST", "webhooks/<webhook>/rotate"),),
    Webhook.TEST: (by_api("POST", "webhooks/<webhook>/test"),),
    Webhook.REPLAY: (by_api("POST", "webhooks/<webhook>/replay", {"since": "<cursor>"}),),
}


def _member(**form: str) -> Door:
    return by_page(f"{_WHAT}member", form)


def _mirror(action: str, which: str = "mirror", **form: str) -> Door:
    return by_page(f"/mirrors/<{which}>/{action}", form)


def _webhook(action: str, **form: str) -> Door:
    return by_page("/settings/webhooks", {"do": action, "webhook": "<webhook>"} | form)


PAGE: dict[StrEnum, tuple[Door, ...]] = {
    People.INVITE: (_member(email="new@acme.example", name="New", role="<entry_role>"),),
    People.INVITE_AGAIN: (_member(member="<invited>", invite="1"),),
    People.WITHDRAW: (_member(member="<invited>", withdraw="1"),),
    People.GIVE_ROLE: (_member(member="<member>", role="<given>"),),
    People.SUSPEND: (_member(member="<member>", suspended="true"), by_page("/settings/members/<member>/suspend")),
    People.LET_BACK: (_member(member="<away>", suspended="false"),),
    People.END_SESSIONS: (_member(member="<member>", end_sessions="1"),),
    People.ADD_ROLE: (by_page(f"{_WHAT}role", {"name": "New", "permission": "<permission>"}),),
    People.CHANGE_ROLE: (by_page(f"{_WHAT}role", {"role": "<role>", "name": "Renamed", "permission": "<permission>"}),),
    People.DELETE_ROLE: (by_page(f"{_WHAT}role", {"role": "<role>", "do": "remove"}),),
    People.ADD_GROUP: tuple(by_page(f"{_WHAT}{kind}", {"name": "New"}) for kind in ("team", "inbox")),
    People.CHANGE_GROUP: tuple(
        by_page(f"{_WHAT}{kind}", {"group": f"<{kind}>", "members": "<member>"}) for kind in ("team", "inbox")
    ),
    People.ADD_TOKEN: (by_page(f"{_WHAT}token", {"name": "New", "scope": "<scope>"}),),
    People.REVOKE_TOKEN: (by_page(f"{_WHAT}revoke-token", {"token": "<token>"}),),
    People.CHANGE_ACCOUNT: (by_page(f"{_WHAT}account", {"name": "Renamed"}),),
    People.SWITCH_MODULE: (by_page(f"{_WHAT}module"),),
    People.CHANGE_PROFILE: (by_page("/settings/profile", {"name": "Renamed"}),),
    People.END_OWN_SESSIONS: (by_page("/settings/profile", {"end_others": "1"}),),
    Sync.INVITE_TO_CONNECT: (by_page("/connections/invite", {"member": "<member>"}),),
    Sync.ASK_TO_CONNECT: (by_page("/connections/ask"),),
    Sync.REREAD: (by_page("/connections/<connection>/reread"),),
    Sync.CHOOSE: (
        by_page("/connections/<connection>/calendars", {"mirror": "<third>", "mode:<third>": "", "do": "start"}),
    ),
    Sync.DESELECT: (_mirror("deselect", disposition="keep", unsent="leave"),),
    Sync.SET_MODE: (_mirror("mode", mode="read_only"),),
    Sync.CONFIRM_ACCESS: (_mirror("confirm-access"),),
    Sync.PAUSE: (_mirror("pause"),),
    Sync.RESUME: (_mirror("resume", "resting"), by_page("/doctor/resume/<resting>")),
    Sync.CHECK_NOW: (_mirror("sync"), by_page("/doctor/check_now/<mirror>")),
    Sync.DEEP_CHECK: (_mirror("check"), by_page("/doctor/deep_check/<mirror>")),
    Sync.WATCH_AGAIN: (by_page("/doctor/watch/<mirror>"),),
    Sync.DECIDE_HELD: (_mirror("held", decision="keep"),),
    Sync.PUBLISH: (by_page("/calendars/<native>/publish", {"connection": "<connection>"}),),
    Sync.DISCONNECT: (by_page("/connections/<connection>/disconnect", {"calendars": "keep", "unsent": "leave"}),),
    Sync.RETRY_SET_ASIDE: (_mirror("retry", key="<aside>"),),
    Sync.DISMISS_SET_ASIDE: (_mirror("dismiss", key="<aside>"),),
    Booking.ADD_PAGE: (by_page("/bookings/pages/new", _FORM),),
    Booking.CHANGE_PAGE: (by_page("/bookings/pages/<page>", {"title": "Renamed", "shown": '{"title": ["Alone"]}'}),),
    Booking.COPY_PAGE: (by_page("/bookings/pages/<page>", {"what": "copy"}),),
    Booking.DELETE_PAGE: (by_page("/bookings/pages/<page>", {"what": "delete"}),),
    Booking.OFFER: (by_page("/bookings/pages/<page>/offer", {"starts": "<slot>", "duration": "30"}),),
    Booking.HAND_OVER: (by_page("/bookings/<booking>/hand-over", {"host": "<host>"}),),
    Booking.CANCEL_BOOKING: (by_page("/bookings/<booking>/cancel"),),
    Booking.DECIDE_BOOKING: (by_page("/bookings/<waiting>/accept"), by_page("/bookings/<waiting>/decline")),
    Booking.ASK_FOR_LINK: (by_page("/bookings/<linkless>/link"),),
    Booking.MARK_NO_SHOW: (by_page("/bookings/<begun>/no-show"),),
    Webhook.CREATE: (_webhook("create", url="https://hooks.example.com/new", kinds="event"),),
    Webhook.CHANGE: (_webhook("off"),),
    Webhook.DELETE: (_webhook("remove"),),
    Webhook.ROTATE: (_webhook("rotate"),),
    Webhook.TEST: (_webhook("test"),),
}
NO_PAGE = {
    People.PUT_DIRECTORY: "the platform's people come from the platform",
    Sync.CONNECT: "a person goes to Google from the page itself",
    Booking.HOLD: "members book on the public page",
    Booking.BOOK: "the same",
    Booking.MOVE_BOOKING: "hosts move the event",
    Booking.ADD_GUESTS: "hosts invite to the event",
    Booking.WITHDRAW_OFFER: "an offer ends by itself",
    Webhook.REPLAY: "a program says from where on it missed something",
}
BESIDE = {"accounts_counter", "django_session"}
"""Tables that say how often something was tried and what a browser was told."""
PARTS: dict[type[StrEnum], str] = {People: "accounts", Sync: "sync", Booking: "bookings", Webhook: "accounts"}
"""Which of the scene's holders is meant."""


@pytest.fixture(scope="module")
def company(migrated: None) -> Iterator[Company]:
    """One scene for all: what is refused leaves it as it is, what is allowed is taken back."""
    database.empty()
    google = Google()
    with google.installed():
        yield build_company(build_cast(), google)


@pytest.fixture(scope="module")
def backup(company: Company) -> Iterator[database.Backup]:
    with database.kept() as found:
        yield found


Cell = tuple[StrEnum, str, Door, bool]
"""An act, the kind of its door, the door, and whether it is about more than `holder` holds."""


def _faults(company: Company, backup: database.Backup, cell: Cell) -> Iterator[str]:
    """What goes otherwise than the table says, at one door."""
    act, kind, _door, is_above = cell
    viewers = [viewer for viewer in VIEWERS if kind == "api" or viewer not in BY_TOKEN]
    allowed = (ABOVE if is_above else ALLOWED)[act]
    refused = [viewer for viewer in viewers if viewer not in allowed]
    name = f"{act}{' above' if is_above else ''} by {kind} by"
    answers = [_is_done(company, cell, viewer) for viewer in refused]
    if changed := backup.changed():
        backup.put_back(changed)
    if any(answers) or changed - BESIDE:
        yield from (
            f"{name} {viewer}: not refused" for viewer in refused if _happened(company, backup, cell, viewer)[0]
        )
    for viewer in viewers:
        if viewer in allowed and not (said := _happened(company, backup, cell, viewer))[0]:
            yield f"{name} {viewer}: not done, {said[1]}"


def _happened(company: Company, backup: database.Backup, cell: Cell, viewer: str) -> tuple[bool, str]:
    """Whether something came of it, which is taken back, and what was said."""
    act, kind, door, is_above = cell
    answer = door(company, company.named(viewer, PARTS[type(act)]), is_above)
    changed = backup.changed()
    backup.put_back(changed)
    is_quiet = QUIET.get((act, kind)) == answer.status_code
    is_done = bool(changed - BESIDE) or (kind == "api" and answer.status_code < 400)
    return is_quiet or is_done, f"{answer.status_code} {answer.content[:300]!r}"


def _is_done(company: Company, cell: Cell, viewer: str) -> bool:
    """Whether it was answered as done. A page sends back to where somebody came from either way."""
    act, kind, door, is_above = cell
    answer = door(company, company.named(viewer, PARTS[type(act)]), is_above)
    return bool(answer.status_code < 400 and (kind == "api" or answer.status_code != 302))


@pytest.mark.parametrize("kind", ["api", "page"])
@pytest.mark.parametrize("acts", list(PARTS), ids=lambda acts: acts.__module__.split(".")[1])
def test_acts_are_done_only_by_whom_the_table_lets(
    company: Company, backup: database.Backup, acts: type[StrEnum], kind: str
) -> None:
    doors = API if kind == "api" else PAGE
    found = [
        fault
        for act in acts
        for door in doors.get(act, ())
        for is_above in ((False, True) if act in ABOVE else (False,))
        for fault in _faults(company, backup, (act, kind, door, is_above))
    ]
    assert found == []


def test_every_act_has_its_entry() -> None:
    walked = {act for act in acting.ACTS if type(act) in PARTS}
    rest = {type(act).__module__ for act in acting.ACTS if type(act) not in PARTS}
    assert rest == {"conversa_calendar.calendars.acts.rules"}, "a part whose acts nobody walks"
    assert set(ALLOWED) | set(ELSEWHERE) == walked, "an act of which nobody said who may"
    assert set(API) == set(ALLOWED) and set(PAGE) | set(NO_PAGE) == set(ALLOWED)
    assert not set(PAGE) & set(NO_PAGE)
