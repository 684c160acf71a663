"""What a listing shows of something that has a link: evidence is gathered, the engine decides, its steps are carried out."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.calendars import history
from conversa_calendar.calendars.models import Event
from conversa_calendar.engine import link as states
from conversa_calendar.engine import local, steps
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Illegible, Listed, Place, There, Tombstone
from conversa_calendar.engine.local import Local
from conversa_calendar.providers.protocol import RemoteEvent, Unreadable
from conversa_calendar.sync.links import arriving, linking, reading
from conversa_calendar.sync.links.linking import Scene
from conversa_calendar.sync.models import Link
from conversa_calendar.sync.run.session import Session


def has_only_moved_its_version(session: Session, link: Link, remote: RemoteEvent) -> bool:
    """Whether nothing but the version of a linked event has to be kept: a series was re-stamped, or something that we do
    not keep was touched."""
    event = link.event
    if event is None or link.tombstoned_at is not None or remote.content is None:
        return False
    if link.digest != linking.content_digest(remote):
        return False
    there = There.RESTAMPED if event.facts == remote.facts else There.SAME
    here = reading.local_of(event, is_changed=event.has_unsent)
    can = reading.capabilities_of(session)
    return decide(reading.state_of(link), here, Listed(there), can) == (steps.Restamp(),)


def listed(session: Session, link: Link, remote: RemoteEvent) -> None:
    """A linked event whose remote side moved."""
    link.seen_generation = session.mirror.generation
    state, scene = reading.state_of(link), _compared(session, link, remote)
    if scene is not None:
        here = reading.local_of(scene.event, is_changed=scene.is_changed_here)
        found: Listed | Tombstone = Listed(scene.there)
    else:
        here, found = _behind(session, link, state), _uncompared(session, link, remote)
    _apply(session, link, remote, scene, decide(state, here, found, reading.capabilities_of(session)))


def _compared(session: Session, link: Link, remote: RemoteEvent) -> Scene | None:
    """An event that stands behind its link and lives there, compared; None where there is nothing to compare."""
    event = link.event
    if event is None or link.tombstoned_at is not None or remote.content is None or linking.is_older(remote, link):
        return None
    return linking.compare(session, event, link, remote, linking.attempts_of(link))


def _uncompared(session: Session, link: Link, remote: RemoteEvent) -> Listed | Tombstone:
    there = There.SAME if link.digest == linking.content_digest(remote) else There.CHANGED
    is_older, is_occurrence = linking.is_older(remote, link), bool(remote.original_key)
    place = _place(session, link, remote) if link.event is None and not is_older else Place.HERE
    if remote.is_cancelled:
        return Tombstone(is_older, is_occurrence, there, place)
    is_untouched = linking.is_untouched_copy(link, remote)
    return Listed(there, is_older, is_occurrence, is_untouched, place)


def _place(session: Session, link: Link, remote: RemoteEvent) -> Place:
    if arriving.is_on_its_way(session, remote):
        return Place.ON_ITS_WAY
    is_left = bool(remote.original_key) and arriving.leaving_series(session, link, remote) is not None
    return Place.WITH_ITS_SERIES if is_left else Place.HERE


def _behind(session: Session, link: Link, state: states.Link) -> Local:
    """The event of a link that does not tie it any more, if it is still in this calendar and tied by no other."""
    event = link.event
    is_tied = not isinstance(state, states.Leaving | states.Tombstoned)
    if event is None or is_tied:
        return reading.local_of(event, is_changed=event is not None and event.has_unsent)
    if event.calendar_id != session.calendar.pk:
        return local.Elsewhere()
    if event.deleted_at is None and linking.link_of(session, event) is not None:
        return local.Elsewhere()
    return reading.local_of(event, is_changed=event.has_unsent)


def _apply(session: Session, link: Link, remote: RemoteEvent, scene: Scene | None, found: steps.Steps) -> None:
    for step in found:
        _apply_step(session, link, remote, scene, step)


def _apply_step(session: Session, link: Link, remote: RemoteEvent, scene: Scene | None, step: steps.Step) -> None:
    """Carries out one step that may follow from a listing."""
    match step:
        case steps.Arrive() | steps.SetBase() | steps.MergeIn() | steps.KeepDeletion() if scene is not None:
            linking.agree(scene, step)
        case steps.Notice():
            Link.objects.filter(pk=link.pk).update(seen_generation=link.seen_generation)
        case steps.Restamp():
            _restamp(link, remote)
        case steps.CancelHere() if link.event is not None:
            linking.cancel_occurrence(session, link.event, link, remote)
        case steps.Doubt():
            _doubt(session, link, remote)
        case steps.Forget():
            seen = {"etag": remote.etag, "seen_generation": link.seen_generation}
            Link.objects.filter(pk=link.pk).update(wants_delete=False, **seen)
        case steps.ClearAway():
            _clear_away(session, link, remote, step)
        case steps.HandOn():
            _hand_on(session, link, remote, step)
        case steps.HandOnException():
            arriving.hand_on_exception(session, link, remote)
            _restamp(link, remote)
        case steps.Revive() if link.event is not None:
            linking.revive(session, link.event, link, remote)
        case steps.Relink() if link.event is not None:
            link.tombstoned_at, link.wants_delete = None, False
            linking.meet(session, link.event, link, remote, is_listed=True)
        case steps.TakeIn():
            Link.objects.filter(pk=link.pk).delete()
            arriving.create(session, [remote])
        case _:
            raise AssertionError(f"{step} does not follow from a listing")


def _restamp(link: Link, remote: RemoteEvent) -> None:
    """What stands there is known, and nothing more has to be done with it here."""
    known = {"etag": remote.etag, "raw": remote.raw.decode(), "digest": linking.content_digest(remote)}
    Link.objects.filter(pk=link.pk).update(seen_generation=link.seen_generation, **known)


def _doubt(session: Session, link: Link, remote: RemoteEvent) -> None:
    link.etag = remote.etag
    linking.doubt(session, link)
    link.save(update_fields=["etag", "remote_deleted_at", "asked_at", "seen_generation"])


def _clear_away(session: Session, link: Link, remote: RemoteEvent, step: steps.ClearAway) -> None:
    """It is ours to delete there: moved away or taken out here, or a late request, not a person's restore."""
    known = {"etag": remote.etag, "seen_generation": link.seen_generation}
    if step.is_late:
        known |= {"digest": linking.content_digest(remote), "wants_delete": True}
        known |= {"intent": (link.intent or {}) | {"tag": remote.tag}}
    Link.objects.filter(pk=link.pk).update(**known)
    session.has_leftovers = True


def _hand_on(session: Session, link: Link, remote: RemoteEvent, step: steps.HandOn) -> None:
    if not arriving.hand_on(session, link, remote):
        _apply(session, link, remote, None, step.otherwise)
    elif step.is_late:
        _clear_away(session, link, remote, steps.ClearAway(is_late=True))
    else:
        _restamp(link, remote)
        session.has_leftovers = True


def illegible(session: Session, item: Unreadable, link: Link | None) -> None:
    """Something that cannot be understood is listed."""
    is_leaving = link is None and arriving.is_on_its_way(session, item)
    found = Illegible(Place.ON_ITS_WAY if is_leaving else Place.HERE)
    event = link.event if link is not None else None
    here = reading.local_of(event, is_changed=event is not None and event.has_unsent)
    for step in decide(reading.state_of(link), here, found, reading.capabilities_of(session)):
        match step:
            case steps.Park() if link is None:
                arriving.park(session, item)
            case steps.Park():
                _not_readable(session, item).update(parked=item.reason[:200] or "unreadable")
            case steps.TellOutdated():
                _not_readable(session, item)
                _say_outdated(session, link)
            case _:
                raise AssertionError(f"{step} does not follow from what cannot be read")


def _not_readable(session: Session, item: Unreadable) -> QuerySet[Link]:
    """The next listing that shows it readable compares it."""
    rows = Link.objects.filter(mirror=session.mirror, remote_id=item.id)
    rows.update(seen_generation=session.mirror.generation, digest="")
    return rows


def _say_outdated(session: Session, link: Link | None) -> None:
    """What is known here has changed there and cannot be read any more: it stays as it was, and says so."""
    event = link.event if link is not None and link.tombstoned_at is None else None
    message = _("It was changed at Google to something that cannot be read here; the last readable version is shown.")
    if event is None or event.deleted_at is not None or event.is_unsettled or event.sync_message == message:
        return
    Event.objects.filter(pk=event.pk).update(sync_state="parked", sync_message=message)
    history.record(event, side="sync", cause="parked", note=message)
