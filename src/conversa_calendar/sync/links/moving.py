"""What a move between calendars here means for links: whether the event moves at the provider too, or is cleared away there
and made anew elsewhere."""

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections.models import DiscoveredCalendar
from conversa_calendar.domain.vocabulary import Notify, SyncState
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.run import leases, triggers
from conversa_calendar.sync.run.session import WRITER_ACCESS

UNDECIDED = {"remote_deleted_at": None, "asked_at": None, "is_held": False, "is_approved": False}


def apply_move(event: Event, source: Calendar, target: Calendar) -> None:
    """A move between two calendars of one connection moves at the provider; any other copies there and deletes here."""
    origin = Mirror.objects.filter(calendar=source).first()
    if origin is None:
        return
    destination = Mirror.objects.filter(calendar=target).first()
    members = [event, *Event.objects.filter(series=event, deleted_at=None)]
    links = Link.objects.filter(mirror=origin, event__in=members, tombstoned_at=None)
    leases.revoke(origin.pk)
    can_move = (
        destination is not None
        and origin.connection_id is not None
        and origin.connection_id == destination.connection_id
        and event.event_type == "default"
        and event.facts.is_own_copy
        and links.filter(event=event).exists()
    )
    names = list(links.values_list("remote_id", flat=True))
    taken = Link.objects.filter(mirror=destination, remote_id__in=names)
    if can_move and taken.filter(tombstoned_at=None, remote_deleted_at__isnull=False, event__deleted_at=None).exists():
        # moved from there at the provider, and not told from a new event yet
        raise Invalid("calendar", _("This event has just come from that calendar; try again in a moment."))
    if can_move and _has_arrived(event, taken):
        raise Invalid("calendar", _("This event has just arrived in that calendar; try again in a moment."))
    # an id that lives there, or one that a late create may have left there and that we delete, cannot come back
    given_up = _given_up(taken)
    unusable = taken.filter(Q(tombstoned_at=None) | Q(is_ours=True, raw="")).exclude(pk__in=given_up)
    if can_move and destination is not None and not unusable.exists():
        if given_up:
            leases.revoke(destination.pk)  # a run that is deleting it there must not go on with what moves in
        taken.delete()
        unanswered = links.filter(event=event, etag="").first()
        for link in links.filter(event=event):
            _redirect_link(link, origin, destination)
        links.exclude(event=event).update(mirror=destination, seen_generation=destination.generation, **UNDECIDED)
        if unanswered is not None:
            _keep_tombstone(unanswered, origin)
    else:
        _clear_away(origin, event)
    triggers.request_runs([origin.pk], is_pull=False)


def _has_arrived(event: Event, there: QuerySet[Link]) -> bool:
    """Whether somebody has moved the event there at the provider, where it stands as an event of its own until its former
    calendar's list tells. A guest's copy is another thing."""
    twins = there.filter(tombstoned_at=None, event__deleted_at=None).exclude(event=None).exclude(event=event)
    return any(link.event is not None and link.event.facts.is_own_copy for link in twins.select_related("event"))


def _given_up(there: QuerySet[Link]) -> list[int]:
    """Links of what somebody has moved away from there at the provider while it was deleted here: that deletion, which
    was not sent yet, does not mean the event that comes back with this id."""
    rows = there.filter(tombstoned_at=None, event__deleted_at__isnull=False).select_related("event")
    return [link.pk for link in rows if link.event is not None and link.event.facts.is_own_copy]


def _redirect_link(link: Link, origin: Mirror, destination: Mirror) -> None:
    """The link goes to its new mirror. A move that is not known to be done yet leaves its own origin as a further place
    where the event may be found. Whether the provider has deleted it there, the move itself will tell."""
    intent = {name: value for name, value in (link.intent or {}).items() if name not in {"moving", "doubts"}}
    if link.moving_from:
        intent["places"] = link.places
    link.mirror, link.moving_from = destination, origin.remote_id
    link.seen_generation = destination.generation  # each mirror counts its own listings
    link.intent = intent or None
    link.save(update_fields=["mirror", "moving_from", "intent", "seen_generation"])
    Link.objects.filter(pk=link.pk).update(**UNDECIDED)


def give_up_moves(mirror: Mirror) -> None:
    """Another connection carries a calendar from now on. What is on its way into it cannot be moved any more where that
    one may not change the calendar that it comes from: it is cleared away there and made anew."""
    known = DiscoveredCalendar.objects.filter(connection=mirror.connection, access__in=WRITER_ACCESS)
    reached = set(known.values_list("remote_id", flat=True))
    coming = Link.objects.filter(mirror=mirror, tombstoned_at=None).exclude(moving_from="").exclude(event=None)
    for link in coming.select_related("event").order_by("pk"):
        if link.event is None or reached.issuperset(link.places):
            continue
        members = Event.objects.filter(Q(pk=link.event.pk) | Q(series=link.event), deleted_at=None)
        members.update(is_unsettled=True, sync_state=SyncState.PENDING, notify=Notify.NONE)
        _clear_away(mirror, link.event)


def _clear_away(mirror: Mirror, event: Event) -> None:
    """An event leaves a calendar for good, with its exceptions: it is cleared away there, and wherever else it may stand
    still."""
    left = {"event": None, "wants_delete": True, "tombstoned_at": clock.now(), "former_uuid": event.uuid}
    for link in Link.objects.filter(mirror=mirror, event=event, tombstoned_at=None):
        if link.moving_from:
            _clear_away_on_the_way(link, event)
        Link.objects.filter(pk=link.pk).update(**left, moving_from="")
    Link.objects.filter(mirror=mirror, event__series=event).update(event=None, tombstoned_at=clock.now())


def _clear_away_on_the_way(link: Link, event: Event) -> None:
    """An event is taken out before its move within the connection is known to be done: it may stand in each of the
    calendars that it came from, and has to go there too."""
    intent = link.intent or {}
    sent = {name: value for name, value in intent.items() if name in {"kind", "content", "earlier"}}
    for mirror in Mirror.objects.filter(remote_id__in=link.places).order_by("pk"):
        there = Link.objects.filter(mirror=mirror, remote_id=link.remote_id)
        if there.exists():
            there.filter(event=None).update(wants_delete=True, former_uuid=event.uuid)
        else:
            known = {
                "etag": link.etag,
                "digest": link.digest,
                "raw": link.raw,
                "zone": link.zone,
                "number": link.number,
            }
            kept = Link(mirror=mirror, remote_id=link.remote_id, is_ours=link.is_ours, **known)
            kept.wants_delete, kept.tombstoned_at, kept.former_uuid = True, clock.now(), event.uuid
            kept.intent = sent if "content" in sent else None
            kept.save(force_insert=True)
        triggers.request_runs([mirror.pk], is_pull=False)


def _keep_tombstone(unsent: Link, origin: Mirror) -> None:
    """A create that was sent to the former calendar and never answered may arrive there yet: a tombstone waits for it."""
    unsent.pk, unsent.mirror, unsent.event, unsent.tombstoned_at = None, origin, None, clock.now()
    unsent.save(force_insert=True)
