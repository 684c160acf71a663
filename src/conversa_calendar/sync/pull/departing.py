"""What is gone at the provider goes here: absences confirmed before they are believed, many at once held for a person."""

from datetime import timedelta

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.calendars.models import Event
from conversa_calendar.engine import guard
from conversa_calendar.engine.table import Decision, Side, decide
from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.sync.links import linking, removing, whereabouts
from conversa_calendar.sync.mirrors import notices
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.session import Session

CONFIRMATIONS_MAX = 200
CARRIED_OUT_MAX = 50
"""So many deletions are one transaction, however many a person approved at once."""


def mark_unseen(session: Session) -> None:
    """What a complete listing did not show is a candidate for deletion, not more. Our own unsent creates are not, nor is
    what is on its way here from another calendar."""
    rows = Link.objects.filter(
        mirror=session.mirror, seen_generation__lt=session.mirror.generation, tombstoned_at=None, remote_deleted_at=None
    )
    rows = rows.exclude(event=None).filter(intent__isnull=True, moving_from="").exclude(raw="")
    coming = Link.objects.filter(mirror=session.mirror, tombstoned_at=None).exclude(moving_from="")
    rows = rows.exclude(series_remote_id__in=coming.values("remote_id"))
    if rows.update(remote_deleted_at=clock.now(), asked_at=None, is_held=False):
        session.has_deletions = True


def carry_out_deletions(session: Session) -> None:
    """Deletes here what was deleted at the provider, once the calendars were read to which it may have been moved, and
    once the guard finds what is left plausible; else holds it for a person."""
    with tenant(session.account_id):
        candidates = _candidates(session)
    if not candidates:
        return
    confirmed = [link for link in candidates if link.is_approved]
    doubted = [link for link in candidates if not link.is_approved]
    whereabouts.request_reads(session, doubted)
    with tenant(session.account_id):
        waiting = whereabouts.awaited(session, doubted)
        known = [link for link in doubted if link.pk not in waiting]
        moved = [link for link in known if link.event is not None and removing.moved_twin(link.event) is not None]
    gone = [link for link in known if link not in moved]
    if gone and not _is_plausible(session, gone):
        _hold(session, gone)
        gone = []
    confirmed += [link for link in [*moved, *gone][:CONFIRMATIONS_MAX] if _is_really_gone(session, link)]
    for begin in range(0, len(confirmed), CARRIED_OUT_MAX):
        _carry_out(session, confirmed[begin : begin + CARRIED_OUT_MAX])


def _carry_out(session: Session, links: list[Link]) -> None:
    """Deletes what these links stand for, in one transaction."""
    with tenant(session.account_id):
        leases.confirm(session.lease)
        for link in links:
            if link.event is not None:
                event = Event.objects.select_for_update(of=("self",)).select_related("calendar").get(pk=link.event.pk)
                removing.delete_here(session, event, link)
        Mirror.objects.filter(pk=session.mirror.pk).update(last_change_at=clock.now())


def _candidates(session: Session) -> list[Link]:
    rows = Link.objects.filter(
        mirror=session.mirror, remote_deleted_at__isnull=False, tombstoned_at=None, is_held=False
    )
    return list(rows.exclude(event=None).select_related("event").order_by("id"))


def _is_plausible(session: Session, links: list[Link]) -> bool:
    with tenant(session.account_id):
        roots = [link for link in links if link.event is not None and link.event.kind != "override"]
        if not roots:
            return True  # occurrences of living series: each is asked for
        since = clock.now() - timedelta(hours=24)
        rows = Event.objects.filter(calendar=session.calendar, series=None)
        recently = rows.filter(deleted_by="remote", deleted_at__gt=since).count()
        live = rows.filter(deleted_at=None).count()
    if not guard.is_plausible(len(roots), recently, live):
        return False
    return len(roots) < live or guard.is_empty_listing_plausible(live)


def _hold(session: Session, links: list[Link]) -> None:
    with tenant(session.account_id):
        leases.confirm(session.lease)
        Link.objects.filter(pk__in=[link.pk for link in links]).update(is_held=True)
        Event.objects.filter(pk__in=[link.event_id for link in links]).update(sync_state="held")
        if Mirror.objects.filter(pk=session.mirror.pk).exclude(state="held").update(state="held"):
            notices.tell(session.mirror, "held")
        session.has_held = True
        history.refresh_pages("connections")


def _is_really_gone(session: Session, link: Link) -> bool:
    """A tombstone is believed; an absence from a full listing only after asking for the event itself. What is there after
    all may be an occurrence that follows its series again, and is merged as it stands."""
    is_seen = link.seen_generation >= session.mirror.generation or session.mirror.listing != ""
    if decide(Side.SAME, Side.DELETED if is_seen else Side.ABSENT) is not Decision.CONFIRM_ABSENCE:
        return True
    try:
        remote = session.read(link.remote_id)
    except (protocol.NotFound, protocol.Gone):
        return True
    is_occurrence = link.event is not None and link.event.kind == "override" and bool(remote.original_key)
    if remote.is_cancelled and not is_occurrence:
        return True
    with tenant(session.account_id):
        leases.confirm(session.lease)
        link.remote_deleted_at, link.seen_generation = None, session.mirror.generation
        link.save(update_fields=["remote_deleted_at", "seen_generation"])
        if link.event is not None and link.digest != linking.content_digest(remote) and not link.intent:
            rows = Event.objects.select_for_update(of=("self",)).select_related("series", "calendar", "author")
            event = rows.get(pk=link.event.pk)
            if remote.is_cancelled:
                linking.cancel_occurrence(session, event, link, remote)
            else:
                linking.merge_remote(session, event, link, remote)
    return False
