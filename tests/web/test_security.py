"""Security checklist lines that the matrix of routes does not cover; each test names its line."""

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory

from conversa_calendar.accounts import grants, services
from conversa_calendar.accounts.models import Member, User
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.sync.models import MirrorRun, PushChannel
from conversa_calendar.sync.run import leases
from tests.support.cast import PASSWORD, Cast
from tests.sync.conftest import Scene, scene  # noqa: F401

EVENT = {"summary": "x", "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}


@pytest.fixture(autouse=True)
def no_throttle_left_over() -> None:
    cache.clear()


def signed_in(email: str = "alice@acme.example", password: str = PASSWORD) -> tuple[Client, Any]:
    browser = Client()
    return browser, browser.post("/login", {"login": email, "password": password})


# ── tenants and roles (E-01 … E-10)


def test_e02_foreign_ids_inside_bodies_and_queries_are_refused(cast: Cast) -> None:
    with tenant(cast.other.pk):
        foreign = str(Calendar.objects.get(owner=cast.charlie.member).uuid)
    stranger = str(cast.charlie.member.uuid)
    mine = cast.alice.get("calendars")["items"][0]["id"]
    calls = [
        ("POST", "events", EVENT | {"calendar": foreign}),
        ("GET", f"events?from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z&calendar={foreign}", None),
        ("PUT", f"calendars/{mine}/assignments", {"items": [{"kind": "agent", "id": stranger, "level": "edit"}]}),
        ("POST", "teams", {"name": "T", "members": [stranger]}),
        ("POST", "connections/google/authorize", {"member": stranger}),
        ("POST", "booking-pages", {"title": "x", "hosts": [{"id": stranger}]}),
    ]
    for method, path, body in calls:
        answer = cast.alice.call(method, path, body)
        is_empty = answer.status_code == 200 and answer.json().get("items") == []
        assert answer.status_code in {404, 409, 422} or is_empty, (path, answer.status_code, answer.content)


def test_e05_an_agent_cannot_raise_anybody(cast: Cast) -> None:
    browser = cast.bob.browser()
    body = {"member": str(cast.bob.member.uuid), "role": "administrator"}
    assert browser.post("/settings/account/member", body).status_code == 403
    assert browser.post("/settings/account/role", {"name": "r", "permission": "account.manage"}).status_code == 403
    with tenant(cast.account.pk):
        assert not Member.objects.get(pk=cast.bob.member.pk).is_administrator


def test_e06_columns_cannot_be_written_from_outside(cast: Cast) -> None:
    """Every column of an event that the API does not name is refused or ignored, and keeps its value."""
    calendar = cast.alice.get("calendars")["items"][0]["id"]
    made = cast.alice.post("events", EVENT | {"calendar": calendar})
    with tenant(cast.account.pk):
        before = Event.objects.values().get(uuid=made["id"])
    columns = {f.name for f in Event._meta.fields} - set(made) | {"is_staff", "sync_token", "etag", "google_id"}
    for name in sorted(columns):
        answer = cast.alice.call("PATCH", f"events/{made['id']}", {name: "1"})
        assert answer.status_code in {200, 422}, name
    with tenant(cast.account.pk):
        assert Event.objects.values().get(uuid=made["id"]) == before


def test_e07_a_suspended_member_is_out_at_once(cast: Cast) -> None:
    browser = cast.bob.browser()
    assert browser.get("/calendar").status_code == 200
    with tenant(cast.account.pk):
        services.suspend_member(member=Member.objects.get(pk=cast.bob.member.pk), is_suspended=True, by=grants.OPERATOR)
    assert browser.get("/calendar").status_code in {302, 403}
    assert cast.bob.call("GET", "events").status_code == 401


def test_e09_a_pooled_connection_forgets_the_account(cast: Cast) -> None:
    with tenant(cast.account.pk):
        assert Calendar.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.account', true)")
        assert cursor.fetchone()[0] in {"", None}


def test_e10_a_job_with_a_strange_id_does_nothing(db: None) -> None:
    assert leases.take(987_654_321) is None


def test_e12_search_and_errors_leak_nothing_of_others(cast: Cast) -> None:
    calendar = cast.charlie.get("calendars")["items"][0]["id"]
    cast.charlie.post("events", EVENT | {"summary": "CANARY", "calendar": calendar})
    assert cast.alice.get("events?q=CANARY")["items"] == []
    assert b"CANARY" not in cast.alice.browser().get("/calendar/search?q=CANA").content


# ── OAuth (E-23, E-24, E-35)


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "testserver@evil.example"])
def test_e23_the_redirect_address_never_comes_from_the_request(cast: Cast, host: str) -> None:
    from conversa_calendar.connections import gateway

    assert gateway.oauth(f"http://{host}").redirect_uri.startswith("http://testserver/")


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https:evil.example", "https://evil.example/x"]
)
def test_e24_sign_in_returns_only_to_our_own_pages(cast: Cast, target: str) -> None:
    browser = Client()
    answer = browser.post("/login", {"login": "alice@acme.example", "password": PASSWORD, "next": target})
    assert answer.status_code == 302 and "evil" not in answer["Location"]


def test_e35_tokens_do_not_print_themselves(scene: Scene) -> None:  # noqa: F811
    from conversa_calendar.connections.models import Connection

    with tenant(scene.cast.account.pk):
        found = Connection.objects.get()
        secret = found.access_token
    assert secret and secret not in repr(found) and secret not in str(found)


# ── notifications (E-42 … E-48)


def _notify(channel: PushChannel | None = None, **headers: str) -> Any:
    sent = {"HTTP_X_GOOG_CHANNEL_ID": str(channel.pk) if channel else str(uuid4()), "HTTP_X_GOOG_CHANNEL_TOKEN": "x"}
    return Client().post("/push/google", **(sent | {"HTTP_X_GOOG_RESOURCE_ID": "r"} | headers))


def test_e42_the_known_and_the_unknown_take_the_same_time(scene: Scene) -> None:  # noqa: F811
    """Not a proof against a laboratory: the medians of interleaved samples lie within a third of each other."""
    scene.google.settle(with_channels=True)
    channel = PushChannel.objects.first()
    known, unknown = [], []
    for _round in range(150):
        for kept, who in ((known, channel), (unknown, None)):
            begin = time.perf_counter()
            assert _notify(who).status_code == 204
            kept.append(time.perf_counter() - begin)
    ratio = sorted(known)[75] / sorted(unknown)[75]
    assert 0.66 < ratio < 1.5


def test_e43_long_headers_and_bodies_are_cut(db: None) -> None:
    answer = Client().post(
        "/push/google", data=b"x" * 500_000, content_type="text/plain", HTTP_X_GOOG_CHANNEL_ID="i" * 9000
    )
    assert answer.status_code == 204 and answer.content == b""


def test_e44_a_thousand_notifications_make_two_jobs_at_most(scene: Scene) -> None:  # noqa: F811
    scene.google.settle(with_channels=True)
    pushed = [e for e in scene.google.world.channels.values() if not e.is_stopped]
    assert pushed
    headers = {
        "HTTP_X_GOOG_CHANNEL_ID": pushed[0].id,
        "HTTP_X_GOOG_CHANNEL_TOKEN": pushed[0].token,
        "HTTP_X_GOOG_RESOURCE_ID": pushed[0].resource_id,
    }
    before = _jobs()
    for _number in range(1000):
        Client().post("/push/google", **headers)
    assert MirrorRun.objects.filter(pull_wanted__gt=0).exists()
    assert _jobs() - before <= 2


def _jobs() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE '%%run_mirror' AND status = 'todo'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("trusted", "forwarded", "seen"),
    [
        (0, "6.6.6.6", "10.0.0.1"),
        (1, "6.6.6.6", "6.6.6.6"),
        (1, "6.6.6.6, 7.7.7.7", "7.7.7.7"),
        (2, "6.6.6.6, 7.7.7.7, 10.0.0.2", "7.7.7.7"),
        (2, "7.7.7.7", "7.7.7.7"),
        (1, "", "10.0.0.1"),
        (1, "nonsense", "10.0.0.1"),
        (1, "7.7.7.7:4711", "7.7.7.7"),
        (1, "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::"),
        (1, "2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        (1, "::ffff:7.7.7.7", "7.7.7.7"),
    ],
)
def test_e47_a_forwarded_address_counts_behind_trusted_proxies_only(
    monkeypatch: pytest.MonkeyPatch, trusted: int, forwarded: str, seen: str
) -> None:
    from allauth.account.adapter import get_adapter

    from conversa_calendar.booking_pages import limits

    monkeypatch.setattr(settings, "TRUSTED_PROXIES", trusted)
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR="10.0.0.1")
    assert limits.address_of(request) == get_adapter().get_client_ip(request) == seen


def test_e48_nothing_of_a_notification_is_logged(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:  # noqa: F811
    _notify(None, HTTP_X_GOOG_CHANNEL_ID="FORGED\tLINE", HTTP_X_GOOG_MESSAGE_NUMBER="FORGED")
    assert "FORGED" not in caplog.text


# ── sessions and sign-in (E-67 … E-80)


def test_e67_cookies_are_locked_to_the_origin_over_https() -> None:
    import subprocess
    import sys

    code = (
        "import os; os.environ.update(PUBLIC_URL='https://c.example', DATABASE_URL='postgresql://x/x', SECRET_KEY='k' * 60,"
        " ENCRYPTION_KEYS='');"
        "from conversa_calendar.config import settings as s;"
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE,"
        " s.SESSION_COOKIE_HTTPONLY, s.SESSION_COOKIE_SAMESITE, s.SECURE_HSTS_SECONDS >= 31536000)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert shown.stdout.split() == ["__Host-session", "__Host-csrf", "True", "True", "True", "Lax", "True"], (
        shown.stderr
    )


def test_e68_sign_in_changes_the_session_and_sign_out_kills_it(cast: Cast) -> None:
    browser = Client()
    browser.get("/login")
    before = browser.session.session_key
    assert browser.post("/login", {"login": "alice@acme.example", "password": PASSWORD}).status_code == 302
    key = browser.session.session_key
    assert key and key != before
    browser.post("/logout")
    stale = Client()
    stale.cookies[settings.SESSION_COOKIE_NAME] = key
    assert stale.get("/calendar").status_code == 302


@pytest.mark.parametrize(("name", "age"), [("seen_at", timedelta(hours=13)), ("began_at", timedelta(days=15))])
def test_e69_sessions_end_when_idle_and_when_old(cast: Cast, name: str, age: timedelta) -> None:
    browser, _answer = signed_in()
    assert browser.get("/calendar").status_code == 200
    session = browser.session
    session[name] = int(time.time() - age.total_seconds())
    session.save()
    assert browser.get("/calendar").status_code == 302


def test_e69_people_end_their_other_sessions_and_administrators_those_of_members(cast: Cast) -> None:
    one, two, bob = cast.alice.browser(), cast.alice.browser(), cast.bob.browser()
    assert one.post("/settings/profile", {"end_others": "1"}).status_code == 302
    assert one.get("/calendar").status_code == 200 and two.get("/calendar").status_code == 302
    one.post("/password/again", {"password": PASSWORD})
    body = {"member": str(cast.bob.member.uuid), "end_sessions": "1"}
    assert one.post("/settings/account/member", body).status_code == 302
    assert bob.get("/calendar").status_code == 302


def test_e70_no_get_changes_anything(cast: Cast) -> None:
    """Every page of a member is fetched; events, calendars and members stay as they are."""
    from tests.web.test_access import PAGES

    with tenant(cast.account.pk):
        before = (list(Event.objects.values()), list(Calendar.objects.values()), list(Member.objects.values()))
    browser = cast.alice.browser()
    for route in sorted(r for r in PAGES if "<" not in r):
        browser.get("/" + route)
    with tenant(cast.account.pk):
        after = (list(Event.objects.values()), list(Calendar.objects.values()), list(Member.objects.values()))
    assert after == before


def test_e71_no_foreign_origin_is_let_in(cast: Cast) -> None:
    answer = cast.alice.call("GET", "calendars", origin="https://evil.example")
    assert "Access-Control-Allow-Origin" not in answer


def test_e72_tokens_are_stored_hashed_shown_once_and_die(cast: Cast) -> None:
    with tenant(cast.account.pk):
        token, secret = services.create_token(member=cast.alice.member, name="t", scopes=["all"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM accounts_apitoken t")
        assert all(secret not in row[0] for row in cursor.fetchall())
    call = Client(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert call.get("/api/v1/account").status_code == 200
    assert Client().get(f"/api/v1/account?token={secret}").status_code == 401
    assert cast.alice.browser().get("/api/v1/account").status_code == 401
    services.revoke_token(token=token)
    assert call.get("/api/v1/account").status_code == 401


def test_e73_the_same_key_at_the_same_time_creates_once(cast: Cast) -> None:
    import threading

    calendar = cast.alice.get("calendars")["items"][0]["id"]
    body, answers = EVENT | {"calendar": calendar}, []

    def create() -> None:
        answers.append(cast.alice.call("POST", "events", body, idempotency_key="race"))
        connection.close()

    threads = [threading.Thread(target=create) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    with tenant(cast.account.pk):
        assert Event.objects.count() == 1


def test_e74_guessing_is_throttled_and_unknown_people_look_the_same(cast: Cast) -> None:
    _browser, wrong = signed_in(password="nonsense-nonsense")
    _browser, unknown = signed_in("nobody@acme.example", "nonsense-nonsense")
    strip = lambda answer: answer.content.decode().split("<form")[0].split("csrf-token")[0]
    assert wrong.status_code == unknown.status_code == 200 and strip(wrong) == strip(unknown)
    for _number in range(8):
        signed_in(password="nonsense-nonsense")
    _browser, right = signed_in()
    assert right.status_code == 200 and b"try again in" in right.content, "even the right password waits"


def test_e75_passwords_are_long_and_reset_links_short_lived(cast: Cast) -> None:
    assert services.password_problems("short") and services.password_problems("password123")
    assert not services.password_problems("x9 " * 30)
    assert settings.PASSWORD_RESET_TIMEOUT <= 3600


@pytest.mark.parametrize("what", ["token", "role", "member"])
def test_e76_what_gives_power_asks_for_the_password_again(cast: Cast, what: str) -> None:
    browser = Client()
    assert browser.login(email="alice@acme.example", password=PASSWORD)
    answer = browser.post(f"/settings/account/{what}", {"name": "later", "permission": "account.manage"})
    assert answer.status_code == 302 and answer["Location"].startswith("/password/again")
    done = browser.post(answer["Location"], {"password": PASSWORD})
    assert done.status_code == 302 and done["Location"] == "/settings"


def test_e77_signed_in_pages_are_not_kept_and_have_no_other_names(cast: Cast) -> None:
    browser = cast.alice.browser()
    assert "no-store" in browser.get("/calendar")["Cache-Control"]
    assert browser.get("/calendar/x.css").status_code == 404


def test_e78_reset_links_come_from_the_settings(cast: Cast) -> None:
    from django.core import mail

    mail.outbox = []
    assert Client().post("/password/reset", {"email": "alice@acme.example"}, HTTP_HOST="testserver").status_code == 302
    assert mail.outbox and all("http://testserver/" in message.body for message in mail.outbox)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 5000,
        b'{"summary": ' + b'{"a":' * 2000 + b"1" + b"}" * 2001,
        b"\xff\xfe",
        b'"text"',
        b"[1, 2]",
        b'{"calendar": {"x": 1}, "start": [], "end": 5, "attendees": "no", "recurrence": {"a": 1}}',
        b'{"summary": "' + b"x" * (3 * 1024 * 1024) + b'"}',
    ],
)
def test_e79_nonsense_is_refused_and_never_an_error_of_ours(cast: Cast, body: bytes) -> None:
    for path in ("events", "calendars", "booking-pages", "bookings", "teams"):
        client = Client(HTTP_AUTHORIZATION=f"Bearer {cast.alice.token}", raise_request_exception=False)
        answer = client.post(f"/api/v1/{path}", data=body, content_type="application/json")
        assert 400 <= answer.status_code < 500, (path, answer.status_code)


@pytest.mark.parametrize("query", ["from=x&to=y", "from=2026-01-01T00:00:00Z&to=2126-01-01T00:00:00Z", "limit=999999"])
def test_e80_ranges_and_pages_are_bounded(cast: Cast, query: str) -> None:
    assert cast.alice.call("GET", f"events?{query}").status_code == 422


def test_users_are_not_told_apart_by_their_sessions(cast: Cast) -> None:
    """A changed password ends every session of that user and of nobody else."""
    alice, bob = cast.alice.browser(), cast.bob.browser()
    user = User.objects.get(pk=cast.alice.member.user_id)
    user.set_password("another long secret")
    user.save()
    assert alice.get("/calendar").status_code == 302 and bob.get("/calendar").status_code == 200
