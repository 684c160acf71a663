"""Signing in behind proxies, guessing, and the links that mails carry."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.db import connections
from django.test import Client

from conversa_calendar.accounts import guessing, throttle
from conversa_calendar.accounts.models import Counter
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.accounts.throttle import Leased, Limit
from conversa_calendar.api import auth
from conversa_calendar.kit import clock
from tests.support.cast import PASSWORD, Cast

ALICE, BOB = "alice@acme.example", "bob@acme.example"
FEW = Limit("a test's", 3, 60)


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "TRUSTED_PROXIES", 2)
    yield


def sign_in(address: str, password: str = PASSWORD, *, browser: Client | None = None, seen_from: str = "") -> bool:
    """Posts the form as somebody elsewhere does, through two proxies; whether it let them in."""
    headers = {"HTTP_X_FORWARDED_FOR": f"1.2.3.4, {seen_from}, 10.9.9.9"} if seen_from else {}
    answer = (browser or Client()).post("/login", {"login": address, "password": password}, **headers)
    return bool(answer.status_code == 302)


def guess(address: str, times: int, seen_from: str = "", browser: Client | None = None) -> None:
    for number in range(times):
        assert not sign_in(address, f"wrong guess {number}", seen_from=seen_from, browser=browser)


def test_ten_wrong_passwords_of_one_person_lock_out_nobody_else_behind_the_proxy(cast: Cast, proxies: None) -> None:
    guess(ALICE, 10, "5.5.5.5")
    assert not sign_in(ALICE, seen_from="5.5.5.5"), "whoever guesses waits"
    assert sign_in(BOB, seen_from="5.5.5.5"), "a colleague in the same office does not"
    assert sign_in(ALICE, seen_from="6.6.6.6"), "nor does she elsewhere"


def test_a_forged_forwarded_address_gives_no_further_guesses(cast: Cast, proxies: None) -> None:
    for number in range(10):
        forged = {"HTTP_X_FORWARDED_FOR": f"9.9.9.{number}, 5.5.5.5, 10.9.9.9"}
        Client().post("/login", {"login": ALICE, "password": "wrong"}, **forged)
    assert not sign_in(ALICE, seen_from="5.5.5.5")


def test_the_lock_says_when_it_ends_and_ends_then(cast: Cast, proxies: None, monkeypatch: pytest.MonkeyPatch) -> None:
    guess(ALICE, 8, "5.5.5.5")
    waiting = Client().post("/login", {"login": ALICE, "password": PASSWORD}, HTTP_X_FORWARDED_FOR="5.5.5.5, 10.9.9.9")
    assert b"try again in 15 minutes" in waiting.content
    later = clock.now() + timedelta(minutes=15, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert sign_in(ALICE, seen_from="5.5.5.5")


def test_a_known_browser_is_not_locked_out_by_guesses_from_anywhere(
    cast: Cast, proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "ADDRESS", Limit("few", 12, 3600))
    browser = Client()
    assert sign_in(ALICE, seen_from="7.7.7.7", browser=browser)
    browser.post("/logout")
    for number in range(4):
        guess(ALICE, 4, f"5.5.{number}.5")
    guess(ALICE, 9, "7.7.7.7")
    assert not sign_in(ALICE, seen_from="8.8.8.8"), "an unknown browser waits"
    assert sign_in(ALICE, seen_from="7.7.7.7", browser=browser), "hers does not"
    browser.post("/logout")
    guess(ALICE, 8, "7.7.7.7", browser=browser)
    assert not sign_in(ALICE, seen_from="7.7.7.7", browser=browser), "and gives no endless guesses either"


def test_a_forged_or_foreign_device_opens_no_way_around_the_lock(cast: Cast, proxies: None) -> None:
    mallory = Client()
    assert sign_in(BOB, seen_from="5.5.5.5", browser=mallory)
    mallory.post("/logout")
    guess(ALICE, 8, "5.5.5.5", browser=mallory)
    assert not sign_in(ALICE, seen_from="5.5.5.5", browser=mallory), "Bob's browser is not Alice's"
    mallory.cookies[settings.DEVICE_COOKIE_NAME] = "forged:value"
    assert not sign_in(ALICE, seen_from="5.5.5.5", browser=mallory)


def test_unknown_people_are_locked_like_known_ones(cast: Cast, proxies: None) -> None:
    def words(address: str) -> bytes:
        guess(address, 8, "5.5.5.5")
        headers = {"HTTP_X_FORWARDED_FOR": "5.5.5.5, 10.9.9.9"}
        answer = Client().post("/login", {"login": address, "password": PASSWORD}, **headers)
        return bytes(re.findall(rb'role="alert"[^>]*>([^<]*)', answer.content)[0])

    assert words(ALICE) == words("nobody@nowhere.example")


def test_many_addresses_from_one_machine_wait_and_a_right_password_counts_for_nothing(
    cast: Cast, proxies: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "NETWORK", Limit("few", 6, 900))
    for _number in range(10):
        assert sign_in(BOB, seen_from="5.5.5.5"), "people who sign in are no guessers"
    for number in range(6):
        guess(f"person{number}@acme.example", 1, "5.5.5.5")
    assert not sign_in(ALICE, seen_from="5.5.5.5")
    assert sign_in(ALICE, seen_from="5.5.6.5")


@pytest.mark.parametrize(("networks", "name"), [(14, "2001:db8:1:{:x}::1"), (14, "203.0.113.{}")])
def test_who_has_many_networks_of_one_provider_locks_nobody_out_elsewhere(cast: Cast, networks: int, name: str) -> None:
    for number in range(networks):
        for _turn in range(8):
            form = {"login": BOB, "password": "wrong wrong wrong"}
            Client(REMOTE_ADDR=name.format(number)).post("/login", form)
    elsewhere = Client(REMOTE_ADDR="198.51.100.9")
    assert elsewhere.post("/login", {"login": BOB, "password": PASSWORD}).status_code == 302
    near = Client(REMOTE_ADDR=name.format(99))
    assert near.post("/login", {"login": BOB, "password": PASSWORD}).status_code == 200, "there nobody tries any more"


def test_the_password_asked_again_is_not_guessed_either(cast: Cast) -> None:
    browser = cast.alice.browser()
    for number in range(9):
        browser.post("/password/again", {"password": f"wrong {number}"})
    answer = browser.post("/password/again", {"password": PASSWORD})
    assert answer.status_code == 200 and b"try again in" in answer.content


@pytest.mark.parametrize(
    "forged",
    [
        {"HTTP_HOST": "evil.example"},
        {"HTTP_HOST": "localhost:6666"},
        {"HTTP_X_FORWARDED_HOST": "evil.example"},
        {"HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_HOST": "127.0.0.1"},
        {"HTTP_X_FORWARDED_PORT": "6666", "HTTP_FORWARDED": "host=evil.example"},
    ],
)
@pytest.mark.parametrize("public_url", ["http://testserver", ""])
def test_a_reset_mail_never_leads_where_the_asker_wants(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, forged: dict[str, str], public_url: str
) -> None:
    monkeypatch.setattr(settings, "PUBLIC_URL", public_url)
    mail.outbox = []
    Client(raise_request_exception=False).post("/password/reset", {"email": ALICE}, **forged)
    for message in mail.outbox:
        text = message.subject + message.body
        assert not re.search(r"evil|6666|127\.0\.0\.1|localhost", text)
        assert set(re.findall(r"https?://[^/\s]+", text)) <= {"http://testserver"}
    assert mail.outbox or forged.get("HTTP_HOST") == "evil.example"


def test_a_reset_link_works_and_an_address_gets_few_of_them(cast: Cast) -> None:
    mail.outbox = []
    for _number in range(8):
        answer = Client().post("/password/reset", {"email": ALICE})
        assert answer.status_code == 302, "the same answer however often"
    assert len(mail.outbox) == guessing.MAILS.most
    [link] = set(re.findall(r"http://testserver(/password/reset/\S+)", mail.outbox[-1].body))
    assert Client().get(link).status_code == 302


def test_pages_for_strangers_say_when_to_come_back(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for _number in range(guessing.REQUESTS.most):
        guessing.REQUESTS.hit("127.0.0.1")
    answer = Client().post("/password/reset", {"email": ALICE})
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0 and b"try again in 15 minutes" in answer.content


# ── Counting itself


def test_counts_are_exact_over_many_processes_connections(db: None) -> None:
    counted: list[bool] = []

    def count() -> None:
        counted.extend(not FEW.hit("x").is_over for _number in range(10))
        connections.close_all()

    threads = [threading.Thread(target=count) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counted) == 60 and counted.count(True) == 3


def test_a_count_stands_when_the_work_around_it_is_undone(cast: Cast) -> None:
    for _number in range(3):
        with pytest.raises(ZeroDivisionError), tenant(cast.account.pk):
            FEW.hit("x")
            raise ZeroDivisionError
    assert FEW.look("x").is_over and FEW.hit("x").is_over


def test_a_window_ends_and_ended_ones_are_dropped(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    for _number in range(4):
        last = FEW.hit("x")
    assert last.is_over and 58 <= last.wait_s <= 61
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=61))
    assert not FEW.look("x").is_over
    assert throttle.forget_old() == 1 and not Counter.objects.exists()
    assert FEW.hit("x").count == 1


def test_no_address_can_be_read_from_the_counters(cast: Cast) -> None:
    guess(ALICE, 1)
    rows = " ".join(Counter.objects.values_list("key", flat=True))
    assert rows and "alice" not in rows and "127.0.0.1" not in rows


def test_two_processes_share_one_limit_of_api_calls(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "BLOCK", 10)
    processes, codes = (auth.Limiter(20), auth.Limiter(20)), []
    for number in range(30):
        monkeypatch.setattr(auth, "limiter", processes[number % 2])
        codes.append(cast.alice.call("GET", "account").status_code)
    assert codes.count(200) <= 20 and codes[-1] == 429
    answer = cast.alice.call("GET", "account")
    assert answer.json()["code"] == "rate_limited" and 0 < int(answer["Retry-After"]) <= 61
    assert cast.bob.call("GET", "account").status_code == 200


def test_a_lease_writes_once_for_a_block_and_grants_no_more_than_the_limit(db: None) -> None:
    one, other = Leased(Limit("leased", 25, 60), 10), Leased(Limit("leased", 25, 60), 10)
    granted = [not lease.hit("x").is_over for _number in range(20) for lease in (one, other)]
    assert granted.count(True) == 25


def test_no_process_counts_for_itself() -> None:
    assert settings.CACHES["default"]["BACKEND"].endswith("DummyCache")
    assert settings.ACCOUNT_RATE_LIMITS is False
