"""Whoever is suspended reads so, and whom to ask; nobody else's suspension is told."""

from django.test import Client

from tests.support.cast import PASSWORD, Cast

BOB = "bob@acme.example"


def signed_in(address: str) -> Client:
    browser = Client()
    assert browser.post("/login", {"login": address, "password": PASSWORD}).status_code == 302
    return browser


def test_a_suspended_agent_who_signs_in_reads_whom_to_ask(cast: Cast) -> None:
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"suspended": True})
    shown = signed_in(BOB).get("/calendar")
    said = shown.content.decode()
    assert shown.status_code == 403 and f"You are suspended at {cast.account.name}" in said
    assert "mailto:alice@acme.example" in said and "not a member" not in said
    assert "charlie@" not in said, "administrators of other accounts are not named"


def test_whoever_is_let_back_in_sees_the_calendar_again(cast: Cast) -> None:
    for suspended in (True, False):
        cast.alice.patch(f"members/{cast.bob.member.uuid}", {"suspended": suspended})
    assert signed_in(BOB).get("/calendar").status_code == 200
