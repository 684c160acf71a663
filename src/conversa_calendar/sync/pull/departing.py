"""What is gone at the provider goes here: absences confirmed before they are believed, many at once held for a person."""

from datetime import timedelta

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.calendars.models import Event
from conversa_calendar.engine import guard, steps
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Answered, Missing, Removed, There, Unseen, Whereabouts
from conversa_calendar.engine.link import Call
from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.providers.protocol import RemoteEvent
from conversa_calendar.sync.links import linking, reading, removing, whereabouts
from conversa_calendar.sync.mirrors import notices
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.session import Session

CONFIRMATIONS_MAX = 200
CARRIED_OUT_MAX = 50
"""So many deletions are one transaction, however many a person approved at once."""
UNSEEN_AT_ONCE = 500


def mark_unseen(session: Session) -> None:
    """What a complete listing did not show is a candidate for deletion, not more. Our own unsent creates are not, nor is
    what is on its way here from another calendar."""
    rows = Link.objects.filter(
        mirror=session.mirror, seen_generation__lt=session.mirror.generation, tombstoned_at=None, remote_deleted_at=None
    )
    moving = Link.objects.filter(mirror=session.mirror, tombstoned_at=None).exclude(moving_from="")
    coming, can = set(moving.values_list("remote_id", flat=True)), reading.capabilities_of(session)
    doubted = []
    for link in rows.exclude(event=None).select_related("event").iterator(UNSEEN_AT_ONCE):
        here = reading.local_of(link.event, is_changed=link.event is not None and link.event.has_unsent)
        for step in decide(reading.state_of(link), here, Unseen(link.series_remote_id in coming), can):
            assert step == steps.Doubt(is_seen=False)
            doubted.append(link.pk)
    if doubted:
        Link.objects.filter(pk__in=doubted).update(remote_deleted_at=clock.now(), asked_at=None, is_held=False)
        session.has_deletions = True


def carry_out_deletions(session: Session) -> None:
    """Deletes here what was deleted at the provider, once the calendars were read to which it may have been moved, and
    once the guard finds what is left plausible; else holds it for a person."""
    with tenant(session.account_id):
        candidates = _candidates(session)
    if not candidates:
        return
    sure = [
        link
        for link, step in _decided(session, candidates)
        if not isinstance(step, steps.Ask) or _is_really_gone(session, link)
    ]
    for begin in range(0, len(sure), CARRIED_OUT_MAX):
        _carry_out(session, sure[begin : begin + CARRIED_OUT_MAX])


def _carry_out(session: Session, links: list[Link]) -> None:
    """Deletes what these links stand for, in one transaction."""
    with tenant(session.account_id):
        leases.confirm(session.lease)
        for link in links:
            if link.event is not None:
                event = Event.objects.select_for_update(of=("self",)).select_related("calendar").get(pk=link.event.pk)
                removing.delete_here(session, event, link)
        Mirror.objects.filter(pk=session.mirror.pk).update(last_change_at=clock.now())


def _decided(session: Session, candidates: list[Link]) -> list[tuple[Link, steps.Step]]:
    """What follows for those deletions that are sure, or that the provider has to be asked about, so many as one run
    carries out; the others wait or are held."""
    whereabouts.request_reads(session, [link for link in candidates if not link.is_approved])
    places = _places(session, candidates)
    gone = [link for link in candidates if places[link.pk] is Whereabouts.NOWHERE and not link.is_approved]
    is_plausible = not gone or _is_plausible(session, gone)
    held: list[Link] = []
    due: list[tuple[Link, steps.Step]] = []
    for link in candidates:
        found = Removed(places[link.pk], is_seen=_is_seen(session, link), is_plausible=is_plausible)
        here = reading.local_of(link.event, is_changed=link.event is not None and link.event.has_unsent)
        for step in decide(reading.state_of(link), here, found, reading.capabilities_of(session)):
            match step:
                case steps.Wait():
                    pass
                case steps.Hold():
                    held.append(link)
                case _:
                    due.append((link, step))
    if held:
        _hold(session, held)
    doubted = [one for one in due if not one[0].is_approved]
    return [one for one in due if one[0].is_approved] + doubted[:CONFIRMATIONS_MAX]


def _places(session: Session, candidates: list[Link]) -> dict[int, Whereabouts]:
    """Where each of these events is, as far as it is known; what a person let pass is not looked for again."""
    places = {link.pk: Whereabouts.NOWHERE for link in candidates}
    doubted = [link for link in candidates if not link.is_approved]
    with tenant(session.account_id):
        waiting = whereabouts.awaited(session, doubted)
        for link in doubted:
            if link.pk in waiting:
                places[link.pk] = Whereabouts.UNKNOWN
            elif link.event is not None and removing.moved_twin(link.event) is not None:
                places[link.pk] = Whereabouts.TWIN
    return places


def _is_seen(session: Session, link: Link) -> bool:
    """Whether its deletion was seen itself; what only a full listing did not show was not."""
    return link.seen_generation >= session.mirror.generation or session.mirror.listing != ""


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
    """Asks for an event that a listing of everything did not show. What is there after all may be an occurrence that
    follows its series again, and is compared as it stands."""
    remote, found = _asked(session, link)
    here = reading.local_of(link.event, is_changed=link.event is not None and link.event.has_unsent)
    is_gone = False
    for step in decide(reading.state_of(link), here, found, reading.capabilities_of(session)):
        match step:
            case steps.EndDoubt() if remote is not None:
                _end_doubt(session, link, remote, step)
            case steps.Conclude() | steps.Bury():
                is_gone = True
            case _:
                raise AssertionError(f"{step} does not follow from asking")
    return is_gone


def _asked(session: Session, link: Link) -> tuple[RemoteEvent | None, Answered | Missing]:
    try:
        remote = session.read(link.remote_id)
    except (protocol.NotFound, protocol.Gone) as error:
        return None, Missing(Call.ASK, is_certain=isinstance(error, protocol.Gone))
    there = There.SAME if link.digest == linking.content_digest(remote) else There.CHANGED
    is_occurrence = bool(remote.original_key)
    return remote, Answered(Call.ASK, remote.is_cancelled, there, is_occurrence)


def _end_doubt(session: Session, link: Link, remote: RemoteEvent, step: steps.EndDoubt) -> None:
    with tenant(session.account_id):
        leases.confirm(session.lease)
        link.remote_deleted_at, link.seen_generation = None, session.mirror.generation
        link.save(update_fields=["remote_deleted_at", "seen_generation"])
        if link.event is not None and step.compares:
            rows = Event.objects.select_for_update(of=("self",)).select_related("series", "calendar", "author")
            linking.meet(session, rows.get(pk=link.event.pk), link, remote)
