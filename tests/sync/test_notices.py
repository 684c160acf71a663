"""Mail about what needs a person: once for each cause, to administrators and owner, in their language."""

from datetime import timedelta

from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.kit import clock
from conversa_calendar.sync.mirrors import notices
from conversa_calendar.sync.models import Mirror
from tests.support.google import at
from tests.sync.conftest import Scene


def _mails(scene: Scene) -> list[str]:
    with tenant(scene.alice.account_id):
        return sorted(OutgoingMail.objects.values_list("subject", flat=True))


def _fill(scene: Scene) -> None:
    start, end = at("2026-12-01T09:00:00"), at("2026-12-01T10:00:00")
    for number in range(24):
        scene.ana.insert(summary=f"e{number}", start=start, end=end)


def test_held_deletions_are_told_once_and_again_after_a_decision(scene: Scene) -> None:
    _fill(scene)
    scene.google.check()
    for item in scene.ana.list():
        scene.ana.delete(item["id"])
    scene.google.check()
    scene.google.check()
    [subject] = _mails(scene)
    assert "wait for you" in subject
    with tenant(scene.alice.account_id):
        assert OutgoingMail.objects.get().to == scene.alice.member.user.email
    scene.alice.post(f"mirrors/{scene.mirror.uuid}/held", {"action": "put_back"})
    scene.google.settle()
    for item in scene.ana.list():
        scene.ana.delete(item["id"])
    scene.google.check()
    assert len(_mails(scene)) == 2


def test_a_calendar_that_is_not_shared_any_more_is_told_once_in_the_readers_language(scene: Scene) -> None:
    with tenant(scene.alice.account_id):
        Member.objects.filter(pk=scene.alice.member.pk).update(language="pt-br")
    match = {"method": "GET", "path": "*/events"}
    scene.google.control("faults", {"match": match, "effect": {"status": 404, "reason": "notFound"}, "times": 40})
    for _turn in range(8):
        scene.google.check()
    [subject] = _mails(scene)
    assert "não está disponível" in subject


def test_a_mirror_that_nobody_could_read_for_hours_is_told_once_until_it_is_read_again(scene: Scene) -> None:
    for _turn in range(2):
        with tenant(scene.alice.account_id):
            Mirror.objects.update(last_sync_at=clock.now() - timedelta(hours=4))
        notices.tell_stale()
        notices.tell_stale()
        scene.google.check()
    assert len(_mails(scene)) == 2 and "out of date" in _mails(scene)[0]
    notices.tell_stale()
    assert len(_mails(scene)) == 2
