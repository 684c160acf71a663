"""Push: local edits that the provider does not have yet, one event at a time, intent first (design §5).

The id, the body and whom to tell are stored before the call. While an intent is open nothing else is sent for its
event: first the provider is asked what became of it. Updates carry If-Match and only the units that changed.
"""

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.signals import event_followed
from conversa_calendar.domain import event as domain
from conversa_calendar.engine.table import Decision, Side, decide
from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.providers.protocol import RemoteEvent
from conversa_calendar.sync.links import linking, removing, stranding
from conversa_calendar.sync.models import Link
from conversa_calendar.sync.push import planning, settling
from conversa_calendar.sync.push.planning import Action
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.session import Session

WRITES_A_RUN_MAX = 500
CONFLICTS_MAX = 3
DOUBTS_MAX = 2
_ENDS = {"delete", "cancel"}
"""Kinds of actions after which nothing is to be there."""


def push(session: Session, action: Action | None) -> int:
    """Carries out an action and every further one that is due; answers how many writes were settled."""
    settled, session.lease.rank = 0, Rank.EDIT
    while action is not None and settled < WRITES_A_RUN_MAX:
        action = _perform(session, action)
        settled += 1
    return settled


def _perform(session: Session, action: Action) -> Action | None:
    """One call and the transaction that settles it, which also plans the next action."""
    try:
        answer = _call(session, action)
    except protocol.PreconditionFailed:
        return _after_conflict(session, action)
    except protocol.AlreadyExists:
        return _after_duplicate(session, action)
    except (protocol.Gone, protocol.NotFound) as error:
        if action.kind == "create":
            raise  # that nothing can be put there speaks of the calendar, not of the event
        if action.kind == "look":
            return _settled(session, action, None)
        return _after_gone(session, action, error)
    except (protocol.BadData, protocol.Forbidden) as error:
        if isinstance(error, protocol.AccessLost) and not session.mirror.failures:
            raise  # speaks of the calendar: it is listed before anything else is sent, and what waits goes on waiting
        return _after_refusal(session, action, error)
    return _settled(session, action, answer)


def _call(session: Session, action: Action) -> RemoteEvent | None:
    calendar_id, provider = session.mirror.remote_id, session.provider
    match action.kind:
        case "create":
            assert action.write is not None
            return provider.insert(calendar_id, action.write)
        case "patch":
            assert action.write is not None
            return provider.patch(calendar_id, action.write)
        case "delete" | "cancel":
            assert action.write is not None
            provider.delete(calendar_id, action.write)
            return None
        case "move":
            return _move(session, action)
        case _:
            return session.read(action.link.remote_id)


def _move(session: Session, action: Action) -> RemoteEvent:
    """Moves at the provider, from wherever earlier moves may have left it; when it is at none of these places any more,
    an earlier attempt has moved it."""
    link, target = action.link, session.mirror.remote_id
    for place in link.places:
        if place == target:
            continue
        try:
            return session.provider.move(place, link.remote_id, target)
        except (protocol.NotFound, protocol.Gone):
            continue
    return session.read(link.remote_id)


def _settled(session: Session, action: Action, answer: RemoteEvent | None) -> Action | None:
    with tenant(session.account_id):
        leases.confirm(session.lease)
        if action.kind == "look":
            settling.look(session, action, answer)
        elif action.kind == "cancel":
            settling.absence(session, action)
        elif answer is None:
            settling.deletion(session, action)
        elif action.kind in {"resolve", "move"} or settling.is_dead(action, answer):
            settling.resolved(session, action, answer)
        else:
            settling.write(session, action, answer)
            session.lease.has_written = True
        return planning.next_action(session)


def _after_conflict(session: Session, action: Action) -> Action | None:
    """Somebody changed it first: read, merge, plan again, at most three times in a row."""
    attempts = _conflicts(session, action)
    try:
        remote = session.read(action.link.remote_id)
    except (protocol.NotFound, protocol.Gone) as error:
        return _after_gone(session, action, error)
    with tenant(session.account_id):
        leases.confirm(session.lease)
        link = action.link
        if action.event is None:
            settling.stray(session, link, remote)
            session.has_leftovers = session.has_leftovers and attempts < CONFLICTS_MAX
            return planning.next_action(session)
        event = (
            Event.objects.select_for_update(of=("self",))
            .select_related("series", "calendar", "author")
            .get(pk=action.event.pk)
        )
        link.intent = None
        if remote.is_cancelled and not remote.original_key:
            removing.delete_here(session, event, link)
        elif remote.is_cancelled:
            linking.cancel_occurrence(session, event, link, remote)
        else:
            linking.merge_remote(session, event, link, remote)
        if event.kind != "single":
            leases.want([session.mirror.pk], is_pull=True)  # an instance shares its series' etag: its master changed
            session.is_behind = True
        if attempts >= CONFLICTS_MAX:
            session.skipped.add(event.pk)
            leases.want([session.mirror.pk], is_pull=True)
        return planning.next_action(session)


def _conflicts(session: Session, action: Action) -> int:
    """How often this event has met a conflict in this run."""
    key = action.event.pk if action.event is not None else -action.link.pk
    session.conflicts[key] = session.conflicts.get(key, 0) + 1
    return session.conflicts[key]


def _after_duplicate(session: Session, action: Action) -> Action | None:
    """Our id is taken: by our own first attempt, or by a deletion at the provider since."""
    remote = session.read(action.link.remote_id)
    return _settled(session, Action("resolve", action.event, action.link, revision=action.revision), remote)


def _after_gone(session: Session, action: Action, error: protocol.ProviderError) -> Action | None:
    """It is not there: fine for a deletion; an unfinished create is sent again; else it was deleted there."""
    intent = action.link.intent or {}
    with tenant(session.account_id):
        leases.confirm(session.lease)
        is_deletion = action.kind in _ENDS or (action.kind == "resolve" and intent.get("kind") in _ENDS)
        is_unsent = action.kind == "resolve" and intent.get("kind") == "create" and action.event is not None
        is_moving = action.kind == "resolve" and bool(intent.get("moving"))
        is_doubtful = isinstance(error, protocol.NotFound) and not is_unsent and not is_moving
        is_lost = is_unsent and isinstance(error, protocol.NotFound)
        side = Side.DELETED if is_deletion else Side.CHANGED if is_lost else Side.SAME
        decision = decide(side if action.event is not None else Side.ABSENT, Side.ABSENT)
        if action.kind == "move" and intent.get("kind") == "create":
            rest = {name: value for name, value in intent.items() if name != "moving"}
            Link.objects.filter(pk=action.link.pk).update(moving_from="", intent=rest | {"again": True})
        elif is_doubtful and intent.get("doubts", 0) < DOUBTS_MAX:
            _doubt(session, action)
        elif decision is Decision.FORGET:
            settling.deletion(session, action)
        elif decision is Decision.NOTHING or action.event is None:
            Link.objects.filter(pk=action.link.pk).update(wants_delete=False)  # if it arrives yet, it goes again
        elif is_moving:
            settling.move_again(action)
        elif decision is Decision.CREATE_REMOTE:
            _send_again(session, action)
        else:
            event = Event.objects.select_for_update(of=("self",)).select_related("calendar").get(pk=action.event.pk)
            removing.delete_here(session, event, action.link)
        return planning.next_action(session)


def _doubt(session: Session, action: Action) -> None:
    """A 404 may speak of the calendar: the intent stays open, and the next run lists the calendar before it asks again."""
    intent = action.link.intent or {}
    intent = intent | {"doubts": intent.get("doubts", 0) + 1}
    if action.event is None:
        Link.objects.filter(pk=action.link.pk).update(etag="", intent=intent)
        session.has_leftovers = False
        leases.want([session.mirror.pk], is_pull=True)
        return
    Link.objects.filter(pk=action.link.pk).update(intent=intent)
    session.skipped.add(action.event.pk)
    leases.want([session.mirror.pk], is_pull=True)


def _send_again(session: Session, action: Action) -> None:
    """The create never arrived: planning sends it anew under the same id. Of an event that was deleted meanwhile the
    intent stays as a tombstone: a request that arrives later still is recognised and taken back."""
    assert action.event is not None
    if action.event.deleted_at is None:
        Link.objects.filter(pk=action.link.pk).update(intent=(action.link.intent or {}) | {"again": True})
        return
    Link.objects.filter(pk=action.link.pk).update(tombstoned_at=clock.now())
    Event.objects.filter(pk=action.event.pk).update(is_unsettled=False, sync_state="synced")


def _after_refusal(session: Session, action: Action, error: protocol.ProviderError) -> Action | None:
    """The provider will not take this: said on the event, and everything else goes on."""
    if "conference" in action.units or (action.write is not None and action.write.wants_conference):
        return _without_conference(session, action)
    state = "parked" if isinstance(error, protocol.BadData) else "refused"
    with tenant(session.account_id):
        leases.confirm(session.lease)
        _drop_intent(action)
        if action.event is None:
            Link.objects.filter(pk=action.link.pk).delete()
            linking.pull_again(session)  # what cannot be cleared away there is shown here
        else:
            message = _("Google refused this change: %(reason)s") % {"reason": str(error)[:300]}
            rows = Event.objects.select_for_update(of=("self",)).select_related("series", "calendar", "author")
            linking.take_back(session, rows.get(pk=action.event.pk), action.link)
            Event.objects.filter(pk=action.event.pk).update(
                sync_state=state, sync_message=message, is_unsettled=False, notify="none"
            )
            history.record(action.event, side="sync", cause=state, note=message)
            stranding.refused(Event.objects.filter(pk=action.event.pk, deleted_at=None))
        return planning.next_action(session)


def _without_conference(session: Session, action: Action) -> Action | None:
    """A refused Meet link must not cost the event: it is sent once more without."""
    assert action.event is not None
    with tenant(session.account_id):
        leases.confirm(session.lease)
        _drop_intent(action)
        event = Event.objects.select_for_update(of=("self",)).get(pk=action.event.pk)
        failed = domain.Conference("failed")
        content = msgspec.structs.replace(event.content, conference=failed)
        event.content_json = domain.encode(content)
        event.sync_message = _("Google offers no Meet link in this calendar.")
        event.save(update_fields=["content_json", "sync_message"])
        event.__dict__["content"] = content
        history.record(event, side="sync", cause="refused", note=event.sync_message)
        event_followed.send(sender=Event, event=event)
        return planning.next_action(session)


def _drop_intent(action: Action) -> None:
    """This attempt is over. What earlier ones of a create may have sent is still known when they arrive late."""
    link, intent = action.link, action.link.intent or {}
    sent = [*intent.get("earlier", ()), *([intent["content"]] if action.kind == "resolve" else [])]
    if link.raw or action.event is None:
        Link.objects.filter(pk=link.pk).update(intent=None, wants_delete=False)
    elif intent.get("kind") == "create" and sent and not link.moving_from:
        *earlier, latest = sent
        Link.objects.filter(pk=link.pk).update(intent=intent | {"content": latest, "earlier": earlier, "again": True})
    else:
        Link.objects.filter(pk=link.pk).delete()
