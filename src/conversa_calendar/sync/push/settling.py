"""What an answer of the provider means here: it becomes the base, and whatever was edited meanwhile is kept."""

from typing import Any

from conversa_calendar.calendars import changes, editing, history
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.signals import event_followed
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import Content
from conversa_calendar.engine import merge as engine
from conversa_calendar.kit import clock
from conversa_calendar.providers.protocol import RemoteEvent
from conversa_calendar.sync.links import arriving, linking, removing
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.push.planning import Action
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.session import Session


def look(session: Session, action: Action, answer: RemoteEvent | None) -> None:
    """An event that came back from the trash: where it was restored at the provider as well, it is that one again; else
    its former id is left behind, and it is made anew."""
    assert action.event is not None
    if answer is None or answer.is_cancelled:
        Link.objects.filter(mirror=session.mirror, event=action.event).update(event=None)
        return
    event = Event.objects.select_for_update(of=("self",)).select_related("calendar", "author").get(pk=action.event.pk)
    action.link.tombstoned_at, action.link.wants_delete = None, False
    linking.merge_remote(session, event, action.link, answer, is_listed=True)


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


def deletion(session: Session, action: Action) -> None:
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


def resolved(session: Session, action: Action, answer: RemoteEvent) -> None:
    """What became of a write whose answer was lost: its units count as agreed, the rest is merged."""
    if action.event is None:
        stray(session, action.link, answer)
        return
    event = (
        Event.objects.select_for_update(of=("self",))
        .select_related("series", "calendar", "author")
        .get(pk=action.event.pk)
    )
    link, intent = action.link, action.link.intent or {}
    if answer.is_cancelled and action.kind == "resolve" and intent.get("moving"):
        move_again(action)
        return
    if answer.is_cancelled:
        link.moving_from = ""
        if event.kind == "override" and answer.original_key:
            linking.cancel_occurrence(session, event, link, answer)
        elif event.deleted_at is not None:
            deletion(session, action)
        else:
            link.intent = None
            link.etag = answer.etag
            link.save(update_fields=["intent", "etag", "moving_from"])
            removing.delete_here(session, event, link)
        return
    linking.arrive(link)
    attempts = linking.attempts_of(link) if intent.get("kind") != "delete" else []
    linking.merge_remote(session, event, link, answer, attempts)


def stray(session: Session, link: Link, answer: RemoteEvent) -> None:
    """An event has left this calendar, perhaps while its create was under way: what stands there is taken back. What
    somebody has written into it since goes to the event; where that cannot be, it comes in as one of its own."""
    is_same = answer.is_cancelled or linking.is_untouched_copy(link, answer)
    if is_same or arriving.hand_on(session, link, answer):
        values = {"etag": answer.etag, "wants_delete": not answer.is_cancelled, "intent": None}
        Link.objects.filter(pk=link.pk).update(**values, raw=answer.raw.decode(), digest=linking.content_digest(answer))
        if answer.content is not None and answer.content.recurrence:
            session.is_behind = True  # what changed may be one of its occurrences
            leases.want([session.mirror.pk], is_pull=True)
        return
    Link.objects.filter(pk=link.pk).delete()
    linking.pull_again(session)


def move_again(action: Action) -> None:
    """It is not at its new calendar: the move never arrived, and is tried once more."""
    intent = {name: value for name, value in (action.link.intent or {}).items() if name != "moving"}
    Link.objects.filter(pk=action.link.pk).update(intent=intent)


def is_dead(action: Action, answer: RemoteEvent) -> bool:
    """Whether a patch was taken by an event that is deleted there: the deletion is what counts."""
    return answer.is_cancelled and (action.content is None or action.content.status != "cancelled")
