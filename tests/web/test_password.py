"""Choosing another password under Settings."""

import pytest
from django.test import Client

from tests.support.cast import PASSWORD, Cast

BOB, NEW = "bob@acme.example", "a quite different phrase"


def change(browser: Client, old: str = PASSWORD, new: str = NEW, again: str = "") -> tuple[int, str]:
    body = {"oldpassword": old, "password1": new, "password2": again or new}
    answer = browser.post("/password/change", body)
    return answer.status_code, answer.content.decode()


def may_sign_in(password: str) -> bool:
    return bool(Client().post("/login", {"login": BOB, "password": password}).status_code == 302)


def test_a_new_password_counts_at_once_and_ends_the_other_sign_ins(cast: Cast) -> None:
    here, elsewhere = cast.bob.browser(), cast.bob.browser()
    assert "/password/change" in here.get("/settings").content.decode()
    assert "Present password" in here.get("/password/change").content.decode()
    assert change(here)[0] == 302
    assert may_sign_in(NEW) and not may_sign_in(PASSWORD)
    assert here.get("/settings").status_code == 200 and elsewhere.get("/settings").status_code == 302


@pytest.mark.parametrize(
    "given", [{"old": "wrong one"}, {"new": "short"}, {"again": "not the same one"}, {"new": "12345678901"}]
)
def test_what_cannot_be_is_said_and_changes_nothing(cast: Cast, given: dict[str, str]) -> None:
    code, said = change(cast.bob.browser(), **given)
    assert code == 200 and "text-error" in said
    assert may_sign_in(PASSWORD)


def test_whoever_finds_an_open_browser_cannot_guess_the_password_there(cast: Cast) -> None:
    browser = cast.bob.browser()
    for number in range(8):
        change(browser, old=f"guess {number}")
    code, said = change(browser)
    assert code == 200 and "Too many attempts" in said
    assert may_sign_in(PASSWORD) is False, "the guesses count like those at the sign-in page, from the same network"
