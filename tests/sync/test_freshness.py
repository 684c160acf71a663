"""Near real time, proven: a channel that says nothing counts as none, and people hear when changes come late."""

from datetime import timedelta

from django.test import override_settings

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.kit import clock
from conversa_calendar.sync.explain import questions
from conversa_calendar.sync.mirrors import channels
from conversa_calendar.sync.models import Mirror, MirrorRun, PushChannel
from tests.support.google import at
from tests.sync.conftest import Scene


def _listen_after(seconds: float) -> None:
    """What the minute's round finds so long after what happened."""
    past = timedelta(seconds=seconds)
    for run in MirrorRun.objects.exclude(wrote_at=None):
        MirrorRun.objects.filter(pk=run.pk).update(wrote_at=run.wrote_at - past)
    for channel in PushChannel.objects.all():
        values = {"created_at": channel.created_at - past}
        values |= {"last_message_at": channel.last_message_at - past} if channel.last_message_at else {}
        values |= {"silent_since": channel.silent_since - past} if channel.silent_since else {}
        PushChannel.objects.filter(pk=channel.pk).update(**values)
    channels.find_silent()


def _live(scene: Scene) -> PushChannel:
    scene.google.settle(with_channels=True)
    [channel] = PushChannel.objects.filter(state="live")
    assert channel.last_message_at is not None and channel.silent_since is None
    return channel


def _shown(scene: Scene) -> tuple[str, str]:
    found = scene.alice.get(f"mirrors/{scene.mirror.uuid}")
    return found["state"], found["channel"]["state"]


def _late_mails(scene: Scene) -> int:
    with tenant(scene.alice.account_id):
        return OutgoingMail.objects.filter(subject__contains="arrive late").count()


def test_our_own_write_proves_a_channel_that_tells_of_it(scene: Scene) -> None:
    _live(scene)
    scene.create("Walk")
    scene.google.settle(with_channels=True)
    _listen_after(150)
    assert _shown(scene) == ("live", "live")


def test_a_channel_that_says_nothing_of_our_own_write_is_polled_around_and_replaced(scene: Scene) -> None:
    first = _live(scene)
    scene.google.control("notifications", {"mode": "drop"})
    scene.create("Walk")
    _listen_after(90)
    assert _shown(scene)[1] == "live", "it has two minutes"
    _listen_after(60)
    scene.google.check()
    assert _shown(scene) == ("polling", "silent")
    run = MirrorRun.objects.get()
    assert run.next_check_at is not None and run.next_check_at - clock.now() <= timedelta(minutes=5)
    with tenant(scene.alice.account_id):
        [finding] = [found for found in questions.updates_stopped() if found.target == str(scene.mirror.uuid)]
    assert not finding.is_good and "stopped arriving" in finding.says
    channels.ensure_open(scene.mirror.pk)
    assert PushChannel.objects.filter(state="live").get() == first, "not replaced at every look"
    _listen_after(3700)
    channels.ensure_open(scene.mirror.pk)
    second = PushChannel.objects.filter(state="live").get()
    assert second != first and second.silent_since is not None, "nobody has heard it yet either"
    assert _late_mails(scene) == 0, "nothing came late"
    scene.google.control("notifications", {"mode": "deliver"})
    scene.ana.insert(summary="There", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.settle(with_channels=True)
    scene.google.check()
    assert _shown(scene) == ("live", "live")
    assert {item["summary"] for item in scene.here()} == {"Walk", "There"}


def test_a_change_that_came_late_is_told_once_a_day_and_forgotten_when_google_notifies_again(scene: Scene) -> None:
    _live(scene)
    scene.google.control("notifications", {"mode": "drop"})
    for turn in range(3):
        scene.ana.insert(summary=f"n{turn}", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
        scene.google.check()
        channels.find_silent()
        _listen_after(70)
    assert _late_mails(scene) == 1 and _shown(scene) == ("polling", "silent")
    with tenant(scene.alice.account_id):
        Mirror.objects.update(late_told_at=clock.now() - timedelta(days=1, minutes=1))
    channels.find_silent()
    assert _late_mails(scene) == 2
    scene.google.control("notifications", {"mode": "deliver"})
    scene.ana.insert(summary="told", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.settle(with_channels=True)
    scene.google.check()
    assert _shown(scene) == ("live", "live")


def test_a_change_whose_notice_is_just_on_its_way_alarms_nobody(scene: Scene) -> None:
    _live(scene)
    scene.ana.insert(summary="n", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.check()
    channels.find_silent()
    scene.google.settle(with_channels=True)
    _listen_after(70)
    assert _late_mails(scene) == 0 and _shown(scene) == ("live", "live")


def test_the_card_says_within_what_time_changes_are_here(scene: Scene) -> None:
    browser = scene.alice.browser()
    assert "here within 5 minutes" in browser.get("/connections").content.decode()
    _live(scene)
    scene.google.check()
    assert "here within 60 seconds" in browser.get("/connections").content.decode()
    with override_settings(PUBLIC_URL=""):
        PushChannel.objects.all().delete()
        scene.google.check()
        assert "here within 5 minutes" in browser.get("/connections").content.decode()
