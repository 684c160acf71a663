"""The life of a connection: consent and its refusals, renewal, death, reconnect, disconnect, channels."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from conversa_calendar.accounts import joining, permissions
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event, OutgoingMail
from conversa_calendar.connections import gateway, tokens
from conversa_calendar.connections.models import Connection, Disconnect, Grant
from conversa_calendar.kit import clock
from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.sync import checks
from conversa_calendar.sync.mirrors import channels, disconnecting
from conversa_calendar.sync.models import Mirror, MirrorRun, PushChannel
from conversa_calendar.sync.run import triggers
from tests.support.cast import Cast
from tests.support.google import Google, InProcess, at
from tests.sync.conftest import ANA, Scene


def _to_google(google: Google, browser: Client) -> str:
    """Starts a consent and answers the address to which Google sends the browser back."""
    answer = browser.post("/connections/google/start")
    parts = urlsplit(answer["Location"])
    back = urlsplit(google.client.get(f"{parts.path}?{parts.query}").headers["Location"])
    return f"{back.path}?{back.query}"


def _refused(answer: Any) -> str:
    assert answer.status_code == 409
    return str(answer.content.decode().split('data-code="')[1].split('"')[0])


def test_consent_asks_for_exactly_the_promised_scopes_with_pkce(cast: Cast, google: Google) -> None:
    answer = cast.alice.browser().post("/connections/google/start")
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query["code_challenge_method"] == ["S256"] and query["access_type"] == ["offline"]
    assert query["prompt"] == ["select_account consent"] and len(query["state"][0]) >= 40
    prefix = "https://www.googleapis.com/auth/"
    wanted = {
        "openid",
        "email",
        *(prefix + s for s in ("calendar.events", "calendar.calendarlist.readonly", "calendar.freebusy")),
    }
    assert set(query["scope"][0].split()) == wanted


def test_unticked_permission_is_named_and_nothing_is_stored(cast: Cast, google: Google) -> None:
    google.world.add_account(ANA)
    google.control("consent", {"email": ANA, "scopes": ["calendar.calendarlist.readonly"], "times": 1})
    browser = cast.alice.browser()
    page = browser.get(_to_google(google, browser))
    assert _refused(page) == "missing_permission" and b"View and edit events on all your calendars" in page.content
    with tenant(cast.account.pk):
        assert not Connection.objects.exists()


def test_missing_free_busy_permission_alone_connects(cast: Cast, google: Google) -> None:
    google.world.add_account(ANA)
    google.control(
        "consent", {"email": ANA, "scopes": ["calendar.events", "calendar.calendarlist.readonly"], "times": 1}
    )
    browser = cast.alice.browser()
    assert browser.get(_to_google(google, browser)).status_code == 302


def test_refusal_at_google_is_said(cast: Cast, google: Google) -> None:
    google.world.add_account(ANA)
    google.control("consent", {"email": ANA, "deny": True, "times": 1})
    browser = cast.alice.browser()
    assert _refused(browser.get(_to_google(google, browser))) == "access_denied"


def test_replayed_altered_and_foreign_states_are_refused_before_the_code_is_redeemed(
    cast: Cast, google: Google
) -> None:
    google.world.add_account(ANA)
    google.control("consent", {"email": ANA})
    alice, bob = cast.alice.browser(), cast.bob.browser()
    back = _to_google(google, alice)
    mark = google.mark()
    assert _refused(bob.get(back)) == "foreign_state"
    assert not [e for e in google.journal(mark) if e["path"] == "/token"]
    back = _to_google(google, alice)
    assert alice.get(back).status_code == 302
    assert _refused(alice.get(back)) == "bad_state"
    assert _refused(alice.get(back.replace("state=", "state=x"))) == "bad_state"


def test_state_older_than_ten_minutes_is_refused(cast: Cast, google: Google) -> None:
    google.world.add_account(ANA)
    google.control("consent", {"email": ANA})
    browser = cast.alice.browser()
    back = _to_google(google, browser)
    later = clock.now() + timedelta(minutes=11)
    clock.use(wall=lambda: later)
    try:
        assert _refused(browser.get(back)) == "bad_state"
    finally:
        clock.use()


def test_another_account_opened_during_the_consent_gets_nothing(cast: Cast, google: Google) -> None:
    with tenant(cast.other.pk):
        joining.add_member_as_operator(email="alice@acme.example", name="Alice", built_in=permissions.ADMINISTRATOR)
    google.world.add_account(ANA)
    google.control("consent", {"email": ANA})
    browser = cast.alice.browser()
    browser.post("/switch-account", {"account": cast.account.pk})
    back = _to_google(google, browser)
    browser.post("/switch-account", {"account": cast.other.pk})
    assert browser.get(back).status_code == 302
    with tenant(cast.account.pk):
        assert Connection.objects.get().owner_id == cast.alice.member.pk
    with tenant(cast.other.pk):
        assert not Connection.objects.exists()


def test_agent_without_permission_is_told_whom_to_ask(cast: Cast, google: Google) -> None:
    browser = cast.bob.browser()
    page = browser.get("/connections")
    assert page.status_code == 403 and b"Alice Lima" in page.content
    assert browser.post("/connections/google/start").status_code == 409
    browser.post("/connections/ask")
    with tenant(cast.account.pk):
        assert OutgoingMail.objects.filter(to="alice@acme.example").count() == 1


def test_invited_agent_connects_their_own_account_once(cast: Cast, google: Google) -> None:
    from conversa_calendar.connections import consent

    with tenant(cast.account.pk):
        _invitation, secret = consent.invite(member=cast.bob.member, invited_by=cast.alice.member)
    google.world.add_account(ANA)
    google.control("consent", {"email": ANA})
    bob = cast.bob.browser()
    assert bob.get(f"/connections/invitation/{secret}").status_code == 200
    answer = bob.post("/connections/google/start", {"invitation": secret})
    parts = urlsplit(answer["Location"])
    back = urlsplit(google.client.get(f"{parts.path}?{parts.query}").headers["Location"])
    assert bob.get(f"{back.path}?{back.query}").status_code == 302
    with tenant(cast.account.pk):
        assert Connection.objects.get().owner_id == cast.bob.member.pk
    assert _refused(bob.post("/connections/google/start", {"invitation": secret})) == "bad_invitation"


def test_connecting_the_same_google_account_again_renews_the_connection(scene: Scene) -> None:
    again = scene.google.connect(scene.alice, ANA)
    assert again.pk == scene.connection.pk


def test_reconnect_through_another_google_account_is_refused(scene: Scene) -> None:
    scene.google.world.add_account("other@acme.example")
    scene.google.control("consent", {"email": "other@acme.example"})
    browser = scene.alice.browser()
    answer = browser.post("/connections/google/start", {"reconnect": str(scene.connection.uuid)})
    parts = urlsplit(answer["Location"])
    back = urlsplit(scene.google.client.get(f"{parts.path}?{parts.query}").headers["Location"])
    page = browser.get(f"{back.path}?{back.query}")
    assert _refused(page) == "other_account" and ANA.encode() in page.content and b"other@acme.example" in page.content


def test_access_token_renews_itself_once(scene: Scene) -> None:
    with tenant(scene.alice.account_id):
        Connection.objects.update(access_expires_at=clock.now())
    mark = scene.google.mark()
    scene.create("a")
    assert [e["path"] for e in scene.google.journal(mark)].count("/token") == 1
    scene.assert_equal()


def test_revoked_grant_needs_reconnect_tells_once_and_resumes_without_doubles(scene: Scene) -> None:
    made = scene.create("a")
    scene.google.control("revoke", {"email": ANA})
    scene.patch(made["id"], {"summary": "while dead"})
    with tenant(scene.alice.account_id):
        connection = Connection.objects.get()
        assert connection.state == "reconnect_needed"
        assert OutgoingMail.objects.filter(to="alice@acme.example", subject__contains=ANA).count() == 1
    mark = scene.google.mark()
    scene.google.check()
    assert scene.google.journal(mark) == []
    scene.google.connect(scene.alice, ANA)
    scene.google.settle()
    scene.ana = scene.google.person(ANA)
    assert [e["summary"] for e in scene.ana.list()] == ["while dead"]
    scene.assert_equal()


def test_trouble_at_the_token_endpoint_is_not_a_dead_grant(scene: Scene) -> None:
    with tenant(scene.alice.account_id):
        Connection.objects.update(access_expires_at=clock.now())
    scene.google.control("faults", {"match": {"path": "/token"}, "effect": {"status": 503, "reason": "x"}, "times": 2})
    scene.create("a")
    with tenant(scene.alice.account_id):
        assert Connection.objects.get().state == "active"
    scene.assert_equal()


def test_one_slip_of_the_token_endpoint_ends_nothing(scene: Scene) -> None:
    with tenant(scene.alice.account_id):
        Connection.objects.update(access_expires_at=clock.now())
    scene.google.control("faults", {"match": {"path": "/token"}, "effect": {"code": "G32"}, "times": 1})
    scene.create("a")
    with tenant(scene.alice.account_id):
        connection = Connection.objects.get()
        assert (connection.state, connection.doubted_at) == ("active", None)
        assert not OutgoingMail.objects.filter(subject__contains=ANA).exists()
    scene.assert_equal()


def test_a_refused_renewal_is_asked_again_after_a_minute_and_not_before(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "DOUBT", timedelta(seconds=60))
    scene.google.control("revoke", {"email": ANA})
    for state, age_s, calls in (("active", 0, ["/token"]), ("active", 59, []), ("reconnect_needed", 61, ["/token"])):
        mark = scene.google.mark()
        with tenant(scene.alice.account_id):
            Connection.objects.update(doubted_at=clock.now() - timedelta(seconds=age_s) if age_s else None)
            MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
        scene.google.settle_once()
        assert [entry["path"] for entry in scene.google.journal(mark) if entry["path"] == "/token"] == calls
        with tenant(scene.alice.account_id):
            assert Connection.objects.get().state == state


def _disconnect(scene: Scene, how: str) -> dict[str, Any]:
    answer = scene.alice.call("DELETE", f"connections/{scene.connection.uuid}?calendars={how}")
    assert answer.status_code == 202
    with tenant(scene.alice.account_id):
        record = Disconnect.objects.get(connection_uuid=scene.connection.uuid)
    disconnecting.advance(scene.alice.account_id, record.pk)
    path = answer.json()["receipt"].removeprefix("/api/v1/")
    receipt: dict[str, Any] = scene.alice.get(path)
    return receipt


@pytest.mark.parametrize(("how", "left_here", "left_there"), [("keep", 2, 2), ("remove", 1, 2), ("purge", 1, 1)])
def test_disconnect_in_three_ways(scene: Scene, how: str, left_here: int, left_there: int) -> None:
    scene.create("mine")
    scene.ana.insert(summary="theirs", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.check()
    preview = scene.alice.get(f"connections/{scene.connection.uuid}/disconnect-preview")
    assert (preview["events"], preview["from_google"], preview["created_here"]) == (2, 1, 1)
    receipt = _disconnect(scene, how)
    assert receipt["revocation"] == "revoked" and receipt["finished_at"]
    assert scene.alice.get("connections")["items"] == []
    with tenant(scene.alice.account_id):
        assert Event.objects.filter(deleted_at=None).count() == left_here
    assert not scene.google.world.refresh_tokens or all(
        t.email != ANA for t in scene.google.world.refresh_tokens.values()
    )
    ana = scene.google.person(ANA)
    assert len(ana.list()) == left_there
    assert scene.google.world.mails == []


def test_purge_leaves_what_people_changed_at_google_and_says_so_before(scene: Scene) -> None:
    scene.create("untouched")
    made = scene.create("Planning")
    scene.ana.patch(scene.remote_id(made["id"]), description="Agenda of eleven points")
    series = scene.create("Weekly", recurrence=["RRULE:FREQ=WEEKLY;COUNT=3"])
    [one, *_rest] = scene.ana.call("GET", f"calendars/primary/events/{scene.remote_id(series['id'])}/instances")[
        "items"
    ]
    scene.ana.patch(one["id"], location="Lima")
    scene.google.check()
    preview = scene.alice.get(f"connections/{scene.connection.uuid}/disconnect-preview")["purge"]
    assert preview["unchanged"] == 1
    assert {row["summary"] for row in preview["changed"]} == {"Planning", "Weekly"}
    assert _disconnect(scene, "purge")["counts"]["purged"] == 1
    ana = scene.google.person(ANA)
    assert {row["summary"] for row in ana.list()} == {"Planning", "Weekly"}


@pytest.mark.parametrize(("how", "left_here"), [("keep", 2), ("remove", 1), ("purge", 1)])
def test_a_disconnect_is_done_here_at_once_while_google_is_down(scene: Scene, how: str, left_here: int) -> None:
    scene.create("mine")
    scene.ana.insert(summary="theirs", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.check()
    channels.ensure_open(scene.mirror.pk)
    scene.google.control("faults", {"match": {"path": "*"}, "effect": {"status": 503}, "times": 1000})
    receipt = _disconnect(scene, how)
    assert receipt["revocation"] == "revocation pending" and receipt["finished_at"] is None
    with tenant(scene.alice.account_id):
        assert Event.objects.filter(deleted_at=None).count() == left_here
        assert not Mirror.objects.filter(is_selected=True).exists()
        Disconnect.objects.update(next_attempt_at=clock.now())
        record = Disconnect.objects.get()
    scene.google.control("faults", {}, "DELETE")
    disconnecting.advance(scene.alice.account_id, record.pk)
    with tenant(scene.alice.account_id):
        assert Disconnect.objects.get().revocation == "revoked" and not Connection.objects.exists()
        assert Event.objects.filter(deleted_at=None).count() == left_here
    assert len(scene.google.person(ANA).list()) == (1 if how == "purge" else 2)


def test_a_calendar_that_is_not_mirrored_any_more_is_not_watched_either(scene: Scene) -> None:
    channels.ensure_open(scene.mirror.pk)
    assert PushChannel.objects.get().state == "live"
    body = {"mirrored": False, "disposition": "keep"}
    scene.alice.put(f"connections/{scene.connection.uuid}/calendars/{ANA}", body)
    [mirror_id] = channels.left_over(clock.now())
    channels.close(mirror_id)
    assert PushChannel.objects.get().state == "stopped" and channels.left_over(clock.now()) == []
    assert all(channel.stopped_at is not None for channel in scene.google.world.channels.values())


def test_a_calendar_that_is_mirrored_again_is_watched_though_nobody_knows_what_became_of_its_channel(
    scene: Scene,
) -> None:
    """Google had stopped it and the answer was lost: it counted as live, and no change was announced any more."""
    channels.ensure_open(scene.mirror.pk)
    path = f"connections/{scene.connection.uuid}/calendars/{ANA}"
    scene.alice.put(path, {"mirrored": False, "disposition": "keep"})
    fault = {"match": {"path": "*/channels/stop"}, "effect": {"drop": "after_commit"}, "times": 1}
    scene.google.control("faults", fault)
    channels.close(scene.mirror.pk)
    assert channels.left_over(clock.now()) == [scene.mirror.pk]
    scene.alice.put(path, {"mirrored": True})
    channels.ensure_open(scene.mirror.pk)
    assert sorted(channel.state for channel in PushChannel.objects.all()) == ["live", "stopped"]
    living = [channel for channel in scene.google.world.channels.values() if channel.stopped_at is None]
    assert len(living) == 1


def test_a_calendar_that_merely_rests_keeps_its_channel_and_makes_no_work(scene: Scene) -> None:
    channels.ensure_open(scene.mirror.pk)
    with tenant(scene.alice.account_id):
        triggers.set_active([scene.mirror.pk], is_active=False)
    assert channels.left_over(clock.now()) == []
    assert PushChannel.objects.get().state == "live"


@pytest.mark.parametrize(("renamed_here", "shown"), [(False, "Sales desk"), (True, "Ours")])
def test_a_calendar_renamed_at_google_is_renamed_here_by_the_next_day(
    scene: Scene, renamed_here: bool, shown: str
) -> None:
    mirror = scene.another_calendar("Sales")
    if renamed_here:
        scene.alice.patch(f"calendars/{mirror.calendar.uuid}", {"name": "Ours"})
    scene.ana.call("PATCH", f"calendars/{mirror.remote_id}", {"summary": "Sales desk"})
    checks.reread_calendar_lists()
    found = scene.alice.get(f"calendars/{mirror.calendar.uuid}")
    assert (found["name"], found["remote_name"]) == (shown, "Sales desk")


def test_disconnect_finishes_when_google_is_back(scene: Scene) -> None:
    scene.google.control("faults", {"match": {"path": "/revoke"}, "effect": {"code": "G34"}, "times": 1})
    assert _disconnect(scene, "keep")["revocation"] == "revocation pending"
    with tenant(scene.alice.account_id):
        record = Disconnect.objects.get()
    assert disconnecting.unfinished(clock.now()) == [], "not at once"
    with tenant(scene.alice.account_id):
        Disconnect.objects.update(next_attempt_at=clock.now())
    disconnecting.advance(scene.alice.account_id, record.pk)
    with tenant(scene.alice.account_id):
        assert Disconnect.objects.get().revocation == "revoked" and not Connection.objects.exists()
        assert not Grant.objects.exclude(revoking_since=None).exists()


def test_one_worker_at_a_time_takes_a_disconnect_further(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one comes while the first asks Google, and again when all is done: nothing is left that would keep the
    account from being connected again."""
    revoke = disconnecting._revoke
    calls = []

    def meanwhile(account_id: int, record: Disconnect, connection: Connection | None) -> None:
        calls.append(record.pk)
        disconnecting.advance(account_id, record.pk)
        revoke(account_id, record, connection)
        revoke(account_id, record, connection)

    monkeypatch.setattr(disconnecting, "_revoke", meanwhile)
    mark = scene.google.mark()
    assert _disconnect(scene, "keep")["revocation"] == "revoked"
    assert len(calls) == 1
    assert [entry["path"] for entry in scene.google.journal(mark)].count("/revoke") == 1
    with tenant(scene.alice.account_id):
        assert not Grant.objects.exclude(revoking_since=None).exists()
    scene.google.connect(scene.alice, ANA)


def test_coming_back_after_keep_adopts_by_identity(scene: Scene) -> None:
    scene.create("mine")
    scene.ana.insert(summary="theirs", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.check()
    _disconnect(scene, "keep")
    connection = scene.google.connect(scene.alice, ANA)
    mark = scene.google.mark()
    scene.google.mirror(scene.alice, connection, ANA)
    scene.ana = scene.google.person(ANA)
    assert scene.google.writes(mark) == []
    assert len(scene.here()) == 2
    scene.assert_equal()


def test_same_google_account_in_two_tenants_stays_usable_when_one_leaves(scene: Scene) -> None:
    charlie = scene.cast.charlie
    other = scene.google.connect(charlie, ANA)
    scene.google.mirror(charlie, other, ANA)
    receipt = _disconnect(scene, "keep")
    assert receipt["revocation"] == "still in use elsewhere in this service"
    scene.ana.insert(summary="later", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.check()
    rows = charlie.get("events?from=2026-12-01T00:00:00Z&to=2026-12-10T00:00:00Z")["items"]
    assert [r["summary"] for r in rows] == ["later"]


def test_what_a_disconnect_would_do_tells_nothing_of_another_account_with_the_same_google_account(
    scene: Scene,
) -> None:
    browser, path = scene.alice.browser(), f"/connections/{scene.connection.uuid}/disconnect"

    def told() -> tuple[Any, str]:
        page = browser.get(path).content.decode()
        return scene.alice.get(f"connections/{scene.connection.uuid}/disconnect-preview"), _without_secrets(page)

    before = told()
    scene.google.connect(scene.cast.charlie, ANA)
    assert told() == before
    assert "once nobody in this service uses this Google account" in before[1]


def _without_secrets(page: str) -> str:
    return re.sub(r'"[A-Za-z0-9+/_=-]{20,}"', "", page)


def test_push_notification_is_acted_on(scene: Scene) -> None:
    scene.google.settle(with_channels=True)
    assert PushChannel.objects.get().state == "live"
    with tenant(scene.alice.account_id):
        assert Mirror.objects.get().state == "live"
    scene.ana.insert(summary="pushed", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    mark = scene.google.mark()
    scene.google.control("notifications/flush")
    scene.google.settle()
    assert [e["summary"] for e in scene.here()] == ["pushed"]
    assert len([e for e in scene.google.journal(mark) if e["method"] == "GET"]) == 1


@pytest.mark.parametrize("change", ["token", "resource", "channel"])
def test_forged_notification_does_nothing_and_says_the_same(scene: Scene, change: str) -> None:
    scene.google.settle(with_channels=True)
    channel = PushChannel.objects.get()
    real = scene.google.world.channels[str(channel.pk)]
    headers = {
        "HTTP_X_GOOG_CHANNEL_ID": str(channel.pk) if change != "channel" else "11111111-1111-4111-8111-111111111111",
        "HTTP_X_GOOG_CHANNEL_TOKEN": real.token if change != "token" else "wrong",
        "HTTP_X_GOOG_RESOURCE_ID": real.resource_id if change != "resource" else "wrong",
    }
    mark = scene.google.mark()
    answer = Client().post("/push/google", **headers)
    assert (answer.status_code, answer.content) == (204, b"")
    scene.google.settle()
    assert scene.google.journal(mark) == []


def test_refused_push_is_remembered_and_polled(scene: Scene) -> None:
    scene.google.world.behaviours.refuse_push = True
    scene.google.settle(with_channels=True)
    [mirror] = scene.alice.get("mirrors")["items"]
    assert mirror["channel"] == {
        "state": "refused",
        "expires_at": None,
        "reason": "pushNotSupportedForRequestedResource",
    }
    assert mirror["state"] == "polling"


def test_channel_is_renewed_before_it_ends_and_the_old_one_stopped_after(scene: Scene) -> None:
    scene.google.settle(with_channels=True)
    first = PushChannel.objects.get()
    PushChannel.objects.update(expires_at=clock.now() + timedelta(hours=2), created_at=clock.now() - timedelta(days=6))
    assert channels.renewable(clock.now()) == [scene.mirror.pk]
    mark = scene.google.mark()
    channels.ensure_open(scene.mirror.pk)
    assert [e["path"].rsplit("/", 1)[1] for e in scene.google.journal(mark)] == ["watch", "stop"]
    assert PushChannel.objects.get(pk=first.pk).state == "stopped"
    assert PushChannel.objects.filter(state="live").count() == 1


def test_a_channel_that_google_lets_live_shortly_is_renewed_halfway(scene: Scene) -> None:
    scene.google.world.behaviours.channel_lifetime_days = 0.5
    scene.google.settle(with_channels=True)
    assert len(scene.google.world.channels) == 1, "not another one with every run"
    assert channels.renewable(clock.now() + timedelta(hours=5)) == []
    assert channels.renewable(clock.now() + timedelta(hours=7)) == [scene.mirror.pk]


def test_a_channel_whose_opening_was_never_answered_is_known_by_its_first_message(scene: Scene) -> None:
    match = {"path": "*/watch"}
    scene.google.control("faults", {"match": match, "effect": {"drop": "after_commit"}, "times": 1})
    channels.ensure_open(scene.mirror.pk)
    channel = PushChannel.objects.get()
    assert (channel.state, channel.resource_id) == ("opening", "")
    scene.google.control("notifications/flush")
    channel.refresh_from_db()
    opened = scene.google.world.channels[str(channel.pk)]
    assert (channel.state, channel.resource_id) == ("live", opened.resource_id)
    assert channel.expires_at is not None and channel.expires_at.timestamp() == int(opened.expires_at)
    scene.google.settle(with_channels=True)
    assert len(scene.google.world.channels) == 1


def test_a_channel_that_is_opened_while_its_connection_is_left_is_stopped(scene: Scene) -> None:
    class Left(InProcess):
        def send(self, request: Request) -> Response:
            answer = super().send(request)
            if request.url.endswith("/watch"):
                channels.stop_all(scene.alice.account_id, scene.connection)
            return answer

    gateway.use(Left(scene.google.app.test_client()))
    channels.ensure_open(scene.mirror.pk)
    [channel] = scene.google.world.channels.values()
    assert channel.stopped_at is not None
    assert PushChannel.objects.get().state == "stopped"


def test_a_channel_that_never_says_anything_is_stopped_when_the_next_one_works(scene: Scene) -> None:
    match = {"path": "*/watch"}
    scene.google.control("faults", {"match": match, "effect": {"drop": "after_commit"}, "times": 1})
    scene.google.control("notifications", {"mode": "drop"})
    channels.ensure_open(scene.mirror.pk)
    scene.google.world.notifications.clear()
    PushChannel.objects.update(created_at=clock.now() - timedelta(minutes=11))
    channels.ensure_open(scene.mirror.pk)
    stopped = [channel for channel in scene.google.world.channels.values() if channel.stopped_at is not None]
    assert len(stopped) == 1 and len(scene.google.world.channels) == 2


def test_deselecting_and_selecting_again_resumes_as_it_was(scene: Scene) -> None:
    scene.create("mine")
    scene.alice.put(f"connections/{scene.connection.uuid}/calendars/{ANA}", {"mirrored": False, "disposition": "keep"})
    mark = scene.google.mark()
    scene.google.mirror(scene.alice, scene.connection, ANA)
    assert scene.google.writes(mark) == [] and len(scene.here()) == 1
    scene.assert_equal()


def test_rehearsal_counts_and_writes_nothing(cast: Cast, google: Google) -> None:
    ana = google.person(ANA)
    ana.insert(summary="x", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    connection = google.connect(cast.alice, ANA)
    mark = google.mark()
    body = {"calendars": [{"google_id": ANA, "mode": "two_way"}]}
    [item] = cast.alice.post(f"connections/{connection.uuid}/rehearse", body)["items"]
    assert (item["incoming"], item["matching"], item["read_only"], item["mails"]) == (1, 0, False, 0)
    assert google.writes(mark) == []


def test_module_switched_off_pauses_everything_and_loses_nothing(scene: Scene) -> None:
    scene.create("a")
    scene.alice.patch("account", {"calendar_enabled": False})
    scene.ana.patch(scene.ana.list()[0]["id"], summary="b")
    mark = scene.google.mark()
    scene.google.check()
    assert scene.google.journal(mark) == []
    assert scene.alice.call("GET", "calendars").json()["code"] == "not_enabled"
    scene.alice.patch("account", {"calendar_enabled": True})
    scene.google.check()
    assert [e["summary"] for e in scene.here()] == ["b"]
    scene.assert_equal()
