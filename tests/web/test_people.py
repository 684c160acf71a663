"""Nobody's account is taken over, and no account touches what its people are in another one."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversa_calendar.accounts import grants, joining, permissions, selectors, services
from conversa_calendar.accounts.models import Account, Member, User
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar, OutgoingMail
from conversa_calendar.connections.models import Connection
from conversa_calendar.kit import clock
from tests.support.cast import PASSWORD, Actor, Cast, new_actor
from tests.support.google import Google

CEO, OWN = "ceo@other.example", "only the owner knows"
EVENT = {"summary": "x", "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}


@pytest.fixture
def move() -> Any:
    """Moves the clock by a span; a sign-in right after an ending is later than it."""
    ahead = [timedelta(0)]
    clock.use(wall=lambda: datetime.now(UTC) + ahead[0])

    def on(**span: float) -> None:
        ahead[0] += timedelta(**span)

    yield on
    clock.use()


def invite(actor: Actor, email: str = CEO, **more: Any) -> dict[str, Any]:
    return actor.post("members", {"email": email, "role": "agent", **more})


def mails_to(account: Account, email: str = CEO) -> list[OutgoingMail]:
    with tenant(account.pk):
        return list(OutgoingMail.objects.filter(to=email).order_by("id"))


def link(account: Account, email: str = CEO) -> str:
    """The path of the newest mailed invitation."""
    [found] = re.findall(r"http://testserver(/invitation/\S+)", mails_to(account, email)[-1].body)
    return str(found)


def confirmed(actor: Actor) -> Client:
    """A signed-in browser that has given the password again."""
    browser = actor.browser()
    browser.post("/password/again", {"password": PASSWORD})
    return browser


def come_in(account: Account, email: str = CEO, password: str = OWN) -> Client:
    """The owner of an address that nobody proved accepts by the mailed link."""
    browser = Client()
    answer = browser.post(link(account, email), {"password": password, "do": "accept"})
    assert answer.status_code == 302 and answer["Location"] == "/", answer.content
    return browser


def sign_in(email: str, password: str) -> Client:
    browser = Client()
    browser.post("/login", {"login": email, "password": password})
    return browser


def member_of(account: Account, email: str = CEO) -> Member:
    with tenant(account.pk):
        return Member.objects.select_related("user", "account").get(user__email=email)


def opens(browser: Client) -> str:
    """The name of the account that a browser has open; empty when it has none."""
    page = browser.get("/settings")
    found = re.search(r"<strong class=\"block\">([^<]+)<", page.content.decode())
    return found.group(1) if page.status_code == 200 and found else ""


# ── taking over


def test_another_account_cannot_set_the_password_of_somebodys_address_by_form(cast: Cast) -> None:
    browser = confirmed(cast.alice)
    mine = {"email": CEO, "name": "The boss", "role": "administrator", "password": "known to alice"}
    browser.post("/settings/account/member", mine)
    invite(cast.charlie, name="Cleo", role="administrator")
    assert opens(sign_in(CEO, "known to alice")) == ""
    cleo = come_in(cast.other)
    assert opens(cleo) == "Other Ltd" and opens(sign_in(CEO, OWN)) == "Other Ltd"
    assert opens(sign_in(CEO, "known to alice")) == ""


def test_another_account_gets_no_link_into_somebodys_address_by_api(cast: Cast) -> None:
    for name in ("first_password", "password"):
        asked = {"email": CEO, "role": "agent", name: "known to alice"}
        assert cast.alice.call("POST", "members", asked).status_code == 422
    answer = invite(cast.alice)
    shown = str(answer) + confirmed(cast.alice).get("/settings").content.decode()
    assert "invitation/" not in shown and "password/reset/" not in shown and "first_password_url" not in answer
    with tenant(cast.account.pk):
        assert not Member.objects.get(uuid=answer["id"]).user.has_usable_password()


def test_a_password_that_was_set_before_the_address_was_proven_dies_when_its_owner_joins(cast: Cast) -> None:
    """The operator vouched for the first administrator of one account; the address joins another one by invitation."""
    with tenant(cast.account.pk):
        joining.add_member_as_operator(email=CEO, password="set by somebody", built_in="agent")
    before = sign_in(CEO, "set by somebody")
    assert opens(before) == "Acme Support"
    invite(cast.charlie)
    page = before.get("/settings").content.decode()
    assert "Other Ltd" in page and "open the link in the mail" in page
    pending = member_of(cast.other)
    before.post(f"/invitations/{pending.uuid}", {"do": "accept"})
    assert member_of(cast.other).accepted_at is None, "an unproven sign-in accepts nothing"
    owner = come_in(cast.other)
    assert opens(owner) == "Other Ltd"
    assert before.get("/settings").status_code == 302 and opens(sign_in(CEO, "set by somebody")) == ""
    owner.post("/switch-account", {"account": cast.account.pk})
    assert opens(owner) == "Acme Support", "both accounts are theirs now"


def test_the_platform_vouches_for_its_own_account_only(cast: Cast) -> None:
    with tenant(cast.other.pk):
        joining.add_member_as_operator(email=CEO, name="Cleo", password="set by somebody", built_in="administrator")
    cast.alice.put("directory", {"members": [{"external_id": "1", "email": CEO.upper(), "name": "Puppet"}]})
    browser = sign_in(CEO, "set by somebody")
    assert opens(browser) == "Other Ltd" and b"Puppet" not in browser.get("/settings").content
    assert selectors.memberships_of(member_of(cast.other).user_id, clock.now())[0].account_id == cast.other.pk
    assert len(selectors.memberships_of(member_of(cast.other).user_id, clock.now())) == 1
    User.objects.filter(email=CEO).update(email_verified_at=clock.now())
    both = selectors.memberships_of(member_of(cast.other).user_id, clock.now())
    assert [place.account for place in both] == ["Other Ltd", "Acme Support"]


def test_a_mailed_reset_link_proves_the_address_and_accepts_nothing(cast: Cast) -> None:
    from django.core import mail

    invite(cast.alice)
    Client().post("/password/reset", {"email": CEO})
    [path] = re.findall(r"http://testserver(/password/reset/\S+)", mail.outbox[-1].body)
    browser = Client()
    form = browser.get(path)["Location"]
    browser.post(form, {"password1": OWN, "password2": OWN})
    signed_in = sign_in(CEO, OWN)
    page = signed_in.get("/settings")
    assert page.status_code == 403 and b"Acme Support" in page.content
    assert member_of(cast.account).accepted_at is None
    uuid = member_of(cast.account).uuid
    assert signed_in.post(f"/invitations/{uuid}", {"do": "accept"})["Location"] == "/"
    assert opens(signed_in) == "Acme Support"


# ── the life of an invitation


def test_an_invitation_shows_before_it_does_anything_and_works_once(cast: Cast) -> None:
    invite(cast.alice, name="Cleo")
    path = link(cast.account)
    before = member_of(cast.account)
    page = Client().get(path)
    assert page.status_code == 200 and b"Acme Support" in page.content and CEO.encode() in page.content
    assert Client().post(path, {"password": "short", "do": "accept"}).status_code == 422
    assert member_of(cast.account).__dict__.keys() == before.__dict__.keys()
    assert member_of(cast.account).accepted_at is None and not member_of(cast.account).user.has_usable_password()
    assert opens(come_in(cast.account)) == "Acme Support"
    assert Client().get(path).status_code == 410
    assert Client().post(path, {"password": "another person's", "do": "accept"}).status_code == 410
    assert opens(sign_in(CEO, "another person's")) == ""
    assert [m["state"] for m in cast.alice.get("members")["items"] if m["email"] == CEO] == ["active"]


def test_a_refused_name_leaves_the_invitation_as_it_was(cast: Cast) -> None:
    """The password was set all the same, and the corrected form only said to sign in first."""
    invite(cast.alice, name="Cleo")
    path = link(cast.account)
    form = {"password": OWN, "name": "www.evil.example", "do": "accept"}
    assert Client().post(path, form).status_code == 422
    assert not member_of(cast.account).user.has_usable_password()
    assert Client().post(path, form | {"name": "Cleo"}).status_code == 302


def test_an_invitation_needs_a_csrf_token(cast: Cast) -> None:
    invite(cast.alice)
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(link(cast.account), {"password": OWN, "do": "accept"}).status_code == 403


def test_an_invitation_ends_after_a_week(cast: Cast, move: Callable[..., None]) -> None:
    invite(cast.alice)
    path = link(cast.account)
    move(days=6, hours=23)
    assert Client().get(path).status_code == 200
    move(hours=2)
    assert Client().get(path).status_code == 410
    assert Client().post(path, {"password": OWN, "do": "accept"}).status_code == 410
    assert [m["state"] for m in cast.alice.get("members")["items"] if m["email"] == CEO] == ["expired"]


def test_an_invitation_that_is_sent_again_ends_the_one_before(cast: Cast) -> None:
    made = invite(cast.alice)
    first = link(cast.account)
    confirmed(cast.alice).post("/settings/account/member", {"member": made["id"], "invite": "1"})
    second = link(cast.account)
    cast.alice.post(f"members/{made['id']}/invite")
    assert Client().get(first).status_code == Client().get(second).status_code == 410
    assert opens(come_in(cast.account)) == "Acme Support"
    assert cast.alice.call("POST", f"members/{made['id']}/invite", {}).status_code == 422


@pytest.mark.parametrize("way", ["page", "api"])
def test_a_withdrawn_invitation_opens_nothing_even_after_letting_back_in(cast: Cast, way: str) -> None:
    made = invite(cast.alice)
    path, browser = link(cast.account), confirmed(cast.alice)
    if way == "page":
        browser.post("/settings/account/member", {"member": made["id"], "suspended": "true"})
        assert Client().get(path).status_code == 410
        browser.post("/settings/account/member", {"member": made["id"], "suspended": "false"})
    else:
        cast.alice.patch(f"members/{made['id']}", {"suspended": True})
        assert Client().get(path).status_code == 410
        cast.alice.patch(f"members/{made['id']}", {"suspended": False})
    assert Client().post(path, {"password": OWN, "do": "accept"}).status_code == 410


def test_a_declined_invitation_is_seen_by_who_sent_it(cast: Cast) -> None:
    invite(cast.alice)
    path = link(cast.account)
    assert b"Declined" in Client().post(path, {"do": "decline"}).content
    assert Client().get(path).status_code == 410
    assert [m["state"] for m in cast.alice.get("members")["items"] if m["email"] == CEO] == ["declined"]
    assert "declined" in confirmed(cast.alice).get("/settings").content.decode()


@pytest.mark.parametrize("token", ["nonsense", "WzEsICJ4Il0:1abcde:forged", "a" * 3000])
def test_a_forged_invitation_is_one_that_does_not_work(db: None, token: str) -> None:
    assert Client().get(f"/invitation/{token}").status_code == 410
    assert Client().post(f"/invitation/{token}", {"password": OWN, "do": "accept"}).status_code == 410


def test_somebody_else_who_is_signed_in_does_not_become_the_invited_person(cast: Cast) -> None:
    invite(cast.alice)
    charlie = cast.charlie.browser()
    page = charlie.get(link(cast.account)).content.decode()
    assert "charlie@other.example" in page and CEO in page and 'name="password"' not in page
    charlie.post(link(cast.account), {"password": OWN, "do": "accept"})
    assert member_of(cast.account).accepted_at is None and opens(charlie) == "Other Ltd"
    assert charlie.post("/logout", {"next": link(cast.account)})["Location"] == link(cast.account)


def test_a_proven_person_signs_in_and_accepts_a_second_account_with_their_password(cast: Cast) -> None:
    invite(cast.charlie, name="Cleo")
    first = come_in(cast.other)
    invite(cast.alice, name="The new one")
    path = link(cast.account)
    stranger = Client().get(path).content.decode()
    assert 'name="password"' not in stranger and f"/login?next={path}" in stranger.replace("%3A", ":")
    assert Client().post(path, {"password": "taken over!", "do": "accept"}).status_code == 200
    assert opens(sign_in(CEO, "taken over!")) == "" and opens(first) == "Other Ltd"
    again = sign_in(CEO, OWN)
    assert again.post(path, {"do": "accept"})["Location"] == "/"
    assert opens(again) == "Acme Support"
    assert opens(first) == "Other Ltd", "the sign-in from before goes on"


def test_signed_in_people_find_their_invitations_and_decline_them(cast: Cast) -> None:
    invite(cast.charlie)
    browser = come_in(cast.other)
    invite(cast.alice)
    assert "Acme Support" in browser.get("/settings").content.decode()
    uuid = member_of(cast.account).uuid
    assert cast.bob.browser().post(f"/invitations/{uuid}", {"do": "accept"}).status_code == 404
    assert member_of(cast.account).accepted_at is None, "an invitation is its own person's"
    browser.post(f"/invitations/{uuid}", {"do": "decline"})
    assert "Declined: Acme Support." in browser.get("/settings").content.decode()
    assert "Acme Support" not in browser.get("/settings").content.decode()
    assert member_of(cast.account).state == "declined"


def test_an_invited_person_may_be_assigned_calendars_and_is_booked_only_after_accepting(cast: Cast) -> None:
    made = invite(cast.alice, name="Cleo")
    calendar = cast.alice.get("calendars")["items"][0]["id"]
    items = [{"kind": "agent", "id": made["id"], "level": "details"}]
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": items})
    page = cast.alice.post("booking-pages", {"title": "Demo", "hosts": [{"id": made["id"]}], "notice": 0})
    span = f"from={clock.now():%Y-%m-%dT%H:%M:%SZ}&to={clock.now() + timedelta(days=9):%Y-%m-%dT%H:%M:%SZ}&duration=30"
    slots = f"booking-pages/{page['id']}/slots?{span}"
    assert cast.alice.get(slots)["items"] == []
    browser = come_in(cast.account)
    assert cast.alice.get(slots)["items"] != []
    assert opens(browser) == "Acme Support"


def test_an_invited_administrator_is_no_administrator_before_accepting(cast: Cast) -> None:
    invite(cast.alice, role="administrator", name="Cleo")
    me = str(cast.alice.member.uuid)
    assert cast.alice.call("PATCH", f"members/{me}", {"role": "agent"}).status_code == 422
    assert cast.alice.call("PATCH", f"members/{me}", {"suspended": True}).status_code == 422
    with tenant(cast.account.pk):
        assert [str(found) for found in selectors.administrators()] == ["Alice Lima"]
    come_in(cast.account)
    assert cast.alice.call("PATCH", f"members/{me}", {"role": "agent"}).status_code == 200


@pytest.mark.parametrize(
    "address", ["", "x", "a@", "a b@c.example", "a@b.example\nBcc: c@d.example", "x" * 300 + "@a.example"]
)
def test_an_address_that_is_none_is_refused_in_words(cast: Cast, address: str) -> None:
    assert cast.alice.call("POST", "members", {"email": address}).status_code == 422
    page = confirmed(cast.alice).post("/settings/account/member", {"email": address, "role": "agent"}, follow=True)
    assert "alert-error" in page.content.decode()


def test_a_name_cannot_forge_lines_of_a_mail(cast: Cast) -> None:
    with tenant(cast.account.pk):
        Member.objects.filter(pk=cast.alice.member.pk).update(name="Alice\r\nBcc: x@y.example")
    invite(cast.alice, name="Cleo\n\x0bBcc: x@y.example")
    assert str(member_of(cast.account)) == "Cleo Bcc: x@y.example"
    assert "\n" not in mails_to(cast.account)[0].subject


def test_a_refused_invitation_leaves_nobody_behind(cast: Cast) -> None:
    confirmed(cast.alice).post("/settings/account/member", {"email": CEO, "role": "no such role"})
    assert cast.alice.call("POST", "members", {"email": CEO, "role": "no such role"}).status_code == 422
    assert all(m["email"] != CEO for m in cast.alice.get("members")["items"]) and mails_to(cast.account) == []


def at_once(*calls: Callable[[], Any]) -> list[int]:
    """The status codes of calls made at the same time."""
    codes: list[int] = []

    def run(call: Callable[[], Any]) -> None:
        codes.append(call().status_code)
        connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(codes)


def test_two_who_invite_the_same_person_at_once_make_one_membership(cast: Cast) -> None:
    call = lambda: cast.alice.call("POST", "members", {"email": CEO})
    assert at_once(*[call] * 4) == [201, 422, 422, 422]
    assert len(mails_to(cast.account)) == 1


def test_two_snapshots_at_once_are_taken_one_after_the_other(cast: Cast) -> None:
    body = {"members": [{"external_id": str(n), "email": f"p{n}@acme.example"} for n in range(5)]}
    assert at_once(*[lambda: cast.alice.call("PUT", "directory", body)] * 3) == [200, 200, 200]
    assert len([m for m in cast.alice.get("members")["items"] if m["external_id"]]) == 5


def test_one_link_opened_in_two_windows_at_once_is_used_once(cast: Cast) -> None:
    invite(cast.alice)
    path = link(cast.account)
    calls = [
        lambda word=word: Client().post(path, {"password": f"the {word} password", "do": "accept"}) for word in "abc"
    ]
    assert at_once(*calls) == [302, 410, 410]


def test_the_operator_gives_a_password_to_an_address_that_was_only_invited_elsewhere(cast: Cast) -> None:
    invite(cast.alice)
    with tenant(cast.other.pk):
        joining.add_member_as_operator(email=CEO, password="from the operator", built_in="administrator")
    browser = sign_in(CEO, "from the operator")
    assert opens(browser) == "Other Ltd"
    browser.post(f"/invitations/{member_of(cast.account).uuid}", {"do": "accept"})
    assert member_of(cast.account).accepted_at is None


# ── what one account learns of and does to a person in another


def test_inviting_tells_nothing_of_whether_the_address_is_known_elsewhere(cast: Cast) -> None:
    known, unknown = "charlie@other.example", "nobody@other.example"
    User.objects.filter(email=known).update(email_verified_at=clock.now())
    invite(cast.alice, "warm@other.example")
    answers, statements = [], []
    for email in (known, unknown):
        with CaptureQueriesContext(connection) as seen:
            answers.append(invite(cast.alice, email, name="Someone"))
        statements.append([re.sub(r"'[^']*'|\d+", "?", row["sql"])[:60] for row in seen.captured_queries])
    plain = [{**a, "id": "", "email": ""} for a in answers]
    assert plain[0] == plain[1] and statements[0] == statements[1]
    bodies = [
        re.sub(r"/invitation/\S+", "", m.subject + m.body) for e in (known, unknown) for m in mails_to(cast.account, e)
    ]
    assert bodies[0] == bodies[1] and "Charlie" not in str(answers) + str(bodies)
    rows = [m for m in cast.alice.get("members")["items"] if m["email"] in {known, unknown}]
    assert [{**r, "id": "", "email": ""} for r in rows] == [plain[0], plain[0]]
    names = [c["name"] for c in cast.alice.get("calendars")["items"]]
    assert names.count("Someone") == 2 and not any("Charlie" in name for name in names)


def test_a_directory_tells_nothing_of_whether_the_address_is_known_elsewhere(cast: Cast) -> None:
    known, unknown = "charlie@other.example", "nobody@other.example"
    User.objects.filter(email=known).update(email_verified_at=clock.now())
    people = [{"external_id": e[0], "email": e, "role": "administrator"} for e in (known, unknown)]
    cast.alice.put("directory", {"members": people})
    rows = [m for m in cast.alice.get("members")["items"] if m["email"] in {known, unknown}]
    assert len({(r["state"], r["role"], r["suspended"]) for r in rows}) == 1
    with tenant(cast.account.pk):
        assert [found.user.email for found in selectors.administrators()] == ["alice@acme.example"]
    me = str(cast.alice.member.uuid)
    assert cast.alice.call("PATCH", f"members/{me}", {"role": "agent"}).status_code == 422


@pytest.fixture
def both(cast: Cast) -> Client:
    """Charlie, known and named in Other Ltd, is also in Acme Support under another name."""
    User.objects.filter(email="charlie@other.example").update(email_verified_at=clock.now())
    invite(cast.alice, "charlie@other.example", name="Consultant")
    browser = cast.charlie.browser()
    assert browser.post(link(cast.account, "charlie@other.example"), {"do": "accept"}).status_code == 302
    return browser


def test_one_person_has_a_name_a_zone_and_a_language_in_each_account(cast: Cast, both: Client) -> None:
    both.post("/settings/profile", {"name": "C. Rocha", "time_zone": "Asia/Tokyo", "language": "es"})
    both.post("/switch-account", {"account": cast.other.pk})
    page = both.get("/settings").content.decode()
    assert "Charlie Rocha" in page and "C. Rocha" not in page and "Asia/Tokyo" not in page and '<html lang="en"' in page
    both.post("/settings/profile", {"name": "Charlie R", "time_zone": "Africa/Cairo", "language": "en"})
    both.post("/switch-account", {"account": cast.account.pk})
    page = both.get("/settings").content.decode()
    assert "C. Rocha" in page and "Asia/Tokyo" in page and '<html lang="es"' in page
    assert "C. Rocha" in [m["name"] for m in cast.alice.get("members")["items"]]
    assert [m["name"] for m in cast.charlie.get("members")["items"]] == ["Charlie R"]


def test_another_accounts_directory_does_not_rename_anybody_in_mail_of_ours(cast: Cast, both: Client) -> None:
    listed = {"external_id": "7", "email": "Charlie@Other.example", "name": "Fraud Department"}
    assert cast.alice.put("directory", {"members": [listed]})["updated"] == ["7"]
    calendar = cast.charlie.get("calendars")["items"][0]["id"]
    guests = {"attendees": [{"email": "guest@else.example"}]}
    cast.charlie.post("events", EVENT | guests | {"calendar": calendar, "notify": "all"})
    [told] = mails_to(cast.other, "guest@else.example")
    assert "Charlie Rocha" in told.ics and "Fraud" not in told.ics + told.body + told.subject
    assert [m["name"] for m in cast.charlie.get("members")["items"]] == ["Charlie Rocha"]
    assert "Fraud Department" in [m["name"] for m in cast.alice.get("members")["items"]]


def test_ending_sign_ins_ends_them_in_this_account_only(cast: Cast, both: Client, move: Callable[..., None]) -> None:
    assert opens(both) == "Acme Support"
    consultant = str(member_of(cast.account, "charlie@other.example").uuid)
    move(seconds=1)
    confirmed(cast.alice).post("/settings/account/member", {"member": consultant, "end_sessions": "1"})
    closed = both.get("/calendar")
    assert closed.status_code == 403 and b"Open Other Ltd" in closed.content
    both.post("/switch-account", {"account": cast.account.pk})
    assert opens(both) == ""
    both.post("/switch-account", {"account": cast.other.pk})
    assert opens(both) == "Other Ltd"
    move(seconds=1)
    again = cast.charlie.browser()
    again.post("/switch-account", {"account": cast.account.pk})
    assert opens(again) == "Acme Support", "a new sign-in opens it"


def test_suspending_ends_the_membership_here_only_and_restoring_revives_no_sign_in(
    cast: Cast, both: Client, move: Callable[..., None]
) -> None:
    consultant = str(member_of(cast.account, "charlie@other.example").uuid)
    move(seconds=1)
    cast.alice.patch(f"members/{consultant}", {"suspended": True})
    assert opens(both) == ""
    both.post("/switch-account", {"account": cast.other.pk})
    assert opens(both) == "Other Ltd" and cast.charlie.call("GET", "account").status_code == 200
    cast.alice.patch(f"members/{consultant}", {"suspended": False})
    both.post("/switch-account", {"account": cast.account.pk})
    assert opens(both) == "Other Ltd"
    move(seconds=1)
    again = cast.charlie.browser()
    again.post("/switch-account", {"account": cast.account.pk})
    assert opens(again) == "Acme Support"


def test_a_consent_begun_before_the_sign_in_was_ended_connects_nothing(
    cast: Cast, both: Client, google: Google
) -> None:
    google.person("charlie.google@else.example")
    with tenant(cast.account.pk):
        consultant = Member.objects.select_related("user").get(user__email="charlie@other.example")
        services.set_role(member=consultant, key="administrator", by=grants.OPERATOR)
    google.control("consent", {"email": "charlie.google@else.example", "times": 1})
    asked = urlsplit(both.post("/connections/google/start")["Location"])
    answered = urlsplit(google.client.get(f"{asked.path}?{asked.query}").headers["Location"])
    back = f"{answered.path}?{answered.query}"
    with tenant(cast.account.pk):
        services.end_member_sessions(member=consultant, by=grants.OPERATOR)
    both.post("/switch-account", {"account": cast.other.pk})
    assert opens(both) == "Other Ltd"
    assert both.get(back).status_code == 409
    for account in (cast.account, cast.other):
        with tenant(account.pk):
            assert not Connection.objects.exists()


def test_a_form_of_a_closed_account_changes_nothing_in_another_one(cast: Cast, both: Client) -> None:
    with tenant(cast.account.pk):
        consultant = Member.objects.get(user__email="charlie@other.example")
        services.set_role(member=consultant, key="administrator", by=grants.OPERATOR)
    assert opens(both) == "Acme Support"
    with tenant(cast.account.pk):
        services.suspend_member(member=consultant, is_suspended=True, by=grants.OPERATOR)
    for _turn in range(2):
        both.get("/calendar/rings")
        assert both.post("/settings/account/module", {"enabled": "off"}).status_code == 403
    assert Account.objects.get(pk=cast.other.pk).is_calendar_enabled


def test_signing_out_elsewhere_is_ones_own_and_covers_every_account(cast: Cast, both: Client) -> None:
    elsewhere = cast.charlie.browser()
    assert elsewhere.get("/calendar").status_code == 200
    both.post("/settings/profile", {"end_others": "1"})
    assert opens(both) == "Acme Support" and elsewhere.get("/calendar").status_code == 302


def test_no_page_or_operation_reaches_the_operators_way_of_adding_people() -> None:
    """Only commands and the page of an empty installation name people with a password."""
    from pathlib import Path

    import conversa_calendar

    root = Path(conversa_calendar.__file__).parent
    users = {str(p.relative_to(root)) for p in root.rglob("*.py") if "add_member_as_operator(" in p.read_text()}
    allowed = {"accounts/joining.py", "cli/main.py", "cli/company.py", "dashboard/setup_views.py"}
    assert users == allowed


def test_every_member_has_a_calendar_from_the_start_even_before_accepting(cast: Cast) -> None:
    made = invite(cast.alice, name="Cleo")
    with tenant(cast.account.pk):
        assert Calendar.objects.get(owner__uuid=made["id"], is_personal=True).name == "Cleo"


# ── who answers for an invitation, and how often one comes


@pytest.mark.parametrize("taken", [{"suspended": True}, {"role": "agent"}])
def test_an_invitation_falls_with_the_power_of_who_sent_it(cast: Cast, taken: dict[str, Any]) -> None:
    dave = new_actor(cast.account, "dave@acme.example", "Dave", permissions.ADMINISTRATOR)
    made = invite(dave, "mole@evil.example", role="administrator")
    path = link(cast.account, "mole@evil.example")
    cast.alice.patch(f"members/{dave.member.uuid}", taken)
    assert Client().post(path, {"password": OWN}).status_code == 410
    [row] = [m for m in cast.alice.get("members")["items"] if m["id"] == made["id"]]
    assert row["state"] == "expired", "the members' page says that it ran out or was withdrawn"
    cast.alice.post(f"members/{made['id']}/invite")
    assert Client().post(link(cast.account, "mole@evil.example"), {"password": OWN}).status_code == 302


def test_an_invitation_stands_behind_who_gave_its_role_last(cast: Cast) -> None:
    dave = new_actor(cast.account, "dave@acme.example", "Dave", permissions.ADMINISTRATOR)
    made = invite(dave, "ann@acme.example")
    cast.alice.patch(f"members/{made['id']}", {"role": "administrator"})
    cast.alice.patch(f"members/{dave.member.uuid}", {"suspended": True})
    assert Client().post(link(cast.account, "ann@acme.example"), {"password": OWN}).status_code == 302


def test_nobody_ends_or_renews_the_invitation_of_who_will_hold_more(cast: Cast) -> None:
    role = cast.alice.post("roles", {"name": "HR", "permissions": ["account.manage"]})
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": role["id"]})
    made = invite(cast.alice, "ann@acme.example", role="administrator")
    assert cast.bob.call("POST", f"members/{made['id']}/invite", {}).status_code == 422
    assert Client().post(link(cast.account, "ann@acme.example"), {"password": OWN}).status_code == 302


def test_a_stranger_is_invited_a_few_times_however_often_somebody_asks(cast: Cast, move: Any) -> None:
    made = invite(cast.alice, "vic@corp.example")
    answers = [cast.alice.call("POST", f"members/{made['id']}/invite", {}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [422] * 3
    assert "within a week" in answers[-1].json()["detail"]
    assert Client().post(link(cast.account, "vic@corp.example"), {"do": "decline"}).status_code == 200
    assert cast.alice.call("POST", f"members/{made['id']}/invite", {}).status_code == 422
    assert len(mails_to(cast.account, "vic@corp.example")) == 4
    move(days=8)
    cast.alice.post(f"members/{made['id']}/invite")


def test_asking_to_connect_again_and_again_mails_the_administrators_twice(cast: Cast) -> None:
    browser = cast.bob.browser()
    pages = [browser.post("/connections/ask", follow=True).content.decode() for _ in range(6)]
    assert "were asked already" in pages[-1] and "were asked already" not in pages[0]
    assert len(mails_to(cast.account, "alice@acme.example")) == 2


def test_a_stranger_gets_no_mail_because_somebody_typed_their_address(cast: Cast) -> None:
    known, unknown = (Client().post("/password/reset", {"email": e}) for e in ("bob@acme.example", "vic@corp.example"))
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [message.to for message in mail.outbox] == [["bob@acme.example"]]


def test_a_program_lists_sends_again_and_withdraws_invitations_as_the_page_does(cast: Cast) -> None:
    member = invite(cast.alice, "nora@else.example", name="Nora")
    (shown,) = cast.alice.get("invitations")["items"]
    assert shown["id"] == member["id"] and shown["invited_by"] == str(cast.alice.member.uuid)
    assert cast.alice.post(f"invitations/{member['id']}/resend")["expires_at"] is not None
    cast.alice.delete(f"invitations/{member['id']}")
    assert cast.alice.get("invitations")["items"] == []
    refused = cast.alice.call("DELETE", f"invitations/{cast.bob.member.uuid}")
    assert refused.status_code == 422 and "is here already" in refused.json()["detail"]


def test_a_program_signs_a_member_out_everywhere(cast: Cast) -> None:
    browser = cast.bob.browser()
    assert browser.get("/calendar").status_code == 200
    cast.alice.delete(f"members/{cast.bob.member.uuid}/sessions")
    assert browser.get("/calendar").status_code == 302
