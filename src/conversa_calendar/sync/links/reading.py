"""What a link's row and an event say, as the engine sees them: the one place that reads their columns together."""

from conversa_calendar.calendars.models import NOBODYS_DELETIONS, Event
from conversa_calendar.engine import link as engine
from conversa_calendar.engine import local
from conversa_calendar.engine.capabilities import Capabilities
from conversa_calendar.engine.link import Call
from conversa_calendar.engine.local import Kind, Local
from conversa_calendar.providers.google import mapping
from conversa_calendar.sync.models import NO_MASTER, Link
from conversa_calendar.sync.run.session import Session

_KINDS = {"single": Kind.SINGLE, "series": Kind.SERIES, "override": Kind.OCCURRENCE}


def state_of(link: Link | None) -> engine.Link:
    """The state of a link; a row that says several things at once is in the first of these that it says."""
    if link is None:
        return engine.Unlinked()
    if link.event_id is None or link.tombstoned_at is not None:
        return _without_event(link)
    intent, is_open = link.intent or {}, bool(link.intent)
    if link.is_held:
        is_writing = is_open or bool(link.moving_from) or not link.raw
        return engine.Held(is_there=link.remote_deleted_at is not None, is_writing=is_writing)
    if link.remote_deleted_at is not None:
        return engine.Doubted(link.is_approved, is_moving=bool(link.moving_from), is_writing=is_open)
    doubts, is_to_repeat = intent.get("doubts", 0), bool(intent.get("again"))
    if link.moving_from:
        call = Call(intent.get("kind", "move")) if is_open else None
        return engine.Moving(bool(intent.get("moving")), call, doubts, is_to_repeat)
    if is_open:
        return engine.Writing(Call(intent.get("kind", "move")), doubts, is_to_repeat)
    return engine.Synced(has_version=bool(link.etag), is_known=bool(link.raw), is_approved=link.is_approved)


def _without_event(link: Link) -> engine.Link:
    """No living event stands behind it."""
    may_arrive = link.tombstoned_at is not None and not link.raw and link.is_ours
    if link.wants_delete:
        return engine.Leaving(
            has_version=bool(link.etag),
            is_known=bool(link.raw),
            is_moved_out=link.former_uuid is not None,
            is_late=may_arrive,
            is_series=_is_series(link),
            doubts=(link.intent or {}).get("doubts", 0),
        )
    if link.event_id is None and link.parked:
        return engine.WaitingForSeries() if link.parked == NO_MASTER else engine.Unreadable()
    return engine.Tombstoned(may_arrive)


def _is_series(link: Link) -> bool:
    content = mapping.content_of(link.raw.encode(), link.zone) if link.raw else None
    return content is not None and bool(content.recurrence)


def local_of(event: Event | None, *, is_changed: bool) -> Local:
    """How an event stands here; whether it is changed says who knows against what."""
    if event is None:
        return local.Absent()
    kind, is_cancelled = _KINDS[event.kind], event.is_cancelled_occurrence
    if event.deleted_at is not None:
        return local.Deleted(kind, event.deleted_by in NOBODYS_DELETIONS, is_cancelled)
    return local.Living(is_changed, kind, is_cancelled)


def capabilities_of(session: Session) -> Capabilities:
    """What may be done in the session's calendar."""
    return Capabilities(session.can_write, session.is_busy_only)
