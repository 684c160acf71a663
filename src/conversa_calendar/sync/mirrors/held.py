"""Deletions that the guard held back: a person approves them, keeps the events here, or puts them back (promise 20)."""

from typing import Any, assert_never

from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Member
from conversa_calendar.calendars import access, editing, history
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain.vocabulary import Cause, EventKind, HeldDecision, MirrorState, Notify, Side, SyncState
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.run import triggers

ACTIONS = tuple(HeldDecision)


def listed(mirror: Mirror, viewer: Viewer) -> list[dict[str, Any]]:
    """The held events with the side on which they were deleted; what is private to somebody else reads “Busy”."""
    level = access.levels(viewer).get(mirror.calendar_id, "busy")
    rows = Link.objects.filter(mirror=mirror, is_held=True).exclude(event=None).select_related("event").order_by("id")
    return [
        {
            "event": str(link.event.uuid),
            "summary": _titled(link.event, mirror, viewer, level),
            "starts_at": link.event.starts_at,
            "deleted_at": "google" if link.remote_deleted_at else "here",
            "since": link.remote_deleted_at or link.event.deleted_at,
        }
        for link in rows
        if link.event is not None
    ]


def _titled(event: Event, mirror: Mirror, viewer: Viewer, level: str) -> str:
    return _("Busy") if access.is_masked(event, mirror.calendar, viewer, level) else event.summary


def decide(mirror: Mirror, action: str, actor: Member) -> int:
    """Carries out a person's decision about everything that is held; answers how many events it concerned.

    approve: deleted on both sides. keep: stays here (only here, when Google deleted it). put_back: exists on both sides
    again. Raises Invalid.
    """
    if action not in ACTIONS:
        raise Invalid("action", _("Approve, keep or put back."))
    decision = HeldDecision(action)
    rows = Link.objects.filter(mirror=mirror, is_held=True).exclude(event=None)
    links = list(rows.select_related("event").order_by("pk"))
    for link in links:
        assert link.event is not None
        if link.remote_deleted_at is not None:
            _decide_remote(link, link.event, decision)
        else:
            _decide_local(link, link.event, decision, actor)
        history.record(link.event, side=Side.LOCAL, cause=_CAUSES[decision], actor=actor)
    state = MirrorState.LIVE if mirror.push_refused == "" else MirrorState.POLLING
    Mirror.objects.filter(pk=mirror.pk).update(state=state)
    triggers.request_runs([mirror.pk], is_pull=True)
    history.refresh_pages("connections")
    return len(links)


_CAUSES = {
    HeldDecision.APPROVE: Cause.HELD_APPROVED,
    HeldDecision.KEEP: Cause.HELD_KEPT,
    HeldDecision.PUT_BACK: Cause.HELD_PUT_BACK,
}


def _decide_remote(link: Link, event: Event, decision: HeldDecision) -> None:
    """Google deleted it."""
    if decision is HeldDecision.APPROVE:
        Link.objects.filter(pk=link.pk).update(is_held=False, is_approved=True)
        return
    Link.objects.filter(pk=link.pk).update(
        is_held=False, tombstoned_at=clock.now(), remote_deleted_at=None, intent=None
    )
    rows = Event.objects.filter(pk=event.pk)
    match decision:
        case HeldDecision.KEEP:
            rows.update(sync_state=SyncState.NATIVE, is_unsettled=False)
        case HeldDecision.PUT_BACK:
            rows.update(sync_state=SyncState.PENDING, is_unsettled=True, notify=Notify.NONE)
        case _:
            assert_never(decision)


def _decide_local(link: Link, event: Event, decision: HeldDecision, actor: Member) -> None:
    """It was deleted here."""
    Link.objects.filter(pk=link.pk).update(is_held=False, is_approved=decision is HeldDecision.APPROVE)
    if decision is HeldDecision.APPROVE:
        Event.objects.filter(pk=event.pk).update(sync_state=SyncState.PENDING, is_unsettled=True)
    elif event.kind != EventKind.OVERRIDE:
        editing.restore(event, actor=actor)
