"""What an answer of the provider means here: it becomes the base, and whatever was edited meanwhile is kept."""

from collections.abc import Sequence
from typing import Any

from conversa_calendar.calendars import changes, editing, history
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.signals import event_followed
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import Content
from conversa_calendar.engine import merge as engine
from conversa_calendar.engine import steps
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Answered, Conflict, Missing, There
from conversa_calendar.engine.link import ENDS, Call
from conversa_calendar.kit import clock
from conversa_calendar.providers.protocol import RemoteEvent
from conversa_calendar.sync.links import arriving, linking, reading, removing
from conversa_calendar.sync.links.linking import Scene
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.push.planning import Action
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.session import Session


def answered(session: Session, action: Action, answer: RemoteEvent | None) -> None:
    """A call was answered: with what stands there, or with nothing."""
    to, link = Call(action.kind), action.link
    if to in ENDS or (to in {Call.CREATE, Call.PATCH} and answer is not None and not _is_dead(action, answer)):
        found = Answered(to, is_gone=to in ENDS)
        _settle(session, action, action.event, found, answer, None)
        return
    attempts = linking.attempts_of(link) if (link.intent or {}).get("kind") != "delete" else []
    event = locked(action)
    scene = _compared(session, event, link, answer, attempts if to is not Call.LOOK else [])
    found = Answered(
        to,
        is_gone=answer is None or answer.is_cancelled,
        there=scene.there if scene is not None else There.CHANGED,
        is_occurrence=answer is not None and bool(answer.original_key),
        is_untouched=event is None and answer is not None and linking.is_untouched_copy(link, answer),
        follows_series=scene is not None and scene.follows_series,
    )
    _settle(session, action, event, found, answer, scene)


def conflicted(session: Session, action: Action, answer: RemoteEvent) -> None:
    """Somebody changed it first; this is what stands there. Our write did not arrive."""
    link, event = action.link, locked(action)
    if event is not None:
        link.intent = None
    scene = _compared(session, event, link, answer, [])
    found = Conflict(
        is_gone=answer.is_cancelled,
        there=scene.there if scene is not None else There.CHANGED,
        is_occurrence=bool(answer.original_key),
        is_untouched=event is None and linking.is_untouched_copy(link, answer),
        follows_series=scene is not None and scene.follows_series,
    )
    _settle(session, action, event, found, answer, scene)


def missing(session: Session, action: Action, *, is_certain: bool) -> bool:
    """It is not there; answers whether that speaks of the calendar, so that the run has to end."""
    event, found = locked(action), Missing(Call(action.kind), is_certain)
    return not _settle(session, action, event, found, None, None)


def locked(action: Action) -> Event | None:
    """The action's event as it is now, locked."""
    if action.event is None:
        return None
    rows = Event.objects.select_for_update(of=("self",)).select_related("series", "calendar", "author")
    return rows.get(pk=action.event.pk)


def _compared(
    session: Session, event: Event | None, link: Link, answer: RemoteEvent | None, attempts: Sequence[Content]
) -> Scene | None:
    if event is None or answer is None or answer.content is None:
        return None
    return linking.compare(session, event, link, answer, attempts)


def _settle(
    session: Session,
    action: Action,
    event: Event | None,
    found: Answered | Conflict | Missing,
    answer: RemoteEvent | None,
    scene: Scene | None,
) -> bool:
    """Decides what an outcome means, and carries it out; answers whether it speaks of the event."""
    is_changed = scene.is_changed_here if scene is not None else event is not None and event.has_unsent
    here = reading.local_of(event, is_changed=is_changed)
    decided = decide(reading.state_of(action.link), here, found, reading.capabilities_of(session))
    if decided == (steps.DoubtCalendar(),):
        return False
    for step in decided:
        _carry_out(session, action, event, answer, scene, step)
    return True


def _carry_out(
    session: Session,
    action: Action,
    event: Event | None,
    answer: RemoteEvent | None,
    scene: Scene | None,
    step: steps.Step,
) -> None:
    """Carries out one step that may follow from a call."""
    link = action.link
    match step:
        case steps.SettleWrite() if answer is not None:
            write(session, action, answer)
            session.lease.has_written = True
        case steps.SettleCancel():
            absence(session, action)
        case steps.Bury():
            deletion(session, action, awaits_arrival=step.awaits_arrival)
        case steps.Conclude() if event is not None:
            _conclude(session, event, link, answer)
        case steps.CancelHere() if event is not None and answer is not None:
            link.moving_from = ""
            linking.cancel_occurrence(session, event, link, answer)
        case steps.Relink() if event is not None and answer is not None:
            link.tombstoned_at, link.wants_delete = None, False
            linking.meet(session, event, link, answer, is_listed=True)
        case steps.NewId():
            Link.objects.filter(pk=link.pk).update(event=None)
        case steps.MoveAgain():
            _repeat(link, ["moving"])
        case steps.SendAgain():
            _repeat(link, ["moving"], again=True)
        case steps.DoubtMissing():
            _doubt(session, action)
        case steps.LetBe():
            Link.objects.filter(pk=link.pk).update(wants_delete=False)  # if it arrives yet, it goes again
        case steps.ClearAway() | steps.HandOn() | steps.ListAgain():
            _stray(session, link, answer, step)
        case _:
            assert scene is not None, f"{step} does not follow from an outcome"
            linking.agree(scene, step)


def _conclude(session: Session, event: Event, link: Link, answer: RemoteEvent | None) -> None:
    """It is gone there, which ends whatever was under way."""
    if answer is not None:
        link.intent, link.etag, link.moving_from = None, answer.etag, ""
        link.save(update_fields=["intent", "etag", "moving_from"])
    removing.delete_here(session, event, link)


def _repeat(link: Link, without: list[str], *, again: bool = False) -> None:
    """What was sent did not arrive; `again`: the creation itself, which belongs where it is now."""
    intent = {name: value for name, value in (link.intent or {}).items() if name not in without}
    values = {"moving_from": "", "intent": intent | {"again": True}} if again else {"intent": intent}
    Link.objects.filter(pk=link.pk).update(**values)


def _doubt(session: Session, action: Action) -> None:
    """A 404 may speak of the calendar: the intent stays open, and the next run lists the calendar before it asks again."""
    intent = action.link.intent or {}
    intent = intent | {"doubts": intent.get("doubts", 0) + 1}
    leases.want([session.mirror.pk], is_pull=True)
    if action.event is None:
        Link.objects.filter(pk=action.link.pk).update(etag="", intent=intent)
        session.has_leftovers = False
        return
    Link.objects.filter(pk=action.link.pk).update(intent=intent)
    session.skipped.add(action.event.pk)


def write(session: Session, action: Action, answer: RemoteEvent) -> None:
    """The answer becomes the base; units that nobody touched since take the provider's spelling."""
    assert action.event is not None and action.content is not None
    event, link = action.event, action.link
    now = Event.objects.select_for_update(of=("self",)).get(pk=event.pk)
    is_untouched = now.revision == action.revision
    etag_before, is_first = action.base_etag, not action.link.raw
    linking.remember(link, answer, session.mirror.time_zone)
    link.save()
    before = after = now.content
    if answer.content is not None and now.deleted_at is None:
        after = engine.settle(action.content, now.content, answer.content)
        if cut := engine.shortened_units(action.content, answer.content):
            lost = {name: domain.readable(action.content, name) for name in cut}
            history.record(now, side="sync", cause="shortened", lost=lost, note="Google shortened this text.")
        if (
            is_first
            and event.kind == "override"
            and domain.unit(answer.content, "when") != domain.unit(now.content, "when")
        ):
            # Google kept an older exception at this occurrence: its time is not what was meant, so ours is sent next.
            after, is_untouched = domain.with_units(after, now.content, ["when"]), False
    with changes.echoing(not _is_news(before, after, action.content, answer.content)):
        _store_settled(session, now, after, answer, is_untouched)
    if event.kind != "single" and etag_before:
        series = link.series_remote_id or link.remote_id
        linking.restamp_series(session, series, etag_before, answer.etag, is_master=event.kind == "series")
    if answer.content is not None and answer.content.conference.state == "pending":
        Mirror.objects.filter(pk=session.mirror.pk).update(viewed_at=clock.now())
    if after != before or linking.is_announced(now):
        now.__dict__["content"] = after
        event_followed.send(sender=Event, event=now)


def _is_news(before: Content, after: Content, sent: Content, answered: Content | None) -> bool:
    """Whether the answer to our own write tells people anything: a link to meet by, or a text that was shortened. Other
    spellings are none."""
    was_cut = answered is not None and bool(engine.shortened_units(sent, answered))
    return was_cut or "conference" in domain.changed_units(before, after)


def _store_settled(session: Session, event: Event, after: Content, answer: RemoteEvent, is_untouched: bool) -> None:
    is_same_time = domain.unit(event.content, "when") == domain.unit(after, "when")
    is_same_busy = event.content.is_busy == after.is_busy
    event.is_unsettled = not is_untouched
    event.remote_id, event.ical_uid = answer.id, answer.facts.ical_uid
    event.event_type = answer.facts.event_type
    event.facts_json = domain.encode(answer.facts)
    if is_untouched:
        event.notify = "none"
    linking.settle_state(event)
    if is_same_time and is_same_busy:
        event.content_json = domain.encode(after)
        fields = ["content_json", "is_unsettled", "remote_id", "ical_uid", "event_type", "facts_json", "notify"]
        event.save(update_fields=[*fields, "sync_state", "sync_message"])
    else:
        editing.store(event, session.calendar, after)


def absence(session: Session, action: Action) -> None:
    """The occurrence is gone there; what stands in its place comes with the next listing."""
    assert action.event is not None
    Link.objects.filter(pk=action.link.pk).update(intent=None, digest="")
    Event.objects.filter(pk=action.event.pk, revision=action.revision).update(
        is_unsettled=False, sync_state="synced", sync_message="", notify="none"
    )
    leases.want([session.mirror.pk], is_pull=True)


def deletion(session: Session, action: Action, *, awaits_arrival: bool = False) -> None:
    """It is gone on both sides. A tombstone stays; with what was meant to be sent, where a request may arrive later still,
    which is then recognised and taken back."""
    values: dict[str, Any] = {"tombstoned_at": clock.now()}
    if not awaits_arrival:
        values |= {"intent": None, "wants_delete": False, "remote_deleted_at": None, "is_approved": False}
    Link.objects.filter(pk=action.link.pk).update(**values)
    if action.event is None:
        return
    Event.objects.filter(pk=action.event.pk, revision=action.revision).update(
        is_unsettled=False, sync_state="synced", sync_message="", notify="none"
    )
    if action.event.is_series:
        members = Event.objects.filter(series=action.event, deleted_at__isnull=False)
        Link.objects.filter(mirror=session.mirror, event__in=members).update(tombstoned_at=clock.now(), intent=None)
        members.update(is_unsettled=False, sync_state="synced")


def _stray(session: Session, link: Link, answer: RemoteEvent | None, step: steps.Step) -> None:
    """An event has left this calendar, perhaps while its create was under way: what stands there is taken back. What
    somebody has written into it since goes to the event; where that cannot be, it comes in as one of its own."""
    assert answer is not None
    if isinstance(step, steps.HandOn) and not arriving.hand_on(session, link, answer):
        for other in step.otherwise:
            _stray(session, link, answer, other)
    elif isinstance(step, steps.ListAgain):
        Link.objects.filter(pk=link.pk).delete()
        linking.pull_again(session)
    else:
        values = {"etag": answer.etag, "wants_delete": not answer.is_cancelled, "intent": None}
        Link.objects.filter(pk=link.pk).update(**values, raw=answer.raw.decode(), digest=linking.content_digest(answer))
        if answer.content is not None and answer.content.recurrence:
            session.is_behind = True  # what changed may be one of its occurrences
            leases.want([session.mirror.pk], is_pull=True)


def _is_dead(action: Action, answer: RemoteEvent) -> bool:
    """Whether a write was taken by an event that is deleted there: the deletion is what counts."""
    return answer.is_cancelled and (action.content is None or action.content.status != "cancelled")
