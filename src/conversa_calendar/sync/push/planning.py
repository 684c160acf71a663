"""What is to be sent next: one event's unsettled state, the link and the decision table make one action, whose intent is
stored before anything is sent."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from django.db.models import Case, IntegerField, Q, When
from django.utils.translation import gettext as _

from conversa_calendar.calendars import history
from conversa_calendar.calendars.models import UNDONE, Event
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import UNITS, Content, changed_units
from conversa_calendar.engine import guard, local, steps
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Due, Refusal, Refused, Series
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers.google import mapping
from conversa_calendar.providers.protocol import Write
from conversa_calendar.sync.links import arriving, linking, reading, stranding
from conversa_calendar.sync.mirrors import notices
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.session import Session

EARLIER_MAX = 5
"""So many contents of earlier attempts are remembered, in case one of them arrives yet."""
WRITES_AN_HOUR_MAX = 30
"""What changes more often, as when two programs undo each other's work, is sent less often, the changes together."""
HOUR = timedelta(hours=1)
GENERATIONS = 8
"""So many ids of one event are looked for when the next one is chosen."""
_TURN = Case(
    When(~Q(kind="override"), then=0), When(deleted_at__isnull=False, then=1), default=2, output_field=IntegerField()
)


@dataclass
class Action:
    """One provider call that is due. `content` is what the event held when it was planned, at `revision`."""

    kind: str
    event: Event | None
    link: Link
    write: Write | None = None
    content: Content | None = None
    revision: int = 0
    base_etag: str = ""
    units: tuple[str, ...] = ()
    attempts: int = field(default=0)


def next_action(session: Session) -> Action | None:
    """Plans the next write and stores its intent, inside the caller's transaction, fence confirmed."""
    if not session.can_write:
        _refuse_unwritable(session)
        return None
    while (event := _next_event(session)) is not None:
        if _has_to_wait(session):
            return None
        action = _plan(session, event)
        if action is not None:
            return action
    return None if session.has_leftovers and _has_to_wait(session) else _leftover(session)


def _has_to_wait(session: Session) -> bool:
    """Whether nothing may be sent just now, though it is due: Google takes no writes of this user, or the budget has no
    room. Nothing is planned then, so that no intent stands open for a write that never left."""
    until = session.writes_paused_until
    if until is not None and until > clock.now():
        session.rests_for = "writesPaused"
        session.wait_up_to((until - clock.now()).total_seconds())
    elif not session.lease.has_room(Rank.EDIT):
        session.rests_for = "budget"
    return bool(session.rests_for)


def _next_event(session: Session) -> Event | None:
    """The next unsettled event: masters and singles before overrides, deletions of overrides before new ones."""
    rows = Event.objects.filter(calendar=session.calendar, is_unsettled=True).exclude(pk__in=session.skipped)
    return rows.select_related("series", "author").order_by(_TURN, "id").first()


def _plan(session: Session, event: Event) -> Action | None:
    """The action that one unsettled event needs; None when it needs none (any more) or has to wait."""
    link = linking.link_of(session, event)
    base = linking.base_of(link) if link is not None else None
    here = reading.local_of(event, is_changed=linking.is_changed_here(event, base))
    former = _former(session, event) if link is None else None
    due = _due(session, event, link, former, base)
    decided = decide(reading.state_of(link), here, due, reading.capabilities_of(session))
    if not decided:
        _skip(session, event)
        return None
    (step,) = decided
    return _carry_out(session, event, link, former, step)


def _due(session: Session, event: Event, link: Link | None, former: Link | None, base: Content | None) -> Due:
    """What bears on what is sent next."""
    units = _changed(event, base)
    is_deletion = event.deleted_at is not None
    is_status_known = link is not None and bool(link.etag) and "status" not in units
    return Due(
        series=_series_of(session, event, link),
        has_former=former is not None and former.event_id == event.pk and bool(former.raw),
        cancels=event.is_cancelled_occurrence and not is_status_known,
        is_guests_copy=event.series is not None and not event.series.facts.is_own_copy,
        may_send=bool(_allowed(event, units)),
        is_plausible=not is_deletion or link is None or link.is_approved or _is_plausible(session),
        is_too_often=link is not None and _too_often_s(link) > 0,
    )


def _series_of(session: Session, event: Event, link: Link | None) -> Series:
    """The series of an occurrence, as far as this one has to wait for it."""
    if event.series is None:
        return Series.NONE
    if _is_on_its_way(session, event.series):
        return Series.ON_ITS_WAY
    if event.deleted_at is not None:
        return Series.DELETED if event.series.deleted_at is not None else Series.READY
    if link is not None and link.etag:
        return Series.READY
    master = linking.link_of(session, event.series)
    is_ready = master is not None and bool(master.etag) and not master.intent and not master.moving_from
    return Series.READY if is_ready and not session.is_behind else Series.BUSY


def _changed(event: Event, base: Content | None) -> tuple[str, ...]:
    """The units that the other side does not have; without a base all that this event says itself."""
    content = event.content
    if base is not None:
        return changed_units(base, content)
    if content.status == "cancelled":
        return ("status",)
    return UNITS if event.kind != "override" else tuple({*event.overridden, "status"})


def _carry_out(
    session: Session, event: Event, link: Link | None, former: Link | None, step: steps.Step
) -> Action | None:
    """Makes one decided step the next action, or carries out what needs none."""
    match step:
        case steps.Settle():
            _settle(event, step)
        case steps.Wait(until_quieter=True) if link is not None:
            _say_later(session, event, _too_often_s(link))
        case steps.Wait():
            _skip(session, event)
        case steps.Hold():
            _hold_deletions(session)
            _skip(session, event)
        case steps.Bury() if link is not None:
            Link.objects.filter(pk=link.pk).update(tombstoned_at=clock.now())
            _settle(event, steps.Settle())
        case steps.Move() if link is not None:
            return _plan_move(event, link)
        case steps.Create():
            return _plan_create(
                session, event, link if step.again and link is not None else _new_link(session, event, former)
            )
        case steps.Ask() if step.is_former and former is not None:
            return Action("look", event, former, content=event.content, revision=event.revision)
        case steps.Ask() if link is not None:
            return Action("resolve", event, link, content=event.content, revision=event.revision)
        case steps.Patch() | steps.Cancel() if step.is_first:
            return _plan_first_override(session, event, step)
        case steps.Patch() if link is not None:
            return _plan_update(session, event, link)
        case steps.Cancel() if link is not None:
            return _plan_absence(session, event, link, link.etag)
        case steps.Delete() if link is not None:
            write = Write(event_id=link.remote_id, body=b"", if_match=link.etag, notify=event.notify)
            return _intend(session, Action("delete", event, link, write, event.content, event.revision, link.etag))
        case _:
            raise AssertionError(f"{step} does not follow from an event's turn")
    return None


def _is_on_its_way(session: Session, series: Event) -> bool:
    """Whether a series is not here yet, as when its move was refused, or may be here no more; its exceptions go with it."""
    rows = Link.objects.filter(mirror=session.mirror, event=series, tombstoned_at=None)
    return rows.filter(~Q(moving_from="") | Q(remote_deleted_at__isnull=False)).exists()


def _plan_create(session: Session, event: Event, link: Link) -> Action:
    """A create under a derived id; that of an earlier attempt that never arrived is used again."""
    content = event.content
    body = mapping.body(content, UNITS, is_create=True) | mapping.tag(str(event.uuid), event.revision)
    body["id"] = link.remote_id
    write = _write(link.remote_id, body, event, "", content.conference.state == "pending")
    return _intend(session, Action("create", event, link, write, content, event.revision))


def _former(session: Session, event: Event) -> Link | None:
    """The latest link under which an event stood in this calendar, or was meant to."""
    used = [ids.remote_event_id(event.uuid, number) for number in range(GENERATIONS)]
    tried = Link.objects.filter(Q(event=event) | Q(remote_id__in=used), mirror=session.mirror)
    return tried.order_by("-number", "-pk").first()


def _new_link(session: Session, event: Event, former: Link | None) -> Link:
    number = former.number + 1 if former is not None else 0
    return Link(
        mirror=session.mirror,
        event=event,
        remote_id=ids.remote_event_id(event.uuid, number),
        number=number,
        is_ours=True,
        zone=session.mirror.time_zone,
        seen_generation=session.mirror.generation,
    )


def _plan_move(event: Event, link: Link) -> Action:
    """Moves at the provider. That it was tried stands in the intent beside whatever else is unresolved, so that a lost
    answer is looked for at both places before anything is moved again."""
    link.intent = {"kind": "move", "at": clock.now().isoformat()} | (link.intent or {}) | {"moving": True}
    link.save(update_fields=["intent"])
    return Action("move", event, link, content=event.content, revision=event.revision)


def _plan_first_override(session: Session, event: Event, step: steps.Patch | steps.Cancel) -> Action:
    """The first change of one occurrence is a patch of its instance, guarded by the series' etag."""
    assert event.series is not None
    master = linking.link_of(session, event.series)
    assert master is not None
    remote_id = f"{master.remote_id}_{event.original_key}"
    content = event.content
    units = ("status",) if content.status == "cancelled" else tuple(event.overridden)
    body = _without_rules(mapping.body(content, units)) | mapping.tag(str(event.uuid), event.revision)
    link = Link.objects.filter(mirror=session.mirror, remote_id=remote_id).first() or Link(
        mirror=session.mirror, remote_id=remote_id, is_ours=True, zone=session.mirror.time_zone
    )
    link.event, link.series_remote_id, link.original_key = event, master.remote_id, event.original_key
    link.tombstoned_at, link.remote_deleted_at, link.parked = None, None, ""
    link.seen_generation = session.mirror.generation
    if isinstance(step, steps.Cancel):
        return _plan_absence(session, event, link, master.etag)
    write = _write(remote_id, body, event, master.etag, "conference" in units)
    return _intend(session, Action("patch", event, link, write, content, event.revision, master.etag, units))


def _plan_update(session: Session, event: Event, link: Link) -> Action:
    """A patch of what changed, as far as this copy may change it."""
    content = event.content
    allowed = _allowed(event, _changed(event, linking.base_of(link)))
    body = mapping.body(content, allowed) | mapping.tag(str(event.uuid), event.revision)
    if event.kind == "override":
        body = _without_rules(body)
    write = _write(link.remote_id, body, event, link.etag, "conference" in allowed)
    return _intend(session, Action("patch", event, link, write, content, event.revision, link.etag, allowed))


def _too_often_s(link: Link) -> float:
    """Seconds until an event may be written again that was written very often within the hour; 0 or less for now."""
    if link.writes < WRITES_AN_HOUR_MAX or link.writes_since is None:
        return 0.0
    return (link.writes_since + HOUR - clock.now()).total_seconds()


def _say_later(session: Session, event: Event, rest_s: float) -> None:
    """The event waits, and says so; everything else goes on."""
    _skip(session, event)
    session.wait_up_to(rest_s)
    message = _("This event changes very often. Its changes are sent together, the next time within the hour.")
    if event.sync_message != message:
        Event.objects.filter(pk=event.pk).update(sync_message=message)


def _plan_absence(session: Session, event: Event, link: Link, etag: str) -> Action:
    """One occurrence of somebody else's series is cancelled in a guest's copy as Google does it: deleted there."""
    write = Write(event_id=link.remote_id, body=b"", if_match=etag, notify=event.notify)
    return _intend(session, Action("cancel", event, link, write, event.content, event.revision, etag))


def _leftover(session: Session) -> Action | None:
    """Remote events that must go although no event here says so any more: late creates, copies left by a move."""
    if not session.has_leftovers:
        return None
    due, can = Due(is_behind=session.is_behind), reading.capabilities_of(session)
    for link in Link.objects.filter(mirror=session.mirror, wants_delete=True).order_by("pk"):
        for step in decide(reading.state_of(link), local.Absent(), due, can):
            match step:
                case steps.Ask():
                    return Action("resolve", None, link)
                case steps.Delete():
                    return _plan_clearing(session, link)
                case _:
                    continue
    session.has_leftovers = session.is_behind
    return None


def _plan_clearing(session: Session, link: Link) -> Action:
    """Deletes there what was left, once what somebody made of single occurrences of it is handed on."""
    if link.is_ours or link.former_uuid is not None:
        arriving.hand_on_exceptions(session, link)
    write = Write(event_id=link.remote_id, body=b"", if_match=link.etag)
    return Action("delete", None, link, write, base_etag=link.etag)


def _intend(session: Session, action: Action) -> Action:
    """Stores what is about to be sent, before it is sent."""
    assert action.write is not None and action.content is not None
    former, now = action.link.intent or {}, clock.now()
    if action.link.writes_since is None or action.link.writes_since <= now - HOUR:
        action.link.writes, action.link.writes_since = 0, now
    action.link.writes += 1
    action.link.intent = {
        "kind": action.kind,
        "earlier": [*former.get("earlier", ()), former["content"]][-EARLIER_MAX:] if "content" in former else [],
        "etag": action.base_etag,
        "revision": action.revision,
        "notify": action.write.notify,
        "content": msgspec.to_builtins(action.content),
        "at": now.isoformat(),
    }
    if action.link.pk is None:
        action.link.save()
    else:
        action.link.save(
            update_fields=[
                "intent",
                "writes",
                "writes_since",
                "event",
                "series_remote_id",
                "original_key",
                "tombstoned_at",
                "remote_deleted_at",
                "parked",
                "seen_generation",
            ]
        )
    return action


def _allowed(event: Event, units: tuple[str, ...]) -> tuple[str, ...]:
    """Units that this copy may change at the provider (G§6.5)."""
    facts = event.facts
    found = tuple(
        name for name in units if name != "conference" or event.content.conference.state in {"none", "pending"}
    )
    if facts.is_own_copy or event.content.guests_can.modify:
        blocked = {"attendees"} if facts.attendees_omitted else set()
        return tuple(name for name in found if name not in blocked)
    return tuple(name for name in found if name in domain.PERSONAL_UNITS or name == "attendees")


def _settle(event: Event, step: steps.Settle) -> None:
    """Nothing is left that could be sent."""
    values: dict[str, Any] = {"is_unsettled": False}
    if not step.keeps_state:
        values |= {"sync_state": "synced", "notify": "none"}
    Event.objects.filter(pk=event.pk, revision=event.revision).update(**values)


def _skip(session: Session, event: Event) -> None:
    """This run leaves the event alone."""
    session.skipped.add(event.pk)


def _is_plausible(session: Session) -> bool:
    """The brake towards the provider: how many events would be deleted there."""
    rows = Event.objects.filter(calendar=session.calendar, series=None)
    waiting = rows.filter(
        is_unsettled=True, deleted_at__isnull=False, links__is_approved=False, links__tombstoned_at=None
    )
    live = rows.filter(deleted_at=None).count()
    return guard.is_plausible(waiting.exclude(deleted_by=UNDONE).count(), 0, live)


def _hold_deletions(session: Session) -> None:
    rows = Event.objects.filter(calendar=session.calendar, is_unsettled=True, deleted_at__isnull=False)
    Link.objects.filter(mirror=session.mirror, event__in=rows, tombstoned_at=None).update(is_held=True)
    rows.update(sync_state="held")
    if Mirror.objects.filter(pk=session.mirror.pk).exclude(state="held").update(state="held"):
        notices.tell(session.mirror, "held")
    session.has_held = True
    history.refresh_pages("connections")


def _refuse_unwritable(session: Session) -> None:
    """A calendar that may not be written to keeps its unsent edits visible instead of losing them; what was deleted or
    taken out here is shown as it stands there, but for exceptions that went with an edit of their series, which wait with
    it. What stands here as it stands there waits for nothing."""
    rows = Event.objects.filter(calendar=session.calendar, is_unsettled=True).exclude(deleted_by="cut")
    links = Link.objects.filter(mirror=session.mirror, tombstoned_at=None, event__in=rows)
    linked = {link.event_id: link for link in links}
    can, told, same = reading.capabilities_of(session), [], []
    for event in rows.select_related("series", "calendar", "author").order_by("pk"):
        link = linked.get(event.pk)
        base = linking.base_of(link) if link is not None else None
        here = reading.local_of(event, is_changed=linking.is_changed_here(event, base))
        found = linking.refused(event, link, Refusal.CALENDAR)
        for step in decide(reading.state_of(link), here, found, can):
            match step:
                case steps.Settle():
                    same.append(event.pk)
                case steps.Tell():
                    told.append(event.pk)
                case _:
                    linking.take_back(session, event, link, step)
    rows.filter(pk__in=same).update(sync_state="synced", sync_message="", is_unsettled=False)
    message = _("This Google calendar cannot be written to.")
    Event.objects.filter(pk__in=told).update(sync_state="refused", sync_message=message, is_unsettled=False)
    stranding.refused(Event.objects.filter(pk__in=told, deleted_at=None))
    _give_up_clearing(session)


def _give_up_clearing(session: Session) -> None:
    """What cannot be cleared away in a calendar that may not be written to is shown here."""
    can, found = reading.capabilities_of(session), Refused(Refusal.CALENDAR)
    leftovers = list(Link.objects.filter(mirror=session.mirror, event=None, wants_delete=True))
    shown = [
        link.pk
        for link in leftovers
        for step in decide(reading.state_of(link), local.Absent(), found, can)
        if isinstance(step, steps.ListAgain)
    ]
    if shown:
        Link.objects.filter(pk__in=shown).delete()
        linking.pull_again(session)


def _write(remote_id: str, body: dict[str, Any], event: Event, if_match: str, wants_conference: bool) -> Write:
    return Write(
        event_id=remote_id,
        body=msgspec.json.encode(body),
        if_match=if_match,
        notify=event.notify,
        wants_conference=wants_conference,
    )


def _without_rules(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "recurrence"}


def is_doubted(action: Action | None) -> bool:
    """Whether the calendar has to answer before what this action finds missing is believed to be deleted."""
    return action is not None and (action.link.intent or {}).get("doubts", 0) > 0
