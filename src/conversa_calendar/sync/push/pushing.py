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
from conversa_calendar.engine import steps
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Refusal, Refused
from conversa_calendar.providers import protocol
from conversa_calendar.providers.protocol import RemoteEvent
from conversa_calendar.sync.links import linking, reading, stranding
from conversa_calendar.sync.models import Link
from conversa_calendar.sync.push import planning, settling
from conversa_calendar.sync.push.planning import Action
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.session import Session

WRITES_A_RUN_MAX = 500
CONFLICTS_MAX = 3


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
        settling.answered(session, action, answer)
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
        settling.conflicted(session, action, remote)
        if action.event is None:
            session.has_leftovers = session.has_leftovers and attempts < CONFLICTS_MAX
            return planning.next_action(session)
        if action.event.kind != "single":
            leases.want([session.mirror.pk], is_pull=True)  # an instance shares its series' etag: its master changed
            session.is_behind = True
        if attempts >= CONFLICTS_MAX:
            session.skipped.add(action.event.pk)
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
    """It is not there. That nothing can be put there speaks of the calendar, not of the event."""
    with tenant(session.account_id):
        leases.confirm(session.lease)
        if not settling.missing(session, action, is_certain=isinstance(error, protocol.Gone)):
            return planning.next_action(session)
    raise error


def _after_refusal(session: Session, action: Action, error: protocol.ProviderError) -> Action | None:
    """The provider will not take this: said on the event, and everything else goes on."""
    what = Refusal.DATA if isinstance(error, protocol.BadData) else Refusal.EVENT
    wants_meeting = "conference" in action.units or (action.write is not None and action.write.wants_conference)
    with tenant(session.account_id):
        leases.confirm(session.lease)
        event = settling.locked(action)
        state, here = reading.state_of(action.link), reading.local_of(event, is_changed=True)
        known = (
            linking.refused(event, action.link, what, wants_meeting=wants_meeting)
            if event is not None
            else Refused(what)
        )
        _drop_intent(action)
        for step in decide(state, here, known, reading.capabilities_of(session)):
            _undo(session, action, event, error, step)
        return planning.next_action(session)


def _undo(
    session: Session, action: Action, event: Event | None, error: protocol.ProviderError, step: steps.Step
) -> None:
    """Carries out one step that follows from a refusal."""
    match step:
        case steps.SendPlain() if event is not None:
            _without_conference(event)
        case steps.ListAgain():
            Link.objects.filter(pk=action.link.pk).delete()
            linking.pull_again(session)
        case steps.Tell() if event is not None:
            _say_refused(session, event, error, "parked" if step.what is Refusal.DATA else "refused")
        case _:
            assert event is not None
            linking.take_back(session, event, action.link, step)


def _say_refused(session: Session, event: Event, error: protocol.ProviderError, state: str) -> None:
    message = _("Google refused this change: %(reason)s") % {"reason": str(error)[:300]}
    Event.objects.filter(pk=event.pk).update(sync_state=state, sync_message=message, is_unsettled=False, notify="none")
    history.record(event, side="sync", cause=state, note=message)
    stranding.refused(Event.objects.filter(pk=event.pk, deleted_at=None))


def _without_conference(event: Event) -> None:
    """A refused Meet link must not cost the event: it is sent once more without."""
    content = msgspec.structs.replace(event.content, conference=domain.Conference("failed"))
    event.content_json = domain.encode(content)
    event.sync_message = _("Google offers no Meet link in this calendar.")
    event.save(update_fields=["content_json", "sync_message"])
    event.__dict__["content"] = content
    history.record(event, side="sync", cause="refused", note=event.sync_message)
    event_followed.send(sender=Event, event=event)


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
