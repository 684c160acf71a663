"""How each planted bug is put into the running product: what of it is replaced, and by what."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import msgspec
from django.db import connection, connections, models, transaction

from conversa_calendar.accounts.tenancy import TenantManager, tenant
from conversa_calendar.calendars import editing, history
from conversa_calendar.calendars.models import Calendar, Event, Occurrence
from conversa_calendar.connections import tokens
from conversa_calendar.connections.models import Connection, GrantUse
from conversa_calendar.engine import decide as deciding
from conversa_calendar.engine import merge
from conversa_calendar.engine.evidence import Identity
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google import mapping
from conversa_calendar.providers.google.client import GoogleCalendar
from conversa_calendar.sync import running
from conversa_calendar.sync.links import arriving, linking, removing, whereabouts
from conversa_calendar.sync.mirrors import channels, disconnecting, selection
from conversa_calendar.sync.models import Link
from conversa_calendar.sync.pull import pulling
from conversa_calendar.sync.push import planning, pushing, settling
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run import session as session_module

Patch = tuple[object, str, object]


def random_ids() -> list[Patch]:
    def forgotten(session: Any, action: Any) -> None:
        Link.objects.filter(pk=action.link.pk).delete()

    return [
        (ids, "remote_event_id", lambda event, generation: ids.new_uuid().hex),
        (pushing, "_send_again", forgotten),
    ]


def first_page_only() -> list[Patch]:
    return [(GoogleCalendar, "list_events", _cut_listing(lambda page: True))]


def stop_at_empty_page() -> list[Patch]:
    return [(GoogleCalendar, "list_events", _cut_listing(lambda page: not page.items))]


def _cut_listing(is_last: Callable[[Any], bool]) -> Callable[..., Any]:
    """Ends a listing too early, with the cursor that its real end would have brought."""
    original = GoogleCalendar.list_events

    def listed(self: Any, calendar_id: str, **query: Any) -> Any:
        page = original(self, calendar_id, **query)
        end = page
        while end.next_page and is_last(page):
            end = original(self, calendar_id, **query | {"page": end.next_page})
        return msgspec.structs.replace(page, next_page=end.next_page, next_cursor=end.next_cursor)

    return listed


def dead_cursor_is_empty() -> list[Patch]:
    original = GoogleCalendar.list_events

    def listed(self: Any, calendar_id: str, **query: Any) -> Any:
        try:
            return original(self, calendar_id, **query)
        except protocol.CursorExpired:
            page = original(self, calendar_id)
            while page.next_page:
                page = original(self, calendar_id, page=page.next_page)
            return msgspec.structs.replace(page, items=[])

    return [(GoogleCalendar, "list_events", listed)]


def without_if_match(name: str) -> list[Patch]:
    original = getattr(GoogleCalendar, name)

    def sent(self: Any, calendar_id: str, write: Any) -> Any:
        return original(self, calendar_id, msgspec.structs.replace(write, if_match=""))

    return [(GoogleCalendar, name, sent)]


def tells_everybody() -> list[Patch]:
    original = GoogleCalendar.patch

    def sent(self: Any, calendar_id: str, write: Any) -> Any:
        return original(self, calendar_id, msgspec.structs.replace(write, notify="all"))

    return [(GoogleCalendar, "patch", sent)]


def echoes() -> list[Patch]:
    merged, changed = merge.merge, planning.changed_units
    return [
        (merge, "merge", lambda *a, **o: msgspec.structs.replace(merged(*a, **o), to_remote=("summary",))),
        (planning, "changed_units", lambda before, after: tuple({*changed(before, after), "summary"})),
    ]


def no_fence() -> list[Patch]:
    return [(leases, "confirm", lambda lease: None)]


def no_lease() -> list[Patch]:
    return [*no_fence(), (leases, "take", _take_anyway)]


def _take_anyway(mirror_id: int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sync_mirrorrun SET leased_until = NULL WHERE mirror_id = %s", [mirror_id])
    return _TAKE(mirror_id)


_TAKE = leases.take


def endless_lease() -> list[Patch]:
    return [(leases, "LEASE_S", 1e8)]


def clears_what_came_meanwhile() -> list[Patch]:
    original = leases.release

    def released(lease: Any, **options: Any) -> bool:
        lease.wanted = lease.pull_wanted = 1_000_000_000
        answer = original(lease, **options)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE sync_mirrorrun SET done = wanted, pull_done = pull_wanted")
        return answer and False

    return [(leases, "release", released)]


def conflict_is_refusal() -> list[Patch]:
    def refused(session: Any, action: Any) -> Any:
        return pushing._after_refusal(session, action, protocol.BadData("duplicate", reason="duplicate"))

    return [(pushing, "_after_duplicate", refused)]


def precondition_drops_edit() -> list[Patch]:
    def dropped(session: Any, action: Any) -> Any:
        return pushing._after_refusal(session, action, protocol.BadData("changed", reason="changed"))

    return [(pushing, "_after_conflict", dropped)]


def loser_discarded() -> list[Patch]:
    original = history.record

    def recorded(event: Any, **options: Any) -> Any:
        if options.get("side") == "remote":
            return None
        return original(event, **options)

    return [(history, "record", recorded)]


def settles_newer_edits() -> list[Patch]:
    original = settling._store_settled

    def stored(session: Any, event: Any, after: Any, answer: Any, is_untouched: bool) -> None:
        original(session, event, after, answer, True)

    return [(settling, "_store_settled", stored)]


def no_intent() -> list[Patch]:
    original = planning._intend

    def unstored(session: Any, action: Any) -> Any:
        planned = original(session, action)
        Link.objects.filter(pk=planned.link.pk).update(intent=None)
        return planned

    return [(planning, "_intend", unstored)]


def one_404_deletes() -> list[Patch]:
    return [(deciding, "DOUBTS_MAX", 0)]


def stale_series_etag() -> list[Patch]:
    original = pulling._apply_page

    def applied(session: Any, page: Any, apply_items: Any) -> None:
        with tenant(session.account_id):
            for item in page.items:
                rows = Link.objects.filter(mirror_id=session.mirror.pk, remote_id=getattr(item, "series_id", ""))
                rows.update(etag=item.etag)
        original(session, page, apply_items)

    return [(pulling, "_apply_page", applied)]


def cancelled_dropped() -> list[Patch]:
    original = arriving.create

    def created(session: Any, remotes: list[Any]) -> int:
        return original(session, [remote for remote in remotes if remote.content is not None])

    return [(arriving, "create", created), (linking, "cancel_occurrence", lambda *args: None)]


def taken_id_makes_another() -> list[Patch]:
    def made_anew(session: Any, action: Any) -> Any:
        with tenant(session.account_id):
            leases.confirm(session.lease)
            Link.objects.filter(pk=action.link.pk).update(event=None, intent=None, tombstoned_at=clock.now())
            return planning.next_action(session)

    return [(pushing, "_after_duplicate", made_anew)]


def failed_run_counts_as_done() -> list[Patch]:
    original = leases.release

    def released(lease: Any, **options: Any) -> bool:
        return original(lease, **options | {"is_done": True, "has_pulled": True, "wait_s": None})

    return [(leases, "release", released)]


def unsent_edit_dropped() -> list[Patch]:
    original = removing.delete_here

    def deleted(session: Any, event: Any, link: Any) -> None:
        base = linking.base_of(link)
        if base is not None and event.deleted_at is None:
            editing.store(event, session.calendar, base)
        original(session, event, link)

    return [(removing, "delete_here", deleted)]


def arrivals_not_waited_for() -> list[Patch]:
    return [(whereabouts, "awaited", lambda session, links: set()), (removing, "moved_twin", lambda event: None)]


def changes_by_updated() -> list[Patch]:
    original, seen = GoogleCalendar.list_events, dict[tuple[str, str], str]()

    def listed(self: Any, calendar_id: str, **query: Any) -> Any:
        page = original(self, calendar_id, **query)
        fresh = []
        for item in page.items:
            updated, place = getattr(item, "updated", ""), (calendar_id, item.id)
            if not updated or seen.get(place) != updated:
                fresh.append(item)
            seen[place] = updated
        return msgspec.structs.replace(page, items=tuple(fresh))

    return [(GoogleCalendar, "list_events", listed)]


def series_edit_drops_exceptions() -> list[Patch]:
    original = editing.edit

    def edited(event: Any, change: Any, **options: Any) -> Any:
        done = original(event, change, **options)
        for override in Event.objects.filter(series=done, deleted_at=None):
            editing.remove(override, by="cut")
        return done

    return [(editing, "edit", edited)]


def second_half_forgotten() -> list[Patch]:
    original = editing.edit_following

    def split(series: Any, key: str, change: Any, **options: Any) -> Any:
        done = original(series, key, change, **options)
        if isinstance(done, editing.Split):
            Event.objects.filter(pk=done.event.pk).update(is_unsettled=False)
        return done

    return [(editing, "edit_following", split)]


def days_through_utc() -> list[Patch]:
    original = mapping.body

    def shifted(*args: Any, **options: Any) -> Any:
        body = original(*args, **options)
        for side in ("start", "end"):
            if body.get(side, {}).get("date"):
                day = date.fromisoformat(body[side]["date"]) - timedelta(days=1)
                body[side] = body[side] | {"date": day.isoformat()}
        return body

    return [(mapping, "body", shifted)]


def everybody_renews() -> list[Patch]:
    def claimed(self: Any) -> Any:
        with tenant(self.account_id):
            return Connection.objects.get(pk=self.connection_id), True

    return [(tokens.Wallet, "_claim", claimed)]


def revokes_for_everybody() -> list[Patch]:
    original = disconnecting._revoke

    def revoke(account_id: int, record: Any, connection_: Any) -> None:
        with tenant(account_id):
            GrantUse.objects.exclude(connection_uuid=record.connection_uuid).delete()
        original(account_id, record, connection_)

    return [(disconnecting, "_STEPS", disconnecting._STEPS | {"revoking": revoke})]


def forgets_links() -> list[Patch]:
    original = selection._resume

    def resumed(mirror: Any, *args: Any) -> None:
        original(mirror, *args)
        Link.objects.filter(mirror=mirror).delete()

    return [(selection, "_resume", resumed)]


def missing_calendar_is_emptied() -> list[Patch]:
    original = running._record_failure

    def failed(session: Any, error: Any) -> bool:
        if isinstance(error, protocol.NotFound):
            with tenant(session.account_id):
                for event in Event.objects.filter(calendar=session.calendar, series=None, deleted_at=None):
                    editing.remove(event, by="remote")
        return original(session, error)

    return [(running, "_record_failure", failed)]


def unreadable_stops_all() -> list[Patch]:
    original = GoogleCalendar.list_events

    def listed(self: Any, calendar_id: str, **query: Any) -> Any:
        page = original(self, calendar_id, **query)
        if any(isinstance(item, protocol.Unreadable) for item in page.items):
            raise protocol.Transient("unreadable", reason="nonsense")
        return page

    return [(GoogleCalendar, "list_events", listed)]


def token_in_message() -> list[Patch]:
    original = running._in_words

    def told(error: Exception) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('app.account_id', true)")
        held = Connection.objects.exclude(sealed_access_token="").first()
        return f"{original(error)} {held.access_token if held else ''}"

    return [(running, "_in_words", told)]


def syncs_while_google_waits() -> list[Patch]:
    original = channels.accept_notification

    def accepted(*sent: str) -> bool:
        is_ours = original(*sent)
        for found in leases.due() if is_ours else ():
            transaction.on_commit(lambda mirror_id=found.mirror_id: running.run(mirror_id))
        return is_ours

    return [(channels, "accept_notification", accepted)]


def lease_by_own_clock() -> list[Patch]:
    def taken(mirror_id: int) -> Any:
        with connection.cursor() as cursor:
            query = "UPDATE sync_mirrorrun SET leased_until = NULL WHERE mirror_id = %s AND leased_until < %s"
            cursor.execute(query, [mirror_id, clock.now()])
        return _TAKE(mirror_id)

    return [(leases, "take", taken), (leases, "confirm", lambda lease: None)]


def asks_inside_a_transaction() -> list[Patch]:
    original = pulling.pull

    def pulled(session: Any) -> None:
        with tenant(session.account_id):
            original(session)

    return [(pulling, "pull", pulled)]


def without_pause() -> list[Patch]:
    original = running._record_failure

    def failed(session: Any, error: Any) -> bool:
        original(session, error)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE sync_mirrorrun SET next_attempt_at = NULL")
        return running.Ended.AGAIN

    return [(running, "_record_failure", failed), (session_module, "wait_s", lambda current: 0.0)]


def latest_clock_wins() -> list[Patch]:
    def is_older(remote: Any, link: Any) -> bool:
        changed = link.event.changed_at.isoformat() if link.event is not None else ""
        return bool(remote.updated) and remote.updated < changed

    return [(linking, "is_older", is_older)]


def adopts_by_tag() -> list[Patch]:
    original = arriving._identity

    def known(session: Any, remote: Any, candidates: Any) -> Any:
        event = Event.objects.filter(uuid=remote.tag).first() if len(remote.tag) == 36 else None
        if event is None or event.deleted_at is not None or remote.content is None:
            return original(session, remote, candidates)
        return Identity.OURS, event

    return [(arriving, "_identity", known)]


def without_scope() -> list[Patch]:
    original = TenantManager.get_queryset

    def unscoped(manager: Any) -> Any:
        is_open = manager.model in (Calendar, Event, Occurrence)
        return models.QuerySet(manager.model, using=manager._db) if is_open else original(manager)

    return [(TenantManager, "get_queryset", unscoped)]


@contextmanager
def without_row_security() -> Iterator[None]:
    """Tables hand out rows of every account, as for the owner of the database."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity")
        tables = [name for (name,) in cursor.fetchall()]
        for name in tables:
            cursor.execute(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY")
        try:
            yield
        finally:
            for name in tables:
                cursor.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
