"""Deletions that the guard held back: a person approves them, keeps the events here, or puts them back (promise 20)."""

from typing import Any

from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Member
from conversa_calendar.calendars import access, editing, history
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.run import triggers

ACTIONS = ("approve", "keep", "put_back")


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
    rows = Link.objects.filter(mirror=mirror, is_held=True).exclude(event=None)
    links = list(rows.select_related("event").order_by("pk"))
    for link in links:
        assert link.event is not None
        if link.remote_deleted_at is not None:
            _decide_remote(link, link.event, action)
        else:
            _decide_local(link, link.event, action, actor)
        history.record(link.event, side="local", cause=f"held: {action}", actor=actor)
    state = "live" if mirror.push_refused == "" else "polling"
    Mirror.objects.filter(pk=mirror.pk).update(state=state)
    triggers.request_runs([mirror.pk], is_pull=True)
    history.refresh_pages("connections")
    return len(links)


def _decide_remote(link: Link, event: Event, action: str) -> None:
    """Google deleted it."""
    if action == "approve":
        Link.objects.filter(pk=link.pk).update(is_held=False, is_approved=True)
        return
    Link.objects.filter(pk=link.pk).update(
        is_held=False, tombstoned_at=clock.now(), remote_deleted_at=None, intent=None
    )
    if action == "keep":
        Event.objects.filter(pk=event.pk).update(sync_state="native", is_unsettled=False)
    else:
        Event.objects.filter(pk=event.pk).update(sync_state="pending", is_unsettled=True, notify="none")


def _decide_local(link: Link, event: Event, action: str, actor: Member) -> None:
    """It was deleted here."""
    Link.objects.filter(pk=link.pk).update(is_held=False, is_approved=action == "approve")
    if action == "approve":
        Event.objects.filter(pk=event.pk).update(sync_state="pending", is_unsettled=True)
    elif event.kind != "override":
        editing.restore(event, actor=actor)
