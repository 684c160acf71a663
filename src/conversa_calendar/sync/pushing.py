"""Push: local edits that the provider does not have yet, one event at a time, intent first (design §5).

The id, the body and whom to tell are stored before the call. While an intent is open nothing else is sent for its
event: first the provider is asked what became of it. Updates carry If-Match and only the units that changed.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db.models import Case, IntegerField, Q, When
from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import editing, history, occurrences
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.signals import event_followed
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import UNITS, Content, changed_units
from conversa_calendar.engine import guard
from conversa_calendar.engine import merge as engine
from conversa_calendar.engine.decide import Decision, Side, decide
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google import mapping
from conversa_calendar.providers.protocol import RemoteEvent, Write
from conversa_calendar.sync import leases, linking, notices
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.session import Session

WRITES_A_RUN_MAX = 500
CONFLICTS_MAX = 3
DOUBTS_MAX = 2
EARLIER_MAX = 5
"""So many contents of earlier attempts are remembered, in case one of them arrives yet."""
GENERATIONS = 8
"""So many ids of one event are looked for when the next one is chosen."""
_TURN = Case(
    When(~Q(kind="override"), then=0), When(deleted_at__isnull=False, then=1), default=2, output_field=IntegerField()
)


_ENDS = {"delete", "cancel"}
"""Kinds of actions after which nothing is to be there."""


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


def push(session: Session, action: Action | None) -> int:
    """Carries out an action and every further one that is due; answers how many writes were settled."""
    settled = 0
    while action is not None and settled < WRITES_A_RUN_MAX:
        action = _perform(session, action)
        settled += 1
    return settled


def next_action(session: Session) -> Action | None:
    """Plans the next write and stores its intent, inside the caller's transaction, fence confirmed."""
    if not session.can_write:
        _refuse_unwritable(session)
        return None
    while (event := _next_event(session)) is not None:
        action = _plan(session, event)
        if action is not None:
            return action
    return _leftover(session)


def _next_event(session: Session) -> Event | None:
    """The next unsettled event: masters and singles before overrides, deletions of overrides before new ones."""
    rows = Event.objects.filter(calendar=session.calendar, is_unsettled=True).exclude(pk__in=session.skipped)
    return rows.select_related("series", "author").order_by(_TURN, "id").first()


def _plan(session: Session, event: Event) -> Action | None:
    """The action that one unsettled event needs; None when it needs none (any more) or has to wait."""
    link = linking.link_of(session, event)
    if link is not None and (link.is_held or link.remote_deleted_at is not None):
        _skip(session, event)
        return None
    if link is not None and link.moving_from and not (link.intent or {}).get("moving"):
        return _plan_move(event, link)
    if link is not None and link.intent and link.intent.get("again") and event.deleted_at is None:
        return _plan_create(session, event, link)
    if link is not None and link.intent:
        return Action("resolve", event, link, content=event.content, revision=event.revision)
    base = linking.base_of(link) if link is not None else None
    match decide(linking.side_here(event, base), Side.ABSENT if link is None else Side.SAME):
        case Decision.DELETE_REMOTE if link is not None:
            return _plan_deletion(session, event, link)
        case Decision.CREATE_REMOTE:
            return _plan_create(session, event)
        case Decision.FORGET:
            Event.objects.filter(pk=event.pk).update(is_unsettled=False, sync_state="synced")
            return None
        case _ if link is not None:
            return _plan_update(session, event, link, base)
    return None


def _plan_create(session: Session, event: Event, link: Link | None = None) -> Action | None:
    """A create under a derived id. `link` is that of an earlier attempt that never arrived: its id is used again."""
    content = event.content
    if event.kind == "override":
        return _plan_first_override(session, event)
    if link is None:
        former = _former(session, event)
        if former is not None and former.event_id == event.pk and former.raw:
            return Action("look", event, former, content=content, revision=event.revision)
        link = _new_link(session, event, former)
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


def _plan_first_override(session: Session, event: Event) -> Action | None:
    """The first change of one occurrence is a patch of its instance, guarded by the series' etag: it has to wait for what
    is not listed yet, which may be a change of the very same occurrence."""
    assert event.series is not None
    master = linking.link_of(session, event.series)
    if session.is_behind or master is None or master.intent or master.moving_from or not master.etag:
        _skip(session, event)
        return None
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
    if units == ("status",) and not event.series.facts.is_own_copy:
        return _plan_absence(session, event, link, master.etag)
    write = _write(remote_id, body, event, master.etag, "conference" in units)
    return _intend(session, Action("patch", event, link, write, content, event.revision, master.etag, units))


def _plan_update(session: Session, event: Event, link: Link, base: Content | None) -> Action | None:
    content = event.content
    units = changed_units(base, content) if base is not None else ("status",)
    if base is None and content.status != "cancelled":
        units = UNITS if event.kind != "override" else tuple({*event.overridden, "status"})
    if event.is_cancelled_occurrence and "status" in units and event.series and not event.series.facts.is_own_copy:
        return _plan_absence(session, event, link, link.etag)
    allowed = _allowed(event, units)
    if not allowed:
        _settle_quietly(event, units)
        return None
    body = mapping.body(content, allowed) | mapping.tag(str(event.uuid), event.revision)
    if event.kind == "override":
        body = _without_rules(body)
    write = _write(link.remote_id, body, event, link.etag, "conference" in allowed)
    return _intend(session, Action("patch", event, link, write, content, event.revision, link.etag, allowed))


def _plan_absence(session: Session, event: Event, link: Link, etag: str) -> Action:
    """One occurrence of somebody else's series is cancelled in a guest's copy as Google does it: deleted there."""
    write = Write(event_id=link.remote_id, body=b"", if_match=etag, notify=event.notify)
    return _intend(session, Action("cancel", event, link, write, event.content, event.revision, etag))


def _plan_deletion(session: Session, event: Event, link: Link) -> Action | None:
    if not link.is_approved and not _is_plausible(session):
        _hold_deletions(session)
        _skip(session, event)
        return None
    if event.kind == "override" and event.series is not None and event.series.deleted_at is not None:
        Link.objects.filter(pk=link.pk).update(tombstoned_at=clock.now())
        Event.objects.filter(pk=event.pk).update(is_unsettled=False, sync_state="synced")
        return None
    write = Write(event_id=link.remote_id, body=b"", if_match=link.etag, notify=event.notify)
    return _intend(session, Action("delete", event, link, write, event.content, event.revision, link.etag))


def _leftover(session: Session) -> Action | None:
    """Remote events that must go although no event here says so any more: late creates, copies left by a move."""
    if not session.has_leftovers:
        return None
    link = Link.objects.filter(mirror=session.mirror, wants_delete=True).first()
    if link is None:
        session.has_leftovers = False
        return None
    if not link.etag:
        return Action("resolve", None, link)
    write = Write(event_id=link.remote_id, body=b"", if_match=link.etag)
    return Action("delete", None, link, write, base_etag=link.etag)


def _intend(session: Session, action: Action) -> Action:
    """Stores what is about to be sent, before it is sent."""
    assert action.write is not None and action.content is not None
    former = action.link.intent or {}
    action.link.intent = {
        "kind": action.kind,
        "earlier": [*former.get("earlier", ()), former["content"]][-EARLIER_MAX:] if "content" in former else [],
        "etag": action.base_etag,
        "revision": action.revision,
        "notify": action.write.notify,
        "content": msgspec.to_builtins(action.content),
        "at": clock.now().isoformat(),
    }
    if action.link.pk is None:
        action.link.save()
    else:
        action.link.save(
            update_fields=[
                "intent",
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
            return provider.get_event(calendar_id, action.link.remote_id)


def _move(session: Session, action: Action) -> RemoteEvent:
    """Moves at the provider, from wherever earlier moves may have left it; when it is at none of these places any more,
    an earlier attempt has moved it."""
    link, target = action.link, session.mirror.remote_id
    places = [link.moving_from, *(link.intent or {}).get("places", ())]
    for place in places:
        if place == target:
            continue
        try:
            return session.provider.move(place, link.remote_id, target)
        except (protocol.NotFound, protocol.Gone):
            continue
    return session.provider.get_event(target, link.remote_id)


def _settled(session: Session, action: Action, answer: RemoteEvent | None) -> Action | None:
    with tenant(session.account_id):
        leases.confirm(session.lease)
        if action.kind == "look":
            _settle_look(session, action, answer)
        elif action.kind == "cancel":
            _settle_absence(session, action)
        elif answer is None:
            _settle_deletion(session, action)
        elif action.kind in {"resolve", "move"} or _is_dead(action, answer):
            _settle_resolved(session, action, answer)
        else:
            _settle_write(session, action, answer)
        return next_action(session)


def _settle_look(session: Session, action: Action, answer: RemoteEvent | None) -> None:
    """An event that came back from the trash: where it was restored at the provider as well, it is that one again; else
    its former id is left behind, and it is made anew."""
    assert action.event is not None
    if answer is None or answer.is_cancelled:
        Link.objects.filter(mirror=session.mirror, event=action.event).update(event=None)
        return
    event = Event.objects.select_for_update(of=("self",)).select_related("calendar", "author").get(pk=action.event.pk)
    action.link.tombstoned_at, action.link.wants_delete = None, False
    linking.merge_remote(session, event, action.link, answer, is_listed=True)


def _is_dead(action: Action, answer: RemoteEvent) -> bool:
    """Whether a patch was taken by an event that is deleted there: the deletion is what counts."""
    return answer.is_cancelled and (action.content is None or action.content.status != "cancelled")


def _settle_write(session: Session, action: Action, answer: RemoteEvent) -> None:
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
    _store_settled(session, now, after, answer, is_untouched)
    if event.kind != "single" and etag_before:
        series = link.series_remote_id or link.remote_id
        linking.restamp_series(session, series, etag_before, answer.etag, is_master=event.kind == "series")
    if answer.content is not None and answer.content.conference.state == "pending":
        Mirror.objects.filter(pk=session.mirror.pk).update(viewed_at=clock.now())
    history.announce(session.calendar, [(now.uuid, "synced")])
    if after != before:
        now.__dict__["content"] = after
        event_followed.send(sender=Event, event=now)


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


def _settle_absence(session: Session, action: Action) -> None:
    """The occurrence is gone there; what stands in its place comes with the next listing."""
    assert action.event is not None
    Link.objects.filter(pk=action.link.pk).update(intent=None, digest="")
    Event.objects.filter(pk=action.event.pk, revision=action.revision).update(
        is_unsettled=False, sync_state="synced", sync_message="", notify="none"
    )
    leases.want([session.mirror.pk], is_pull=True)


def _settle_deletion(session: Session, action: Action) -> None:
    values: dict[str, Any] = {"tombstoned_at": clock.now(), "intent": None, "wants_delete": False}
    values |= {"remote_deleted_at": None, "is_approved": False}
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


def _settle_resolved(session: Session, action: Action, answer: RemoteEvent) -> None:
    """What became of a write whose answer was lost: its units count as agreed, the rest is merged."""
    if action.event is None:
        _settle_stray(session, action.link, answer)
        return
    event = (
        Event.objects.select_for_update(of=("self",))
        .select_related("series", "calendar", "author")
        .get(pk=action.event.pk)
    )
    link, intent = action.link, action.link.intent or {}
    if answer.is_cancelled and action.kind == "resolve" and intent.get("moving"):
        _move_again(action)
        return
    link.moving_from = ""
    if answer.is_cancelled:
        if event.kind == "override" and answer.original_key:
            linking.cancel_occurrence(session, event, link, answer)
        elif event.deleted_at is not None:
            _settle_deletion(session, action)
        else:
            link.intent = None
            link.etag = answer.etag
            link.save(update_fields=["intent", "etag", "moving_from"])
            linking.delete_here(session, event, link)
        return
    attempts = linking.attempts_of(link) if intent.get("kind") != "delete" else []
    linking.merge_remote(session, event, link, answer, attempts)


def _settle_stray(session: Session, link: Link, answer: RemoteEvent) -> None:
    """A create was under way when its event left this calendar: what it made is taken back, unless somebody has edited
    it since; then it comes in as an event of its own."""
    if answer.is_cancelled or linking.is_untouched_copy(link, answer):
        values = {"etag": answer.etag, "wants_delete": not answer.is_cancelled, "intent": None}
        Link.objects.filter(pk=link.pk).update(**values, raw=answer.raw.decode(), digest=linking.content_digest(answer))
        return
    Link.objects.filter(pk=link.pk).delete()
    pull_again(session)


def pull_again(session: Session) -> None:
    """Lists everything once more, so that something whose link went comes in anew."""
    Mirror.objects.filter(pk=session.mirror.pk).update(cursor="")
    leases.want([session.mirror.pk], is_pull=True)


def _after_conflict(session: Session, action: Action) -> Action | None:
    """Somebody changed it first: read, merge, plan again, at most three times in a row."""
    attempts = _conflicts(session, action)
    try:
        remote = session.provider.get_event(session.mirror.remote_id, action.link.remote_id)
    except (protocol.NotFound, protocol.Gone) as error:
        return _after_gone(session, action, error)
    with tenant(session.account_id):
        leases.confirm(session.lease)
        link = action.link
        if action.event is None:
            _settle_stray(session, link, remote)
            session.has_leftovers = session.has_leftovers and attempts < CONFLICTS_MAX
            return next_action(session)
        event = (
            Event.objects.select_for_update(of=("self",))
            .select_related("series", "calendar", "author")
            .get(pk=action.event.pk)
        )
        link.intent = None
        if remote.is_cancelled and not remote.original_key:
            linking.delete_here(session, event, link)
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
        return next_action(session)


def _conflicts(session: Session, action: Action) -> int:
    """How often this event has met a conflict in this run."""
    key = action.event.pk if action.event is not None else -action.link.pk
    session.conflicts[key] = session.conflicts.get(key, 0) + 1
    return session.conflicts[key]


def _after_duplicate(session: Session, action: Action) -> Action | None:
    """Our id is taken: by our own first attempt, or by a deletion at the provider since."""
    remote = session.provider.get_event(session.mirror.remote_id, action.link.remote_id)
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
            _settle_deletion(session, action)
        elif decision is Decision.NOTHING or action.event is None:
            Link.objects.filter(pk=action.link.pk).update(wants_delete=False)  # if it arrives yet, it goes again
        elif is_moving:
            _move_again(action)
        elif decision is Decision.CREATE_REMOTE:
            _send_again(session, action)
        else:
            event = Event.objects.select_for_update(of=("self",)).select_related("calendar").get(pk=action.event.pk)
            linking.delete_here(session, event, action.link)
        return next_action(session)


def _move_again(action: Action) -> None:
    """It is not at its new calendar: the move never arrived, and is tried once more."""
    intent = {name: value for name, value in (action.link.intent or {}).items() if name != "moving"}
    Link.objects.filter(pk=action.link.pk).update(intent=intent)


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


def is_doubted(action: Action | None) -> bool:
    """Whether the calendar has to answer before what this action finds missing is believed to be deleted."""
    return action is not None and (action.link.intent or {}).get("doubts", 0) > 0


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
        if action.event is not None:
            message = _("Google refused this change: %(reason)s") % {"reason": str(error)[:300]}
            _take_back(session, action)
            Event.objects.filter(pk=action.event.pk).update(
                sync_state=state, sync_message=message, is_unsettled=False, notify="none"
            )
            history.record(action.event, side="sync", cause=state, note=message)
            history.announce(session.calendar, [(action.event.uuid, state)])
        return next_action(session)


def _take_back(session: Session, action: Action) -> None:
    """A refused deletion is undone here, as the event goes on living there; any other change stays to be seen."""
    assert action.event is not None
    event = Event.objects.select_for_update(of=("self",)).select_related("series", "calendar").get(pk=action.event.pk)
    base = linking.base_of(action.link)
    if event.deleted_at is not None and event.series is None:
        editing.restore(event, actor=None)
    elif event.is_cancelled_occurrence and event.series is not None and base is not None:
        event.overridden = linking.overridden_units(event.series, event.original_key, base)
        event.revision += 1
        editing.store(event, session.calendar, base)
    elif event.is_cancelled_occurrence and event.series is not None:
        editing.remove(event, by="cut")
        occurrences.rebuild(event.series, session.calendar.time_zone)
    else:
        return
    history.announce(session.calendar, [(event.uuid, "restored")])


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
        history.record(event, side="sync", cause="refused", note=event.sync_message)
        return next_action(session)


def _drop_intent(action: Action) -> None:
    if action.link.raw or action.event is None:
        Link.objects.filter(pk=action.link.pk).update(intent=None, wants_delete=False)
    else:
        Link.objects.filter(pk=action.link.pk).delete()


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


def _settle_quietly(event: Event, units: tuple[str, ...]) -> None:
    """Nothing is left that could be sent."""
    Event.objects.filter(pk=event.pk, revision=event.revision).update(
        is_unsettled=False, sync_state="synced", notify="none"
    )


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
    return guard.is_plausible(waiting.count(), 0, live)


def _hold_deletions(session: Session) -> None:
    rows = Event.objects.filter(calendar=session.calendar, is_unsettled=True, deleted_at__isnull=False)
    Link.objects.filter(mirror=session.mirror, event__in=rows, tombstoned_at=None).update(is_held=True)
    rows.update(sync_state="held")
    if Mirror.objects.filter(pk=session.mirror.pk).exclude(state="held").update(state="held"):
        notices.tell(session.mirror, "held")
    session.has_held = True
    history.wake("connections")


def _refuse_unwritable(session: Session) -> None:
    """A calendar that may not be written to keeps its unsent edits visible instead of losing them."""
    rows = Event.objects.filter(calendar=session.calendar, is_unsettled=True)
    rows.update(sync_state="refused", sync_message=_("This Google calendar cannot be written to."), is_unsettled=False)


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
